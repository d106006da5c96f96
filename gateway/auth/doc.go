// Package auth turns a JWT into a principal: signatures by a shared secret
// (HS256) or by the keys of a JWKS (RS, PS, ES and EdDSA), the registered
// claims, and Bongsu's own claims within their limits. It also mints tokens
// from the secret. Which stream a principal may read is the domain's rule, not
// this package's.
package auth

package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/hub"
)

const (
	// MinSecret is the least length of an HS256 secret, in bytes.
	MinSecret = 32
	// MaxToken is the longest token that is looked at, in bytes.
	MaxToken = 8 << 10
	// Leeway is how far the clocks of an issuer and of this node may differ: exp,
	// nbf and iat are judged that much more kindly.
	Leeway = 5 * time.Second
)

// Options say which tokens are accepted. Secret or JWKSURL, or both, are given.
type Options struct {
	// Secret verifies HS256 tokens; at least MinSecret bytes.
	Secret string
	// JWKSURL is where the keys of all other tokens are: http or https.
	JWKSURL string
	// Issuer and Audience, where given, must be the iss and among the aud of
	// every token.
	Issuer   string
	Audience string
	// Log gets what goes wrong with the JWKS. nil logs nothing.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

func (o *Options) check() error {
	switch {
	case o.Secret == "" && o.JWKSURL == "":
		return hub.Invalidf("auth: set a JWT secret of at least %d bytes, or the URL of a JWKS", MinSecret)
	case o.Secret != "" && len(o.Secret) < MinSecret:
		return hub.Invalidf("auth: the JWT secret has %d bytes, want at least %d", len(o.Secret), MinSecret)
	case o.JWKSURL == "":
		return nil
	}
	u, err := url.Parse(o.JWKSURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return hub.Invalidf("auth: the URL of the JWKS is not an http or https URL")
	}
	return nil
}

// Verifier tells who holds a token. It may be used by many goroutines.
type Verifier struct {
	parser   *jwt.Parser
	secret   []byte
	keys     *keySet // nil without a JWKS
	verified *cache
	now      func() time.Time
}

// New returns a verifier. Until ctx ends it keeps the keys of the JWKS fresh in
// the background; it does not wait for them, so a node starts while the JWKS
// is away. The error wraps hub.ErrInvalid.
func New(ctx context.Context, o Options) (*Verifier, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Verifier{parser: o.parser(), secret: []byte(o.Secret), verified: newCache(), now: o.Now}
	if o.JWKSURL != "" {
		// A key that has left the set takes the tokens it signed with it.
		v.keys = newKeySet(o.JWKSURL, o.Log, o.Now, v.verified.clear)
		go v.keys.run(ctx)
	}
	return v, nil
}

// parser returns a parser of tokens that claim what the options ask for. The
// algorithm is for Verifier.key to judge.
func (o *Options) parser() *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(Leeway),
		jwt.WithTimeFunc(o.Now),
	}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		options = append(options, jwt.WithAudience(o.Audience))
	}
	return jwt.NewParser(options...)
}

// Authenticate returns whom the token names. The principal is shared with
// other callers: treat it as immutable. It blocks only while the key of the
// token is fetched, until ctx ends or the fetch times out.
//
// Errors wrap hub.ErrUnauthenticated, hub.ErrTokenExpired among them, or
// hub.ErrUnavailable where the JWKS is away and no key at hand can decide.
// Their texts name what is wrong and quote nothing of the token but keys that
// are not well-formed.
func (v *Verifier) Authenticate(ctx context.Context, token string) (*hub.Principal, error) {
	switch {
	case token == "":
		return nil, hub.Unauthenticatedf("a token is required")
	case len(token) > MaxToken:
		return nil, hub.Unauthenticatedf("the token is longer than %d bytes", MaxToken)
	}
	id := identify(token)
	if p := v.verified.get(id); p != nil {
		if v.now().Before(p.Expires) {
			return p, nil
		}
		return nil, hub.ErrTokenExpired
	}
	age := v.verified.age()
	var c claims
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) { return v.key(ctx, t) })
	if err != nil {
		return nil, refusal(err)
	}
	p, err := c.principal()
	if err != nil {
		return nil, err
	}
	v.verified.put(id, p, len(token), age)
	return p, nil
}

// key returns the key, or keys, that can verify the token. It accepts only the
// algorithms that a key was configured for: a public key is never taken for a
// secret, nor "none" for a signature.
func (v *Verifier) key(ctx context.Context, t *jwt.Token) (any, error) {
	alg := t.Method.Alg()
	if _, critical := t.Header["crit"]; critical { // RFC 7515, 4.1.11
		return nil, keyError{hub.Unauthenticatedf("the token needs an extension that is not supported")}
	}
	switch {
	case len(v.secret) > 0 && alg == jwt.SigningMethodHS256.Alg():
		return v.secret, nil
	case v.keys != nil && slices.Contains([]string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	}, alg):
		key, err := v.keys.key(ctx, t)
		if err != nil {
			return nil, keyError{err}
		}
		return key, nil
	}
	return nil, keyError{hub.Unauthenticatedf("the token's algorithm is not accepted")}
}

// keyError carries an answer about the token's key through the parser.
type keyError struct{ error }

// refusal turns an error of the parser into the one that callers see. A token
// that is wrong in several ways is "expired" only if nothing else is wrong:
// that one word makes clients fetch a new token of the same kind.
func refusal(err error) error {
	var key keyError
	switch {
	case errors.As(err, &key):
		return key.error
	case errors.Is(err, jwt.ErrTokenMalformed):
		return hub.Unauthenticatedf("the token is malformed: want a JWT whose sub, name and scope are strings " +
			"and whose malls, partners and roles are arrays of strings")
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return hub.Unauthenticatedf("the token's algorithm is not accepted")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return hub.Unauthenticatedf("the token's signature is wrong")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return hub.Unauthenticatedf("the token lacks a claim: exp, and iss and aud where the server asks for them, are required")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return hub.Unauthenticatedf("the token is from another issuer")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return hub.Unauthenticatedf("the token is for another audience")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return hub.Unauthenticatedf("the token is not valid yet")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return hub.Unauthenticatedf("the token was issued in the future")
	case errors.Is(err, jwt.ErrTokenExpired):
		return hub.ErrTokenExpired
	}
	return hub.Unauthenticatedf("the token cannot be verified")
}

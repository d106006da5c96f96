package auth

import (
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/hub"
)

const (
	// MaxKeys is how many malls, and how many partners, a token may name.
	MaxKeys = 1000
	// MaxScopes is how many scopes, and how many roles, a token may carry.
	MaxScopes = 100
)

// claims is a token's payload.
type claims struct {
	jwt.RegisteredClaims
	Name     string   `json:"name,omitempty"`
	Malls    []string `json:"malls,omitempty"`
	Partners []string `json:"partners,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Scope    string   `json:"scope,omitempty"`
}

// principal checks Bongsu's own claims and returns whom they name. The
// registered claims have been checked, exp is present.
func (c *claims) principal() (*hub.Principal, error) {
	if c.Subject == "" {
		return nil, hub.Unauthenticatedf("the token has no sub")
	}
	if err := hub.CheckKey(c.Subject); err != nil {
		return nil, hub.Unauthenticatedf("the token's sub: %v", err)
	}
	malls, err := keys("malls", c.Malls)
	if err != nil {
		return nil, err
	}
	partners, err := keys("partners", c.Partners)
	if err != nil {
		return nil, err
	}
	scopes := strings.Fields(c.Scope)
	if len(scopes) > MaxScopes || len(c.Roles) > MaxScopes {
		return nil, hub.Unauthenticatedf("the token has more than %d scopes or roles", MaxScopes)
	}
	return &hub.Principal{
		Admin:    c.Subject,
		Name:     c.Name,
		Malls:    malls,
		Partners: partners,
		Roles:    c.Roles,
		Scopes:   scopes,
		Expires:  c.ExpiresAt.Add(Leeway),
	}, nil
}

// keys checks the keys of a claim and returns each once.
func keys(claim string, names []string) ([]string, error) {
	if len(names) > MaxKeys {
		return nil, hub.Unauthenticatedf("the token has more than %d %s", MaxKeys, claim)
	}
	seen := make(map[string]struct{}, len(names))
	once := make([]string, 0, len(names))
	for _, name := range names {
		if err := hub.CheckKey(name); err != nil {
			return nil, hub.Unauthenticatedf("the token's %s: %v", claim, err)
		}
		if _, dup := seen[name]; !dup {
			seen[name] = struct{}{}
			once = append(once, name)
		}
	}
	return once, nil
}

// MintOptions say how a token is made.
type MintOptions struct {
	// Secret signs the token; at least MinSecret bytes.
	Secret string
	// Issuer and Audience become iss and aud where given.
	Issuer   string
	Audience string
	// TTL is how long the token lives; more than 0.
	TTL time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Mint returns an HS256 token that names p; its Expires is not looked at. A
// verifier with the same secret, issuer and audience accepts every token that
// Mint makes. The error wraps hub.ErrInvalid.
func Mint(p *hub.Principal, o MintOptions) (string, error) {
	switch {
	case len(o.Secret) < MinSecret:
		return "", hub.Invalidf("the secret has %d bytes, want at least %d", len(o.Secret), MinSecret)
	case o.TTL <= 0:
		return "", hub.Invalidf("a token lives longer than %v", o.TTL)
	case o.Now == nil:
		o.Now = time.Now
	}
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   p.Admin,
			Issuer:    o.Issuer,
			IssuedAt:  jwt.NewNumericDate(o.Now()),
			ExpiresAt: jwt.NewNumericDate(o.Now().Add(o.TTL)),
		},
		Name:     p.Name,
		Malls:    p.Malls,
		Partners: p.Partners,
		Roles:    p.Roles,
		Scope:    strings.Join(p.Scopes, " "),
	}
	if o.Audience != "" {
		c.Audience = jwt.ClaimStrings{o.Audience}
	}
	if _, err := c.principal(); err != nil {
		return "", hub.Invalidf("%v", err)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(o.Secret))
	if err != nil {
		return "", hub.Invalidf("mint: %v", err)
	}
	if len(token) > MaxToken {
		return "", hub.Invalidf("the token would be longer than %d bytes: name fewer malls and partners", MaxToken)
	}
	return token, nil
}

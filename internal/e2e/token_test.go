//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// person is somebody with a token: what the token says, and how long it holds.
type person struct {
	admin    string
	name     string
	malls    []string
	partners []string
	scopes   []string
	ttl      time.Duration
}

// streams returns what the person reads.
func (p person) streams() []string {
	streams := []string{"all", "admin:" + p.admin}
	for _, mall := range p.malls {
		streams = append(streams, "mall:"+mall)
	}
	for _, partner := range p.partners {
		streams = append(streams, "partner:"+partner)
	}
	return streams
}

func (p person) claims() jwt.MapClaims {
	ttl := p.ttl
	if ttl == 0 {
		ttl = 2 * time.Hour
	}
	claims := jwt.MapClaims{"sub": p.admin, "aud": audience, "exp": time.Now().Add(ttl).Unix()}
	if p.name != "" {
		claims["name"] = p.name
	}
	if p.malls != nil {
		claims["malls"] = p.malls
	}
	if p.partners != nil {
		claims["partners"] = p.partners
	}
	if p.scopes != nil {
		claims["scope"] = strings.Join(p.scopes, " ")
	}
	return claims
}

// token returns a good token for the person.
func (p person) token(t testing.TB) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, []byte(secret), p.claims())
}

// with returns a token whose claims differ from a good one's in one claim.
func (p person) with(t testing.TB, claim string, value any) string {
	t.Helper()
	claims := p.claims()
	claims[claim] = value
	return sign(t, jwt.SigningMethodHS256, []byte(secret), claims)
}

// publisherToken returns a token that may publish everything.
func publisherToken() (string, error) {
	p := person{admin: "publisher", scopes: []string{"publish"}}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, p.claims()).SignedString([]byte(secret))
}

func sign(t testing.TB, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

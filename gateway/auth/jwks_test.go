package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"bongsu/gateway/auth"
	"bongsu/internal/hub"
)

// issuer is a server of a JWKS that can be away.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	storage jwkset.Storage
	away    bool
	asked   int
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{storage: jwkset.NewMemoryStorage()}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.asked++
		if i.away {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		raw, err := i.storage.JSONPublic(r.Context())
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(raw)
	}))
	t.Cleanup(i.Close)
	return i
}

// publish adds the public half of key to the set.
func (i *issuer) publish(t testing.TB, kid string, key any, alg jwkset.ALG) {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid, ALG: alg}})
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.storage.KeyWrite(t.Context(), jwk); err != nil {
		t.Fatal(err)
	}
}

func (i *issuer) withdraw(t testing.TB, kid string) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, err := i.storage.KeyDelete(t.Context(), kid); err != nil {
		t.Fatal(err)
	}
}

func (i *issuer) goAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

func (i *issuer) requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// signedBy returns a token that lives a day.
func signedBy(t testing.TB, c *clock, kid string, key any, method jwt.SigningMethod) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims{"sub": "7", "exp": c.now().Add(24 * time.Hour).Unix()})
	if kid != "" {
		token.Header["kid"] = kid
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTokensOfAJWKS(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es := ecKey(t)
	c, i := newClock(), newIssuer(t)
	i.publish(t, "rsa", rsaKey, jwkset.AlgRS256)
	i.publish(t, "ec", es, jwkset.AlgES256)
	i.publish(t, "ed", edKey, jwkset.AlgEdDSA)
	v := verifier(t, auth.Options{JWKSURL: i.URL, Now: c.now})
	for name, token := range map[string]string{
		"RS256":          signedBy(t, c, "rsa", rsaKey, jwt.SigningMethodRS256),
		"ES256":          signedBy(t, c, "ec", es, jwt.SigningMethodES256),
		"EdDSA":          signedBy(t, c, "ed", edKey, jwt.SigningMethodEdDSA),
		"without a kid":  signedBy(t, c, "", es, jwt.SigningMethodES256),
		"RSA, no kid":    signedBy(t, c, "", rsaKey, jwt.SigningMethodRS256),
		"ed25519 no kid": signedBy(t, c, "", edKey, jwt.SigningMethodEdDSA),
	} {
		if p, err := v.Authenticate(t.Context(), token); err != nil || p.Admin != "7" {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
	public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	for want, token := range map[string]string{
		// The classic confusion: the public key taken for a shared secret.
		"the token's algorithm is not accepted":          signedBy(t, c, "rsa", public, jwt.SigningMethodHS256),
		"the token's key is not for its algorithm":       signedBy(t, c, "rsa", rsaKey, jwt.SigningMethodRS512),
		"the token names an unknown key":                 signedBy(t, c, "other", es, jwt.SigningMethodES256),
		"the token's signature is wrong":                 signedBy(t, c, "ec", ecKey(t), jwt.SigningMethodES256),
		"the token's algorithm is not accepted" + "\x00": signedBy(t, c, "ec", jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodNone),
	} {
		_, err := v.Authenticate(t.Context(), token)
		if want = strings.TrimSuffix(want, "\x00"); !errors.Is(err, hub.ErrUnauthenticated) || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestASecretAndAJWKSDoNotMix(t *testing.T) {
	c, i, key := newClock(), newIssuer(t), ecKey(t)
	i.publish(t, "ec", key, jwkset.AlgES256)
	v := verifier(t, auth.Options{Secret: secret, JWKSURL: i.URL, Now: c.now})
	for _, token := range []string{
		mint(t, auth.MintOptions{TTL: time.Hour, Now: c.now}),
		signedBy(t, c, "ec", key, jwt.SigningMethodES256),
	} {
		if _, err := v.Authenticate(t.Context(), token); err != nil {
			t.Error(err)
		}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Authenticate(t.Context(), signedBy(t, c, "ec", public, jwt.SigningMethodHS256)); err == nil {
		t.Error("a token signed with a public key was accepted")
	}
}

func TestANewKeyIsFetchedWhenATokenNamesIt(t *testing.T) {
	c, i, first, second := newClock(), newIssuer(t), ecKey(t), ecKey(t)
	i.publish(t, "1", first, jwkset.AlgES256)
	v := verifier(t, auth.Options{JWKSURL: i.URL, Now: c.now})
	if _, err := v.Authenticate(t.Context(), signedBy(t, c, "1", first, jwt.SigningMethodES256)); err != nil {
		t.Fatal(err)
	}
	i.publish(t, "2", second, jwkset.AlgES256)
	c.move(auth.RefreshGap)
	if _, err := v.Authenticate(t.Context(), signedBy(t, c, "2", second, jwt.SigningMethodES256)); err != nil {
		t.Fatal(err)
	}
}

func TestMadeUpKidsDoNotFloodTheIssuer(t *testing.T) {
	c, i, key := newClock(), newIssuer(t), ecKey(t)
	i.publish(t, "1", key, jwkset.AlgES256)
	v := verifier(t, auth.Options{JWKSURL: i.URL, Now: c.now})
	for _, kid := range strings.Split("a b c d e f g h i j", " ") {
		_, err := v.Authenticate(t.Context(), signedBy(t, c, kid, key, jwt.SigningMethodES256))
		if err == nil || err.Error() != "the token names an unknown key" {
			t.Fatalf("got %v", err)
		}
	}
	if n := i.requests(); n != 1 {
		t.Errorf("the issuer was asked %d times, want once", n)
	}
}

func TestWithTheIssuerAwayOnlyUnseenKeysAreUndecided(t *testing.T) {
	c, i, key := newClock(), newIssuer(t), ecKey(t)
	i.publish(t, "1", key, jwkset.AlgES256)
	i.goAway(true)
	v := verifier(t, auth.Options{JWKSURL: i.URL, Now: c.now})
	good := signedBy(t, c, "1", key, jwt.SigningMethodES256)
	if _, err := v.Authenticate(t.Context(), good); !errors.Is(err, hub.ErrUnavailable) ||
		err.Error() != "the token's key cannot be fetched now: try again" {
		t.Fatalf("with no key at hand: got %v, want ErrUnavailable", err)
	}

	i.goAway(false)
	c.move(auth.RefreshGap)
	if _, err := v.Authenticate(t.Context(), good); err != nil {
		t.Fatalf("once it is back: %v", err)
	}

	i.goAway(true)
	c.move(auth.RefreshGap)
	v.Forget()
	if _, err := v.Authenticate(t.Context(), good); err != nil {
		t.Errorf("with the key at hand: %v", err)
	}
	other := signedBy(t, c, "2", key, jwt.SigningMethodES256)
	if _, err := v.Authenticate(t.Context(), other); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("with another key: got %v, want ErrUnavailable", err)
	}
	bad := signedBy(t, c, "1", ecKey(t), jwt.SigningMethodES256)
	if _, err := v.Authenticate(t.Context(), bad); !errors.Is(err, hub.ErrUnauthenticated) {
		t.Errorf("with a bad signature: got %v, want ErrUnauthenticated", err)
	}
}

func TestAWithdrawnKeyTakesItsTokensWithIt(t *testing.T) {
	c, i, first, second := newClock(), newIssuer(t), ecKey(t), ecKey(t)
	i.publish(t, "1", first, jwkset.AlgES256)
	i.publish(t, "2", second, jwkset.AlgES256)
	v := verifier(t, auth.Options{JWKSURL: i.URL, Now: c.now})
	token := signedBy(t, c, "1", first, jwt.SigningMethodES256)
	if _, err := v.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	i.withdraw(t, "1")
	c.move(auth.RefreshGap)
	// A kid that is not known makes the verifier look again.
	_, _ = v.Authenticate(t.Context(), signedBy(t, c, "3", second, jwt.SigningMethodES256))
	if _, err := v.Authenticate(t.Context(), token); !errors.Is(err, hub.ErrUnauthenticated) {
		t.Errorf("got %v, want ErrUnauthenticated", err)
	}
}

func BenchmarkAuthenticateES256(b *testing.B) {
	c, i, key := newClock(), newIssuer(b), ecKey(b)
	i.publish(b, "1", key, jwkset.AlgES256)
	v := verifier(b, auth.Options{JWKSURL: i.URL, Now: c.now})
	token := signedBy(b, c, "1", key, jwt.SigningMethodES256)
	for b.Loop() {
		v.Forget()
		if _, err := v.Authenticate(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

package auth_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bongsu/gateway/auth"
	"bongsu/internal/hub"
)

const secret = "0123456789abcdef0123456789abcdef"

var kim = &hub.Principal{
	Admin: "7", Name: "김", Malls: []string{"1001", "1002"}, Partners: []string{"p-1"},
	Roles: []string{"operator"}, Scopes: []string{"publish:mall:1001", "ops"},
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 20, 10, 30, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func verifier(t testing.TB, o auth.Options) *auth.Verifier {
	t.Helper()
	v, err := auth.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mint(t testing.TB, o auth.MintOptions) string {
	t.Helper()
	if o.Secret == "" {
		o.Secret = secret
	}
	token, err := auth.Mint(kim, o)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// sign returns an HS256 token of any claims.
func sign(t testing.TB, c jwt.MapClaims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAMintedTokenNamesItsPrincipal(t *testing.T) {
	c := newClock()
	v := verifier(t, auth.Options{Secret: secret, Issuer: "shop", Audience: "bongsu", Now: c.now})
	token := mint(t, auth.MintOptions{Issuer: "shop", Audience: "bongsu", TTL: time.Hour, Now: c.now})
	for range 2 { // the second time from the cache
		p, err := v.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if p.Admin != "7" || p.Name != "김" || !slices.Equal(p.Malls, kim.Malls) ||
			!slices.Equal(p.Partners, kim.Partners) || !slices.Equal(p.Roles, kim.Roles) ||
			!slices.Equal(p.Scopes, kim.Scopes) {
			t.Fatalf("got %+v, want %+v", p, kim)
		}
		if want := c.now().Add(time.Hour + auth.Leeway); !p.Expires.Equal(want) {
			t.Fatalf("expires %v, want %v", p.Expires, want)
		}
	}
}

func TestATokenExpiresAfterItsLeeway(t *testing.T) {
	c := newClock()
	token := mint(t, auth.MintOptions{TTL: time.Minute, Now: c.now})
	cached := verifier(t, auth.Options{Secret: secret, Now: c.now})
	c.move(time.Minute + auth.Leeway - time.Millisecond)
	if _, err := cached.Authenticate(t.Context(), token); err != nil {
		t.Fatalf("within the leeway: %v", err)
	}
	c.move(time.Millisecond)
	fresh := verifier(t, auth.Options{Secret: secret, Now: c.now})
	for name, v := range map[string]*auth.Verifier{"seen before": cached, "new": fresh} {
		_, err := v.Authenticate(t.Context(), token)
		if !errors.Is(err, hub.ErrTokenExpired) || !errors.Is(err, hub.ErrUnauthenticated) {
			t.Errorf("%s: got %v, want ErrTokenExpired and ErrUnauthenticated", name, err)
		}
		if err != nil && err.Error() != "the token has expired" {
			t.Errorf("%s: got %q", name, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	c := newClock()
	now := c.now().Unix()
	good := mint(t, auth.MintOptions{Issuer: "shop", Audience: "bongsu", TTL: time.Hour, Now: c.now})
	head, rest, _ := strings.Cut(good, ".")
	body, _, _ := strings.Cut(rest, ".")
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "7", "exp": now + 60}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	hs512, err := jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{"sub": "7", "exp": now + 60}).
		SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	critical := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "7", "exp": now + 60})
	critical.Header["crit"] = []string{"cnf"}
	extended, err := critical.SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	// with returns the token with one claim set, or removed by nil.
	with := func(claim string, value any) string {
		claims := jwt.MapClaims{"sub": "7", "iss": "shop", "aud": "bongsu", "exp": now + 60}
		if claims[claim] = value; value == nil {
			delete(claims, claim)
		}
		return sign(t, claims)
	}
	const malformed = "the token is malformed: want a JWT whose sub, name and scope are strings " +
		"and whose malls, partners and roles are arrays of strings"
	const lacks = "the token lacks a claim: exp, and iss and aud where the server asks for them, are required"
	many := strings.Split(strings.Repeat("1,", auth.MaxKeys)+"1", ",")
	tests := []struct{ name, token, want string }{
		{"no token", "", "a token is required"},
		{"too long", strings.Repeat("a", auth.MaxToken+1), "the token is longer than 8192 bytes"},
		{"not a JWT", "secret-text", malformed},
		{"three dots", good + ".x", malformed},
		{"bad signature", head + "." + body + ".AAAA", "the token's signature is wrong"},
		{"no signature", head + "." + body + ".", "the token's signature is wrong"},
		{"another secret", mint(t, auth.MintOptions{Secret: strings.Repeat("x", 32), TTL: time.Hour, Now: c.now}), "the token's signature is wrong"},
		{"algorithm none", none, "the token's algorithm is not accepted"},
		{"algorithm HS512", hs512, "the token's algorithm is not accepted"},
		{"algorithm unknown", "eyJhbGciOiJYIn0.e30.", "the token's algorithm is not accepted"},
		{"an extension that must be understood", extended, "the token needs an extension that is not supported"},
		{"no exp", with("exp", nil), lacks},
		{"expired", with("exp", now-60), "the token has expired"},
		{"not valid yet", with("nbf", now+60), "the token is not valid yet"},
		{"issued in the future", with("iat", now+60), "the token was issued in the future"},
		{"wrong issuer", with("iss", "other"), "the token is from another issuer"},
		{"no issuer", with("iss", nil), lacks},
		{"wrong audience", with("aud", "other"), "the token is for another audience"},
		{"no audience", with("aud", nil), lacks},
		{"no sub", with("sub", nil), "the token has no sub"},
		{"bad sub", with("sub", "7:8"), "the token's sub: a key has only A-Z a-z 0-9 . _ @ -, this one has ':'"},
		{"bad mall", with("malls", []string{""}), "the token's malls: a key has 1 to 128 characters, this one 0"},
		{"bad partner", with("partners", []string{"a b"}), "the token's partners: a key has only A-Z a-z 0-9 . _ @ -, this one has ' '"},
		{"malls not an array", with("malls", "1001"), malformed},
		{"too many malls", with("malls", many), "the token has more than 1000 malls"},
		{"too many scopes", with("scope", strings.Repeat("a ", auth.MaxScopes+1)), "the token has more than 100 scopes or roles"},
	}
	v := verifier(t, auth.Options{Secret: secret, Issuer: "shop", Audience: "bongsu", Now: c.now})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := v.Authenticate(t.Context(), test.token)
			if p != nil || !errors.Is(err, hub.ErrUnauthenticated) {
				t.Fatalf("got %v, %v; want ErrUnauthenticated", p, err)
			}
			if err.Error() != test.want {
				t.Errorf("got  %q\nwant %q", err, test.want)
			}
		})
	}
}

// A client that is told "expired" fetches a new token of the same kind, which
// would not help here.
func TestAnExpiredTokenForAnotherAudienceIsNotMerelyExpired(t *testing.T) {
	c := newClock()
	v := verifier(t, auth.Options{Secret: secret, Audience: "bongsu", Now: c.now})
	_, err := v.Authenticate(t.Context(), sign(t, jwt.MapClaims{"sub": "7", "aud": "x", "exp": c.now().Unix() - 60}))
	if errors.Is(err, hub.ErrTokenExpired) || !errors.Is(err, hub.ErrUnauthenticated) {
		t.Errorf("got %v", err)
	}
}

func TestRepeatedMallsAreCollapsed(t *testing.T) {
	c := newClock()
	v := verifier(t, auth.Options{Secret: secret, Now: c.now})
	p, err := v.Authenticate(t.Context(), sign(t, jwt.MapClaims{
		"sub": "7", "exp": c.now().Unix() + 60, "malls": []string{"2", "1", "2"},
	}))
	if err != nil || !slices.Equal(p.Malls, []string{"2", "1"}) {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, o := range map[string]auth.Options{
		"auth: set a JWT secret of at least 32 bytes, or the URL of a JWKS": {},
		"auth: the JWT secret has 5 bytes, want at least 32":                {Secret: "short"},
		"auth: the URL of the JWKS is not an http or https URL":             {JWKSURL: "file:///etc/keys"},
	} {
		if _, err := auth.New(t.Context(), o); !errors.Is(err, hub.ErrInvalid) || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestMintRefusesWhatAVerifierWouldRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		p *hub.Principal
		o auth.MintOptions
	}{
		"short secret": {kim, auth.MintOptions{Secret: "short", TTL: time.Hour}},
		"no lifetime":  {kim, auth.MintOptions{Secret: secret}},
		"no admin":     {&hub.Principal{}, auth.MintOptions{Secret: secret, TTL: time.Hour}},
		"bad mall":     {&hub.Principal{Admin: "7", Malls: []string{"a:b"}}, auth.MintOptions{Secret: secret, TTL: time.Hour}},
		"too long":     {&hub.Principal{Admin: "7", Name: strings.Repeat("n", auth.MaxToken)}, auth.MintOptions{Secret: secret, TTL: time.Hour}},
	} {
		if token, err := auth.Mint(test.p, test.o); token != "" || !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: got %q, %v", name, token, err)
		}
	}
}

// Whatever comes as a token is refused with the one error, or was signed with the secret.
func FuzzToken(f *testing.F) {
	c := newClock()
	good := mint(f, auth.MintOptions{TTL: time.Hour, Now: c.now})
	for _, seed := range []string{good, "", "..", "eyJhbGciOiJub25lIn0.e30.", good[1:], good + "="} {
		f.Add(seed)
	}
	v := verifier(f, auth.Options{Secret: secret, Now: c.now})
	f.Fuzz(func(t *testing.T, token string) {
		p, err := v.Authenticate(t.Context(), token)
		switch {
		case token == good:
			if err != nil {
				t.Fatal(err)
			}
		case err == nil:
			t.Fatalf("%q was accepted as %+v", token, p)
		case !errors.Is(err, hub.ErrUnauthenticated):
			t.Fatalf("%q: %v is not ErrUnauthenticated", token, err)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	for name, keep := range map[string]bool{"first time": false, "seen before": true} {
		b.Run(name, func(b *testing.B) {
			v := verifier(b, auth.Options{Secret: secret})
			token := mint(b, auth.MintOptions{TTL: time.Hour})
			b.ReportAllocs()
			for b.Loop() {
				if !keep {
					v.Forget()
				}
				if _, err := v.Authenticate(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

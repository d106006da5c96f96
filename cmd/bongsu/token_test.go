package main

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/gateway/auth"
)

// claimsOf returns a token's payload.
func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestATokenNamesItsPerson(t *testing.T) {
	bare(t)
	t.Setenv("BONGSU_AUTH_JWT_SECRET", testSecret)
	r := bongsu(t, "", "token", "--admin", "7", "--name", "김봉수", "--mall", "1001,1002", "--mall", "1003", "--partner", "p-1",
		"--role", "operator", "--scope", "publish:mall:1001", "--scope", "ops", "--ttl", "1h", "--issuer", "shop", "--audience", "hub")
	if r.code != exitOK {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	verifier, err := auth.New(t.Context(), auth.Options{Secret: testSecret, Issuer: "shop", Audience: "hub"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := verifier.Authenticate(t.Context(), strings.TrimSpace(r.out))
	if err != nil {
		t.Fatal(err)
	}
	if p.Admin != "7" || p.Name != "김봉수" || !slices.Equal(p.Malls, []string{"1001", "1002", "1003"}) ||
		!slices.Equal(p.Partners, []string{"p-1"}) || !slices.Equal(p.Roles, []string{"operator"}) ||
		!slices.Equal(p.Scopes, []string{"publish:mall:1001", "ops"}) {
		t.Fatalf("got %+v", p)
	}
	if left := time.Until(p.Expires); left < 59*time.Minute || left > 61*time.Minute {
		t.Fatalf("expires in %v", left)
	}
}

func TestATokenInJSONSaysWhatItGives(t *testing.T) {
	bare(t)
	r := bongsu(t, "", "token", "--admin", "7", "--mall", "1", "--secret-file", writeFile(t, "secret", testSecret+"\n"), "--json")
	var got struct {
		Token   string
		Expires time.Time
		Streams []string
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if claimsOf(t, got.Token)["sub"] != "7" || !slices.Equal(got.Streams, []string{"all", "admin:7", "mall:1"}) ||
		time.Until(got.Expires) < 11*time.Hour {
		t.Fatalf("got %+v", got)
	}
}

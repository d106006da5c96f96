package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"bongsu/gateway/auth"
	"bongsu/internal/hub"
)

// secretFlags say which secret signs tokens.
type secretFlags struct {
	Secret     string `name:"auth-jwt-secret" aliases:"secret" env:"BONGSU_AUTH_JWT_SECRET" placeholder:"SECRET" help:"The hub's HS256 secret, at least 32 bytes. Better in the environment than on the command line."`
	SecretFile string `name:"secret-file" placeholder:"FILE" help:"A file that holds the secret; a hub in dev mode without one keeps its own in data/dev-secret."`
	Issuer     string `name:"auth-issuer" aliases:"issuer" env:"BONGSU_AUTH_ISSUER" help:"The token's iss, if the hub asks for one."`
	Audience   string `name:"auth-audience" aliases:"audience" env:"BONGSU_AUTH_AUDIENCE" help:"The token's aud, if the hub asks for one."`
}

// mint makes a token that lives for ttl.
func (f *secretFlags) mint(p *hub.Principal, ttl time.Duration) (string, error) {
	secret := f.Secret
	if f.SecretFile != "" {
		text, err := os.ReadFile(f.SecretFile)
		if err != nil {
			return "", hub.Invalidf("the secret's file: %v", err)
		}
		secret = strings.TrimSpace(string(text))
	}
	if secret == "" {
		return "", hub.Invalidf("no secret: set BONGSU_AUTH_JWT_SECRET to the one the hub runs with, or name its file with --secret-file")
	}
	return auth.Mint(p, auth.MintOptions{Secret: secret, Issuer: f.Issuer, Audience: f.Audience, TTL: ttl})
}

type tokenCmd struct {
	Admin   string        `required:"" placeholder:"NO" help:"The person's admin number: the token's sub."`
	Name    string        `help:"The person's name."`
	Mall    []string      `placeholder:"NO" help:"A mall the person works for; repeat, or separate by commas."`
	Partner []string      `placeholder:"NO" help:"A partner the person works for; repeat, or separate by commas."`
	Role    []string      `help:"A role; repeat, or separate by commas."`
	Scope   []string      `help:"publish, publish:<stream> or ops; repeat, or separate by commas."`
	TTL     time.Duration `default:"12h" help:"How long the token lives."`
	secretFlags
	output
}

// Help shows examples.
func (*tokenCmd) Help() string {
	return `Examples:

	# a person of two malls
	bongsu token --admin 7 --name 김봉수 --mall 1001,1002

	# a program that publishes over HTTP to one mall only
	bongsu token --admin order-service --scope publish:mall:1001 --ttl 720h

	# straight into a call
	curl -H "Authorization: Bearer $(bongsu token --admin 7 --mall 1001)" 127.0.0.1:8080/api/v1/unread`
}

func (c *tokenCmd) Run(io *stdio) error {
	p := &hub.Principal{
		Admin: c.Admin, Name: c.Name, Malls: c.Mall, Partners: c.Partner, Roles: c.Role, Scopes: c.Scope,
	}
	expires := time.Now().Add(c.TTL)
	token, err := c.mint(p, c.TTL)
	if err != nil {
		return err
	}
	if !c.JSON {
		_, err := fmt.Fprintln(io.out, token)
		return err
	}
	return json.NewEncoder(io.out).Encode(map[string]any{
		"token": token, "expires": hub.FormatTime(expires), "streams": p.Streams(),
	})
}

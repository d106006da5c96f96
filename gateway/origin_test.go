package gateway_test

import (
	"net/http"
	"testing"

	"bongsu/gateway"
)

func TestOriginsOfPages(t *testing.T) {
	allowed := gateway.Origins{"https://office.example"}
	peers := func() []string {
		return []string{"http://node-1:8080", "https://Node-2.example/", "://", "", "http://[fd00::1]:80"}
	}
	for origin, want := range map[string]bool{
		"":                             true, // no page
		"https://own.example":          true,
		"HTTPS://OFFICE.EXAMPLE":       true,
		"http://node-1:8080":           true,
		"http://NODE-1:8080":           true,
		"https://node-2.example":       true,
		"https://node-2.example:443":   true,
		"http://[fd00::1]":             true,
		"https://node-1:8080":          false,
		"http://node-1":                false,
		"http://node-1:80801":          false,
		"http://node-2.example":        false,
		"https://x.node-2.example":     false,
		"https://node-2.example.evil":  false,
		"https://evil.example":         false,
		"https://office.example.evil":  false,
		"null":                         false,
		"://":                          false,
		"http://":                      false,
		"https://node-2.example:x":     false,
		"https://a@evil.example":       false,
		"https://node-2.example@evil":  false,
		"http://evil/http://node-1:80": false,
	} {
		r := &http.Request{Host: "own.example", Header: http.Header{}}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if got := allowed.Allow(r, peers); got != want {
			t.Errorf("%q: %v, want %v", origin, got, want)
		}
		if origin == "http://node-1:8080" && allowed.Allow(r, nil) {
			t.Errorf("%q without peers", origin)
		}
	}
}

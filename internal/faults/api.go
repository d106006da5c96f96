package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/checker"
)

const (
	// callPatience is how long a call to a node is waited for; a node that hangs
	// is then left for another.
	callPatience = 5 * time.Second
	// tokenLife outlives every run.
	tokenLife = 24 * time.Hour
)

// caller calls the nodes' HTTP API. Nodes come and go, so connections are few and
// short-lived.
var caller = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: 2 * time.Second}}

// mint returns a token for the claims.
func mint(claims jwt.MapClaims) (string, error) {
	claims["exp"] = time.Now().Add(tokenLife).Unix()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jwtSecret))
}

// OperatorToken returns a token that may ask a bench's nodes about their cluster.
func OperatorToken() (string, error) { return mint(jwt.MapClaims{"sub": "operator", "scope": "ops"}) }

// get asks for a page and returns the response, whose body the caller closes.
func get(ctx context.Context, address, token string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return caller.Do(request)
}

// call makes a call and decodes its result; any status but those from 200 to 299
// is an error.
func call(ctx context.Context, method, address, token string, body, result any) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := caller.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %.300s", method, address, response.Status, answer)
	case result == nil:
		return nil
	}
	return json.Unmarshal(answer, result)
}

// unreadCount is what a node says of a person's unread entries.
type unreadCount struct {
	Total   uint64            `json:"total"`
	Streams map[string]uint64 `json:"streams"`
}

// listAll reads a whole timeline, page by page, newest first.
func listAll(ctx context.Context, node *Node, token string, query url.Values) ([]checker.Listed, error) {
	query.Set("limit", strconv.Itoa(200))
	var listed []checker.Listed
	for {
		var page struct {
			Entries []checker.Listed `json:"entries"`
			Next    string           `json:"next"`
		}
		if err := retry(ctx, func() error {
			return call(ctx, http.MethodGet, node.URL+"/api/v1/timeline?"+query.Encode(), token, nil, &page)
		}); err != nil {
			return nil, err
		}
		listed = append(listed, page.Entries...)
		if page.Next == "" {
			return listed, nil
		}
		query.Set("before", page.Next)
	}
}

// retry tries a few times, as a client does that is told "temporarily unavailable".
func retry(ctx context.Context, try func() error) error {
	var err error
	for range 20 {
		if err = try(); err == nil || pause(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
	return err
}

// pause waits for d or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// makeDirs makes directories.
func makeDirs(paths ...string) error {
	for _, path := range paths {
		if err := os.MkdirAll(path, 0o750); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"bongsu/internal/hub"
)

const (
	// watchEvery is how often a watched cluster is asked for.
	watchEvery = time.Second
	// clusterPatience is how long one node may take to answer. It asks the others itself.
	clusterPatience = 4 * time.Second
	// maxClusterAnswer bounds what is read of an answer, in bytes.
	maxClusterAnswer = 8 << 20
	// clearScreen empties a terminal and goes to its corner.
	clearScreen = "\x1b[H\x1b[2J\x1b[3J"
)

type clusterCmd struct {
	URL   []string `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"A node's address; of several, separated by commas, the first that answers (${default})."`
	Token string   `env:"BONGSU_TOKEN" placeholder:"JWT" help:"A token with the scope ops, as bongsu token makes them. Better in the environment than on the command line."`
	Watch bool     `short:"w" help:"Show it anew every second until interrupted."`
	output
}

// Help shows examples.
func (*clusterCmd) Help() string {
	return `Shows the nodes of a cluster, which shards each owns, how far it is behind,
how many sessions it holds, and which shards moved lately.

Examples:

	export BONGSU_TOKEN=$(bongsu token --admin ops --scope ops)
	bongsu cluster

	# follow a rolling restart, whichever node is up
	bongsu cluster --watch --url http://node-1:8080,http://node-2:8080,http://node-3:8080

	# for programs: one object, or with --watch one a line
	bongsu cluster --json | jq '.members[] | {name, lag}'`
}

func (c *clusterCmd) Run(ctx context.Context, io *stdio) error {
	if c.Token == "" {
		return hub.Invalidf("no token: set BONGSU_TOKEN, for example to the output of `bongsu token --admin ops --scope ops`")
	}
	asking, err := newClusterClient(c.URL, c.Token)
	if err != nil {
		return err
	}
	if c.Watch {
		return c.watch(ctx, asking, io)
	}
	raw, err := asking.get(ctx)
	if err != nil {
		return err
	}
	return c.show(io, raw)
}

// watch shows the cluster every second. That no node answers is shown like any
// other state; what will not change by itself ends it.
func (c *clusterCmd) watch(ctx context.Context, asking *clusterClient, io *stdio) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	screen := !c.JSON && isTerminal(io.out)
	for {
		raw, err := asking.get(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !hub.Temporary(err):
			return err
		case err != nil:
			_, _ = fmt.Fprintf(io.err, "%s  %v\n", time.Now().Format(time.TimeOnly), err)
		default:
			if screen {
				_, _ = fmt.Fprint(io.out, clearScreen)
			}
			if err := c.show(io, raw); err != nil {
				return err
			}
			if !screen && !c.JSON {
				_, _ = fmt.Fprintln(io.out)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// show writes one answer.
func (c *clusterCmd) show(io *stdio, raw []byte) error {
	var err error
	if c.JSON {
		var line bytes.Buffer
		if err := json.Compact(&line, raw); err != nil {
			return fmt.Errorf("cluster: the answer is not JSON: %w", err)
		}
		_, err = fmt.Fprintln(io.out, line.String())
	} else {
		var state clusterState
		if err := json.Unmarshal(raw, &state); err != nil {
			return fmt.Errorf("cluster: the answer is not understood: %w", err)
		}
		_, err = fmt.Fprint(io.out, state.format())
	}
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}

// clusterClient asks the first of some nodes that answers.
type clusterClient struct {
	urls  []string
	token string
	http  *http.Client
	first int // where the last answer came from
}

func newClusterClient(addresses []string, token string) (*clusterClient, error) {
	c := &clusterClient{token: token, http: &http.Client{
		Timeout: clusterPatience,
		// A redirect could lead the token to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, hub.Invalidf("--url %q: want http://host:port or https://host:port", address)
		}
		c.urls = append(c.urls, u.JoinPath("api/v1/cluster").String())
	}
	return c, nil
}

// get returns the answer's body. While others are left it goes on after a node that
// is away; the error is that of all of them.
func (c *clusterClient) get(ctx context.Context) ([]byte, error) {
	var away []error
	for i := range c.urls {
		at := (c.first + i) % len(c.urls)
		body, err := c.ask(ctx, c.urls[at])
		if err == nil {
			c.first = at
			return body, nil
		}
		if !hub.Temporary(err) {
			return nil, err
		}
		away = append(away, err)
	}
	return nil, errors.Join(away...)
}

func (c *clusterClient) ask(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, hub.Invalidf("--url: %v", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, hub.Unavailablef("is the hub running there? %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxClusterAnswer))
	if err != nil {
		return nil, hub.Unavailablef("cluster: %w", err)
	}
	switch {
	case response.StatusCode == http.StatusOK:
		return body, nil
	case response.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("%s: make a new token with `bongsu token --admin ops --scope ops`, from the hub's own secret", problemText(response, body))
	case response.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%s: the token needs the scope ops, see `bongsu token --admin ops --scope ops`", problemText(response, body))
	case response.StatusCode >= http.StatusInternalServerError, response.StatusCode == http.StatusTooManyRequests:
		return nil, hub.Unavailablef("%s: %s", request.URL.Host, problemText(response, body))
	}
	return nil, fmt.Errorf("%s: %s", request.URL.Host, problemText(response, body))
}

// problemText returns the server's own words for a refusal.
func problemText(response *http.Response, body []byte) string {
	var problem struct{ Detail, Title string }
	_ = json.Unmarshal(body, &problem) // no problem document has no words
	for _, text := range []string{problem.Detail, problem.Title} {
		if text != "" {
			return plain(strings.TrimSpace(text))
		}
	}
	return "HTTP " + response.Status
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

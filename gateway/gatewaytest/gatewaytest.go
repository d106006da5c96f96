// Package gatewaytest runs a gateway over a core in memory, for tests of
// sessions and transports.
package gatewaytest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/coretest"
	"bongsu/internal/hub"
)

// Core is a core that pushes what is added to it, as the stream actors do: in
// order, and only what is followed. Pushes can be made to fail.
type Core struct {
	coretest.Core

	// AfterPerson is called when the answer of Person is made and not yet
	// given; nil does nothing. It is set before the first connect.
	AfterPerson func(admin string)
	// RefusePerson says what Person fails with; nil lets it work. It is set while
	// nobody calls Person.
	RefusePerson func() error
	// AnswerFollow is called with what Follow is about to answer, and returns what
	// it answers; it may block until ctx ends. nil changes nothing. It is set
	// before the first connect.
	AnswerFollow func(ctx context.Context, head hub.Head) (hub.Head, error)

	mu       sync.Mutex
	gateway  hub.Follower
	followed map[hub.Stream]bool
	// lossy decides, under the lock, whether a push is lost on its way; nil loses none.
	lossy func(hub.Stream) bool
	// refuse is what Follow and Range fail with; nil lets them work.
	refuse func(hub.Stream) error
}

// Lose makes pushes for which lost returns true disappear; nil loses none.
func (c *Core) Lose(lost func(hub.Stream) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lossy = lost
}

// Refuse makes Follow and Range fail with what refuse returns.
func (c *Core) Refuse(refuse func(hub.Stream) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = refuse
}

// Follow implements gateway.Core.
func (c *Core) Follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	head, err := c.follow(ctx, stream)
	if err != nil || c.AnswerFollow == nil {
		return head, err
	}
	return c.AnswerFollow(ctx, head)
}

func (c *Core) follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		if err := c.refuse(stream); err != nil {
			return hub.Head{}, err
		}
	}
	c.followed[stream] = true
	return c.Core.Follow(ctx, stream)
}

// Unfollow implements gateway.Core.
func (c *Core) Unfollow(stream hub.Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.followed, stream)
}

// Followed reports whether the gateway follows the stream.
func (c *Core) Followed(stream hub.Stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.followed[stream]
}

// Range implements gateway.Core.
func (c *Core) Range(ctx context.Context, stream hub.Stream, after uint64, limit int) ([]*hub.Entry, error) {
	c.mu.Lock()
	refuse := c.refuse
	c.mu.Unlock()
	if refuse != nil {
		if err := refuse(stream); err != nil {
			return nil, err
		}
	}
	return c.Core.Range(ctx, stream, after, limit)
}

// Publish adds n entries to the stream and pushes them together.
func (c *Core) Publish(stream hub.Stream, n int) []*hub.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	entries := make([]*hub.Entry, n)
	for i := range entries {
		entries[i] = c.Core.Add(stream, "NOTICE")
	}
	c.push(stream, entries)
	return entries
}

// PublishEvent adds an entry to each of the event's targets and pushes it.
func (c *Core) PublishEvent(e hub.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range e.Records(time.Now()) {
		c.push(r.Stream, []*hub.Entry{c.Core.AddRecord(r)})
	}
}

// push gives entries to the gateway, if it follows the stream. c.mu is held.
func (c *Core) push(stream hub.Stream, entries []*hub.Entry) {
	if c.followed[stream] && (c.lossy == nil || !c.lossy(stream)) {
		c.gateway.Deliver(stream, entries)
	}
}

// Person implements gateway.Core.
func (c *Core) Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	if c.RefusePerson != nil {
		if err := c.RefusePerson(); err != nil {
			return nil, err
		}
	}
	marks, err := c.Core.Person(ctx, admin, heads)
	if c.AfterPerson != nil {
		c.AfterPerson(admin)
	}
	return marks, err
}

// Mark implements gateway.Core, and pushes the marks.
func (c *Core) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	after, err := c.Core.Mark(ctx, admin, marks)
	own := hub.AdminStream(admin)
	if err == nil && c.followed[own] && (c.lossy == nil || !c.lossy(own)) {
		c.gateway.Marked(admin, after)
	}
	return after, err
}

// Move lets the stream's owner change: it is no longer followed, and the
// gateway is told.
func (c *Core) Move(stream hub.Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.followed, stream)
	c.gateway.Lost(stream)
}

// Retain moves the stream's floor up and tells the gateway.
func (c *Core) Retain(stream hub.Stream, floor uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Core.Retain(stream, floor)
	c.gateway.Retained(stream, floor)
}

// Tokens is an Authenticator whose tokens say who holds them:
// "7 mall:1001 partner:3". A token that begins with "bad" is refused, one with
// "expired" has expired, one that ends in "!2s" expires in two seconds.
type Tokens struct{}

// Authenticate implements gateway.Authenticator.
func (Tokens) Authenticate(_ context.Context, token string) (*hub.Principal, error) {
	token, ttl, short := strings.Cut(token, "!")
	words := strings.Fields(token)
	switch {
	case len(words) == 0 || words[0] == "bad":
		return nil, hub.Unauthenticatedf("the token is not valid")
	case words[0] == "expired":
		return nil, hub.ErrTokenExpired
	case words[0] == "forbidden":
		return nil, hub.Forbiddenf("not for you")
	}
	p := &hub.Principal{Admin: words[0], Name: "person " + words[0]}
	for _, word := range words[1:] {
		kind, key, _ := strings.Cut(word, ":")
		if kind == "mall" {
			p.Malls = append(p.Malls, key)
		} else {
			p.Partners = append(p.Partners, key)
		}
	}
	if short {
		lasts, err := time.ParseDuration(ttl)
		if err != nil {
			return nil, hub.Unauthenticatedf("the token is not valid")
		}
		p.Expires = time.Now().Add(lasts)
	}
	return p, nil
}

// Start runs a gateway over a new core until the test ends.
func Start(t testing.TB, o gateway.Options) (*gateway.Gateway, *Core) {
	t.Helper()
	o.Auth = Tokens{}
	if o.Node == "" {
		o.Node = "node-1"
	}
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	core := &Core{gateway: g, followed: map[hub.Stream]bool{}}
	g.Start(core)
	t.Cleanup(g.Close)
	return g, core
}

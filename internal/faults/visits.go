package faults

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bongsu/internal/client"
	"bongsu/internal/hub"
)

const (
	// visitStay is how long a visit lasts at least, visitAhead how long before its
	// stream is touched it begins, visitPatience how long it waits for the event.
	visitStay, visitAhead, visitPatience = 5 * time.Second, 2 * time.Second, 20 * time.Second
)

// visits are sessions of people whose own stream is about to be touched, at nodes
// that do not own it: they come, get the event through a link, and go.
type visits struct {
	nodes    []*Node
	owners   map[int32]string
	shards   int32
	touching *touching
	pool     *client.Pool

	mu     sync.Mutex
	kept   int     // visits that got their event
	missed []error // why others did not
}

func newVisits(nodes []*Node, view clusterView, t *touching) *visits {
	return &visits{nodes: nodes, owners: view.owners(), shards: view.Shards, touching: t, pool: client.NewPool()}
}

// run visits, so many at a time, until ctx ends.
func (v *visits) run(ctx context.Context, visitors int) {
	var all sync.WaitGroup
	defer all.Wait()
	for range visitors {
		all.Go(func() {
			for ctx.Err() == nil {
				v.visit(ctx)
			}
		})
		_ = pause(ctx, visitStay/time.Duration(visitors)) // its end ends the visits, too
	}
}

// visit makes one visit. One that is cut short by ctx's end does not count.
func (v *visits) visit(ctx context.Context) {
	leave := time.Now().Add(visitStay)
	number := v.touching.count() + int(visitAhead.Seconds()*v.touching.config.Rate)
	err := v.await(ctx, number)
	if ctx.Err() != nil {
		return
	}
	v.mu.Lock()
	if err == nil {
		v.kept++
	} else {
		v.missed = append(v.missed, fmt.Errorf("event %d: %w", number, err))
	}
	v.mu.Unlock()
	_ = pause(ctx, time.Until(leave)) // its end ends the visits
}

// await follows the stream of an event until the event has come, and then for what
// is left of the stay.
func (v *visits) await(ctx context.Context, number int) error {
	stream := v.touching.stream(number)
	node, err := v.away(stream, number)
	if err != nil {
		return err
	}
	token, err := mint(jwt.MapClaims{"sub": stream.Key()})
	if err != nil {
		return err
	}
	connection, err := client.Dial(ctx, client.Options{
		URL: node.URL, SSE: number%2 == 1, Cursor: hub.Cursor{stream: 0}, Pool: v.pool, SkipUnread: true,
		Token: func(context.Context) (string, error) { return token, nil },
	})
	if err != nil {
		return fmt.Errorf("%s: %w", node.Name, err)
	}
	guest := &visitor{stream: stream, id: eventID(number), came: make(chan struct{})}
	gone := make(chan error, 1)
	go func() { gone <- connection.Run(ctx, guest) }()
	defer func() {
		connection.Close()
		<-gone
	}()
	select {
	case <-guest.came:
		return pause(ctx, visitStay-visitAhead)
	case <-time.After(visitPatience):
		return fmt.Errorf("it did not come from %s", node.Name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// away returns one of the nodes that do not own a stream.
func (v *visits) away(stream hub.Stream, number int) (*Node, error) {
	owner := v.owners[stream.Shard(v.shards)]
	others := slices.DeleteFunc(slices.Clone(v.nodes), func(n *Node) bool { return n.Name == owner })
	if owner == "" || len(others) == 0 {
		return nil, fmt.Errorf("no node but the owner of %s, %q", stream, owner)
	}
	return others[number%len(others)], nil
}

// wanted is how many visits there must be: half of those that there is time for.
func (config StreamsConfig) wanted() int {
	return int(float64(config.Visitors) * config.Duration.Seconds() / visitStay.Seconds() / 2)
}

// judge adds what came of the visits.
func (v *visits) judge(f *Figures, config StreamsConfig) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f.count("visits at a node that does not own the stream", v.kept, config.wanted())
	f.none("visits whose event did not come", len(v.missed), v.kept+len(v.missed))
	if len(v.missed) > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("  the first visit whose event did not come: %v", v.missed[0]))
	}
}

// visitor waits for one entry.
type visitor struct {
	stream hub.Stream
	id     string
	had    bool
	came   chan struct{}
}

// Entry looks whether an entry is the one.
func (v *visitor) Entry(stream hub.Stream, _ uint64, raw []byte) {
	if !v.had && stream == v.stream && entryID(raw) == v.id {
		v.had = true
		close(v.came)
	}
}

// Unread is never called: the client passes counts over.
func (*visitor) Unread(client.Unread) {}

// Gap is not what is looked for.
func (*visitor) Gap(client.Gap) {}

// State is not what is looked for.
func (*visitor) State(client.State) {}

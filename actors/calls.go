package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/internal/hub"
)

// tryPatience is how long one call waits for an actor's answer. An actor that
// cannot be loaded, or a journal that does not answer, takes longer; the caller
// tries again, and a command that is under way is then waited for, not repeated.
const tryPatience = 2 * time.Second

// Activate returns the PID of the stream's actor, having started it if need be.
// The error wraps hub.ErrUnavailable while this node does not answer for the
// stream's shard.
func (h *Host) Activate(stream hub.Stream) (*actor.PID, error) {
	return h.shardOf(stream).activate(stream)
}

// Follow has the follower given what the stream gets from the returned head on,
// perhaps before Follow has returned. Following again is harmless and returns the
// head as it is then. A call that failed may have its effect still.
//
// Like all calls that ask an actor it is one try, of two seconds at most: an error
// that a later try, perhaps at another node, can mend wraps hub.ErrUnavailable.
func (h *Host) Follow(ctx context.Context, stream hub.Stream, f hub.Follower) (hub.Head, error) {
	q := newAsked()
	a, err := h.ask(ctx, stream, &follow{q, f}, q)
	return a.head, err
}

// Unfollow ends that, and touches no other follower. It does not wait; a Follow
// that is called after it comes after it.
func (h *Host) Unfollow(stream hub.Stream, f hub.Follower) {
	h.shardOf(stream).tell(stream, &unfollow{follower: f})
}

// Head returns where the stream stands.
func (h *Host) Head(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	q := newAsked()
	a, err := h.ask(ctx, stream, &headOf{q}, q)
	return a.head, err
}

// Tail returns what the stream's actor has in memory of the entries after a seq.
func (h *Host) Tail(ctx context.Context, stream hub.Stream, after uint64) (hub.Tail, error) {
	q := newAsked()
	a, err := h.ask(ctx, stream, &tailOf{q, after}, q)
	return hub.Tail{Head: a.head, Entries: a.entries, Whole: a.whole}, err
}

// Pending returns the stream's entries that may not be in the timeline yet,
// ascending.
func (h *Host) Pending(ctx context.Context, stream hub.Stream) ([]*hub.Entry, error) {
	q := newAsked()
	a, err := h.ask(ctx, stream, &pendingOf{q}, q)
	return a.entries, err
}

// Person returns the person's mark on each stream that heads names, and journals a
// first one where there is none. key names the command: a call with the key of one
// that is under way waits for that.
func (h *Host) Person(ctx context.Context, admin string, heads []hub.Head, key string) (map[hub.Stream]uint64, error) {
	q := newAsked()
	a, err := h.ask(ctx, hub.AdminStream(admin), &personOf{q, heads, key}, q)
	return a.marks, err
}

// Mark journals read marks and returns those of the named streams as they are
// after it. key is as in Person.
func (h *Host) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64, key string) (map[hub.Stream]uint64, error) {
	q := newAsked()
	a, err := h.ask(ctx, hub.AdminStream(admin), &raise{q, marks, key}, q)
	return a.marks, err
}

// ask sends a request to the stream's actor and waits for the answer.
func (h *Host) ask(ctx context.Context, stream hub.Stream, message request, q asked) (answer, error) {
	if err := h.shardOf(stream).ask(stream, message); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryPatience)
	defer cancel()
	return q.await(ctx, stream)
}

// await waits for the answer until ctx ends.
func (q asked) await(ctx context.Context, stream hub.Stream) (answer, error) {
	select {
	case a := <-q.reply:
		return a, a.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return answer{}, ctx.Err()
		}
		return answer{}, hub.Unavailablef("stream %s: its actor has not answered in time: %w", stream, ctx.Err())
	}
}

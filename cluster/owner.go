package cluster

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/internal/hub"
)

// Owner answers for the streams whose shards this node owns. Its calls try once
// and do not wait for an owner. An error that a later try, perhaps at another
// node, can mend wraps hub.ErrUnavailable. Every ctx has a deadline.
type Owner interface {
	// Activate returns the PID of the stream's actor, having started it if need
	// be. It does not block on other parts.
	Activate(stream hub.Stream) (*actor.PID, error)
	// Follow gives f, from now on, what the stream gets after the head that it
	// returns. To follow again by the same f is harmless.
	Follow(ctx context.Context, stream hub.Stream, f hub.Follower) (hub.Head, error)
	// Unfollow ends that. It is harmless if f does not follow the stream.
	Unfollow(stream hub.Stream, f hub.Follower)
	// Head returns where the stream stands.
	Head(ctx context.Context, stream hub.Stream) (hub.Head, error)
	// Tail returns what the stream's actor holds after seq.
	Tail(ctx context.Context, stream hub.Stream, after uint64) (hub.Tail, error)
	// Pending returns the entries that the timeline may not have yet.
	Pending(ctx context.Context, stream hub.Stream) ([]*hub.Entry, error)
	// Person returns the person's read marks; heads are of the streams the person
	// reads, and key names the command, however often it is tried.
	Person(ctx context.Context, admin string, heads []hub.Head, key string) (map[hub.Stream]uint64, error)
	// Mark moves read marks of the person up and returns those that it has then.
	Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64, key string) (map[hub.Stream]uint64, error)
	// Ownership returns the shards that this node answers for, held in its newest
	// generation.
	Ownership() (generation int32, shards []int32)
	// Yield says that another node announces these shards, in a generation. The actors
	// of those that this node has from an earlier one stop now, and their followers are
	// told: it has been cut off from the group. Nothing else changes. It does not block
	// on other parts.
	Yield(generation int32, shards []int32)
	// LetGo stops all actors now. Nothing is owned until the shards are claimed anew.
	LetGo()
}

// Status is how a node fares, for the operators.
type Status struct {
	// Sessions is how many client connections it holds.
	Sessions int64
	// Lag is, of each shard that it owns, how many records it has not applied yet.
	Lag map[int32]int64
}

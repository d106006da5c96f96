package cluster

import (
	"context"

	"bongsu/internal/hub"
)

// The routed calls reach the owner of a stream wherever it is, see traffic.route;
// what they ask for happens once however often it is tried. Before Start, and while
// the node is reborn, they fail at once.

func (n *Node) traffic() (*traffic, error) {
	inc := n.present.Load()
	if inc == nil {
		return nil, hub.Unavailablef("the node has not started")
	}
	return inc.traffic, nil
}

// Follow makes this node's follower follow the stream and returns where it stands.
// A Lost that the follower is given during the call may concern it: the stream is
// to be followed again then.
func (n *Node) Follow(ctx context.Context, stream hub.Stream) (hub.Head, error) {
	t, err := n.traffic()
	if err != nil {
		return hub.Head{}, err
	}
	return t.Follow(ctx, stream)
}

// Unfollow ends that, without waiting.
func (n *Node) Unfollow(stream hub.Stream) {
	if t, err := n.traffic(); err == nil {
		t.Unfollow(stream)
	}
}

// Heads returns where the streams stand, in their order.
func (n *Node) Heads(ctx context.Context, streams []hub.Stream) ([]hub.Head, error) {
	t, err := n.traffic()
	if err != nil {
		return nil, err
	}
	return t.Heads(ctx, streams)
}

// Tail returns what the stream's actor holds after seq.
func (n *Node) Tail(ctx context.Context, stream hub.Stream, after uint64) (hub.Tail, error) {
	t, err := n.traffic()
	if err != nil {
		return hub.Tail{}, err
	}
	return t.Tail(ctx, stream, after)
}

// Pending returns the entries of the streams that the timeline may not have yet.
func (n *Node) Pending(ctx context.Context, streams []hub.Stream) ([]*hub.Entry, error) {
	t, err := n.traffic()
	if err != nil {
		return nil, err
	}
	return t.Pending(ctx, streams)
}

// Person returns the person's read mark on each stream that heads names, and
// starts those that it does not have.
func (n *Node) Person(ctx context.Context, admin string, heads []hub.Head) (map[hub.Stream]uint64, error) {
	t, err := n.traffic()
	if err != nil {
		return nil, err
	}
	return t.Person(ctx, admin, heads)
}

// Mark moves read marks of the person up and returns those of the named streams.
func (n *Node) Mark(ctx context.Context, admin string, marks map[hub.Stream]uint64) (map[hub.Stream]uint64, error) {
	t, err := n.traffic()
	if err != nil {
		return nil, err
	}
	return t.Mark(ctx, admin, marks)
}

package cluster

import (
	"context"
	"time"

	"bongsu/cluster/view"
	"bongsu/cluster/wire"
	"bongsu/internal/hub"
)

// wishesAtOnce is how many calls to follow may be under way to one owner. What
// is wanted meanwhile gathers and goes in one call.
const wishesAtOnce = 4

// wish is one call to follow streams, shared by all who want one of them.
type wish struct {
	epoch   uint64
	streams []hub.Stream  // grows while the wish waits for its turn
	done    chan struct{} // closed when answer and err are set
	answer  *wire.Answer
	err     error
}

// follow makes one try to follow a stream at its owner. When it succeeds, the
// follower has been given, or will be, all that the stream gets after the head,
// or its loss.
func (l *inbounds) follow(ctx context.Context, owner view.Announcement, stream hub.Stream) (hub.Head, error) {
	in, w, place, err := l.wishFor(owner, stream)
	if err != nil {
		return hub.Head{}, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return hub.Head{}, hub.Unavailablef("follow stream %s: %w", stream, ctx.Err())
	}
	switch {
	case w.err != nil:
		return hub.Head{}, w.err
	case place >= len(w.answer.GetParts()):
		return hub.Head{}, hub.Unavailablef("node %s did not answer for stream %s", owner.Name, stream)
	}
	part := w.answer.GetParts()[place]
	if err := wire.ToError(part.GetFailure()); err != nil {
		return hub.Head{}, err
	}
	l.mu.Lock()
	valid := in.receiver.In(w.epoch) && l.source[stream] == in
	l.mu.Unlock()
	if !valid {
		return hub.Head{}, hub.Unavailablef("stream %s was lost while it was being followed", stream)
	}
	return headOf(stream, part), nil
}

// wishFor puts the stream on the next call to its owner, at a place of it.
func (l *inbounds) wishFor(owner view.Announcement, stream hub.Stream) (in *inbound, w *wish, place int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, 0, hub.Unavailablef("this node is leaving")
	}
	in = l.ensure(owner)
	epoch := in.receiver.Open(time.Now())
	if before := l.source[stream]; before != nil && before != in {
		l.unfollow(before, []hub.Stream{stream})
	}
	l.source[stream] = in
	if n := len(in.wishes); n > 0 && in.wishes[n-1].epoch == epoch && len(in.wishes[n-1].streams) < maxPlaces {
		w = in.wishes[n-1]
	} else {
		w = &wish{epoch: epoch, done: make(chan struct{})}
		in.wishes = append(in.wishes, w)
	}
	w.streams = append(w.streams, stream)
	if in.wishing < wishesAtOnce {
		in.wishing++
		go l.utter(in)
	}
	return in, w, len(w.streams) - 1, nil
}

// utter makes the calls that wait for their turn.
func (l *inbounds) utter(in *inbound) {
	for {
		l.mu.Lock()
		if len(in.wishes) == 0 {
			in.wishing--
			l.mu.Unlock()
			return
		}
		w := in.wishes[0]
		in.wishes[0] = nil
		in.wishes = in.wishes[1:]
		l.mu.Unlock()
		w.answer, w.err = l.t.ask(l.t.ctx, in.peer, &wire.Call{
			Operation: wire.Call_FOLLOW, Epoch: w.epoch, Places: wire.FromStreams(w.streams),
		})
		close(w.done)
	}
}

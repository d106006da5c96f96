package cluster

import (
	"context"
	"slices"
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
	streams []hub.Stream       // what is asked; grows while the wish waits for its turn
	places  map[hub.Stream]int // where of them each stream is
	done    chan struct{}      // closed when answer and err are set
	answer  *wire.Answer
	err     error
}

func newWish(epoch uint64) *wish {
	return &wish{epoch: epoch, places: map[hub.Stream]int{}, done: make(chan struct{})}
}

// add gives a stream a place, unless it has one.
func (w *wish) add(stream hub.Stream) {
	if _, has := w.places[stream]; !has {
		w.places[stream] = len(w.streams)
		w.streams = append(w.streams, stream)
	}
}

// part returns what the owner says of a stream; nil if it says nothing.
func (w *wish) part(stream hub.Stream) *wire.Part {
	parts := w.answer.GetParts()
	if place, asked := w.places[stream]; asked && place < len(parts) {
		return parts[place]
	}
	return nil
}

// follow makes one try to follow a stream at its owner. When it succeeds, the
// follower has been given, or will be, all that the stream gets after the head,
// or its loss.
func (l *inbounds) follow(ctx context.Context, owner view.Announcement, stream hub.Stream) (hub.Head, error) {
	in, w, err := l.wishFor(owner, stream)
	if err != nil {
		return hub.Head{}, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return hub.Head{}, hub.Unavailablef("follow stream %s: %w", stream, ctx.Err())
	}
	if w.err != nil {
		return hub.Head{}, w.err
	}
	part := w.part(stream)
	if part == nil {
		return hub.Head{}, hub.Unavailablef("node %s did not answer for stream %s", owner.Name, stream)
	}
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

// wishFor puts the stream on a call to its owner that waits for its turn.
func (l *inbounds) wishFor(owner view.Announcement, stream hub.Stream) (*inbound, *wish, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, nil, hub.Unavailablef("this node is leaving")
	}
	in := l.ensure(owner)
	epoch := in.receiver.Open(time.Now())
	if before := l.source[stream]; before != nil && before != in {
		l.unfollow(before, []hub.Stream{stream})
	}
	l.source[stream] = in
	w := in.waiting(epoch, stream)
	w.add(stream)
	if in.wishing < wishesAtOnce {
		in.wishing++
		go l.utter(in)
	}
	return in, w, nil
}

// waiting returns the wish in which a stream waits: whoever gave up has left its
// place there, and who wants the stream again has it. A stream that has none waits
// in the last wish. mu is held.
func (in *inbound) waiting(epoch uint64, stream hub.Stream) *wish {
	for _, w := range in.wishes {
		if _, has := w.places[stream]; has && w.epoch == epoch {
			return w
		}
	}
	if n := len(in.wishes); n > 0 && in.wishes[n-1].epoch == epoch && len(in.wishes[n-1].streams) < maxPlaces {
		return in.wishes[n-1]
	}
	w := newWish(epoch)
	in.wishes = append(in.wishes, w)
	return w
}

// utter makes the calls that wait for their turn.
func (l *inbounds) utter(in *inbound) {
	for {
		w := l.turn(in)
		if w == nil {
			return
		}
		if w.err == nil && len(w.streams) > 0 {
			w.answer, w.err = l.t.ask(l.t.ctx, in.peer, &wire.Call{
				Operation: wire.Call_FOLLOW, Epoch: w.epoch, Places: wire.FromStreams(w.streams),
			})
			l.takeBack(in, w)
		}
		close(w.done)
	}
}

// turn returns the next wish, with the streams that are still wanted of this owner,
// or nil if there is none, and its goroutine is to end. A wish of an epoch that has
// ended has failed: it would have the owner close a newer link for one that nobody
// listens to.
func (l *inbounds) turn(in *inbound) *wish {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(in.wishes) == 0 {
		in.wishing--
		return nil
	}
	w := in.wishes[0]
	in.wishes[0] = nil
	in.wishes = in.wishes[1:]
	if !in.receiver.In(w.epoch) {
		w.err = hub.Unavailablef("the link from node %s broke before it was asked", in.peer.Name)
		return w
	}
	wanted := newWish(w.epoch)
	for _, stream := range w.streams {
		if l.source[stream] == in {
			wanted.add(stream)
		}
	}
	w.streams, w.places = wanted.streams, wanted.places
	return w
}

// takeBack unfollows the streams of a wish that have ceased to be wanted since its
// turn came: the word of that may have been ahead of the call.
func (l *inbounds) takeBack(in *inbound, w *wish) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.receiver.In(w.epoch) {
		l.unfollow(in, slices.DeleteFunc(slices.Clone(w.streams), func(stream hub.Stream) bool { return l.source[stream] == in }))
	}
}

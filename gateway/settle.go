package gateway

import (
	"context"
	"slices"
	"time"

	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// vague tells, by answers to where streams stand, whether it is not certain yet what a
// person has read.
type vague struct {
	within time.Duration // for how long it is asked again
	// is reports so of a stream by its owner's next answer. asked is when that was
	// asked for, zero if it is not known.
	is func(head hub.Head, asked time.Time) bool
}

// vague returns how to tell what the person has read. target is the stream, "" for all.
func (r *ReadParams) vague(target hub.Stream, marks map[hub.Stream]uint64) vague {
	if r.All {
		return vague{catchup.HopeFor, func(head hub.Head, _ time.Time) bool { return head.Unsure }}
	}
	reading := catchup.NewReading(*r.Seq)
	return vague{catchup.ReadWithin, func(head hub.Head, asked time.Time) bool {
		if head.Stream != target || *r.Seq <= marks[target] { // a mark never goes back
			return false
		}
		head.Unsure = head.Unsure || asked.IsZero()
		_, certain := reading.Take(head, asked)
		return !certain
	}}
}

// settle asks for those of the heads again that are vague, all at once and until none
// is. The error wraps hub.ErrUnavailable if some stay so.
func (x *Inbox) settle(ctx context.Context, heads []hub.Head, v vague) error {
	var open []*hub.Head
	for i := range heads {
		if v.is(heads[i], time.Time{}) {
			open = append(open, &heads[i])
		}
	}
	ctx, cancel := context.WithTimeout(ctx, v.within)
	defer cancel()
	for len(open) > 0 {
		select {
		case <-ctx.Done():
			return hub.Unavailablef("it is not certain just now where stream %s stands", open[0].Stream)
		case <-time.After(catchup.ReadAgain):
		}
		asked := time.Now()
		if err := x.askAgain(ctx, open); err != nil {
			return err
		}
		open = slices.DeleteFunc(open, func(head *hub.Head) bool { return !v.is(*head, asked) })
	}
	return nil
}

// askAgain asks where streams stand, once and not for long, so that the answers are of
// about when they were asked for. Where there is none the head is not certain.
func (x *Inbox) askAgain(ctx context.Context, heads []*hub.Head) error {
	ctx, cancel := context.WithTimeout(ctx, catchup.ReadAsk)
	defer cancel()
	streams := make([]hub.Stream, len(heads))
	for i, head := range heads {
		streams[i] = head.Stream
	}
	answers, err := x.core.Heads(ctx, streams)
	switch {
	case hub.Temporary(err):
		for _, head := range heads {
			head.Unsure = true
		}
		return nil
	case err != nil:
		return err
	}
	for i := range answers {
		*heads[i] = answers[i]
	}
	return nil
}

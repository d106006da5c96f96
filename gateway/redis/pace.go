package redis

import (
	"context"

	"golang.org/x/time/rate"

	"bongsu/internal/hub"
)

// Nodes append the same messages, and a message that comes again is found to be a
// duplicate among the last hub.DuplicateWindow entries of its stream. A node may
// therefore be late by the time in which the others append that many to one
// stream: half a window at once and 100 a second leave it 2.5 s.
const (
	burst     = hub.DuplicateWindow / 2
	perSecond = 100
)

// manyStreams is how many streams are paced before those that are quiet are forgotten.
const manyStreams = 10_000

// pace holds back records of streams that get very many. A nil pace holds back
// nothing.
type pace struct{ streams map[hub.Stream]*rate.Limiter }

func newPace() *pace { return &pace{streams: map[hub.Stream]*rate.Limiter{}} }

// wait waits until the records may be appended, of which there are at most burst.
// The error says that ctx has ended.
func (p *pace) wait(ctx context.Context, records []hub.Record) error {
	if p == nil {
		return nil
	}
	counts := map[hub.Stream]int{}
	for i := range records {
		counts[records[i].Stream]++
	}
	for stream, n := range counts {
		if err := p.stream(stream).WaitN(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (p *pace) stream(stream hub.Stream) *rate.Limiter {
	if l, found := p.streams[stream]; found {
		return l
	}
	if len(p.streams) >= manyStreams {
		p.forget()
	}
	l := rate.NewLimiter(perSecond, burst)
	p.streams[stream] = l
	return l
}

// forget lets go of streams that have their whole burst again.
func (p *pace) forget() {
	for stream, l := range p.streams {
		if l.Tokens() >= burst {
			delete(p.streams, stream)
		}
	}
}

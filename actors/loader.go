package actors

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/internal/hub"
	"bongsu/internal/outage"
)

const (
	// maxLoad is how many streams one query to the timeline wakes.
	maxLoad = 1000
	// loadPatience is how long one such query may take.
	loadPatience = 10 * time.Second
	// loadRetryMost is the longest wait between tries while the timeline is away.
	loadRetryMost = 2 * time.Second
	// loadAgain is when a stream is tried again that could not be loaded for a
	// reason of its own.
	loadAgain = 2 * time.Second
)

// loader wakes streams: it gathers the actors that were just started and asks the
// timeline for the states of many at once, of fewer where it is too slow for many. It
// never gives one up; the queue is as long as there are actors without a state.
type loader struct {
	timeline Timeline
	log      *slog.Logger
	metrics  *metrics

	away, stuck outage.Log // of run alone
	stride      stride     // of run alone

	mu       sync.Mutex
	sleepers []sleeper
	wake     chan struct{}
}

// sleeper is an actor that waits for its stream's state.
type sleeper struct {
	request hub.LoadRequest
	to      *actor.PID
	tenure  *tenure // of the actor
}

// load asks for streams' states; each actor gets its own as a loaded message, unless
// its tenure ends before.
func (l *loader) load(s ...sleeper) {
	l.mu.Lock()
	l.sleepers = append(l.sleepers, s...)
	l.mu.Unlock()
	signal(l.wake)
}

func (l *loader) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for batch := l.next(); len(batch) > 0; batch = l.next() {
			l.loadAll(ctx, batch)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// next takes actors off the queue, up to maxLoad.
func (l *loader) next() []sleeper {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.stride.of(len(l.sleepers))
	batch := l.sleepers[:n:n]
	if l.sleepers = l.sleepers[n:]; len(l.sleepers) == 0 {
		l.sleepers = nil
	}
	return batch
}

// loadAll loads a batch, however long the timeline is away. A stream that cannot be
// loaded for a reason of its own is set aside for a while, and a batch that is too much
// at once goes back to the end of the queue, so that neither holds up others.
func (l *loader) loadAll(ctx context.Context, batch []sleeper) {
	wait := 20 * time.Millisecond
	for {
		batch = slices.DeleteFunc(batch, func(s sleeper) bool { return s.tenure.over.Load() })
		if len(batch) == 0 {
			return
		}
		requests := make([]hub.LoadRequest, len(batch))
		for i := range batch {
			requests[i] = batch[i].request
		}
		limit, cancel := context.WithTimeout(ctx, loadPatience)
		states, err := l.timeline.Load(limit, requests)
		cancel()
		if err == nil {
			l.metrics.loads.Inc()
			l.stride.more()
			l.away.Over(l.log, "streams wake again")
			for i, state := range states {
				batch[i].tenure.root.Send(batch[i].to, &loaded{state})
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		l.metrics.timelineErrors.Inc()
		if isolated := !hub.Temporary(err) && !tooMuch(err); isolated && len(batch) > 1 {
			l.loadAll(ctx, batch[:len(batch)/2])
			l.loadAll(ctx, batch[len(batch)/2:])
			return
		} else if isolated {
			l.stuck.Failed(l.log, "a stream cannot be loaded", err, "stream", batch[0].request.Stream)
			time.AfterFunc(loadAgain, func() { l.load(batch[0]) })
			return
		}
		l.away.Failed(l.log, "streams cannot wake: the timeline does not answer", err, "streams", len(batch))
		if tooMuch(err) {
			if len(batch) == 1 {
				wait = loadRetryMost // there is no less
			}
			l.stride.less(len(batch))
			l.load(batch...)
			pause(ctx, wait)
			return
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, loadRetryMost)
	}
}

// pause waits for about d, and returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

package kafka

import (
	"context"
	"errors"
	"net"
	"time"

	"bongsu/internal/outage"
)

// loop reads the partitions that one broker leads.
type loop struct {
	*fetcher
	broker int32
	added  chan struct{} // wakes it
	memory fetchSession
	// total is how many bytes are asked for at once: fewer after a time-out, as on
	// a slow link. slow is when that last changed.
	total int32
	slow  time.Time
	// failures counts those since the last success.
	failures int
	pause    Backoff
	away     outage.Log
}

func newLoop(f *fetcher, broker int32) *loop {
	return &loop{fetcher: f, broker: broker, added: make(chan struct{}, 1), total: fetchTotal, pause: Backoff{Max: quick}}
}

// run reads until ctx ends.
func (l *loop) run(ctx context.Context) {
	var due []*source
	for ctx.Err() == nil {
		all := l.of(l.broker)
		if len(all) == 0 {
			select {
			case <-ctx.Done():
			case <-l.added:
			}
			continue
		}
		wait := fetchWait
		due = due[:0]
		for _, s := range all {
			if len(s.batches) < cap(s.batches) {
				due = append(due, s)
			} else {
				wait = lookAgain
			}
		}
		if len(due) == 0 {
			sleep(ctx, lookAgain)
			continue
		}
		err := l.read(due, terms{whole: len(due) == len(all), wait: wait, total: l.total, memory: &l.memory})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.failed(err)
			l.pause.Wait(ctx)
			l.unhouse(all)
			continue
		}
		l.succeeded()
	}
}

// read fetches once. If some batch in the answer is corrupt, each partition is
// fetched by itself, so that only its reader suffers.
func (l *loop) read(due []*source, t terms) error {
	broker, err := l.client.Broker(l.broker)
	if err != nil {
		return err
	}
	if err = l.fetch(broker, due, t); !errors.Is(err, errCorrupt) {
		return err
	}
	l.log.Debug("fetching each partition by itself", "broker", l.broker, "err", err)
	for _, s := range due {
		_ = broker.Close() // it may be the connection that is out of step
		if broker, err = l.client.Broker(l.broker); err != nil {
			return err
		}
		err := l.fetch(broker, []*source{s}, terms{total: l.total})
		switch {
		case errors.Is(err, errCorrupt):
			l.giveUp(s, err)
		case err != nil:
			return err
		}
	}
	return nil
}

// failed takes note of a failure, which ends with the next success.
func (l *loop) failed(err error) {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		l.total, l.slow = max(l.total/2, fetchBytes), time.Now()
	}
	if l.failures++; l.failures < 3 {
		l.log.Debug("cannot fetch", "broker", l.broker, "err", err)
		return
	}
	l.away.Failed(l.log, "cannot fetch records", err, "broker", l.broker, "bytes", l.total)
}

func (l *loop) succeeded() {
	l.failures = 0
	l.pause.Reset()
	l.away.Over(l.log, "records are fetched again")
	if l.total < fetchTotal && time.Since(l.slow) > longAgo {
		l.total, l.slow = min(2*l.total, fetchTotal), time.Now()
	}
}

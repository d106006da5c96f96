package load

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"bongsu/internal/client"
)

// stormLimit is how long connections have to come back.
const stormLimit = 2 * time.Minute

// storm is every connection cut at once, and their return.
type storm struct {
	began   time.Time
	waiting int // connections that are not back
	back    chan struct{}
	resume  *hdrhistogram.Histogram
}

// cutAll cuts every connection that reads and waits until all have a session again.
func (c *crowd) cutAll(ctx context.Context) (Storm, error) {
	c.mu.Lock()
	s := &storm{began: time.Now(), back: make(chan struct{}), resume: newHistogram()}
	c.storm = s
	var cut []*receiver
	for _, r := range c.receivers {
		if !c.isSlow(r.number) {
			cut = append(cut, r)
		}
	}
	s.waiting = len(cut)
	c.mu.Unlock()
	c.cut(cut)
	limit := time.NewTimer(stormLimit)
	defer limit.Stop()
	var err error
	select {
	case <-s.back:
	case <-limit.C:
		err = errors.New("load: not all connections came back after they were cut")
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.storm = nil
	return Storm{
		Connections: len(cut), Back: len(cut) - s.waiting,
		Seconds: time.Since(s.began).Seconds(), Resume: latencyOf(s.resume),
	}, err
}

// cut breaks the connections from several goroutines: one would take a while.
func (c *crowd) cut(receivers []*receiver) {
	const workers = 4
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < len(receivers); i += workers {
				r := receivers[i]
				r.mu.Lock()
				r.cut = time.Now()
				r.mu.Unlock()
				r.client.Drop()
			}
		})
	}
	all.Wait()
}

// connected notes that a connection has a session, and a storm's end with the last.
func (c *crowd) connected(r *receiver) {
	r.mu.Lock()
	cut := r.cut
	r.cut = time.Time{}
	r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up++
	if c.storm == nil || cut.IsZero() {
		return
	}
	record(c.storm.resume, time.Since(cut))
	if c.storm.waiting--; c.storm.waiting == 0 {
		close(c.storm.back)
	}
}

// reason names the end of a connection.
func reason(err error) string {
	var closed *client.Closed
	if errors.As(err, &closed) {
		return strconv.Itoa(closed.Code)
	}
	return "broken"
}

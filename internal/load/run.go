package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// progressEvery is how often a run says how far it is.
	progressEvery = 2 * time.Second
	// drainPoll is how often a run looks whether all deliveries have come.
	drainPoll = 20 * time.Millisecond
)

// Run carries out the run and returns its report; it blocks until all
// connections are closed. A run that ctx ends while it publishes or drains is
// reported as far as it went, with ctx's error beside it. Errors before that wrap
// hub.ErrInvalid or hub.ErrUnavailable where that applies.
func Run(ctx context.Context, config Config) (*Report, error) {
	if err := config.check(ctx); err != nil {
		return nil, err
	}
	id := rand.Text()[:10]
	r := &run{config: &config, crowd: newCrowd(&config, id), report: &Report{
		Connections: config.Connections, Targets: config.Targets,
	}}
	life, end := context.WithCancel(ctx)
	defer r.crowd.running.Wait()
	defer end()
	defer r.crowd.releaseSlow()
	if err := r.prepare(life); err != nil {
		return nil, err
	}
	err := r.measure(ctx, newEvents(id, &config))
	return r.report, err
}

// run is one run under way.
type run struct {
	config    *Config
	crowd     *crowd
	publisher *publisher
	bare      *bare
	report    *Report

	counters map[string]float64 // the hub's, at the start
	server   usage              // when all are connected
	self     usage
}

func (r *run) say(format string, args ...any) {
	if r.config.Progress != nil {
		_, _ = fmt.Fprintf(r.config.Progress, "%7.1f s  "+format+"\n", append([]any{r.crowd.clock().Seconds()}, args...)...)
	}
}

// prepare connects everybody, until ctx ends, and everything.
func (r *run) prepare(ctx context.Context) error {
	var before usage
	var err error
	if r.config.ServerPID > 0 {
		if before, err = usageOf(r.config.ServerPID); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := r.crowd.open(ctx, r.say); err != nil {
		return err
	}
	r.report.ConnectSeconds = time.Since(start).Seconds()
	r.say("%d connected in %.1f s", r.config.Connections, r.report.ConnectSeconds)
	if err := pause(ctx, r.config.Settle); err != nil {
		return err
	}
	return r.baseline(ctx, before)
}

// baseline reads what is compared with later.
func (r *run) baseline(ctx context.Context, before usage) error {
	var err error
	if r.config.ServerPID > 0 {
		if r.server, err = usageOf(r.config.ServerPID); err != nil {
			return err
		}
		r.report.Server = &Server{
			RSSBefore: before.rss, RSSConnected: r.server.rss,
			KBPerConnection: float64(r.server.rss-before.rss) / 1024 / float64(r.config.Connections),
		}
	}
	r.self, _ = usageOf(os.Getpid()) // the client's own is left out where it cannot be read
	if r.config.MetricsURL != "" {
		if r.counters, err = scrape(ctx, r.config.MetricsURL); err != nil {
			return err
		}
	}
	if r.config.Bare {
		if r.bare, err = startBare(r.config, r.crowd.mark, r.crowd.clock); err != nil {
			return err
		}
	}
	r.publisher, err = newPublisher(r.config, r.crowd.clock)
	if err != nil {
		r.bare.stop()
	}
	return err
}

// measure publishes, waits for what is due, and fills in the report.
func (r *run) measure(ctx context.Context, events *events) error {
	began := r.crowd.clock()
	watching, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	calm := make(chan struct{})
	beside.Go(func() { r.watch(watching) })
	beside.Go(func() {
		defer close(calm)
		r.storms(watching)
	})
	err := r.publisher.publish(ctx, events)
	published := r.crowd.clock() - began
	r.publisher.finish()
	r.crowd.releaseSlow()
	if err == nil {
		err = r.drain(ctx, calm)
	}
	stop()
	beside.Wait()
	r.bare.stop()
	r.fill(began, published)
	r.usage(context.WithoutCancel(ctx))
	r.report.judge()
	return err
}

// storms cuts all connections at the configured moments.
func (r *run) storms(ctx context.Context) {
	start := time.Now()
	for _, at := range r.config.ReconnectAt {
		if pause(ctx, time.Until(start.Add(at))) != nil {
			return
		}
		r.say("all connections are cut")
		storm, err := r.crowd.cutAll(ctx)
		r.report.Storms = append(r.report.Storms, storm)
		if err != nil {
			return
		}
		r.say("%d are back in %.2f s", storm.Back, storm.Seconds)
	}
}

// watch says how far the run is.
func (r *run) watch(ctx context.Context) {
	var last counts
	for pause(ctx, progressEvery) == nil {
		now := r.crowd.counted.sum()
		acked, expected := r.publisher.progress()
		r.say("%d published  %d of %d delivered, %.0f a second  p99 %.1f ms  %d connected", acked, now.unique(), expected,
			float64(now.received-last.received)/progressEvery.Seconds(),
			float64(r.crowd.counted.latency().ValueAtQuantile(99))/1000, r.crowd.connectedNow())
		last = now
	}
}

// drain waits until the last storm is over, at which calm is closed, and then until
// every delivery that is due has come, or nothing has come for a while.
func (r *run) drain(ctx context.Context, calm <-chan struct{}) error {
	select {
	case <-calm:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, expected := r.publisher.progress()
	last, since := uint64(0), time.Now()
	for {
		now := r.crowd.counted.sum()
		have := now.unique() + now.skipped
		if have >= expected {
			return nil
		}
		if have != last {
			last, since = have, time.Now()
		}
		if time.Since(since) > r.config.Drain {
			return nil
		}
		if err := pause(ctx, drainPoll); err != nil {
			return err
		}
	}
}

// fill writes the counts into the report.
func (r *run) fill(began, published time.Duration) {
	p, c := r.publisher, r.crowd.counted.sum()
	took := c.lastAt - began
	r.report.Events = Events{
		Published: p.acked, Failed: p.failed, Seconds: published.Seconds(),
		PerSecond: float64(p.acked) / published.Seconds(),
		Behind:    float64(p.behind.Microseconds()) / 1000, Ack: latencyOf(p.ack),
	}
	d := Deliveries{
		Expected: p.expected, Received: c.received, Duplicates: c.duplicates,
		Reordered: c.late, Gaps: c.gaps, Skipped: c.skipped,
	}
	if have := c.unique() + c.skipped; have < d.Expected {
		d.Missing = d.Expected - have
	} else if p.failed == 0 {
		d.Surplus = have - d.Expected
	}
	if c.received > 0 && took > 0 {
		d.Seconds = took.Seconds()
		d.PerSecond = float64(c.received) / took.Seconds()
		d.EntryBytes = float64(c.bytes) / float64(c.received)
	}
	r.report.Deliveries = d
	r.report.Latency = latencyOf(r.crowd.counted.latency())
	r.report.Bare = r.bare.result()
	r.crowd.mu.Lock()
	defer r.crowd.mu.Unlock()
	r.report.Disconnects = r.crowd.closes
	if r.config.Slow > 0 {
		s := r.crowd.slow.sum()
		r.report.Slow = &Slow{
			Connections: r.config.Slow, Disconnected: r.crowd.slowClosed, Received: s.received,
			Skipped: s.skipped, Duplicates: s.duplicates, Reordered: s.late,
		}
	}
}

// usage writes what the processes used into the report. What cannot be read any
// more, such as a hub that has gone, is left out.
func (r *run) usage(ctx context.Context) {
	if now, err := usageOf(os.Getpid()); err == nil {
		r.report.ClientCPUSeconds = (now.cpu - r.self.cpu).Seconds()
	}
	if now, err := usageOf(r.config.ServerPID); err == nil && r.report.Server != nil {
		s, micros := r.report.Server, float64((now.cpu - r.server.cpu).Microseconds())
		s.RSSAfter, s.CPUSeconds = now.rss, micros/1e6
		if n := r.report.Deliveries.Received; n > 0 {
			s.CPUPerDelivery = micros / float64(n)
		}
		if n := r.report.Events.Published; n > 0 {
			s.CPUPerEvent = micros / float64(n)
		}
	}
	if r.config.MetricsURL != "" {
		if after, err := scrape(ctx, r.config.MetricsURL); err == nil {
			r.report.Counters = growth(r.counters, after)
		}
	}
}

// releaseSlow lets the slow connections read on.
func (c *crowd) releaseSlow() { c.free.Do(func() { close(c.release) }) }

// pause waits for d or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

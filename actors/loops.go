package actors

import (
	"context"
	"sync/atomic"
	"time"

	"bongsu/internal/hub"
)

const (
	// commitEvery is how often finished offsets are committed. What was not
	// committed at a crash is replayed, and gets the same numbers.
	commitEvery = 200 * time.Millisecond
	// sweepEvery is how often actors are asked to let go of what is not needed. A
	// stream that was quiet for a whole period is passivated.
	sweepEvery = time.Minute
	// pruneEvery is how often the timeline is asked to let go of old entries.
	pruneEvery = time.Hour
)

// every calls f again and again until ctx ends.
func every(ctx context.Context, period time.Duration, f func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}

func (h *Host) commitLoop(ctx context.Context) {
	every(ctx, commitEvery, func() { h.commit(ctx) })
}

// commit commits the finished offsets of all claimed shards. One commit is under
// way at a time, so that none undoes a later one; ctx bounds the wait for its turn.
func (h *Host) commit(ctx context.Context) {
	group := h.group.Load()
	if group == nil {
		return
	}
	select {
	case h.committing <- struct{}{}:
	default:
		select {
		case h.committing <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
	defer func() { <-h.committing }()
	next := make(map[int32]int64)
	of := make(map[int32]*tenure)
	for _, s := range h.shards {
		t := s.present()
		if low, ok := t.committable(); ok {
			next[s.id], of[s.id] = low, t
		}
	}
	if len(next) == 0 {
		return
	}
	if err := (*group).Commit(next); err != nil {
		h.metrics.commitErrors.Inc()
		h.log.Debug("offsets not committed yet", "shards", len(next), "err", err)
		return
	}
	for id, t := range of {
		t.committed(next[id])
	}
}

func (h *Host) sweepLoop(ctx context.Context) { every(ctx, sweepEvery, h.sweep) }

// sweep ticks every actor.
func (h *Host) sweep() {
	tick := &sweep{now: h.now()}
	for _, s := range h.shards {
		s.sendAll(tick)
	}
}

// pruneLoop applies the retention every hour, and as soon as it is known how late it is:
// before the first record nothing goes but what the timeline has let go already.
func (h *Host) pruneLoop(ctx context.Context) {
	if h.retention <= 0 {
		return
	}
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	known := h.newest.known
	for {
		if err := h.prune(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("retention could not be applied; it is tried again within the hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-known:
			known = nil
		}
	}
}

// prune lets go of what is older than the retention, by the node's clock or the
// brokers', whichever is behind: a floor never moves back, so neither clock alone may
// hide what people can see.
func (h *Host) prune(ctx context.Context) error {
	now := h.now()
	if newest := h.newest.time(); newest.Before(now) {
		now = newest
	}
	if err := h.timeline.Prune(ctx, now.Add(-h.retention)); err != nil {
		return err
	}
	for _, s := range h.shards {
		floors, err := h.timeline.Floors(ctx, s.live())
		if err != nil {
			return err
		}
		for stream, floor := range floors {
			s.send(stream, &retained{floor})
		}
	}
	return nil
}

// newest is the latest time at which the brokers took a record that was applied here.
type newest struct {
	millis atomic.Int64
	known  chan struct{} // closed when there is one
}

// note takes the times of records that are being applied.
func (n *newest) note(records []hub.Record) {
	latest := int64(0)
	for i := range records {
		latest = max(latest, records[i].Time)
	}
	for {
		old := n.millis.Load()
		if latest <= old {
			return
		}
		if n.millis.CompareAndSwap(old, latest) {
			if old == 0 {
				close(n.known)
			}
			return
		}
	}
}

// time returns it once it is known.
func (n *newest) time() time.Time { return time.UnixMilli(n.millis.Load()) }

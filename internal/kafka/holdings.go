package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"bongsu/internal/outage"
)

const (
	// letGo is how long the group waits for claims to end that were taken away.
	letGo = 1100 * time.Millisecond
	// askAgain is how long it is until the offsets of a partition are asked for
	// again that could not be had.
	askAgain = 200 * time.Millisecond
	// longAgo is how old a failure is that says nothing about the next.
	longAgo = time.Minute
)

// holdings are the partitions that the group has given to this member, and what
// runs for them. The exported behaviour is that of Handler.Consume.
type holdings struct {
	group   *Group
	handler Handler
	fetcher *fetcher
	control sarama.Client
	ctx     context.Context // outlasts the claims
	running sync.WaitGroup
	count   atomic.Int64

	// Of the member's goroutine alone:
	held  map[partition]*holding
	stuck map[partition]*holding // were taken away, and have not ended yet

	mu      sync.Mutex
	failing outage.Log
	failed  time.Time
}

// holding is one partition that the member holds.
type holding struct {
	partition
	generation int32
	ctx        context.Context
	end        context.CancelFunc
	ended      chan struct{} // closed when nothing of it runs any more
	pause      Backoff
}

// owned returns what the member holds, in order.
func (h *holdings) owned() []partition {
	owned := make([]partition, 0, len(h.held))
	for p := range h.held {
		owned = append(owned, p)
	}
	slices.SortFunc(owned, partition.compare)
	return owned
}

// drop ends some of what is held, and waits for that, but not for ever.
func (h *holdings) drop(ended []partition) {
	ending := make([]*holding, 0, len(ended))
	for _, p := range ended {
		c := h.held[p]
		c.end()
		ending = append(ending, c)
		delete(h.held, p)
	}
	h.count.Store(int64(len(h.held)))
	limit := time.NewTimer(letGo)
	defer limit.Stop()
	late := false
	for _, c := range ending {
		if !late {
			select {
			case <-c.ended:
			case <-limit.C:
				late = true
			}
		}
		select {
		case <-c.ended:
		default:
			h.group.log.Warn("a claim does not end; the group goes on without it", "topic", c.topic, "partition", c.id)
			h.stuck[c.partition] = c
		}
		h.group.unclaim(c)
	}
}

// take begins to consume what was begun: none of it is held.
func (h *holdings) take(begun []partition, generation int32) {
	var batch []*holding
	for _, p := range begun {
		ctx, end := context.WithCancel(h.ctx)
		c := &holding{partition: p, generation: generation, ctx: ctx, end: end, ended: make(chan struct{})}
		h.held[p] = c
		before := h.stuck[p]
		if before == nil {
			batch = append(batch, c)
			continue
		}
		delete(h.stuck, p)
		h.running.Go(func() {
			<-before.ended
			h.begin([]*holding{c})
		})
	}
	h.count.Store(int64(len(h.held)))
	if len(batch) > 0 {
		h.running.Go(func() { h.begin(batch) })
	}
}

// begin finds out where to start and starts, again and again until all have
// started or ended.
func (h *holdings) begin(batch []*holding) {
	for {
		batch = slices.DeleteFunc(batch, func(c *holding) bool {
			if c.ctx.Err() != nil {
				close(c.ended)
				return true
			}
			return false
		})
		if len(batch) == 0 {
			return
		}
		found, err := h.positions(batch)
		if err != nil {
			h.group.log.Debug("cannot ask where to start", "err", err)
		}
		var claims []*claimed
		batch = slices.DeleteFunc(batch, func(c *holding) bool {
			at, ok := found[c.partition]
			if ok {
				claims = append(claims, newClaimed(c, at))
			}
			return ok
		})
		h.start(claims)
		if len(batch) > 0 {
			sleep(h.ctx, askAgain)
		}
	}
}

// claimed is one claim of a holding.
type claimed struct {
	*holding
	position
	source *source
	ctx    context.Context
	end    context.CancelCauseFunc
}

func newClaimed(c *holding, at position) *claimed {
	ctx, end := context.WithCancelCause(c.ctx)
	return &claimed{holding: c, position: at, ctx: ctx, end: end, source: newSource(c.partition, at.from, at.end, end)}
}

// start lets claims run, and brings them their first records at once: a fetch
// that waits already at the broker knows nothing of them.
func (h *holdings) start(claims []*claimed) {
	byLeader := make(map[*sarama.Broker][]*source)
	for _, c := range claims {
		if !h.group.claim(c.holding) { // taken away while we asked where to start
			close(c.ended)
			continue
		}
		h.running.Go(func() { h.consume(c) })
		if leader, err := h.control.Leader(c.topic, c.id); err == nil && c.from < c.position.end {
			byLeader[leader] = append(byLeader[leader], c.source)
		}
	}
	for leader, sources := range byLeader {
		if err := h.fetcher.fetch(leader, sources, terms{total: firstTotal}); err != nil {
			h.group.log.Debug("cannot fetch the first records", "err", err)
		}
	}
	sources := make([]*source, 0, len(claims))
	for _, c := range claims {
		if c.ctx.Err() == nil {
			sources = append(sources, c.source)
		}
	}
	h.fetcher.add(h.ctx, sources...)
	for _, c := range claims { // those that ended before they were added
		if c.ctx.Err() != nil {
			h.fetcher.remove(c.source)
		}
	}
}

// consume runs a claim, and begins anew if it fails.
func (h *holdings) consume(c *claimed) {
	began := time.Now()
	err := h.handler.Consume(c.ctx, Claim{
		Topic: c.topic, Partition: c.id, Generation: c.generation, Claims: func() int { return int(h.count.Load()) },
		From: c.from, End: c.position.end, Batches: c.source.batches, HighWater: c.source.highWater.Load,
		AwaitFresh: func(ctx context.Context) error { return h.group.awaitFresh(ctx, c.holding) },
	})
	cause := context.Cause(c.ctx)
	c.end(nil)
	h.fetcher.remove(c.source)
	if c.holding.ctx.Err() != nil {
		close(c.ended)
		return
	}
	h.group.unclaim(c.holding)
	if cause != nil {
		err = cause
	}
	if err == nil {
		err = errors.New("consuming ended before its claim")
	}
	h.failure(fmt.Errorf("%s/%d: %w", c.topic, c.id, err))
	if time.Since(began) > longAgo {
		c.pause.Reset()
	}
	c.pause.Wait(c.holding.ctx)
	h.begin([]*holding{c.holding})
}

// failure logs that a claim has failed. All may fail at once.
func (h *holdings) failure(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.failed) > longAgo {
		h.failing = outage.Log{}
	}
	h.failed = time.Now()
	h.failing.Failed(h.group.log, "a claim failed; it begins anew", err)
}

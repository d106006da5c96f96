package actors

import (
	"context"
	"time"

	"bongsu/internal/hub"
)

// Assigned begins a generation of the journal's consumer group, in which these
// shards are this node's: none, too. Actors of the others are let go at once, and
// their followers told; those of kept shards stay as they are.
func (h *Host) Assigned(generation int32, shards []int32) {
	mine := make([]bool, len(h.shards))
	for _, id := range shards {
		mine[id] = true
	}
	h.ownership.Lock()
	defer h.ownership.Unlock()
	for _, s := range h.shards {
		s.assign(generation, mine[s.id])
	}
	h.assigned, h.generation, h.yieldedTo = true, generation, 0
	h.announce()
}

// Yield says that another node has had these shards since a generation of the
// journal's consumer group. Where this node knows of none so late, it has been cut
// off from the group: actors of these shards are let go at once, and their followers
// told, until the shards are owned anew. A generation that is not later than the
// newest in which a shard was assigned here changes nothing.
func (h *Host) Yield(generation int32, shards []int32) {
	h.ownership.Lock()
	defer h.ownership.Unlock()
	yielded := 0
	for _, id := range shards {
		if h.shards[id].yield(generation) {
			yielded++
		}
	}
	if yielded == 0 {
		return
	}
	if generation > h.yieldedTo { // not again for each shard whose claim begins anew meanwhile
		h.yieldedTo = generation
		h.log.Warn("shards of this node are another's by now; their actors are let go",
			"generation", generation, "own_generation", h.generation)
	}
	h.announce()
}

// LetGo stops all actors now, and tells their followers. The host answers for
// nothing until shards are assigned and owned anew, in whatever actor system there
// is then. Claims that are under way fail with their next records.
func (h *Host) LetGo() {
	h.ownership.Lock()
	defer h.ownership.Unlock()
	for _, s := range h.shards {
		s.letGo()
	}
	h.assigned = false
	h.announce()
}

// Ownership returns the shards that this node answers for, ascending, and the
// newest generation of the consumer group that it took part in. A shard that still
// has to catch up with the journal is not among them.
func (h *Host) Ownership() (generation int32, shards []int32) {
	h.ownership.Lock()
	defer h.ownership.Unlock()
	shards = []int32{}
	for _, s := range h.shards {
		if s.answers() {
			shards = append(shards, s.id)
		}
	}
	return h.generation, shards
}

// Serving reports whether the group has told this node its shards, perhaps none,
// and it has applied, in all of them, what was in the journal when it got them.
func (h *Host) Serving() bool {
	h.ownership.Lock()
	defer h.ownership.Unlock()
	for _, s := range h.shards {
		if !s.ready() {
			return false
		}
	}
	return h.assigned
}

// announce has the change of ownership told.
func (h *Host) announce() { signal(h.change) }

func (h *Host) changeLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.change:
			h.changed()
		}
	}
}

// Own begins a claim of a shard: its records follow from offset from on, and
// those below end were there before. Actors that are further than from stay, and
// records they have are skipped; if somebody else has gone further than they, or
// the journal ends before what they know, they are let go. Questions are answered
// once all is applied that an earlier owner may have shown.
func (h *Host) Own(_ context.Context, id int32, generation int32, from, end int64) error {
	answers, err := h.shards[id].own(generation, from, end)
	if answers {
		h.announce()
	}
	return err
}

// Apply hands the next records of a shard to their actors, in order. next is the
// offset after the last consumed message. It blocks while too much waits for
// the timeline, until ctx ends. An error means that the shard must be claimed anew.
func (h *Host) Apply(ctx context.Context, id int32, records []hub.Record, next int64) error {
	s := h.shards[id]
	records = s.unseen(records)
	for len(records) > 0 {
		part, size := h.budget.portion(records)
		if err := h.budget.take(ctx, size); err != nil {
			return err
		}
		if left, err := s.handOut(part, part[len(part)-1].Offset+1); err != nil {
			h.budget.give(left)
			return err
		}
		h.newest.note(part)
		records = records[len(part):]
	}
	_, err := s.handOut(nil, next)
	return err
}

// Release ends a claim: it waits until what was handed out is in the timeline,
// as far as ctx allows, and commits what is. The actors stay warm until Assigned
// says that the shard is somebody else's.
func (h *Host) Release(ctx context.Context, id int32) {
	t := h.shards[id].present()
	h.writer.hurry()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for t.unfinished() > 0 && !t.over.Load() && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
	h.commit(ctx)
	t.release()
}

//go:build mutants

package actors

import (
	"os"
	"sync"
	"time"

	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

// mutant returns the fault that this process was told to have: BONGSU_MUTANT.
// Only a build that tests the tests looks at it.
func mutant() rules.Mutant { return rules.Mutant(os.Getenv("BONGSU_MUTANT")) }

// counts are the newest numbers that this process gave.
type counts struct{ seqs sync.Map }

func (c *counts) of(stream hub.Stream) uint64 {
	seq, _ := c.seqs.Load(stream)
	counted, _ := seq.(uint64)
	return counted
}

func (c *counts) note(stream hub.Stream, seq uint64) { c.seqs.Store(stream, seq) }

// staleAfter is when a stale writer writes: the next owner has written before.
const staleAfter = 3 * time.Second

// writeStale has the actor, whose shard is somebody else's, write on.
func (a *streamActor) writeStale() {
	if a.state == nil || a.tenure == nil || !a.tenure.over.Load() {
		return
	}
	forged := item{tenure: newTenure(nil, 0), stored: new(progress), entry: a.state.Forge()}
	time.AfterFunc(staleAfter, func() { a.host.writer.add([]item{forged}) })
}

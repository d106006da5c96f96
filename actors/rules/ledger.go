package rules

import "bongsu/internal/hub"

// Ledger knows which records of one tenure of a shard are in the timeline, and
// with that which offset may be committed: one below which everything is. Records
// of an earlier tenure have a Ledger of their own, which nobody commits from.
type Ledger struct {
	mutant    Mutant
	done      Watermark
	claimed   bool
	committed int64
}

// NewLedger returns the ledger of a tenure whose first record is that at from.
// Nothing is committed from it before Claim.
func NewLedger(from int64, mutant Mutant) *Ledger {
	return &Ledger{mutant: mutant, done: Watermark{next: from}, committed: from}
}

// Claim begins a claim: offsets are this node's to commit, and the group has from.
func (l *Ledger) Claim(from int64) { l.claimed, l.committed = true, from }

// Release ends it.
func (l *Ledger) Release() { l.claimed = false }

// Claimed reports whether a claim is under way. Without one somebody else may own
// the shard, and have gone further.
func (l *Ledger) Claimed() bool { return l.claimed }

// Take notes records that are handed out, ascending and above all before, and
// that no other record below next will come.
func (l *Ledger) Take(records []hub.Record, next int64) {
	for i := range records {
		l.done.Add(records[i].Offset)
	}
	l.done.Skip(next)
}

// Finish says that the record at offset is in the timeline or needs not be.
func (l *Ledger) Finish(offset int64) { l.done.Finish(offset) }

// Unfinished returns how many records were taken and not finished, at most.
func (l *Ledger) Unfinished() int { return l.done.Unfinished() }

// Committable returns the offset that may be committed now, and whether it is
// this node's to commit and beyond the one that the group has.
func (l *Ledger) Committable() (low int64, ok bool) {
	low = l.done.Low()
	if l.mutant == CommitEarly {
		low = l.done.next
	}
	return low, l.claimed && low > l.committed
}

// Committed says that the group has low.
func (l *Ledger) Committed(low int64) { l.committed = max(l.committed, low) }

package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Kind is the promise that was broken.
type Kind string

// The kinds of violation.
const (
	// Loss: an entry that must be there is not.
	Loss Kind = "loss"
	// Duplicate: an entry came, or is listed, more than once.
	Duplicate Kind = "duplicate"
	// Reorder: entries stand in another order than their stream's or their
	// publisher's.
	Reorder Kind = "reorder"
	// SilentGap: a session skipped entries and was not told.
	SilentGap Kind = "silent gap"
	// Gap: a gap was announced in a run that must have none, or does not fit
	// what was received before it.
	Gap Kind = "gap"
	// Mismatch: the same seq of a stream holds different entries for different
	// observers.
	Mismatch Kind = "mismatch"
	// Invented: an entry that nobody published, or not to this stream.
	Invented Kind = "invented"
	// Misnumbered: a timeline's numbers are not 1, 2, 3, … without holes.
	Misnumbered Kind = "misnumbered"
	// Regress: a stream's head went back.
	Regress Kind = "regress"
	// Miscount: an unread count differs from its list or from its own total.
	Miscount Kind = "miscount"
)

// Violation is one broken promise. Person is empty where a timeline is meant.
type Violation struct {
	Kind   Kind
	Person string
	Stream string
	Seq    uint64
	ID     string
	Detail string
}

// String returns the violation as one line.
func (v Violation) String() string {
	who := v.Person
	if who == "" {
		who = "timeline"
	}
	return fmt.Sprintf("%s: %s: %s seq %d id %q: %s", v.Kind, who, v.Stream, v.Seq, v.ID, v.Detail)
}

func compareViolations(a, b Violation) int {
	return cmp.Or(
		strings.Compare(string(a.Kind), string(b.Kind)),
		strings.Compare(a.Person, b.Person),
		strings.Compare(a.Stream, b.Stream),
		cmp.Compare(a.Seq, b.Seq),
		strings.Compare(a.ID, b.ID),
		strings.Compare(a.Detail, b.Detail),
	)
}

// Summary returns how many violations of each kind there are and the first
// most of them, a line each; it is empty when there are none.
func Summary(violations []Violation, most int) string {
	counts := map[Kind]int{}
	for _, v := range violations {
		counts[v.Kind]++
	}
	var b strings.Builder
	kinds := make([]Kind, 0, len(counts))
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		fmt.Fprintf(&b, "%s: %d\n", kind, counts[kind])
	}
	for _, v := range violations[:min(most, len(violations))] {
		fmt.Fprintln(&b, v)
	}
	return b.String()
}

//go:build !mutants

package actors

import (
	"bongsu/actors/rules"
	"bongsu/internal/hub"
)

// mutant returns the fault that this process was built with: none.
func mutant() rules.Mutant { return rules.Sound }

// counts is nothing in a sound process, which keeps no numbers of its own.
type counts struct{}

func (counts) of(hub.Stream) uint64 { return 0 }

func (counts) note(hub.Stream, uint64) {}

func (*streamActor) writeStale() {}

//go:build mutants

package cluster

import "os"

// dropEvery says of which ordinal the batches of a link vanish without a trace,
// to show that the checks of a whole cluster notice.
func dropEvery() uint64 {
	if os.Getenv("BONGSU_MUTANT") == "drop-batch" {
		return 50
	}
	return 0
}

//go:build mutants

package cluster

import "os"

// dropEvery says of which ordinal the batches of a link vanish without a trace,
// to show that the checks of a whole cluster notice. A later entry of the same
// stream betrays the hole, which is then mended: so many vanish that the last
// entries of some streams are among them, behind which nothing comes.
func dropEvery() uint64 {
	if os.Getenv("BONGSU_MUTANT") == "drop-batch" {
		return 4
	}
	return 0
}

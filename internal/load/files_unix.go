//go:build unix

package load

import (
	"syscall"

	"bongsu/internal/hub"
)

// spareFiles is what the process needs beside its connections.
const spareFiles = 64

// checkFiles reports whether the process may open that many connections.
func checkFiles(connections int) error {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return nil //nolint:nilerr // not knowing the limit is no reason not to try
	}
	most := uint64(limit.Cur) //nolint:unconvert // signed on some systems
	if uint64(connections+spareFiles) > most {
		return hub.Invalidf("%d connections need more than the %d open files that this process may have: raise `ulimit -n`", connections, most)
	}
	return nil
}

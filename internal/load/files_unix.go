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
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil // not knowing the limit is no reason not to try
	}
	if uint64(connections+spareFiles) > uint64(limit.Cur) {
		return hub.Invalidf("%d connections need more than the %d open files that this process may have: raise `ulimit -n`", connections, limit.Cur)
	}
	return nil
}

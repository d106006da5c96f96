//go:build !linux

package kafka

import (
	"net"
	"time"
)

// setUserTimeout does nothing: where the system has no such setting, a process that
// stands still may leave something to arrive late.
func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }

package kafka

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout has the system break the connection when the other end has not
// acknowledged something for so long (RFC 5482), even if this process stands still.
func setUserTimeout(conn *net.TCPConn, patience time.Duration) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(patience.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}

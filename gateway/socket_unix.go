//go:build unix

package gateway

import (
	"io"
	"syscall"
)

const canWriteRaw = true

// socketWriter writes to sockets without ever waiting for one. It holds the
// arguments of the one call under way, so that a write allocates nothing.
type socketWriter struct {
	rest    []byte
	n       int
	err     error
	attempt func(fd uintptr) bool
}

// write writes what the socket takes at once and returns how much that was: less
// than all means that the socket is full. Without a raw connection it writes nothing.
func (w *socketWriter) write(raw syscall.RawConn, p []byte) (int, error) {
	if raw == nil {
		return 0, nil
	}
	if w.attempt == nil {
		w.attempt = w.try
	}
	w.rest, w.n, w.err = p, 0, nil
	err := raw.Write(w.attempt)
	w.rest = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// try always returns true: false would make the caller wait for the socket.
func (w *socketWriter) try(fd uintptr) bool {
	for len(w.rest) > 0 {
		n, err := syscall.Write(int(fd), w.rest)
		switch {
		case n > 0:
			w.n += n
			w.rest = w.rest[n:]
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			w.err = err
			return true
		default:
			w.err = io.ErrUnexpectedEOF
			return true
		}
	}
	return true
}

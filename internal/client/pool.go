package client

import (
	"io"
	"sync"
)

// maxPooled is the largest buffer that goes back to a Pool: one long answer must
// not pin its memory for good.
const maxPooled = 64 << 10

// Pool holds read and write buffers between messages, so that an idle
// connection holds none. It may be shared by any number of clients.
type Pool struct {
	reads  sync.Pool
	writes sync.Pool
}

// NewPool returns an empty pool.
func NewPool() *Pool {
	p := &Pool{}
	p.reads.New = func() any { return &buffer{bytes: make([]byte, 0, 1024)} }
	return p
}

type buffer struct{ bytes []byte }

func (p *Pool) get() *buffer { return p.reads.Get().(*buffer) }

func (p *Pool) put(b *buffer) {
	if cap(b.bytes) <= maxPooled {
		b.bytes = b.bytes[:0]
		p.reads.Put(b)
	}
}

// readAll fills the buffer with all of r.
func (b *buffer) readAll(r io.Reader) error {
	b.bytes = b.bytes[:0]
	for {
		if len(b.bytes) == cap(b.bytes) {
			b.bytes = append(b.bytes, 0)[:len(b.bytes)]
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

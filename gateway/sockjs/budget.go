package sockjs

import "sync/atomic"

// budget bounds how many bytes wait in the pipes of all sessions together.
type budget struct {
	most int64
	used atomic.Int64
}

// take makes room for n more bytes. It reports false if there is none.
func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) > b.most {
		b.give(n)
		return false
	}
	return true
}

// give gives room back.
func (b *budget) give(n int) { b.used.Add(-int64(n)) }

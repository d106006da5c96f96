package gateway

import "sync"

// crew is a bounded number of goroutines that tend feeds, first come first
// served. At rest there are none. What waits is bounded by the feeds there are:
// each waits once.
type crew struct {
	limit int
	tend  func(*crew, *feed)

	mu   sync.Mutex
	busy int
	due  []*feed
}

// add lets the feed have its turn. It never blocks.
func (c *crew) add(f *feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy == c.limit {
		c.due = append(c.due, f)
		return
	}
	c.busy++
	go c.work(f)
}

func (c *crew) work(f *feed) {
	for ; f != nil; f = c.next() {
		c.tend(c, f)
	}
}

// next returns whose turn it is; with nil the caller's work is over.
func (c *crew) next() *feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) == 0 {
		c.due = nil
		c.busy--
		return nil
	}
	f := c.due[0]
	c.due[0] = nil
	c.due = c.due[1:]
	return f
}

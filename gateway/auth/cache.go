package auth

import (
	"crypto/sha256"
	"sync"

	"bongsu/internal/hub"
)

// maxCached is how many bytes of tokens one generation of the cache stands
// for. A principal takes about as much memory as three times its token.
const maxCached = 4 << 20

// tokenID names a token without keeping it.
type tokenID [sha256.Size]byte

func identify(token string) tokenID { return sha256.Sum256([]byte(token)) }

// cache remembers whom verified tokens name, so that a token is verified once
// and not at every request. It keeps two generations: when the young one is
// full it becomes the old one, and the old one is let go.
type cache struct {
	mu    sync.Mutex
	young map[tokenID]*hub.Principal
	old   map[tokenID]*hub.Principal
	size  int // bytes of tokens in young
	epoch int // how often the cache was cleared
}

func newCache() *cache { return &cache{young: map[tokenID]*hub.Principal{}} }

// get returns whom the token names, nil if it is not known.
func (c *cache) get(id tokenID) *hub.Principal {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.young[id]; p != nil {
		return p
	}
	return c.old[id]
}

// age returns what put asks for.
func (c *cache) age() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// put remembers a token of size bytes. age is from before it was verified: if
// the cache was cleared since, its key may be gone and it is not remembered.
func (c *cache) put(id tokenID, p *hub.Principal, size, age int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age != c.epoch {
		return
	}
	if c.size += size; c.size > maxCached {
		c.old, c.young, c.size = c.young, map[tokenID]*hub.Principal{}, size
	}
	c.young[id] = p
}

// clear forgets all tokens.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old, c.size = map[tokenID]*hub.Principal{}, nil, 0
	c.epoch++
}

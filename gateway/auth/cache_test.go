package auth

import (
	"strconv"
	"testing"

	"bongsu/internal/hub"
)

func TestTheCacheIsBounded(t *testing.T) {
	c := newCache()
	const size = MaxToken
	for n := range 10 * maxCached / size {
		id := identify(strconv.Itoa(n))
		c.put(id, &hub.Principal{}, size, 0)
		if c.get(id) == nil {
			t.Fatalf("token %d was not kept", n)
		}
		if held := (len(c.young) + len(c.old)) * size; held > 2*maxCached {
			t.Fatalf("after %d tokens the cache stands for %d bytes", n, held)
		}
	}
}

func TestATokenVerifiedBeforeAClearIsNotKeptAfterIt(t *testing.T) {
	c := newCache()
	age := c.age()
	c.clear()
	c.put(identify("x"), &hub.Principal{}, 1, age)
	if c.get(identify("x")) != nil {
		t.Error("it was kept")
	}
}

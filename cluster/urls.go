package cluster

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// pagesFor is how long the URL of a node that has gone is remembered, and
	// maxPages how many. Pages that the node served connect to another one within
	// minutes, and whoever has its address next should not be trusted for longer than
	// they may take: a page that was put to sleep for an hour has to be loaded again.
	pagesFor = time.Hour
	maxPages = 256
)

// urls are where clients reach the nodes, and where they did.
type urls struct {
	living atomic.Pointer[[]string]
	pages  atomic.Pointer[[]string] // the living first
	gone   map[string]time.Time     // when a node went; the membership loop's alone
}

func newURLs() *urls {
	u := &urls{gone: make(map[string]time.Time)}
	u.living.Store(&[]string{})
	u.pages.Store(&[]string{})
	return u
}

// note takes the living nodes' URLs as they are now.
func (u *urls) note(now time.Time, living []string) {
	for _, url := range *u.living.Load() {
		u.gone[url] = now
	}
	for _, url := range living {
		delete(u.gone, url)
	}
	maps.DeleteFunc(u.gone, func(_ string, at time.Time) bool { return now.Sub(at) > pagesFor })
	gone := slices.SortedFunc(maps.Keys(u.gone), func(a, b string) int {
		return cmp.Or(u.gone[b].Compare(u.gone[a]), cmp.Compare(a, b))
	})
	for _, url := range gone[min(len(gone), maxPages):] {
		delete(u.gone, url)
	}
	pages := slices.Concat(living, gone[:min(len(gone), maxPages)])
	u.living.Store(&living)
	u.pages.Store(&pages)
}

// URLs returns where clients reach the living nodes, this one first. The slice is
// shared: it is not to be changed. It is empty if clients must not be told.
func (n *Node) URLs() []string { return *n.urls.living.Load() }

// PageURLs returns URLs, and after them those of nodes that have gone in the last
// hour or so: a page that such a node has served is still open in somebody's browser.
// The slice is shared.
func (n *Node) PageURLs() []string { return *n.urls.pages.Load() }

package gateway

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"bongsu/internal/hub"
)

// feedShards is into how many parts the map of feeds is split, each with a lock.
const feedShards = 64

// feeds holds the feed of each stream that this node follows.
type feeds struct {
	queue  *readyQueue
	tender *tender
	seed   maphash.Seed
	shards [feedShards]feedShard
}

type feedShard struct {
	mu    sync.RWMutex
	feeds map[hub.Stream]*feed
}

func newFeeds(queue *readyQueue, tender *tender) *feeds {
	f := &feeds{queue: queue, tender: tender, seed: maphash.MakeSeed()}
	for i := range f.shards {
		f.shards[i].feeds = map[hub.Stream]*feed{}
	}
	return f
}

func (f *feeds) shard(stream hub.Stream) *feedShard {
	return &f.shards[maphash.String(f.seed, string(stream))%feedShards]
}

// find returns the stream's feed, or nil.
func (f *feeds) find(stream hub.Stream) *feed {
	shard := f.shard(stream)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.feeds[stream]
}

// hold returns the stream's feed, made when there is none, and keeps it from
// being dropped until release.
func (f *feeds) hold(stream hub.Stream) *feed {
	shard := f.shard(stream)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	one := shard.feeds[stream]
	if one == nil {
		one = newFeed(stream, f.queue, f.tender)
		shard.feeds[stream] = one
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.waiting++
	one.tend()
	return one
}

// release undoes hold.
func (f *feed) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting--; f.waiting == 0 {
		f.marks = nil
		if len(f.subs) == 0 {
			f.quietSince = time.Now()
		}
	}
}

// await returns where the held stream stands once the core gives us its
// entries. The error wraps hub.ErrUnavailable.
func (f *feed) await(ctx context.Context) (hub.Head, error) {
	f.mu.Lock()
	known := f.known
	f.mu.Unlock()
	if known != nil {
		select {
		case <-known:
		case <-ctx.Done():
			return hub.Head{}, hub.Unavailablef("stream %s: %w", f.stream, ctx.Err())
		}
	}
	return f.head(), nil
}

// sweep lets old entries go, and streams that had no session since quiet.
func (f *feeds) sweep(core Core, old int64, quiet time.Time) {
	for i := range f.shards {
		shard := &f.shards[i]
		shard.mu.RLock()
		var unused []*feed
		for _, one := range shard.feeds {
			one.age(old)
			if one.unused(quiet) {
				unused = append(unused, one)
			}
		}
		shard.mu.RUnlock()
		if len(unused) > 0 {
			shard.drop(core, unused, quiet)
		}
	}
}

// unused reports whether the feed has served nobody since a moment.
func (f *feed) unused(since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs) == 0 && f.waiting == 0 && !f.tending && f.quietSince.Before(since)
}

// drop removes feeds that are still unused. It tells the core under the lock, so
// that a later Follow of the same stream comes after the Unfollow.
func (s *feedShard) drop(core Core, unused []*feed, quiet time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range unused {
		if one.unused(quiet) {
			delete(s.feeds, one.stream)
			core.Unfollow(one.stream)
		}
	}
}

// count returns how many feeds there are.
func (f *feeds) count() int {
	total := 0
	for i := range f.shards {
		shard := &f.shards[i]
		shard.mu.RLock()
		total += len(shard.feeds)
		shard.mu.RUnlock()
	}
	return total
}

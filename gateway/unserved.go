package gateway

import (
	"log/slog"
	"sync"
	"time"

	"bongsu/internal/hub"
	"bongsu/internal/outage"
)

const (
	// unservedAfter is how long a stream cannot be followed before that is told: one
	// whose shard moves has an owner again by then.
	unservedAfter = 10 * time.Second
	// unwantedAfter is how long after its last try a stream counts as wanted by nobody.
	// Tries are further apart than those of the tender where clients give up between.
	unwantedAfter = 30 * time.Second
)

// unserved tells the operators of streams that cannot be followed, in one line for all
// of them, and when that is over. It may be used by many goroutines.
type unserved struct {
	log *slog.Logger

	mu      sync.Mutex
	streams map[hub.Stream]absence // bounded by the streams tried in unwantedAfter
	long    int                    // how many of these are told of
	swept   time.Time
	away    outage.Log
}

// absence is the time in which a stream could not be followed.
type absence struct {
	since, last time.Time
	long        bool // it is told of
}

// failed notes that a stream could not be followed.
func (u *unserved) failed(stream hub.Stream, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	u.sweep(now)
	a, known := u.streams[stream]
	if !known {
		a.since = now
	}
	a.last = now
	if !a.long && now.Sub(a.since) >= unservedAfter {
		a.long = true
		u.long++
	}
	if u.streams == nil {
		u.streams = map[hub.Stream]absence{}
	}
	u.streams[stream] = a
	if a.long {
		u.away.Failed(u.log, "streams cannot be followed; their clients get nothing new", err, "stream", stream, "streams", u.long)
	}
}

// followed notes that a stream is followed.
func (u *unserved) followed(stream hub.Stream) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.streams) == 0 {
		return
	}
	u.forget(stream)
	u.sweep(time.Now())
}

// sweep forgets streams that nobody wants any more, once a second at most. u.mu is held.
func (u *unserved) sweep(now time.Time) {
	if now.Sub(u.swept) < time.Second {
		return
	}
	u.swept = now
	for stream, a := range u.streams {
		if now.Sub(a.last) > unwantedAfter {
			u.forget(stream)
		}
	}
}

// forget ends the absence of a stream. u.mu is held.
func (u *unserved) forget(stream hub.Stream) {
	a := u.streams[stream]
	delete(u.streams, stream)
	if !a.long {
		return
	}
	if u.long--; u.long == 0 {
		u.away.Over(u.log, "all streams that clients want can be followed again")
	}
}

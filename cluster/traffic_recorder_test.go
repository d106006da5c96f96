package cluster

import (
	"sync"
	"testing"

	"bongsu/internal/hub"
)

// recorder keeps what it is given.
type recorder struct {
	mu      sync.Mutex
	entries map[hub.Stream][]*hub.Entry
	marks   map[string]map[hub.Stream]uint64
	floors  map[hub.Stream]uint64
	lost    map[hub.Stream]int
	hold    chan struct{} // while not nil, deliveries wait for it
}

func newRecorder() *recorder {
	return &recorder{
		entries: map[hub.Stream][]*hub.Entry{}, marks: map[string]map[hub.Stream]uint64{},
		floors: map[hub.Stream]uint64{}, lost: map[hub.Stream]int{},
	}
}

func (r *recorder) Deliver(stream hub.Stream, entries []*hub.Entry) {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		<-hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[stream] = append(r.entries[stream], entries...)
}

func (r *recorder) Marked(admin string, marks map[hub.Stream]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks[admin] = marks
}

func (r *recorder) Retained(stream hub.Stream, floor uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.floors[stream] = floor
}

func (r *recorder) Lost(stream hub.Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost[stream]++
}

func (r *recorder) losses(stream hub.Stream) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost[stream]
}

// seqs returns the numbers of the entries that came, and checks that they rise
// one by one from the first.
func (r *recorder) seqs(t *testing.T, stream hub.Stream) (first, last uint64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, entry := range r.entries[stream] {
		if i == 0 {
			first, last = entry.Seq, entry.Seq-1
		}
		if entry.Seq != last+1 {
			t.Fatalf("entry %d came after %d", entry.Seq, last)
		}
		last = entry.Seq
	}
	return first, last
}

func (r *recorder) forget(stream hub.Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, stream)
}

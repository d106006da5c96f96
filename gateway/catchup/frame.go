package catchup

import (
	"sync/atomic"

	"bongsu/internal/hub"
)

// Form is a way to write an entry that sessions share.
type Form uint8

// MaxForms is how many Forms there may be, counted from 0.
const MaxForms = 5

// Frame is an entry on its way to sessions, with the bytes it is written as.
// Frames are shared between goroutines.
type Frame struct {
	// Entry is what the frame carries.
	Entry *hub.Entry
	// Pushed says that the owner pushed it, as against fetched for those who
	// missed it.
	Pushed bool

	stamp   int64 // when the node got it, in milliseconds
	encoded [MaxForms]atomic.Pointer[[]byte]
}

// Encoded returns the bytes of the form, made with encode when they are first
// asked for and shared from then on: nobody writes to them.
func (f *Frame) Encoded(form Form, encode func(*hub.Entry) []byte) []byte {
	slot := &f.encoded[form]
	if bytes := slot.Load(); bytes != nil {
		return *bytes
	}
	bytes := encode(f.Entry)
	if !slot.CompareAndSwap(nil, &bytes) {
		return *slot.Load()
	}
	return bytes
}

// size returns about how many bytes of memory the frame holds.
func (f *Frame) size() int { return 2*f.Entry.Size() + 128 }

// framesOf wraps entries that the node has just got: pushed, or fetched.
func framesOf(entries []*hub.Entry, now int64, pushed bool) []*Frame {
	frames := make([]*Frame, len(entries))
	for i, entry := range entries {
		frames[i] = &Frame{Entry: entry, stamp: now, Pushed: pushed}
	}
	return frames
}

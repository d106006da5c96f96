package catchup

import "bongsu/internal/hub"

// Feed is a node's subscription to one stream, as far as it can be told without
// a call: what the node knows of the stream, and what it has to ask next. Create
// it with NewFeed. One goroutine uses it at a time.
type Feed struct {
	window *Window
	// ahead are pushed entries without a gap up to the head, which wait for those
	// before them to be fetched; empty where the window reaches the head.
	ahead      []*Frame
	aheadBytes int

	// placed says that the window knows where the stream stands.
	placed bool
	// followed says that the owner gives the node the stream's entries.
	followed bool
	// doubted says that the owner is to be asked again where the stream stands.
	doubted bool
	// personal says that the stream is a person's own, with which marks come.
	personal bool
	// unmarked says that marks may have been missed.
	unmarked bool
	// losses counts how often the stream may have been lost, so that an answer is
	// known to be older than a loss.
	losses uint64

	// wanted is the lowest cursor that the window shall reach back to, where
	// that is before its first entry; otherwise noneWanted.
	wanted uint64
	// older are entries after olderFrom, fetched for a session at olderFor, which
	// do not reach the window yet. They take no more than a window does.
	older               []*Frame
	olderBytes          int
	olderFrom, olderFor uint64
}

const noneWanted = ^uint64(0)

// The limits of what is kept while entries before it are missing: beyond them it
// is let go, and fetched too.
const (
	aheadEntries = windowEntries / 4
	aheadBytes   = windowBytes / 4
)

// NewFeed returns the feed of a stream that is not followed yet.
func NewFeed(stream hub.Stream) *Feed {
	return &Feed{
		window:   &Window{first: 1},
		wanted:   noneWanted,
		personal: stream.Kind() == hub.KindAdmin,
	}
}

// Window returns what the node knows of the stream.
func (f *Feed) Window() *Window { return f.window }

// Followed reports whether the owner gives the node the stream's entries.
func (f *Feed) Followed() bool { return f.followed }

// Sure reports whether the feed is followed and not in doubt.
func (f *Feed) Sure() bool { return f.followed && !f.doubted }

// Deliver takes pushed entries, ascending. Those that the feed has are dropped;
// those beyond a hole wait until it is closed, for which the feed follows again
// unless it knew of the hole. Entries up to passed are needed by no session.
func (f *Feed) Deliver(entries []*hub.Entry, now int64, passed uint64) {
	for len(entries) > 0 {
		run := leading(entries)
		entries = entries[len(run):]
		f.deliver(run, now, passed)
	}
}

// leading returns the first entries that have no gap between them.
func leading(entries []*hub.Entry) []*hub.Entry {
	for i, entry := range entries {
		if entry.Seq != entries[0].Seq+uint64(i) {
			return entries[:i]
		}
	}
	return entries
}

// beyond returns those of the entries, which have no gap, that come after seq.
func beyond(entries []*hub.Entry, seq uint64) []*hub.Entry {
	first := entries[0].Seq
	if first > seq {
		return entries
	}
	return entries[min(seq-first+1, uint64(len(entries))):]
}

// deliver takes pushed entries without a gap.
func (f *Feed) deliver(run []*hub.Entry, now int64, passed uint64) {
	if !f.placed { // the first entries may overtake the answer of the first Follow
		f.window = f.window.restarted(run[0].Seq)
		f.placed = true
	}
	if run[0].Seq > f.window.Last()+1 {
		f.keepAhead(run, now)
		return
	}
	if fresh := beyond(run, f.window.Last()); len(fresh) > 0 {
		f.window = f.window.appended(framesOf(fresh, now, true), passed)
		f.join()
	}
}

// keepAhead keeps pushed entries that do not follow the window yet.
func (f *Feed) keepAhead(run []*hub.Entry, now int64) {
	head := f.window.head
	fresh := beyond(run, head)
	if len(fresh) == 0 {
		return // they are among those to be fetched
	}
	if fresh[0].Seq > head+1 {
		f.dropAhead()
		f.forsake()
	}
	f.raise(fresh[len(fresh)-1].Seq)
	for _, frame := range framesOf(fresh, now, true) {
		f.ahead = append(f.ahead, frame)
		f.aheadBytes += frame.size()
	}
	if len(f.ahead) > aheadEntries || f.aheadBytes > aheadBytes {
		f.dropAhead()
	}
}

// join moves what waits ahead into the window, if it follows it now.
func (f *Feed) join() {
	if len(f.ahead) == 0 {
		return
	}
	first, last := f.ahead[0].Entry.Seq, f.window.Last()
	if first > last+1 {
		return
	}
	if rest := f.ahead[min(last+1-first, uint64(len(f.ahead))):]; len(rest) > 0 {
		f.window = f.window.appended(rest, 0)
	}
	f.dropAhead()
}

func (f *Feed) dropAhead() { f.ahead, f.aheadBytes = nil, 0 }

// raise notes that entries up to seq exist.
func (f *Feed) raise(seq uint64) {
	if seq > f.window.head {
		next := *f.window
		next.head = seq
		f.window = &next
	}
}

// Lose notes that the owner gives the node no more of the stream. The answer to a
// Follow that was asked before does not count any more.
func (f *Feed) Lose() {
	f.losses++
	f.forsake()
	f.unmarked = f.personal
}

// Doubt makes the feed follow, again if need be, until an owner says for certain where
// the stream stands: a client says that it knows more than the node. Until then a
// followed feed goes on.
func (f *Feed) Doubt() { f.doubted = true }

// forsake marks the feed as not followed.
func (f *Feed) forsake() {
	if f.followed {
		f.followed = false
		f.losses++
		f.unmarked = f.personal
	}
}

// Retain notes that retention has let entries up to floor go.
func (f *Feed) Retain(floor uint64) {
	if floor <= f.window.floor {
		return
	}
	next := *f.window
	next.floor = floor
	next.cut = max(next.cut, floor)
	f.window = &next
}

// Want asks for the entries after a session's cursor, for which Next said Wait. It
// reports whether there is something for the session after all by now.
func (f *Feed) Want(cursor uint64) bool {
	turn, _ := f.window.Next(cursor)
	if turn == Take || turn == Skip {
		return true
	}
	if turn == Wait && cursor+1 < f.window.first {
		f.wanted = min(f.wanted, cursor)
	}
	return false
}

// Age lets entries go that came before a moment.
func (f *Feed) Age(before int64) {
	if f.wanted == noneWanted {
		f.window = f.window.aged(before)
	}
}

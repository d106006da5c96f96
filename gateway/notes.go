package gateway

import "strconv"

// gap names entries that will not be pushed: after it the client's place in the
// stream is to.
type gap struct {
	sub      *sub
	from, to uint64
	reason   string
}

// The reasons for a gap.
const (
	// gapBehind: the client's place is too far back, or past retention.
	gapBehind = "behind"
	// gapReset: the client's place is beyond the stream's head, so that its
	// cursor is of another life of the stream. All entries count as missed.
	gapReset = "reset"
)

func (g gap) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"stream":"`...) // a stream key needs no escaping
	dst = append(dst, g.sub.feed.stream...)
	dst = append(dst, `","from":`...)
	dst = strconv.AppendUint(dst, g.from, 10)
	dst = append(dst, `,"to":`...)
	dst = strconv.AppendUint(dst, g.to, 10)
	dst = append(dst, `,"reason":"`...)
	dst = append(dst, g.reason...)
	return append(dst, `"}`...)
}

// appendGap moves the session's place behind the gap and tells the client. s.mu is held.
func (s *Session) appendGap(dst []byte, g gap) []byte {
	g.sub.cursor.Store(g.to)
	return s.protocol.AppendEvent(dst, "gap", g.appendJSON(nil), s)
}

// noVersion is the version of no counts: what comes next is news.
const noVersion = ^uint64(0)

// stands returns where the client is told that the stream stands, and how far the person
// has read it. s.mu is held.
func (sub *sub) stands() (head, read uint64) {
	sure := sub.feed.sure.Load() // first: it may be said of a newer window, not of an older one
	w := sub.feed.window.Load()
	sub.vague = sub.vague && !sure
	return w.Tell(sub.cursor.Load(), !sub.vague), max(sub.mark, w.Floor())
}

// appendUnread appends the JSON form of an Unread, counted as Count does by what the
// client is told of its streams, and returns its version. s.mu is held.
func (s *Session) appendUnread(dst []byte) ([]byte, uint64) {
	var total, version uint64
	dst = append(dst, `{"streams":{`...)
	empty := len(dst)
	for _, sub := range s.subs {
		head, read := sub.stands()
		version += head + read
		if head <= read {
			continue
		}
		total += head - read
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, sub.feed.stream...)
		dst = append(dst, `":`...)
		dst = strconv.AppendUint(dst, head-read, 10)
	}
	dst = append(dst, `},"total":`...)
	dst = strconv.AppendUint(dst, total, 10)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendUint(dst, version, 10)
	return append(dst, '}'), version
}

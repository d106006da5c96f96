package gateway

import (
	"bongsu/gateway/catchup"
	"bongsu/internal/hub"
)

// Rewind gives the session the entries after cursor again, of the streams that
// cursor names and the session has been given further; other streams are left
// where they are. A place too far back is answered with a gap instead. reply, which
// is called with the session locked, appends what is to be written before them, or
// nothing; the entries that its Protocol is asked to append from then on begin at
// the new places. Rewind does not block. The error says that the session has ended.
func (s *Session) Rewind(cursor hub.Cursor, reply func(dst []byte) []byte) error {
	s.mu.Lock()
	if s.closing != 0 || !s.open {
		s.mu.Unlock()
		return errClosed
	}
	s.pending = reply(s.pending)
	for _, sub := range s.subs {
		seq, named := cursor[sub.feed.stream]
		if !named || seq >= sub.cursor.Load() {
			continue
		}
		at := sub.feed.window.Load()
		switch place, how := at.Begin(seq, uint64(s.gateway.options.CatchUp)); how {
		case catchup.Resumed:
			sub.cursor.Store(place)
			s.gateway.metrics.catchups.Inc()
			s.enlist(sub)
		case catchup.Behind:
			s.pending = s.appendGap(s.pending, gap{sub, seq + 1, sub.cursor.Load(), gapBehind})
		}
	}
	ready := s.rouse()
	s.mu.Unlock()
	if ready {
		s.gateway.queue.pushOne(s)
	}
	return nil
}

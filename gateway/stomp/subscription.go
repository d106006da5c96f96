package stomp

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"bongsu/gateway/legacy"
	"bongsu/internal/hub"
)

// MaxRepeats is how many subscriptions a session may have at once to destinations
// that it is subscribed to already. Of others it may have as many as there are for
// its token, one for each mall and one of the person alone.
const MaxRepeats = 64

// MaxSubscriptions is how many it may have with the most malls, of which a token
// names 1,000.
const MaxSubscriptions = 1 + 1000 + MaxRepeats

// maxName is how long an id of a subscription may be.
const maxName = 256

// subscription is what one SUBSCRIBE asked for.
type subscription struct {
	id          string // "" in 1.0 where the client gave none
	destination string
	mall        string // "" for the destination that is the person's alone
	head        string // what its MESSAGEs begin with
	acks        bool   // MESSAGEs say what the client may acknowledge

	// The subscription gets what comes after these places: in the person's own
	// stream, and in the other one that the destination takes from.
	own, other uint64
}

// parseDestination returns the mall that the destination is for, "" for the
// destination of the person alone. The error wraps hub.ErrForbidden where the
// person may not read it, and where there is no such destination.
func parseDestination(p *hub.Principal, destination string) (mall string, err error) {
	const user, complexes, of = "/topic/notification/user/", "/topic/notification/complex/", "/user/"
	admin, found := strings.CutPrefix(destination, user)
	if !found {
		rest, some := strings.CutPrefix(destination, complexes)
		mall, admin, found = strings.Cut(rest, of)
		if !some || !found || mall == "" {
			return "", hub.Forbiddenf("there is no such destination")
		}
		if !p.CanRead(hub.MallStream(mall)) {
			return "", hub.Forbiddenf("the destination's mall is not yours")
		}
	}
	if admin != p.Admin {
		return "", hub.Forbiddenf("the destination is another person's")
	}
	return mall, nil
}

// streams returns the two streams that the subscription takes from.
func (s *subscription) streams(admin string) (own, other hub.Stream) {
	if s.mall == "" {
		return hub.AdminStream(admin), hub.All
	}
	return hub.AdminStream(admin), hub.MallStream(s.mall)
}

// addSubscription adds one to a session's, which are in the order of their malls,
// and those of one mall in the order in which they came.
func addSubscription(subs []*subscription, sub *subscription) []*subscription {
	after := sort.Search(len(subs), func(i int) bool { return subs[i].mall > sub.mall })
	return slices.Insert(subs, after, sub)
}

// repeats returns how many of a session's subscriptions are to the destination of
// another one.
func repeats(subs []*subscription) (count int) {
	for i := 1; i < len(subs); i++ {
		if subs[i].mall == subs[i-1].mall {
			count++
		}
	}
	return count
}

// subscriptionsOf returns those of a session's that are for the mall.
func subscriptionsOf(subs []*subscription, mall []byte) []*subscription {
	from := sort.Search(len(subs), func(i int) bool { return subs[i].mall >= string(mall) })
	to := from
	for to < len(subs) && subs[to].mall == string(mall) {
		to++
	}
	return subs[from:to]
}

// takes reports whether the subscription gets the entry, which is one for its mall,
// and notes that it has.
func (s *subscription) takes(e *hub.Entry) bool {
	last := &s.other
	if e.Stream.Kind() == hub.KindAdmin {
		last = &s.own
	}
	if e.Seq <= *last {
		return false
	}
	*last = e.Seq
	return true
}

// begin makes what the subscription's MESSAGEs begin with.
func (s *subscription) begin(v version) {
	head := []byte("MESSAGE\n")
	if s.id != "" {
		head = v.appendHeader(head, "subscription", s.id)
	}
	head = v.appendHeader(head, "destination", s.destination)
	s.head = string(append(head, "content-type:application/json\n"...))
}

// appendMessage appends a MESSAGE frame with an entry. user is the body's userSeq.
func (s *subscription) appendMessage(dst []byte, v version, e *hub.Entry, body legacy.Packed, user string) []byte {
	before, after := body.Parts()
	dst = append(dst, s.head...)
	dst = appendMessageID(append(dst, "message-id:"...), e)
	if s.acks {
		dst = appendMessageID(append(dst, "\nack:"...), e)
	}
	dst = append(dst, "\ncontent-length:"...)
	dst = strconv.AppendInt(dst, int64(len(before)+len(user)+len(after)), 10)
	dst = append(dst, '\n')
	dst = v.appendHeader(dst, "bongsu-stream", string(e.Stream))
	dst = append(dst, "bongsu-seq:"...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, "\n\n"...)
	dst = append(dst, before...)
	dst = append(dst, user...)
	dst = append(dst, after...)
	return append(dst, 0)
}

// appendMessageID appends a name of the entry that needs no escaping: "mall.1001-43".
func appendMessageID(dst []byte, e *hub.Entry) []byte {
	if kind, key, found := strings.Cut(string(e.Stream), ":"); found {
		dst = append(dst, kind...)
		dst = append(dst, '.')
		dst = append(dst, key...)
	} else {
		dst = append(dst, e.Stream...)
	}
	dst = append(dst, '-')
	return strconv.AppendUint(dst, e.Seq, 10)
}

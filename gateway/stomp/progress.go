package stomp

import (
	"slices"
	"strconv"
	"time"

	"bongsu/internal/hub"
)

const (
	// resumeWithin is how long after CONNECTED a first subscription to a destination
	// begins where the session does. Later ones, and further ones, begin at once.
	resumeWithin = 10 * time.Second
	// doubtful is longer than the gateway needs to notice that a client does not
	// answer: what it was sent in that time, it may not have got.
	doubtful = 70 * time.Second
	// askEvery is how long after a question the next may follow.
	askEvery = time.Second
	// askAgain is how long an answer is waited for at least before the same is asked
	// again. A client may answer only the last of several pings (RFC 6455, section
	// 5.5.3), and the gateway pings, too.
	askAgain = 10 * time.Second
	// mostAsked is how many questions may be unanswered. Of more, the second goes: the
	// oldest is the likeliest to be answered by a slow client, and the newest say most.
	mostAsked = 8
)

// progress is how far a session has come in its streams: what has been written,
// what the client has surely got, and where first subscriptions begin. Moments are
// milliseconds of its own clock, which at tells: a node's wall clock may be put
// forward, which proves nothing.
//
// Where the transport has a ping, the client is asked for an answer behind what it
// is sent, as browsers give it without their page: what was written before the ping
// has then arrived. Where it has none, and of a client that does not answer, what
// was written a while ago has, because the gateway ends sessions of clients that it
// does not hear of.
type progress struct {
	place track  // what has been written
	moves uint64 // grows with what others are told
	zero  time.Time

	// What the client answers for.
	patience time.Duration // how long an answer may take; 0 if it cannot be asked
	got      track
	asked    []question // those that are not answered, oldest first
	number   uint64     // of the last question
	answers  uint64     // how many there have been
	askedAt  int64
	owes     int64 // when the first of what it has not answered for was written, or 0

	// Where it was at lateAt, and at a moment that is doubtful before that or more.
	// They are never changed, but replaced.
	late, early     track
	movedAt, lateAt int64

	// Where first subscriptions begin, until a moment. Until then what no
	// subscription has taken is still to come.
	base      track
	baseUntil time.Time
	resumed   []string // destinations that have had their first
	held      track    // where streams stand of which no subscription has taken all
}

// question is one that the client is asked. Its answer answers those before it, too.
type question struct {
	number uint64
	at     track // what the answer means
	behind int64 // when the first was written behind it and before the next, or 0
}

// progressFrom returns the progress of a session that begins at the cursor. patience
// is how long its client may take to answer, 0 if it cannot be asked.
func progressFrom(at hub.Cursor, patience time.Duration, now time.Time) progress {
	base := trackOf(at)
	p := progress{
		place: slices.Clone(base), patience: patience, got: slices.Clone(base),
		zero: now.Add(-doubtful), // so that what never was is long ago
		late: base, early: base,
		base: base, baseUntil: now.Add(resumeWithin), held: slices.Clone(base),
	}
	p.lateAt = p.at(now)
	return p
}

// at returns the moment on the session's clock. Differences of times that the
// program has taken do not follow the wall clock.
func (p *progress) at(now time.Time) int64 { return now.Sub(p.zero).Milliseconds() }

// owesSince returns when the first was written that the client has not answered
// for, the zero time if it owes nothing.
func (p *progress) owesSince() time.Time {
	if p.owes == 0 {
		return time.Time{}
	}
	return p.zero.Add(time.Duration(p.owes) * time.Millisecond)
}

// stands returns how far the session has come as others are told: as long as first
// subscriptions may be made, a stream that none has taken stands where the session
// began. The caller does not change it.
func (p *progress) stands(now time.Time) track {
	if len(p.held) == 0 || now.After(p.baseUntil) {
		return p.place
	}
	place := slices.Clone(p.place)
	for _, one := range p.held {
		if at := place.at(one.stream); at != nil {
			*at = one.seq
		}
	}
	return place
}

// asks reports whether the client can be asked.
func (p *progress) asks() bool { return p.patience > 0 }

// surely returns how far the client has got at least. The caller does not change it.
func (p *progress) surely(now time.Time) track {
	if p.asks() && p.owes == 0 {
		return p.stands(now)
	}
	aged := p.early
	switch before := p.at(now.Add(-doubtful)); {
	case p.movedAt <= before:
		return p.stands(now)
	case p.lateAt <= before:
		aged = p.late
	}
	if !p.asks() {
		return aged
	}
	return higher(p.got, aged)
}

// higher returns the higher place of two in each stream of a.
func higher(a, b track) track {
	a = slices.Clone(a)
	for i := range a {
		a[i].seq = max(a[i].seq, b.seq(a[i].stream))
	}
	return a
}

// isLate reports whether the client owes an answer for so long that its connection
// is likely to be dead.
func (p *progress) isLate(now time.Time) bool {
	return p.asks() && p.owes != 0 && p.at(now)-p.owes >= p.patience.Milliseconds()
}

// write notes that the stream has come up to seq. carried says that the client was
// sent something for it; what no subscription takes, nobody has to get.
func (p *progress) write(stream hub.Stream, seq uint64, carried bool, now time.Time) {
	if carried {
		p.carry(now)
	}
	p.move(stream, seq)
}

// carry notes that something is sent.
func (p *progress) carry(now time.Time) {
	ms := p.at(now)
	if ms-p.lateAt >= doubtful.Milliseconds() {
		p.early = p.late
		p.late, p.lateAt = slices.Clone(p.stands(now)), ms
	}
	p.movedAt = max(p.movedAt, ms)
	if p.owes == 0 {
		p.got = append(p.got[:0], p.stands(now)...)
		p.owes = ms
	} else if last := len(p.asked) - 1; last >= 0 && p.asked[last].behind == 0 {
		p.asked[last].behind = ms
	}
}

// hold notes that no subscription has taken what comes after seq in the stream,
// though one may yet.
func (p *progress) hold(stream hub.Stream, seq uint64, now time.Time) {
	if now.After(p.baseUntil) {
		return
	}
	if i, found := p.held.find(stream); !found {
		p.held = slices.Insert(p.held, i, seen{stream, seq})
		p.moves++
	}
}

// move changes the place in a stream.
func (p *progress) move(stream hub.Stream, seq uint64) {
	if at := p.place.at(stream); at != nil && *at != seq {
		*at = seq
		p.moves++
	}
}

// ask reports whether the client is to be asked now for an answer, and what names
// the question.
func (p *progress) ask(now time.Time) (number uint64, due bool) {
	ms := p.at(now)
	wait := askEvery
	if last := len(p.asked) - 1; last >= 0 && p.asked[last].behind == 0 { // it would be the same
		wait = max(askAgain, p.patience)
	}
	if !p.asks() || p.owes == 0 || ms-p.askedAt < wait.Milliseconds() {
		return 0, false
	}
	p.number++
	p.askedAt = ms
	p.asked = append(p.asked, question{number: p.number, at: slices.Clone(p.stands(now))})
	if len(p.asked) > mostAsked {
		if p.asked[0].behind == 0 {
			p.asked[0].behind = p.asked[1].behind
		}
		p.asked = slices.Delete(p.asked, 1, 2)
	}
	return p.number, true
}

// answered takes the client's answer to a question. Others are ignored.
func (p *progress) answered(name string) {
	number, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return
	}
	i := slices.IndexFunc(p.asked, func(q question) bool { return q.number == number })
	if i < 0 {
		return
	}
	p.got, p.owes = p.asked[i].at, 0
	for _, q := range p.asked[i:] {
		if q.behind != 0 {
			p.owes = q.behind
			break
		}
	}
	if p.asked = slices.Delete(p.asked, 0, i+1); p.owes == 0 {
		p.asked = p.asked[:0]
	}
	p.answers++
	p.moves++
}

// rewind notes that the stream is written once more from seq on, which a further
// subscription has not had.
func (p *progress) rewind(stream hub.Stream, seq uint64, now time.Time) {
	if at := p.place.at(stream); at == nil || *at <= seq {
		return
	}
	p.move(stream, seq)
	if at := p.got.at(stream); at != nil {
		*at = min(*at, seq)
	}
	p.asked = nil // what they mean is no more so
	if p.owes == 0 {
		p.owes = p.at(now)
	}
}

// reset notes that the stream has begun another life, which stands at seq.
func (p *progress) reset(stream hub.Stream, seq uint64) {
	tracks := []*track{&p.base, &p.held, &p.got, &p.late, &p.early}
	for i := range p.asked {
		tracks = append(tracks, &p.asked[i].at)
	}
	for _, t := range tracks {
		if t.at(stream) != nil {
			*t = slices.Clone(*t)
			*t.at(stream) = seq
		}
	}
}

// first reports whether a subscription to the destination is the first, which
// begins where the session began. Others begin where the session is now.
func (p *progress) first(destination string, now time.Time) bool {
	switch {
	case now.After(p.baseUntil):
		p.base, p.resumed, p.held = nil, nil, nil
		return false
	case slices.Contains(p.resumed, destination) || len(p.resumed) >= MaxSubscriptions:
		return false
	}
	p.resumed = append(p.resumed, destination)
	return true
}

// take notes that a subscription takes the stream, from seq on.
func (p *progress) take(stream hub.Stream, seq uint64, now time.Time) {
	if i, found := p.held.find(stream); found && seq <= p.held[i].seq {
		p.held = slices.Delete(p.held, i, i+1)
		p.moves++
	}
	p.rewind(stream, seq, now)
}

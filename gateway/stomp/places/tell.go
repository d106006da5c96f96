package places

import (
	"context"
	"hash/maphash"
	"time"
)

// tell tells the other nodes what happens here, until ctx ends and then once more.
func (p *Places) tell(ctx context.Context) {
	w := writer{config: p.config}
	defer w.close()
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for round := 0; ; {
		moved := false
		select {
		case <-ctx.Done():
			p.tellOnce(&w, record{Left: !p.serves()})
			return
		case <-p.kick:
			time.Sleep(gather)
		case now := <-ticker.C:
			round++
			moved = true
			p.expire(now)
		}
		var told record
		if moved {
			if told.Open = p.moved(round); len(told.Open) == 0 && !p.busy() {
				continue
			}
		}
		p.tellOnce(&w, told)
	}
}

func (p *Places) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.expire(now.UnixMilli())
}

// busy reports whether the node has sessions, or anything to tell.
func (p *Places) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.local) > 0 || len(p.ended) > 0 || len(p.changed) > 0
}

// serves reports whether the node has sessions.
func (p *Places) serves() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.local) > 0
}

// tellOnce tells what told says and all that is untold. What Kafka does not take
// stays untold.
func (p *Places) tellOnce(w *writer, told record) {
	p.mu.Lock()
	rest := p.untold
	p.untold = untold{changed: map[string]struct{}{}}
	p.mu.Unlock()
	told.Ended, told.Taken = rest.ended, rest.taken
	for admin := range rest.changed {
		told.Open = append(told.Open, placeOf(admin, p.sessionsOf(admin)))
	}
	values, err := encode(p.node, time.Now(), told)
	if err == nil {
		err = w.write(values)
	}
	if err == nil {
		return
	}
	p.log.Warn("places of sessions are not told", "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ended)+len(rest.ended) <= mostUntold {
		p.ended = append(rest.ended, p.ended...)
	}
	if len(p.taken)+len(rest.taken) <= mostUntold {
		p.taken = append(rest.taken, p.taken...)
	}
	for _, place := range told.Open {
		p.changed[place.Admin] = struct{}{}
	}
}

// placeOf returns how far the sessions of a person have come.
func placeOf(admin string, sessions []*localSession) openPlace {
	cursor, count := standsAt(sessions)
	return openPlace{Admin: admin, Sessions: count, Cursor: cursor.String()}
}

// moved returns the places of persons whose sessions have moved since they were
// told of, and of those whose turn it is to be told of again. It asks all clients
// that owe an answer. Sessions are asked without the lock, which they take in turn
// while theirs is held.
func (p *Places) moved(round int) []openPlace {
	type person struct {
		admin    string
		sessions []*localSession
	}
	p.mu.Lock()
	people := make([]person, 0, len(p.local))
	for admin, sessions := range p.local {
		people = append(people, person{admin, append([]*localSession(nil), sessions...)})
	}
	p.mu.Unlock()
	var open []openPlace
	for _, one := range people {
		due := maphash.String(p.seed, one.admin)%refreshEvery == uint64(round)%refreshEvery
		for _, s := range one.sessions {
			s.place.Ask()
			now := told{s.place.Moves(), s.spent()}
			due = due || now != s.told
			s.told = now
		}
		if due {
			open = append(open, placeOf(one.admin, one.sessions))
		}
	}
	return open
}

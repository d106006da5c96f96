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
			if told.Open = p.moved(round); len(told.Open) == 0 && !p.speaks(round) {
				continue
			}
		}
		p.tellOnce(&w, told)
	}
}

func (p *Places) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.expire(p.clock.now(now))
}

// speaks reports whether the node writes a record though no place has moved: it has
// sessions, or anything to tell, or wants to know the broker's time, which it does
// twice a minute.
func (p *Places) speaks(round int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return round%refreshEvery == 0 || len(p.local) > 0 || len(p.ended) > 0 || len(p.changed) > 0
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
	told.Ended, told.Used = rest.ended, rest.used
	for admin := range rest.changed {
		told.Open = append(told.Open, placeOf(admin, p.sessionsOf(admin)))
	}
	err := p.write(w, told)
	if err == nil {
		return
	}
	p.log.Warn("places of sessions are not told", "error", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ended)+len(rest.ended) <= mostUntold {
		p.ended = append(rest.ended, p.ended...)
	}
	if len(p.used)+len(rest.used) <= mostUntold {
		p.used = append(rest.used, p.used...)
	}
	for _, place := range told.Open {
		p.change(place.Admin)
	}
}

// write appends a record, by which the broker tells its time.
func (p *Places) write(w *writer, r record) error {
	began := time.Now()
	values, err := encode(p.node, began, r)
	if err != nil {
		return err
	}
	appended, err := w.write(values)
	if err != nil {
		return err
	}
	p.wrote(appended, began)
	return nil
}

// placeOf returns what the others are told of how far a person's sessions have come.
func placeOf(admin string, sessions []seenSession) openPlace {
	at := standsAt(sessions, seenSession.over)
	return openPlace{Admin: admin, Sessions: at.count, Late: at.late, Cursor: at.cursor.String()}
}

// person is someone with open sessions at this node.
type person struct {
	admin    string
	sessions []seenSession
}

// people returns all of them, so that sessions can be asked without the lock, which
// they take in turn while theirs is held.
func (p *Places) people() []person {
	p.mu.Lock()
	defer p.mu.Unlock()
	people := make([]person, 0, len(p.local))
	for admin, sessions := range p.local {
		people = append(people, person{admin, seeAll(sessions)})
	}
	return people
}

// moved returns the places of persons whose sessions have moved since they were
// told of, and of those whose turn it is to be told of again.
func (p *Places) moved(round int) []openPlace {
	var open []openPlace
	for _, one := range p.people() {
		due := maphash.String(p.seed, one.admin)%refreshEvery == uint64(round)%refreshEvery
		for _, s := range one.sessions {
			life := s.place.Life()
			now := told{s.place.Moves(), life.Late, s.over(life)}
			due = due || now != s.told
			s.told = now
		}
		if due {
			open = append(open, placeOf(one.admin, one.sessions))
		}
	}
	return open
}

// ask has clients asked that owe an answer, until ctx ends. Telling waits for Kafka,
// this does not.
func (p *Places) ask(ctx context.Context) {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, one := range p.people() {
			for _, s := range one.sessions {
				s.place.Ask()
			}
		}
	}
}

package actors

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"bongsu/internal/hub"
)

// commandPatience is how long a command's record may take through the journal.
const commandPatience = 10 * time.Second

// command is a record of the actor's own that is on its way through the journal.
type command struct {
	asker    request // who is answered when the record comes back
	deadline time.Time
}

// takeMarks applies a record of marks and returns those to be stored.
func (a *streamActor) takeMarks(r *hub.Record) []hub.Mark {
	marks, err := hub.DecodeMarks(r.Payload)
	if err != nil || a.stream.Kind() != hub.KindAdmin {
		a.host.log.Warn("unusable marks in the journal", "stream", a.stream, "offset", r.Offset, "err", err)
		a.finish(r.ID, answer{err: hub.Invalidf("unusable marks")})
		return nil
	}
	admin := a.stream.Key()
	grown := a.state.Mark(marks, r.Kind == hub.FirstMarks)
	if len(grown) > 0 && !a.tenure.over.Load() {
		for _, f := range a.followers {
			f.Marked(admin, grown)
		}
	}
	a.finish(r.ID, a.marksOf(slices.Collect(maps.Keys(marks))))
	stored := make([]hub.Mark, 0, len(grown))
	for stream, seq := range grown {
		stored = append(stored, hub.Mark{Admin: admin, Stream: stream, Seq: seq})
	}
	return stored
}

func (a *streamActor) marksOf(streams []hub.Stream) answer {
	return answer{marks: a.state.MarksOf(streams)}
}

func (a *streamActor) onPerson(ctx actor.Context, m *personOf) {
	missing := a.state.Unmarked(m.heads)
	streams := make([]hub.Stream, len(m.heads))
	for i, head := range m.heads {
		streams[i] = head.Stream
	}
	if len(missing) == 0 {
		m.answer(a.marksOf(streams))
		return
	}
	maps.Copy(missing, a.state.MarksOf(streams)) // so that the answer names all
	a.command(ctx, hub.FirstMarks, missing, m.key, m)
}

func (a *streamActor) onRaise(ctx actor.Context, m *raise) {
	if len(a.state.Higher(m.marks)) == 0 {
		m.answer(a.marksOf(slices.Collect(maps.Keys(m.marks))))
		return
	}
	a.command(ctx, hub.Marks, m.marks, m.key, m)
}

// command sends marks through the journal; the asker is answered when the record
// comes back as any other. One that asks again, because it got no answer in time,
// takes the place of the one before.
func (a *streamActor) command(ctx actor.Context, kind hub.Kind, marks map[hub.Stream]uint64, key string, asker request) {
	if c, ok := a.commands[key]; ok {
		c.asker.answer(answer{err: hub.Unavailablef("stream %s: the command was asked for again", a.stream)})
		c.asker = asker
		return
	}
	if len(a.commands) >= maxWaiting {
		asker.answer(answer{err: hub.Unavailablef("stream %s: too many commands are under way", a.stream)})
		return
	}
	if key == "" {
		key = rand.Text()
	}
	if a.commands == nil {
		a.commands = make(map[string]*command)
	}
	a.commands[key] = &command{asker: asker, deadline: a.host.now().Add(commandPatience)}
	record := hub.Record{Stream: a.stream, Kind: kind, ID: key, Payload: hub.EncodeMarks(marks)}
	self, root, journal := ctx.Self(), a.tenure.root, a.host.journal
	go func() { // the journal blocks, an actor must not
		limit, cancel := context.WithTimeout(context.Background(), commandPatience)
		defer cancel()
		if err := journal.Append(limit, []hub.Record{record}); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = hub.Unavailablef("the journal did not take the record in time: %w", err)
			}
			root.Send(self, &appendFailed{key, err})
		}
	}()
}

// finish tells whoever waits for the command what came of it.
func (a *streamActor) finish(key string, result answer) {
	c, ok := a.commands[key]
	if !ok {
		return
	}
	delete(a.commands, key)
	if len(a.commands) == 0 {
		a.commands = nil
	}
	c.asker.answer(result)
}

// giveUp ends commands whose record did not come back.
func (a *streamActor) giveUp(now time.Time) {
	for key, c := range a.commands {
		if now.After(c.deadline) {
			a.finish(key, answer{err: hub.Unavailablef("stream %s: the journal did not bring the record back", a.stream)})
		}
	}
}

package redis

import (
	"context"
	"errors"
	"time"

	"bongsu/gateway/ingest"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
	"bongsu/internal/outage"
)

// maxRecords is the most records that are appended at once. When they are tried
// again, those that were there already must be found to be duplicates.
const maxRecords = hub.DuplicateWindow / 2

// heard is a message as journal records.
type heard struct {
	message
	records []hub.Record
}

// move appends what is in the queue until it is closed and empty, or ctx ends.
func (s *Source) move(ctx context.Context) {
	for m := range s.queue {
		batch, bad := s.gather(m)
		err := s.bury(ctx, bad)
		if err == nil {
			err = s.append(ctx, batch)
		}
		for _, h := range batch {
			s.release(h.message)
		}
		if err != nil { // only the end is one
			s.abandon(len(batch))
			return
		}
	}
}

// release gives back a message's room.
func (s *Source) release(m message) {
	s.room.Release(m.weight)
	s.metrics.waiting.Sub(float64(m.weight))
}

// gather takes with the message those that wait already, up to maxRecords, and
// returns a letter for each that is bad. One that is bad in part is in the batch
// too; it releases the room of those that are not.
func (s *Source) gather(m message) (batch []heard, bad []ingest.Letter) {
	for records := 0; ; {
		h, err := s.records(m)
		if err != nil {
			bad = append(bad, s.letter(m, err))
		}
		if len(h.records) > 0 {
			batch = append(batch, h)
			records += len(h.records)
		} else {
			s.release(m)
		}
		if records >= maxRecords || len(bad) >= maxRecords {
			return batch, bad
		}
		select {
		case next, more := <-s.queue:
			if !more {
				return batch, bad
			}
			m = next
		default:
			return batch, bad
		}
	}
}

// records returns the journal records of the message's events, of those that are
// right where the error says that some are wrong.
func (s *Source) records(m message) (heard, error) {
	events, err := s.decode(m)
	h := heard{message: m}
	now := time.Now()
	for i := range events {
		h.records = append(h.records, events[i].Records(now)...)
	}
	return h, err
}

// append appends the messages' records. The error says that ctx has ended.
func (s *Source) append(ctx context.Context, batch []heard) error {
	var all []hub.Record
	for _, h := range batch {
		all = append(all, h.records...)
	}
	err := s.appendAll(ctx, all)
	if !errors.Is(err, hub.ErrInvalid) {
		return err
	}
	for _, h := range batch { // some message cannot be journaled: find it
		switch err := s.appendAll(ctx, h.records); {
		case errors.Is(err, hub.ErrInvalid):
			if err := s.bury(ctx, []ingest.Letter{s.letter(h.message, err)}); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
	return nil
}

// appendAll appends the records in their order, maxRecords at once, until the
// journal has them, refuses some for good, or ctx ends.
func (s *Source) appendAll(ctx context.Context, records []hub.Record) error {
	var again kafka.Backoff
	var away outage.Log
	for len(records) > 0 {
		some := records[:min(len(records), maxRecords)]
		if err := s.pace.wait(ctx, some); err != nil {
			return err
		}
		for {
			err := s.options.Journal.Append(ctx, some)
			if err == nil {
				break
			}
			if errors.Is(err, hub.ErrInvalid) {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			away.Failed(s.log, "the journal does not take what came from Redis; trying again", err)
			again.Wait(ctx)
		}
		away.Over(s.log, "the journal takes what came from Redis again")
		again.Reset()
		s.metrics.records.Add(float64(len(some)))
		records = records[len(some):]
	}
	return nil
}

// letter returns the dead letter of a message.
func (s *Source) letter(m message, reason error) ingest.Letter {
	return ingest.Letter{
		Topic: s.options.Topic, Source: "redis:" + m.channel, Partition: -1, Offset: -1,
		Value: []byte(m.text), Reason: reason,
	}
}

// bury writes dead letters until they are written or ctx ends, which is the error.
func (s *Source) bury(ctx context.Context, letters []ingest.Letter) error {
	if len(letters) == 0 {
		return nil
	}
	var again kafka.Backoff
	var away outage.Log
	for {
		err := s.options.DeadLetters.Write(letters)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		away.Failed(s.log, "cannot write dead letters", err)
		again.Wait(ctx)
	}
	away.Over(s.log, "dead letters are written again")
	s.metrics.dead.Add(float64(len(letters)))
	s.told.Do(func() { // there may be very many
		last := letters[len(letters)-1]
		s.log.Warn("a message from Redis went to the dead-letter topic",
			"topic", ingest.DeadLetterTopic(last.Topic), "source", last.Source, "reason", last.Reason)
	})
	return nil
}

// abandon gives up what waits when the end has come, messages of a batch included.
func (s *Source) abandon(batch int) {
	for m := range s.queue {
		s.release(m)
		batch++
	}
	s.metrics.dropped.Add(float64(batch))
	s.log.Warn("messages from Redis were not journaled before the end", "messages", batch)
}

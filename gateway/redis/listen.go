package redis

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"bongsu/internal/kafka"
	"bongsu/internal/outage"
)

var errSilent = errors.New("the server has not answered")

// listen puts messages into the queue until ctx ends.
func (s *Source) listen(ctx context.Context) {
	client := goredis.NewClient(s.dial)
	defer func() { _ = client.Close() }()
	channels := []string{ChannelUser, ChannelMall, s.options.OrderChannel}
	var again kafka.Backoff
	var away outage.Log
	for ctx.Err() == nil {
		err := s.subscribed(ctx, client.Subscribe(ctx, channels...), func() {
			again.Reset()
			away.Over(s.log, "Redis is back")
			s.log.Info("listening to Redis", "server", s.address(), "channels", channels)
		})
		s.metrics.connected.Set(0)
		if ctx.Err() != nil {
			return
		}
		away.Failed(s.log, "Redis is away; what is published to it meanwhile does not come", err, "server", s.address())
		again.Wait(ctx)
	}
}

// subscribed reads one subscription until it breaks, which is the error, or ctx
// ends. ready is called once the server has confirmed all channels.
func (s *Source) subscribed(ctx context.Context, sub *goredis.PubSub, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // frees the reader
	defer func() {
		if stop() {
			_ = sub.Close()
		}
	}()
	go s.ping(ctx, sub)
	for {
		// A silence is never waited out on the same connection: the client may have
		// read a part of a message.
		got, err := sub.ReceiveTimeout(ctx, 3*s.options.PingEvery)
		if err != nil {
			return silent(err)
		}
		switch got := got.(type) {
		case *goredis.Subscription:
			if got.Count == 3 {
				s.metrics.connected.Set(1)
				ready()
			}
		case *goredis.Message:
			s.metrics.messages.WithLabelValues(got.Channel).Inc()
			s.enqueue(ctx, got.Channel, got.Payload)
		}
	}
}

// silent names the error of a connection on which nothing came.
func silent(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.Join(errSilent, err)
	}
	return err
}

// ping makes the server say something now and then, until ctx ends.
func (s *Source) ping(ctx context.Context, sub *goredis.PubSub) {
	ticker := time.NewTicker(s.options.PingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = sub.Ping(ctx) // the reader sees what comes of it
		}
	}
}

// enqueue lets the message wait for the journal. At the queue's bound it blocks
// for Patience, and then drops messages until there is room.
func (s *Source) enqueue(ctx context.Context, channel, text string) {
	m := message{channel, text, min(int64(len(text))+messageWeight, s.options.QueueBytes)}
	if !s.room.TryAcquire(m.weight) {
		if err := s.await(ctx, m.weight); err != nil {
			s.metrics.dropped.Inc()
			s.lost.Failed(s.log, "the journal does not keep up: a message from Redis is dropped", err, "channel", channel)
			return
		}
	}
	s.full = false
	s.lost.Over(s.log, "messages from Redis are kept again")
	s.metrics.waiting.Add(float64(m.weight))
	s.queue <- m // the weights leave it room
}

var errFull = errors.New("too much waits")

// await waits for room in the queue, once Patience since there last was some.
func (s *Source) await(ctx context.Context, weight int64) error {
	if s.full {
		return errFull
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Patience)
	defer cancel()
	if s.room.Acquire(ctx, weight) != nil {
		s.full = true
		return errFull
	}
	return nil
}

package redis_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bongsu/gateway/redis"
	"bongsu/internal/hub"
)

const one = `[{"notificationSeq":123,"complexSeq":500,"userSeq":7,"message":"새 공지","code":"NOTICE",` +
	`"createdDatetime":"2026-01-06T10:30:00","clickEventParams":"{\"noticeSeq\":42}"}]`

func TestMessagesOfEachChannelBecomeEntries(t *testing.T) {
	b := run(t, startServer(t))
	b.publish(redis.ChannelUser, one)
	b.publish(redis.ChannelMall, strings.Replace(one, "123", "124", 1))
	b.publish("order", order(1, 77))
	b.await("admin:7", "n123", "n124")
	b.await("mall:1", "order-77")
	var payload struct {
		Type, Body, At string
		Data           map[string]any
	}
	if err := json.Unmarshal(b.kafka.records[0].Payload, &payload); err != nil {
		t.Fatal(err)
	}
	if payload.Type != "NOTICE" || payload.Body != "새 공지" || payload.At != "2026-01-06T01:30:00.000Z" ||
		payload.Data["clickEventParams"] != `{"noticeSeq":42}` || payload.Data["complexSeq"] != nil {
		t.Errorf("%+v", payload)
	}
	if err := json.Unmarshal(b.kafka.records[1].Payload, &payload); err != nil || payload.Data["complexSeq"] != 500.0 {
		t.Errorf("%+v %v", payload, err)
	}
	b.until(func() bool { return b.metric("bongsu_redis_records_total") == 3 }, func() string {
		return fmt.Sprint(b.metric("bongsu_redis_records_total"), " records are counted")
	})
}

func TestTheOrderChannelHasTheNameItIsGiven(t *testing.T) {
	b := run(t, startServer(t), func(o *redis.Options) { o.OrderChannel = "mart-orders" })
	if b.server.publish("order", order(1, 1)) != 0 {
		t.Error("it listens to the usual one")
	}
	b.publish("mart-orders", order(1, 2))
	b.await("mall:1", "order-2")
}

func TestTwoNodesMakeEachMessageCountOnce(t *testing.T) {
	s := startServer(t)
	shared := func(o *redis.Options) { o.Shared = true }
	a := run(t, s, shared)
	b := &bench{t: t, server: s, log: &lines{}, metrics: a.metrics, kafka: a.kafka}
	b.start(s.url(), shared, func(o *redis.Options) { o.Metrics = nil })
	b.logged("listening to Redis")
	var want []string
	for i := range 300 {
		if got := s.publish("order", order(1, i)); got != 2 {
			t.Fatalf("%d nodes listen", got)
		}
		want = append(want, fmt.Sprintf("order-%d", i))
	}
	a.await("mall:1", want...)
	a.stop()
	b.stop() // has appended all it heard
	a.await("mall:1", want...)
}

func TestABadMessageIsADeadLetter(t *testing.T) {
	b := run(t, startServer(t))
	b.publish("order", `{"martId":1}`)
	b.publish(redis.ChannelUser, "[")
	b.publish("order", order(1, 2))
	b.await("mall:1", "order-2")
	b.until(func() bool { return len(b.kafka.dead()) == 2 }, func() string { return fmt.Sprint(b.kafka.dead()) })
	first := b.kafka.dead()[0]
	if first.Topic != "EVENTS" || first.Source != "redis:order" || string(first.Value) != `{"martId":1}` ||
		!errors.Is(first.Reason, hub.ErrInvalid) || first.Offset != -1 {
		t.Errorf("%+v", first)
	}
	b.logged("dead-letter topic")
}

func TestAMessageThatIsBadInPartIsJournaledInPart(t *testing.T) {
	b := run(t, startServer(t))
	const body = `{"notificationSeq":%d,"userSeq":7,"message":"%s","code":"%s"}`
	text := fmt.Sprintf("["+body+","+body+","+body+","+body+"]", 1, "m", "NOTICE", 2, "", "NOTICE", 3, "m", "notice", 4, "m", "NOTICE")
	b.publish(redis.ChannelUser, text)
	b.await("admin:7", "n1", "n4")
	b.until(func() bool { return len(b.kafka.dead()) == 1 }, func() string { return fmt.Sprint(b.kafka.dead()) })
	letter := b.kafka.dead()[0]
	if reason := fmt.Sprint(letter.Reason); string(letter.Value) != text || !errors.Is(letter.Reason, hub.ErrInvalid) ||
		!strings.Contains(reason, "notification 1: ") || !strings.Contains(reason, "notification 2: ") {
		t.Errorf("%+v", letter)
	}
	b.until(func() bool { return b.metric("bongsu_redis_waiting_bytes") == 0 }, func() string { return "something waits" })
}

func TestAMessageThatCannotBeJournaledIsADeadLetter(t *testing.T) {
	s := startServer(t)
	b := run(t, s, func(*redis.Options) {})
	b.kafka.mu.Lock()
	b.kafka.refuse = func(r hub.Record) error {
		if r.ID == "order-2" {
			return hub.Invalidf("too large")
		}
		return nil
	}
	b.kafka.err = hub.Unavailablef("away") // so that they are appended together
	b.kafka.mu.Unlock()
	for i := range 4 {
		b.publish("order", order(1, i))
	}
	b.kafka.fail(nil)
	b.await("mall:1", "order-0", "order-1", "order-3")
	if dead := b.kafka.dead(); len(dead) != 1 || string(dead[0].Value) != order(1, 2) {
		t.Errorf("%+v", dead)
	}
}

func TestWhileKafkaIsAwayMessagesWait(t *testing.T) {
	b := run(t, startServer(t))
	b.kafka.fail(hub.Unavailablef("away"))
	var want []string
	for i := range 50 {
		b.publish("order", order(1, i))
		want = append(want, fmt.Sprintf("order-%d", i))
	}
	b.logged("the journal does not take what came from Redis")
	b.kafka.fail(nil)
	b.await("mall:1", want...)
	b.until(func() bool { return b.metric("bongsu_redis_waiting_bytes") == 0 }, func() string { return "something waits" })
	if got := b.metric("bongsu_redis_dropped_total"); got != 0 {
		t.Errorf("%v are dropped", got)
	}
}

func TestBeyondTheQueueMessagesAreDroppedAndCounted(t *testing.T) {
	b := run(t, startServer(t), func(o *redis.Options) {
		o.QueueBytes = 10 << 10
		o.Patience = 50 * time.Millisecond
	})
	b.kafka.fail(hub.Unavailablef("away"))
	const published = 30
	for i := range published {
		b.publish("order", order(1, i))
	}
	b.until(func() bool {
		return b.metric("bongsu_redis_messages_total") == published && b.metric("bongsu_redis_dropped_total") > 0
	}, func() string { return "nothing is dropped" })
	b.logged("a message from Redis is dropped")
	b.kafka.fail(nil)
	b.until(func() bool {
		return len(b.kafka.entries("mall:1"))+int(b.metric("bongsu_redis_dropped_total")) == published
	}, func() string {
		return fmt.Sprint(b.kafka.entries("mall:1"), b.metric("bongsu_redis_dropped_total"))
	})
	if ids := b.kafka.entries("mall:1"); ids[0] != "order-0" || !slices.IsSortedFunc(ids, byNumber) {
		t.Errorf("%v", ids)
	}
	b.until(func() bool { return b.metric("bongsu_redis_waiting_bytes") == 0 }, func() string { return "something waits" })
	b.publish("order", order(1, 99)) // there is room again
	b.until(func() bool { return slices.Contains(b.kafka.entries("mall:1"), "order-99") }, func() string { return "it is gone" })
}

func byNumber(a, b string) int { return len(a)*1000 - len(b)*1000 + strings.Compare(a, b) }

func TestARedisThatComesBackIsHeardAgain(t *testing.T) {
	s := startServer(t)
	b := run(t, s)
	for i := range 2 {
		s.stop()
		b.until(func() bool { return b.metric("bongsu_redis_connected") == 0 }, func() string { return "it says that it listens" })
		b.logged("Redis is away")
		s.start()
		b.until(func() bool { return b.metric("bongsu_redis_connected") == 1 }, func() string { return "it does not listen: " + b.log.String() })
		b.publish("order", order(i, i))
		b.await(hub.MallStream(fmt.Sprint(i)), fmt.Sprintf("order-%d", i))
	}
	b.logged("Redis is back")
}

func TestARedisThatIsNotThereYetIsAwaited(t *testing.T) {
	s := startServer(t)
	s.stop()
	b := &bench{t: t, server: s, log: &lines{}, metrics: nil, kafka: &kafka{ids: map[hub.Stream][]string{}}}
	b.start(s.url(), func(o *redis.Options) { o.Metrics = nil })
	b.logged("Redis is away")
	s.start()
	b.logged("listening to Redis")
	b.publish("order", order(1, 1))
	b.await("mall:1", "order-1")
}

func TestWhatHasComeIsJournaledBeforeTheEnd(t *testing.T) {
	b := run(t, startServer(t))
	b.kafka.fail(hub.Unavailablef("away"))
	b.publish("order", order(1, 1))
	b.until(func() bool { return b.metric("bongsu_redis_messages_total") == 1 }, func() string { return "it has not come" })
	time.AfterFunc(100*time.Millisecond, func() { b.kafka.fail(nil) })
	b.stop()
	b.await("mall:1", "order-1")
}

func TestTheEndDoesNotWaitForAKafkaThatStaysAway(t *testing.T) {
	b := run(t, startServer(t))
	b.kafka.fail(hub.Unavailablef("away"))
	for i := range 5 {
		b.publish("order", order(1, i))
	}
	b.until(func() bool { return b.metric("bongsu_redis_messages_total") == 5 }, func() string { return "they have not come" })
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	if got := b.metric("bongsu_redis_dropped_total"); got != 5 {
		t.Errorf("%v are counted", got)
	}
}

func TestThePasswordIsNeverLogged(t *testing.T) {
	s := startServer(t)
	b := run(t, s)
	wrong := &bench{t: t, server: s, log: &lines{}, kafka: b.kafka}
	wrong.start(strings.Replace(s.url(), password, "wr0ngpw", 1), func(o *redis.Options) { o.Metrics = nil })
	wrong.logged("Redis is away")
	s.stop()
	b.logged("Redis is away")
	b.stop()
	wrong.stop()
	for _, text := range []string{b.log.String(), wrong.log.String()} {
		if strings.Contains(text, password) || strings.Contains(text, "wr0ngpw") {
			t.Errorf("logged: %s", text)
		}
	}
}

func TestWrongOptionsAreRefusedWithoutTheURL(t *testing.T) {
	k := &kafka{}
	good := redis.Options{URL: "redis://:s3cr3t@127.0.0.1:1/0", Topic: "t", Journal: k, DeadLetters: k}
	if _, err := redis.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*redis.Options){
		"scheme":        func(o *redis.Options) { o.URL = "http://:s3cr3t@127.0.0.1" },
		"slash":         func(o *redis.Options) { o.URL = "redis://:s3cr3t/x@127.0.0.1:1" },
		"database":      func(o *redis.Options) { o.URL = "redis://127.0.0.1:1/s3cr3t" },
		"none":          func(o *redis.Options) { o.URL = "" },
		"topic":         func(o *redis.Options) { o.Topic = "" },
		"order channel": func(o *redis.Options) { o.OrderChannel = redis.ChannelUser },
	} {
		o := good
		change(&o)
		if _, err := redis.New(o); !errors.Is(err, hub.ErrInvalid) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

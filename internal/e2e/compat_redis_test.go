//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// body is a notification as the older services publish it and the older pages get
// it; of a page that shows a mall if one is named.
func body(seq int, admin, mall, message string) string {
	if mall != "" {
		mall = `"complexSeq":` + mall + `,`
	}
	return fmt.Sprintf(`{"notificationSeq":%d,%s"userSeq":%s,"message":%q,"createdDatetime":"2026-01-06T10:30:00",`+
		`"code":"NOTICE","name":"공지사항","clickEventParams":"{\"noticeSeq\":42}"}`, seq, mall, admin, message)
}

// family is a person's sessions, one of each kind on each node.
type family struct {
	person
	pages     []*stompPage
	followers []follower
}

// open opens a family of the person on all nodes.
func (s *compatSuite) open(t *testing.T, p person) *family {
	t.Helper()
	f := &family{person: p}
	for _, node := range s.nodes {
		f.pages = append(f.pages, node.stomp(t, p))
		f.followers = append(f.followers, node.socket(t, p, nil), node.events(t, p, ""))
	}
	return f
}

// await waits until all of them have exactly the entries of a stream, and the
// nodes' timelines too.
func (s *compatSuite) await(t *testing.T, f *family, stream string, ids ...string) []entry {
	t.Helper()
	var got []entry
	for _, follower := range f.followers {
		got = follower.awaitIDs(t, stream, ids...)
	}
	slices.Reverse(ids)
	for _, node := range s.nodes {
		if listed := idsOf(node.timeline(t, f.person, only("stream", stream)).Entries); !slices.Equal(listed, ids) {
			t.Fatalf("the timeline of %s lists %v, want %v", stream, listed, ids)
		}
	}
	return got
}

// testRedis publishes on each channel, which both nodes listen to.
func (s *compatSuite) testRedis(t *testing.T) {
	p := person{admin: "1001", malls: []string{"500"}}
	f := s.open(t, p)
	first, second := body(123456789, p.admin, "", "새로운 공지사항이 등록되었습니다."), body(123456790, p.admin, "", "줄\t바꿈 \U0001F525 <b>")
	third := body(123456791, p.admin, "500", "단지 공지")
	s.publish(t, "/notification/user", "["+first+","+second+"]")
	s.await(t, f, "admin:1001", "n123456789", "n123456790")
	s.publish(t, "/notification/complex/user", "["+third+"]")
	s.await(t, f, "admin:1001", "n123456789", "n123456790", "n123456791")
	s.publish(t, "order", `{"martId":500,"orderId":77}`)
	s.publish(t, "order", `{"martId":500,"orderId":78}`)
	orders := s.await(t, f, "mall:500", "order-77", "order-78")
	if orders[0].Type != "ORDER_PLACED" || string(orders[0].Data) != `{"orderId":77}` {
		t.Errorf("an order is %+v", orders[0])
	}
	alarm := func(i int) string {
		at := localTime(t, orders[i].At)
		return fmt.Sprintf(`{"notificationSeq":%d,"complexSeq":500,"userSeq":1001,"message":"주문 %d","createdDatetime":%q,`+
			`"code":"ORDER_PLACED","name":"새 주문","clickEventParams":"{\"orderId\":%[2]d}"}`, orders[i].Seq, 77+i, at)
	}
	for _, page := range f.pages {
		page.awaitBodies(t, userDestination(p), first, second)
		page.awaitBodies(t, mallDestination(p), third, alarm(0), alarm(1))
	}
}

// localTime returns an entry's time as the older pages show it.
func localTime(t *testing.T, at string) string {
	t.Helper()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.In(seoul).Format("2006-01-02T15:04:05")
}

// testBadMessages publishes what no service should: each node puts it aside, and
// goes on.
func (s *compatSuite) testBadMessages(t *testing.T) {
	p := person{admin: "1002", malls: []string{"502"}}
	f := s.open(t, p)
	from := s.nodes[0].ends(t, topic+".dead")
	bad := []string{"no JSON", `[{"notificationSeq":1}]`}
	for _, message := range bad {
		s.publish(t, "/notification/user", message)
	}
	s.publish(t, "/notification/user", "["+body(5, p.admin, "", "그래도")+"]")
	s.await(t, f, "admin:1002", "n5")
	for _, letter := range s.nodes[0].readTopic(t, topic+".dead", len(bad)*len(s.nodes), from) {
		if !slices.Contains(bad, string(letter.Value)) {
			t.Errorf("a dead letter %q", letter.Value)
		}
	}
}

// testRedisRestart takes Redis away and publishes as soon as it is back.
func (s *compatSuite) testRedisRestart(t *testing.T) {
	p := person{admin: "1003", malls: []string{"503"}}
	f := s.open(t, p)
	var ids []string
	for i, end := range []func() error{s.redis.Stop, s.redis.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := s.redis.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.awaitListeners(t)
		s.publish(t, "/notification/user", "["+body(i+1, p.admin, "", "다시")+"]")
		ids = append(ids, "n"+strconv.Itoa(i+1))
		s.await(t, f, "admin:1003", slices.Clone(ids)...)
	}
}

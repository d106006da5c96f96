package stomp

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"bongsu/internal/hub"
)

// Of whatever subscriptions, an entry finds those for its mall, the oldest first.
func TestAnEntryFindsItsSubscriptions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	malls := []string{"", "1", "10", "2", "가게", "z"}
	for range 200 {
		var subs, made []*subscription
		for id := range random.IntN(20) {
			sub := &subscription{id: fmt.Sprint(id), mall: malls[random.IntN(len(malls))]}
			made = append(made, sub)
			subs = addSubscription(subs, sub)
		}
		for _, mall := range malls {
			want := slices.DeleteFunc(slices.Clone(made), func(s *subscription) bool { return s.mall != mall })
			if got := subscriptionsOf(subs, []byte(mall)); !slices.Equal(got, want) {
				t.Fatalf("%d of mall %q, want %d", len(got), mall, len(want))
			}
		}
	}
}

func TestASubscriptionTakesLittleMemory(t *testing.T) {
	const mostBytes = 512
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	s := NewServer(nil, Options{Zone: time.UTC}).Session(webSocket{})
	s.begin(v12, true, "7", hub.Cursor{hub.All: 0, "admin:7": 0})
	before := heap()
	for i := range MaxSubscriptions {
		mall := fmt.Sprint(10000 + i)
		s.subscribe(&subscription{
			id: fmt.Sprintf("sub-%d", i), mall: mall, destination: "/topic/notification/complex/" + mall + "/user/7",
		}, false)
	}
	each := (heap() - before) / MaxSubscriptions
	t.Logf("%d bytes a subscription", each)
	if each > mostBytes {
		t.Errorf("%d bytes a subscription, want at most %d", each, mostBytes)
	}
	runtime.KeepAlive(s)
}

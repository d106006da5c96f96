package cluster

import (
	"context"
	"sync"
	"testing"
)

// A life does not wait for its last attempt to join others.
func TestALifeThatIsOverMayStillTryOthersWhileTheNextBegins(t *testing.T) {
	t.Parallel()
	m := start(t, newLAN(), "a")
	former := m.present.Load()
	var trying sync.WaitGroup
	trying.Go(func() {
		for range 100 {
			former.join(context.WithoutCancel(t.Context()), map[string]bool{former.gossip.addr(): true}, nil)
		}
	})
	was := m.ID()
	former.stop()
	next, err := m.incarnate("next")
	if err != nil {
		t.Fatal(err)
	}
	m.present.Store(next)
	trying.Wait()
	if m.ID() == was {
		t.Error("there is no next life")
	}
}

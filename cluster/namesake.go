package cluster

import (
	"context"
	"fmt"
	"time"

	"bongsu/cluster/view"
	"bongsu/internal/hub"
)

// namesakePatience bounds how long a start waits for a node of the same name to be
// found dead.
const namesakePatience = 6 * time.Second

// nameIsFree waits until no other node has this one's name. One that answers is
// alive: there is no waiting for it.
func (inc *incarnation) nameIsFree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, namesakePatience)
	defer cancel()
	for {
		// Whoever was found by joining may not be in the view yet.
		inc.woken()
		if !sleep(ctx, 20*time.Millisecond) {
			break
		}
		other, ok := inc.namesake()
		if !ok {
			return nil
		}
		addr := (*inc.addrs.Load())[other.ID]
		if inc.gossip.answers(other.ID, addr) {
			return hub.Invalidf("a node of the name %q lives at %s: give this one another name", other.Name, other.Addr)
		}
		inc.suspect(other.ID)
		if !sleep(ctx, 200*time.Millisecond) {
			break
		}
	}
	return fmt.Errorf("a node of the name %q has not been found dead: %w", inc.node.opts.Name, ctx.Err())
}

func (inc *incarnation) namesake() (view.Announcement, bool) {
	for _, a := range inc.view.Load().Members() {
		if a.Name == inc.node.opts.Name && a.ID != inc.id {
			return a, true
		}
	}
	return view.Announcement{}, false
}

// tellOfNamesake tells the operators, once a minute at most, that another node lives
// under this one's name: they started where they could not reach each other, or at
// once. Neither gives way, and none of them is removed from the consumer groups, which
// know nodes by their names, while the other is there.
func (inc *incarnation) tellOfNamesake() {
	if inc.node.present.Load() != inc {
		return // it has not started yet, and sees to it then
	}
	other, ok := inc.namesake()
	if !ok {
		return
	}
	if _, ok := inc.namesakes.now(time.Now()); ok {
		inc.log.Error("another living node has this node's name: stop one of the two and start it under another name; "+
			"until then the shards of either stay unserved for longer if it dies", "name", other.Name, "other_id", other.ID, "other_addr", other.Addr)
	}
}

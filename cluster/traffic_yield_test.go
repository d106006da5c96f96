package cluster

import (
	"testing"

	"bongsu/internal/await"
)

func TestANodeThatHearsNothingOfTheGroupFollowsItsFormerStreamsAtTheirNewOwner(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all", "mall:1")
	a.follow(t, "all")
	a.follow(t, "mall:1")
	w.cutOff(0) // from Kafka, and not from its peers
	w.publish()
	if a.follower.losses("all") != 0 || a.owner.yields("all") != 0 {
		t.Error("a stream that nobody else claims was lost")
	}
	w.move(1, "all")
	if a.follower.losses("all") != 1 || a.owner.yields("all") != 2 {
		t.Errorf("lost %d times; it yields to generation %d", a.follower.losses("all"), a.owner.yields("all"))
	}
	if a.follower.losses("mall:1") != 0 || a.owner.yields("mall:1") != 0 {
		t.Error("a stream that nobody else claims was lost")
	}
	if b.owner.yields("all") != 1 {
		t.Errorf("the new owner yields to generation %d", b.owner.yields("all"))
	}
	a.follow(t, "all")
	b.owner.add(t, "all", 3, 10)
	a.reaches(t, "all", 3)
	a.traffic.Unfollow("all")
	await.That(t, "the new owner has no follower", func() bool { return b.owner.followers("all") == 0 })
}

func TestAStreamIsUnfollowedWhereverItMayBeFollowed(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	w.move(0, "all")
	a.follow(t, "all")
	w.move(1, "all")
	a.follow(t, "all")
	a.owner.mu.Lock()
	a.owner.owns["all"].followers[a.follower] = true // its actor is there still
	a.owner.mu.Unlock()
	a.traffic.Unfollow("all")
	if a.owner.followers("all") != 0 {
		t.Error("followed still at this node")
	}
	await.That(t, "the other node has no follower", func() bool { return b.owner.followers("all") == 0 })
}

func TestWhoAnnouncesAShardInALaterGenerationHasItYielded(t *testing.T) {
	t.Parallel()
	members := together(t, newLAN(), "a", "b")
	a, b := members[0], members[1]
	a.holder.own(4, 1, 2)
	a.OwnershipChanged()
	await.That(t, "b knows what a has", func() bool { return b.holder.yields(2) == 4 })
	b.holder.own(5, 2)
	b.OwnershipChanged()
	await.That(t, "a is told", func() bool { return a.holder.yields(2) == 5 })
	if a.holder.yields(1) != 0 {
		t.Error("it is told to yield what nobody else announces")
	}
}

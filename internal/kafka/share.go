package kafka

import "slices"

// Member is what one member of a group tells the one that shares out the
// partitions of a topic.
type Member struct {
	ID string
	// Owned are the partitions that it holds, given to it in Generation or before.
	Owned      []int32
	Generation int32
}

// Share is how members of a Group share out the partitions, given by count, of the
// one topic that they all consume: evenly, and with as few moves as that takes. A
// partition that is to go from one member to another is given to nobody yet. The
// result depends on the arguments alone, whatever their order; every member has an
// entry, whose partitions ascend.
func Share(members []Member, partitions int32) map[string][]int32 {
	const topic = ""
	subscriptions := make([]subscription, len(members))
	for i, m := range members {
		subscriptions[i] = subscription{member: m.ID, topics: []string{topic}, generation: m.Generation}
		for _, id := range m.Owned {
			subscriptions[i].owned = append(subscriptions[i].owned, partition{topic, id})
		}
	}
	shares := make(map[string][]int32, len(members))
	for member, given := range balance(subscriptions, map[string]int32{topic: partitions}) {
		shares[member] = byTopic(given)[topic]
	}
	return shares
}

// Adopt returns what becomes of the partitions that a member holds when a generation
// gives it others: it keeps some and ends some, and begins new ones after that. One
// that has ended any joins again, so that they are given to somebody.
func Adopt[P comparable](held, given []P) (kept, ended, begun []P) {
	for _, p := range held {
		if slices.Contains(given, p) {
			kept = append(kept, p)
		} else {
			ended = append(ended, p)
		}
	}
	for _, p := range given {
		if !slices.Contains(held, p) {
			begun = append(begun, p)
		}
	}
	return kept, ended, begun
}

// Telling is one call of Handler.Assigned.
type Telling[P any] struct {
	Generation int32
	Claims     []P
}

// Tellings returns what a handler is told of a generation that gives the member some
// partitions, when it was told of an earlier one last, 0 if the member was out of the
// group since. Generations in between ended while the member took part in them: it
// was given nothing then, and nobody else what it has kept all the while.
func Tellings[P any](told, generation int32, kept, given []P) []Telling[P] {
	if generation == told {
		return nil
	}
	var tellings []Telling[P]
	if told > 0 {
		for missed := told + 1; missed < generation; missed++ {
			tellings = append(tellings, Telling[P]{missed, kept})
		}
	}
	return append(tellings, Telling[P]{generation, given})
}

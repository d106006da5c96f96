package kafka

import (
	"cmp"
	"slices"
)

// partition names one partition of one topic.
type partition struct {
	topic string
	id    int32
}

func (p partition) compare(q partition) int {
	return cmp.Or(cmp.Compare(p.topic, q.topic), cmp.Compare(p.id, q.id))
}

// subscription is what a member tells the one that shares out the partitions.
type subscription struct {
	member string
	topics []string
	// owned are the partitions that the member holds, given to it in generation
	// or before.
	owned      []partition
	generation int32
}

// balance shares out topics' partitions, given by count, to members. Members
// have as many as each other, give or take one, and keep what they hold unless
// others would have too few. A partition that is to go from one member to
// another is given to nobody yet: its holder lets it go first, and joins again.
// The result depends on the arguments alone, whatever their order. Every member
// has an entry.
func balance(members []subscription, topics map[string]int32) map[string][]partition {
	members = slices.SortedFunc(slices.Values(members), func(a, b subscription) int { return cmp.Compare(a.member, b.member) })
	s := sharing{members: members, load: make([]int, len(members)), given: make(map[partition]int)}
	var free []partition
	for topic, count := range topics {
		for id := range count {
			free = append(free, partition{topic, id})
		}
	}
	slices.SortFunc(free, partition.compare)
	holders := s.holders()
	free = slices.DeleteFunc(free, func(p partition) bool { return s.keep(p, holders[p]) })
	for _, p := range free {
		if to := s.least(p.topic); to >= 0 {
			s.give(p, to)
		}
	}
	for s.even() {
		continue
	}
	return s.result(holders)
}

// sharing is a balance in the making. Members are named by their index.
type sharing struct {
	members []subscription
	load    []int
	given   map[partition]int
}

// holders returns who holds what, those of the newest generation first: members
// that missed a rebalance may claim what has another holder by now.
func (s *sharing) holders() map[partition][]int {
	holders := make(map[partition][]int)
	for i, m := range s.members {
		for _, p := range m.owned {
			holders[p] = append(holders[p], i)
		}
	}
	for _, all := range holders {
		slices.SortStableFunc(all, func(a, b int) int {
			return cmp.Compare(s.members[b].generation, s.members[a].generation)
		})
	}
	return holders
}

func (s *sharing) give(p partition, to int) {
	s.given[p] = to
	s.load[to]++
}

// keep gives the partition to its first holder, if that one still wants it.
func (s *sharing) keep(p partition, holders []int) bool {
	if len(holders) == 0 || !slices.Contains(s.members[holders[0]].topics, p.topic) {
		return false
	}
	s.give(p, holders[0])
	return true
}

// least returns the member with the fewest partitions of those that want the
// topic, -1 if there is none.
func (s *sharing) least(topic string) int {
	least := -1
	for i, m := range s.members {
		if (least < 0 || s.load[i] < s.load[least]) && slices.Contains(m.topics, topic) {
			least = i
		}
	}
	return least
}

// even moves one partition from the fullest member that can spare one, and
// reports false when there is none.
func (s *sharing) even() bool {
	var from []int
	for i := range s.members {
		from = append(from, i)
	}
	slices.SortStableFunc(from, func(a, b int) int { return cmp.Compare(s.load[b], s.load[a]) })
	for _, i := range from {
		var move partition
		to := -1
		for p, holder := range s.given {
			if holder != i || to >= 0 && p.compare(move) > 0 {
				continue
			}
			if least := s.least(p.topic); s.load[i] > s.load[least]+1 {
				move, to = p, least
			}
		}
		if to >= 0 {
			s.load[i]--
			s.give(move, to)
			return true
		}
	}
	return false
}

// result is what each member is given, without what another one still holds.
func (s *sharing) result(holders map[partition][]int) map[string][]partition {
	result := make(map[string][]partition, len(s.members))
	for _, m := range s.members {
		result[m.member] = nil
	}
	for p, to := range s.given {
		if !slices.ContainsFunc(holders[p], func(holder int) bool { return holder != to }) {
			name := s.members[to].member
			result[name] = append(result[name], p)
		}
	}
	for _, given := range result {
		slices.SortFunc(given, partition.compare)
	}
	return result
}

package rules

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"bongsu/internal/hub"
)

// world is one shard of a journal, its consumer group, a timeline, and nodes that
// own the shard one after the other, some of them longer than they should.
type world struct {
	rng    *rand.Rand
	mutant Mutant

	journal   []hub.Record
	reference map[hub.Stream][]*hub.Entry // what the journal says, counted plainly
	entryAt   []*hub.Entry                // by offset; nil for a duplicate

	generation int32
	owner      int
	past       []session // every generation, as an owner may have told it
	committed  int64
	timeline   map[hub.Stream]map[uint64]*hub.Entry
	away       int   // for how many steps the timeline takes nothing
	shown      int64 // offset after the newest record that a rightful owner has shown

	nodes []*peer
	wrong string // what went wrong first

	yields int // tenures that ended on another node's word
}

// session is one generation of the group, and who had the shard in it.
type session struct {
	generation int32
	owner      int
}

// peer is one node: what it believes, and what is on its way to the timeline.
type peer struct {
	number     int
	generation int32 // of its session
	shard      Shard
	ledger     *Ledger
	streams    map[hub.Stream]*Stream
	taken      map[hub.Stream]int64 // offset of the newest record that a stream took
	stored     map[hub.Stream]int64
	queue      []waiting
	counted    map[hub.Stream]uint64
	claimed    bool
	next       int64 // offset of the next record that its claim brings
	deaf       int   // for how many steps it hears nothing of the group
	hung       bool  // it does nothing at all meanwhile
}

type waiting struct {
	ledger *Ledger
	offset int64
	entry  *hub.Entry
	stored map[hub.Stream]int64
	stream hub.Stream
}

func newWorld(seed uint64, mutant Mutant) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 5)), mutant: mutant, owner: -1,
		reference: map[hub.Stream][]*hub.Entry{}, timeline: map[hub.Stream]map[uint64]*hub.Entry{},
	}
	for i := range 3 {
		w.nodes = append(w.nodes, &peer{number: i})
		w.crash(w.nodes[i])
	}
	return w
}

func (w *world) fail(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

// append puts a record into the journal, and into the reference.
func (w *world) append() {
	stream := hub.MallStream(fmt.Sprint(w.rng.IntN(3)))
	offset := int64(len(w.journal))
	id := fmt.Sprint(offset)
	if w.rng.IntN(5) == 0 {
		id = fmt.Sprint(w.rng.IntN(int(offset) + 1))
	}
	r := hub.Record{Stream: stream, Kind: hub.Notification, ID: id, Offset: offset, Time: offset}
	w.journal = append(w.journal, r)
	for _, e := range w.reference[stream] { // the window is larger than any journal here
		if e.ID == id {
			w.entryAt = append(w.entryAt, nil)
			return
		}
	}
	e := &hub.Entry{Stream: stream, Seq: uint64(len(w.reference[stream])) + 1, ID: id, Offset: offset}
	w.reference[stream] = append(w.reference[stream], e)
	w.entryAt = append(w.entryAt, e)
}

// crash has a node forget all.
func (w *world) crash(n *peer) {
	*n = peer{number: n.number, ledger: NewLedger(0, w.mutant), counted: map[hub.Stream]uint64{}}
	n.fresh(0, w.mutant)
}

func (n *peer) fresh(from int64, mutant Mutant) {
	n.ledger = NewLedger(from, mutant)
	n.streams, n.taken, n.stored = map[hub.Stream]*Stream{}, map[hub.Stream]int64{}, map[hub.Stream]int64{}
}

// over ends the tenure of a node: what it has queued is still written.
func (w *world) over(n *peer) {
	if w.mutant == StaleWriter {
		for stream, s := range n.streams {
			n.queue = append(n.queue, waiting{ledger: NewLedger(0, w.mutant), entry: s.Forge(), stored: map[hub.Stream]int64{}, stream: stream})
		}
	}
	n.ledger.Release()
	n.fresh(0, w.mutant)
}

// rebalance gives the shard to somebody, perhaps the same. Nodes learn of it later.
func (w *world) rebalance() {
	w.generation++
	w.owner = w.rng.IntN(len(w.nodes)+1) - 1
	w.past = append(w.past, session{w.generation, w.owner})
}

// overhear has a node learn from another that it owns the shard, or did at a time:
// word of it may be as old as it likes, and comes to those who are deaf to the group.
func (w *world) overhear(n *peer) {
	if len(w.past) == 0 {
		return
	}
	said := w.past[len(w.past)-1]
	if w.rng.IntN(2) == 0 {
		said = w.past[w.rng.IntN(len(w.past))]
	}
	if said.owner < 0 || said.owner == n.number {
		return
	}
	newest := n.generation
	if n.shard.Yield(said.generation) {
		if said.generation <= newest {
			w.fail("node %d: its tenure of generation %d ended on word of %d", n.number, newest, said.generation)
		}
		w.yields++
		w.over(n)
	}
	if n.shard.Held() && newest < said.generation {
		w.fail("node %d holds what another has in generation %d, having heard of it", n.number, said.generation)
	}
}

// join has a node learn of the newest generation.
func (w *world) join(n *peer) {
	if n.generation == w.generation || n.deaf > 0 {
		return
	}
	n.ledger.Release() // the session ends with its claims
	n.claimed = false
	n.generation = w.generation
	if n.shard.Assigned(w.generation, w.owner == n.number) {
		w.over(n)
	}
	w.answers(n)
}

// own begins a claim, if the node has none.
func (w *world) own(n *peer) {
	if n.claimed || n.generation != w.generation || w.owner != n.number {
		return
	}
	n.claimed, n.next = true, w.committed
	if n.shard.Own(n.generation, w.committed, int64(len(w.journal))) {
		w.over(n)
		n.fresh(w.committed, w.mutant)
	}
	n.ledger.Claim(w.committed)
	w.answers(n)
}

// apply has a node take the next records; it may have lost the shard by now.
func (w *world) apply(n *peer) {
	if !n.claimed || !n.shard.Held() {
		return
	}
	from, next := n.next, min(int64(len(w.journal)), n.next+int64(w.rng.IntN(4)))
	n.next = next
	records := n.shard.Unseen(w.journal[from:next])
	n.ledger.Take(records, next)
	for i := range records {
		w.take(n, &records[i])
	}
	n.shard.Advance(next)
	w.answers(n)
}

func (w *world) take(n *peer, r *hub.Record) {
	s := w.stream(n, r.Stream)
	entry := s.Number(r)
	want := w.entryAt[r.Offset]
	switch {
	case (entry == nil) != (want == nil):
		w.fail("node %d: record %d became %v, want %v", n.number, r.Offset, entry, want)
	case entry != nil && (entry.Seq != want.Seq || entry.Offset != want.Offset):
		w.fail("node %d: record %d is number %d, want %d", n.number, r.Offset, entry.Seq, want.Seq)
	}
	if entry != nil {
		n.counted[r.Stream] = entry.Seq
	}
	n.taken[r.Stream] = r.Offset
	n.queue = append(n.queue, waiting{n.ledger, r.Offset, entry, n.stored, r.Stream})
}

// stream returns a stream's state, woken if need be.
func (w *world) stream(n *peer, stream hub.Stream) *Stream {
	s, ok := n.streams[stream]
	if !ok {
		state := hub.StreamState{Head: hub.Head{Stream: stream}}
		for seq := uint64(1); ; seq++ {
			e := w.timeline[stream][seq]
			if e == nil || e.Offset >= n.shard.Position() {
				break
			}
			state.Seq, state.IDs = seq, append(state.IDs, e.ID)
		}
		s = Wake(state, w.mutant, n.counted[stream])
		n.streams[stream] = s
		n.taken[stream], n.stored[stream] = -1, -1
	}
	return s
}

// answers checks that a rightful owner that answers knows all that was shown.
func (w *world) answers(n *peer) {
	if n.generation != w.generation || w.owner != n.number || !n.shard.Answers() {
		return
	}
	if n.shard.Position() < w.shown {
		w.fail("node %d answers at %d, though %d was shown", n.number, n.shard.Position(), w.shown)
	}
	w.shown = max(w.shown, n.shard.Position())
	for stream, s := range n.streams {
		if uint64(len(w.reference[stream])) < s.Head().Seq {
			w.fail("node %d: %s stands at %d, want %d at most", n.number, stream, s.Head().Seq, len(w.reference[stream]))
		}
	}
}

// flush writes the oldest of what a node has queued.
func (w *world) flush(n *peer) {
	if w.away > 0 {
		return
	}
	for count := w.rng.IntN(4); count > 0 && len(n.queue) > 0; count-- {
		it := n.queue[0]
		n.queue = n.queue[1:]
		if e := it.entry; e != nil {
			if w.timeline[e.Stream] == nil {
				w.timeline[e.Stream] = map[uint64]*hub.Entry{}
			}
			w.timeline[e.Stream][e.Seq] = e
			if all := w.reference[e.Stream]; e.Seq > uint64(len(all)) || all[e.Seq-1].ID != e.ID {
				w.fail("node %d stored %s as number %d of %s", n.number, e.ID, e.Seq, e.Stream)
			}
		}
		it.stored[it.stream] = it.offset
		it.ledger.Finish(it.offset)
	}
}

// commit commits what a node may, which the group takes from its newest members.
func (w *world) commit(n *peer) {
	low, ok := n.ledger.Committable()
	if !ok || n.generation != w.generation {
		return
	}
	if low < w.committed {
		w.fail("node %d commits %d after %d", n.number, low, w.committed)
	}
	for offset := range low {
		e := w.entryAt[offset]
		if e != nil && w.timeline[e.Stream][e.Seq] == nil {
			w.fail("node %d commits %d before the timeline has %d", n.number, low, offset)
		}
	}
	w.committed = low
	n.ledger.Committed(low)
}

// passivate stops a stream that has nothing on its way.
func (w *world) passivate(n *peer) {
	for stream := range n.streams {
		if n.stored[stream] >= n.taken[stream] {
			delete(n.streams, stream)
		}
		return
	}
}

func (w *world) step() {
	w.away = max(0, w.away-1)
	for _, n := range w.nodes {
		n.deaf = max(0, n.deaf-1)
	}
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if n.deaf > 0 && n.hung {
		return
	}
	switch p := w.rng.IntN(210); {
	case p < 20:
		w.append()
	case p < 22:
		w.rebalance()
	case p < 23:
		n.deaf, n.hung = w.rng.IntN(500), w.rng.IntN(2) == 0
	case p == 23:
		w.away = w.rng.IntN(500)
	case p < 42:
		w.join(n)
	case p < 72:
		w.own(n)
	case p < 130:
		w.apply(n)
	case p < 160:
		w.flush(n)
	case p < 190:
		w.commit(n)
	case p < 196:
		w.passivate(n)
	case p < 197:
		if n.shard.LetGo() {
			w.over(n)
		}
	case p < 198:
		if n.shard.Fail() {
			w.over(n)
		}
	case p < 199:
		w.crash(n)
	default:
		w.overhear(n)
	}
}

// run returns what went wrong in a life of the world, "" if nothing.
func run(seed uint64, mutant Mutant) (*world, string) {
	w := newWorld(seed, mutant)
	for range 3000 {
		w.step()
		if w.wrong != "" {
			return w, w.wrong
		}
	}
	return w, ""
}

func TestWhoeverOwnsAShardTheNumbersAreThoseOfTheJournal(t *testing.T) {
	commits, yields := int64(0), 0
	for seed := range uint64(700) {
		w, wrong := run(seed, Sound)
		if wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
		commits += w.committed
		yields += w.yields
	}
	if commits < 7*1000 || yields < 500 {
		t.Errorf("only %d records were committed in all, %d tenures yielded: the test tests little", commits, yields)
	}
}

func TestEveryMutantIsFound(t *testing.T) {
	for _, mutant := range []Mutant{MemoryNumbers, CommitEarly, StaleWriter} {
		found := 0
		for seed := range uint64(300) {
			if _, wrong := run(seed, mutant); wrong != "" {
				found++
			}
		}
		if found < 30 {
			t.Errorf("%s was found by %d of 300 seeds", mutant, found)
		}
	}
}

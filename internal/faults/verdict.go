package faults

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"bongsu/internal/checker"
	"bongsu/internal/faults/replay"
	"bongsu/internal/faults/report"
	"bongsu/internal/hub"
)

const (
	// settleWithin is how long everything acknowledged may take to be journaled and
	// to reach everybody, once all faults have healed.
	settleWithin = 90 * time.Second
	// standsStill is how long nothing more may come before it is taken for lost.
	standsStill = 20 * time.Second
	// repeatsWithin is how long is waited for what comes twice.
	repeatsWithin = 2 * time.Second
	// wrongTimeline is the kind of violation of a timeline that is not as the journal
	// is, lostMark that of a read mark that was acknowledged and is gone, noAnswer
	// that of a question about them that no node answers.
	wrongTimeline, lostMark, noAnswer = "timeline", "mark lost", "no answer"
	// readers is how many timelines are read at once.
	readers = 4
)

// verdict judges a run that has come to rest.
type verdict struct {
	cluster *Cluster
	ledger  *Ledger
	crowd   *crowd
	load    *load

	mu    sync.Mutex
	found []report.Violation
	pages int
}

func (v *verdict) report(kind, format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found = append(v.found, report.Violation{Kind: kind, Detail: fmt.Sprintf(format, args...)})
}

// judge waits until everything has arrived, and compares what everybody has with
// what every node shows and with the journal. It returns the journal's count.
func (v *verdict) judge(ctx context.Context) (*replay.Count, error) {
	if err := v.crowd.awaitOnline(ctx, settleWithin); err != nil {
		v.report("not online", "%v", err)
	}
	journal, err := replay.Open(v.cluster.Kafka.Addr())
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	if err := v.awaitJournal(ctx, journal); err != nil {
		return nil, err
	}
	count, err := v.awaitEverybody(ctx, journal)
	if err != nil {
		return nil, err
	}
	run := checker.Run{Published: v.ledger.checked(), Timelines: map[string][]checker.Listed{}}
	for _, name := range count.Streams() {
		run.Timelines[name] = fromJournal(name, count.IDs(name))
	}
	for _, e := range run.Published { // one whose stream the journal does not have is missing in it
		for _, target := range e.Targets {
			if run.Timelines[target] == nil {
				run.Timelines[target] = []checker.Listed{}
			}
		}
	}
	v.compareTimelines(ctx, count)
	for i, p := range v.crowd.people {
		checked := p.checked()
		v.counts(ctx, &checked, p, v.cluster.Nodes[i%len(v.cluster.Nodes)])
		run.People = append(run.People, checked)
		for _, name := range neverJoined(&checked, p.names) {
			v.report("not followed", "no session of %s ever named %s", p.admin, name)
		}
		for _, strange := range p.strange {
			v.report("client", "%s: %s", p.admin, strange)
		}
	}
	for _, violation := range checker.Check(run) {
		v.report(string(violation.Kind), "%s", violation)
	}
	for _, node := range v.cluster.All() {
		for _, complaint := range node.complaints() {
			v.report("log", "%s", complaint)
		}
	}
	return count, nil
}

// neverJoined returns those of the streams that no session of a person was told of:
// what is missing of them could not be told from what is not theirs.
func neverJoined(p *checker.Person, names []hub.Stream) (missing []hub.Stream) {
	for _, name := range names {
		if !slices.ContainsFunc(p.Steps, func(s checker.Step) bool { return s.Kind == checker.Joined && s.Stream == string(name) }) {
			missing = append(missing, name)
		}
	}
	return missing
}

// awaitJournal waits until every acknowledged event is in the journal. One that
// does not come is the checker's to find.
func (v *verdict) awaitJournal(ctx context.Context, journal *replay.Reader) error {
	deadline := time.Now().Add(settleWithin)
	for {
		count, err := journal.Read(ctx)
		if err != nil {
			return err
		}
		if v.journaled(count) || time.Now().After(deadline) {
			return nil
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// journaled reports whether the journal holds as many entries as were acknowledged.
// An event that was not acknowledged may be there, too, and then what is missing is
// missed here; the checker does not miss it.
func (v *verdict) journaled(count *replay.Count) bool {
	due := 0
	for _, e := range v.ledger.checked() {
		if e.Acknowledged {
			due += len(e.Targets)
		}
	}
	return count.Entries() >= due
}

// awaitEverybody waits until everybody has all that is theirs, and a little longer
// for what comes twice. It returns the count of the journal as it is then.
func (v *verdict) awaitEverybody(ctx context.Context, journal *replay.Reader) (*replay.Count, error) {
	deadline := time.Now().Add(settleWithin)
	last, since := uint64(0), time.Now()
	for {
		count, err := journal.Read(ctx)
		if err != nil {
			return nil, err
		}
		behind, come := v.behind(count)
		if come != last {
			last, since = come, time.Now()
		}
		if behind == 0 || time.Now().After(deadline) || time.Since(since) > standsStill {
			break
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
	if err := pause(ctx, repeatsWithin); err != nil {
		return nil, err
	}
	return journal.Read(ctx)
}

// behind returns how many people have not got everything, and the sum of what all
// have.
func (v *verdict) behind(count *replay.Count) (behind int, come uint64) {
	for _, p := range v.crowd.people {
		places, missing := p.places(), false
		for i, name := range p.names {
			come += places[i]
			missing = missing || places[i] < uint64(len(count.IDs(string(name))))
		}
		if missing {
			behind++
		}
	}
	return behind, come
}

// fromJournal returns what a stream's timeline must be, newest first.
func fromJournal(stream string, ids []string) []checker.Listed {
	listed := make([]checker.Listed, len(ids))
	for i, id := range ids {
		listed[len(ids)-1-i] = checker.Listed{Stream: stream, Seq: uint64(i + 1), ID: id}
	}
	return listed
}

// compareTimelines compares every stream's timeline, as every node shows it, with
// the journal.
func (v *verdict) compareTimelines(ctx context.Context, count *replay.Count) {
	token := map[string]string{} // by stream
	for _, p := range v.crowd.people {
		for _, name := range p.names {
			token[string(name)] = p.token
		}
	}
	type page struct {
		node   *Node
		stream string
	}
	work := make(chan page)
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			for p := range work {
				v.compareTimeline(ctx, p.node, p.stream, token[p.stream], count.IDs(p.stream))
			}
		})
	}
	for _, stream := range count.Streams() {
		if token[stream] == "" {
			v.report("invented", "the journal has the stream %s that nobody published to", stream)
			continue
		}
		for _, node := range v.cluster.Nodes {
			work <- page{node, stream}
		}
	}
	close(work)
	all.Wait()
}

func (v *verdict) compareTimeline(ctx context.Context, node *Node, stream, token string, ids []string) {
	listed, err := listAll(ctx, node, token, url.Values{"stream": {stream}})
	if err != nil {
		v.report(noAnswer, "%s does not show %s: %v", node.Name, stream, err)
		return
	}
	v.mu.Lock()
	v.pages++
	v.mu.Unlock()
	if len(listed) != len(ids) {
		v.report(wrongTimeline, "%s shows %d entries of %s, the journal has %d", node.Name, len(listed), stream, len(ids))
	}
	want := fromJournal(stream, ids)
	for i := range min(len(listed), len(want)) {
		got := listed[i]
		if got.Stream != stream || got.Seq != want[i].Seq || got.ID != want[i].ID {
			v.report(wrongTimeline, "%s shows %s of %s as number %d, the journal has %s as number %d",
				node.Name, got.ID, got.Stream, got.Seq, want[i].ID, want[i].Seq)
			return // the rest of this timeline follows from it
		}
	}
}

// counts asks a node for a person's unread count and the list behind it, and
// compares the count with the acknowledged marks.
func (v *verdict) counts(ctx context.Context, checked *checker.Person, p *person, node *Node) {
	var count unreadCount
	if err := retry(ctx, func() error {
		return call(ctx, http.MethodGet, node.URL+"/api/v1/unread", p.token, nil, &count)
	}); err != nil {
		v.report(noAnswer, "%s does not count for %s: %v", node.Name, p.admin, err)
		return
	}
	listed, err := listAll(ctx, node, p.token, url.Values{"unread": {"true"}})
	if err != nil {
		v.report(noAnswer, "%s does not list for %s: %v", node.Name, p.admin, err)
		return
	}
	checked.Unread, checked.UnreadList = &checker.Unread{Total: count.Total, Streams: count.Streams}, listed
	marks, places := v.load.marked(p.admin), p.places()
	for i, name := range p.names {
		stream := string(name)
		m, marked := marks[stream]
		if !marked || places[i] < m.seq {
			continue
		}
		if left := count.Streams[stream]; left > places[i]-m.seq {
			v.report(lostMark, "%s read %s up to %d of %d, as %s acknowledged at %s, yet %s counts %d unread",
				p.admin, stream, m.seq, places[i], m.by, m.at.Round(time.Millisecond), node.Name, left)
		}
	}
}

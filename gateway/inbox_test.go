package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/coretest"
	"bongsu/internal/hub"
)

var lee = &hub.Principal{Admin: "7", Name: "이", Malls: []string{"1"}, Partners: []string{"p"}}

const mall, own = hub.Stream("mall:1"), hub.Stream("admin:7")

// seen is an entry as clients get it.
type seen struct {
	Stream hub.Stream
	Seq    uint64
	ID     string
	Type   string
	Read   *bool
}

func list(t *testing.T, inbox *gateway.Inbox, params gateway.ListParams) ([]seen, string) {
	t.Helper()
	page, err := inbox.List(t.Context(), lee, params)
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]seen, len(page.Entries))
	for i, raw := range page.Entries {
		if err := json.Unmarshal(raw, &entries[i]); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if entries[i].Read == nil {
			t.Fatalf("%s does not say whether it is read", raw)
		}
	}
	return entries, page.Next
}

func seqs(entries []seen) []uint64 {
	out := make([]uint64, len(entries))
	for i, e := range entries {
		out[i] = e.Seq
	}
	return out
}

// standing returns an inbox whose person is known, with entries after that.
func standing(t *testing.T) (*gateway.Inbox, *coretest.Core) {
	t.Helper()
	core := &coretest.Core{}
	core.Add(mall, "NOTICE") // before the person is first seen: read
	inbox := gateway.NewInbox(core)
	if _, err := inbox.Unread(t.Context(), lee); err != nil {
		t.Fatal(err)
	}
	return inbox, core
}

func TestATimelineMergesThePersonsStreamsNewestFirst(t *testing.T) {
	inbox, core := standing(t)
	core.Add(own, "EXCEL_COMPLETED")
	core.Add("mall:2", "NOTICE") // not theirs
	core.Add(mall, "ORDER_PLACED")
	core.Add(hub.All, "NOTICE")
	entries, next := list(t, inbox, gateway.ListParams{})
	var got []string
	for _, e := range entries {
		read := "unread"
		if *e.Read {
			read = "read"
		}
		got = append(got, e.ID+" "+read)
	}
	want := []string{"all-1 unread", "mall:1-2 unread", "admin:7-1 unread", "mall:1-1 read"}
	if !slices.Equal(got, want) || next != "" {
		t.Errorf("got %v, next %q; want %v and no next", got, next, want)
	}
}

func TestAnEntryIsListedAsItWasPushed(t *testing.T) {
	inbox, core := standing(t)
	entry := core.Add(mall, "ORDER_PLACED")
	page, err := inbox.List(t.Context(), lee, gateway.ListParams{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	pushed := string(entry.AppendJSON(nil))
	if want := strings.TrimSuffix(pushed, "}") + `,"read":false}`; string(page.Entries[0]) != want {
		t.Errorf("got  %s\nwant %s", page.Entries[0], want)
	}
}

// slowLists is a core whose lists take until they are let go.
type slowLists struct {
	*coretest.Core
	running atomic.Int32
	release chan struct{}
}

func (c *slowLists) List(ctx context.Context, query hub.Query) ([]*hub.Entry, error) {
	c.running.Add(1)
	defer c.running.Add(-1)
	<-c.release
	return c.Core.List(ctx, query)
}

func TestABoundedNumberOfPagesIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, plain := standing(t)
		core := &slowLists{Core: plain, release: make(chan struct{})}
		inbox := gateway.NewInbox(core)
		var lists sync.WaitGroup
		for range gateway.MaxLists {
			lists.Go(func() { list(t, inbox, gateway.ListParams{}) })
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		lists.Go(func() {
			if _, err := inbox.List(ctx, lee, gateway.ListParams{}); !errors.Is(err, hub.ErrUnavailable) {
				t.Errorf("one more gave %v, want %v", err, hub.ErrUnavailable)
			}
		})
		synctest.Wait()
		if n := core.running.Load(); n != gateway.MaxLists {
			t.Errorf("%d pages are read at once, want %d", n, gateway.MaxLists)
		}
		<-ctx.Done()
		synctest.Wait()
		close(core.release)
		lists.Wait()
		list(t, inbox, gateway.ListParams{}) // there is room again
	})
}

func TestPagesCoverATimelineOnce(t *testing.T) {
	inbox, core := standing(t)
	streams := []hub.Stream{hub.All, own, mall, "partner:p"}
	for range 100 {
		core.Add(streams[rand.IntN(len(streams))], "NOTICE")
	}
	all, _ := list(t, inbox, gateway.ListParams{Limit: 200})
	if len(all) != 101 {
		t.Fatalf("%d entries, want 101", len(all))
	}
	for _, limit := range []int{1, 7, 100, 101} {
		var paged []seen
		before := gateway.Position("")
		for {
			entries, next := list(t, inbox, gateway.ListParams{Limit: limit, Before: before})
			paged = append(paged, entries...)
			if next == "" {
				break
			}
			if len(entries) != limit {
				t.Fatalf("a page of %d before the last has %d entries", limit, len(entries))
			}
			before = gateway.Position(next)
		}
		if !slices.EqualFunc(paged, all, func(a, b seen) bool { return a.ID == b.ID }) {
			t.Errorf("pages of %d differ from the whole", limit)
		}
	}
}

func TestAGapIsFetchedBySeq(t *testing.T) {
	inbox, core := standing(t)
	for range 9 {
		core.Add(mall, "NOTICE")
	}
	entries, next := list(t, inbox, gateway.ListParams{Stream: string(mall), After: "3", Before: "7"})
	if got := seqs(entries); !slices.Equal(got, []uint64{6, 5, 4}) || next != "" {
		t.Errorf("got %v, next %q; want 6 5 4 and no next", got, next)
	}
}

func TestAListIsNarrowed(t *testing.T) {
	inbox, core := standing(t)
	core.Add(mall, "ORDER_PLACED")
	core.Add(mall, "CLAIM_FILED")
	core.Add(own, "ORDER_PLACED")
	for name, test := range map[string]struct {
		params gateway.ListParams
		want   int
	}{
		"by stream":    {gateway.ListParams{Stream: "mall:1"}, 3},
		"by streams":   {gateway.ListParams{Stream: "mall:1,admin:7,mall:1"}, 4},
		"by type":      {gateway.ListParams{Type: "ORDER_PLACED"}, 2},
		"by types":     {gateway.ListParams{Type: "ORDER_PLACED,CLAIM_FILED"}, 3},
		"to unread":    {gateway.ListParams{Unread: true}, 3},
		"by all three": {gateway.ListParams{Stream: "mall:1", Type: "NOTICE,ORDER_PLACED", Unread: true}, 1},
	} {
		if entries, _ := list(t, inbox, test.params); len(entries) != test.want {
			t.Errorf("%s: %d entries, want %d", name, len(entries), test.want)
		}
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	inbox, _ := standing(t)
	place := gateway.PositionOf(hub.Place{Time: 1, Stream: mall, Seq: 1})
	for want, params := range map[string]gateway.ListParams{
		"limit: want 1 to 200, not 201":                                         {Limit: 201},
		"limit: want 1 to 200, not -1":                                          {Limit: -1},
		"type: want names of [A-Z][A-Z0-9_]{0,63}, comma-separated":             {Type: "order"},
		`before: not the "next" of a page`:                                      {Before: "xyz"},
		`after: not the "next" of a page`:                                       {After: place + "A"},
		"before: a seq needs exactly one stream":                                {Before: "3"},
		"after: a seq needs exactly one stream":                                 {After: "3", Stream: "mall:1,admin:7"},
		"before: a seq is 1 or more":                                            {Before: "0", Stream: "mall:1"},
		"before: not a seq":                                                     {Before: "99999999999999999999", Stream: "mall:1"},
		`stream "shop:1": unknown kind "shop"`:                                  {Stream: "shop:1"},
		`stream "": want all, mall:<no>, partner:<no>, admin:<no> or room:<id>`: {Stream: "mall:1,"},
	} {
		_, err := inbox.List(t.Context(), lee, params)
		if !errors.Is(err, hub.ErrInvalid) || err.Error() != want {
			t.Errorf("%+v: got %v, want %q", params, err, want)
		}
	}
}

func TestForeignStreamsAreForbidden(t *testing.T) {
	inbox, _ := standing(t)
	seq := uint64(1)
	for _, stream := range []string{"mall:2", "admin:8", "partner:q", "room:r", "mall:1,mall:2"} {
		_, err := inbox.List(t.Context(), lee, gateway.ListParams{Stream: stream})
		if !errors.Is(err, hub.ErrForbidden) {
			t.Errorf("list %s: got %v, want ErrForbidden", stream, err)
		}
	}
	_, err := inbox.Read(t.Context(), lee, gateway.ReadParams{Stream: "mall:2", Seq: &seq})
	if want := `stream "mall:2" is not one of yours`; !errors.Is(err, hub.ErrForbidden) || err.Error() != want {
		t.Errorf("read: got %v, want %q", err, want)
	}
}

func TestReading(t *testing.T) {
	synctest.Test(t, testReading) // what is beyond the head takes a while
}

func testReading(t *testing.T) {
	inbox, core := standing(t)
	for range 4 {
		core.Add(mall, "NOTICE")
	}
	core.Add(own, "NOTICE")
	read := func(stream hub.Stream, seq uint64) gateway.Unread {
		t.Helper()
		unread, err := inbox.Read(t.Context(), lee, gateway.ReadParams{Stream: string(stream), Seq: &seq})
		if err != nil {
			t.Fatal(err)
		}
		return unread
	}
	first := read(mall, 3)
	if first.Total != 3 || first.Streams[mall] != 2 || first.Streams[own] != 1 {
		t.Fatalf("up to 3: got %+v", first)
	}
	if again := read(mall, 2); again.Total != 3 || again.Version != first.Version || core.Marked() != 1 {
		t.Errorf("back to 2: got %+v after %d marks; a mark never goes back", again, core.Marked())
	}
	if beyond := read(mall, 1<<40); beyond.Total != 1 || beyond.Streams[mall] != 0 {
		t.Errorf("beyond the head: got %+v", beyond)
	}
	core.Add(mall, "NOTICE")
	if unread, err := inbox.Unread(t.Context(), lee); err != nil || unread.Streams[mall] != 1 {
		t.Errorf("an entry after a mark beyond the head: got %+v, %v; it is unread", unread, err)
	}
	all, err := inbox.Read(t.Context(), lee, gateway.ReadParams{All: true})
	if err != nil || all.Total != 0 || all.Streams == nil || len(all.Streams) != 0 {
		t.Errorf("all: got %+v, %v", all, err)
	}
}

// forgetful has given a mall nine entries in all, and knows of four just now.
func forgetful(t *testing.T) (*gateway.Inbox, *coretest.Core) {
	t.Helper()
	inbox, core := standing(t)
	for range 8 {
		core.Add(mall, "NOTICE")
	}
	core.Forget(mall, 4)
	return inbox, core
}

// A node that was stopped, or is cut off, knows less than people have seen.
func TestWhatAPersonHasSeenIsReadThoughTheOwnerKnowsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inbox, core := forgetful(t)
		seq := uint64(9)
		time.AfterFunc(2*time.Second, func() { core.Forget(mall, 0) })
		unread, err := inbox.Read(t.Context(), lee, gateway.ReadParams{Stream: string(mall), Seq: &seq})
		if err != nil || unread.Streams[mall] != 0 {
			t.Errorf("got %+v, %v", unread, err)
		}
		if after, err := inbox.Unread(t.Context(), lee); err != nil || after.Streams[mall] != 0 {
			t.Errorf("after it: %+v, %v", after, err)
		}
	})
}

func TestNothingIsReadWhileNobodyIsSureOfTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inbox, core := forgetful(t)
		seq := uint64(9)
		if _, err := inbox.Read(t.Context(), lee, gateway.ReadParams{Stream: string(mall), Seq: &seq}); !hub.Temporary(err) {
			t.Errorf("got %v", err)
		}
		if core.Marked() != 0 {
			t.Errorf("%d marks were set", core.Marked())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := inbox.Read(ctx, lee, gateway.ReadParams{Stream: string(mall), Seq: &seq}); !hub.Temporary(err) {
			t.Errorf("within a second: got %v", err)
		}
		if _, err := inbox.Read(t.Context(), lee, gateway.ReadParams{All: true}); !hub.Temporary(err) || core.Marked() != 0 {
			t.Errorf("all: got %v, %d marks", err, core.Marked())
		}
		began := time.Now()
		for _, seq := range []uint64{3, 2} {
			if _, err := inbox.Read(t.Context(), lee, gateway.ReadParams{Stream: string(mall), Seq: &seq}); err != nil {
				t.Errorf("what the owner knows of: got %v", err)
			}
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it took %v, though there was nothing to wait for", waited)
		}
		time.AfterFunc(time.Second, func() { core.Forget(mall, 0) })
		if unread, err := inbox.Read(t.Context(), lee, gateway.ReadParams{All: true}); err != nil || unread.Total != 0 {
			t.Errorf("all, once the owner is sure: got %+v, %v", unread, err)
		}
	})
}

func TestReadWantsOneStreamOrAll(t *testing.T) {
	inbox, _ := standing(t)
	seq := uint64(1)
	for want, params := range map[string]gateway.ReadParams{
		`want either "stream" and "seq" or "all": true`:        {},
		`want either "stream" and "seq" or "all": true` + "\n": {Stream: "mall:1", Seq: &seq, All: true},
		`"stream" is missing`:                                  {Seq: &seq},
		`"seq" is missing`:                                     {Stream: "mall:1"},
	} {
		_, err := inbox.Read(t.Context(), lee, params)
		if want = strings.TrimSuffix(want, "\n"); !errors.Is(err, hub.ErrInvalid) || err.Error() != want {
			t.Errorf("%+v: got %v, want %q", params, err, want)
		}
	}
}

// A person who is first seen by what they read starts at the heads all the same.
func TestThePersonIsKnownBeforeTheirMarkIsSet(t *testing.T) {
	core := &coretest.Core{}
	for range 5 {
		core.Add(mall, "NOTICE")
	}
	seq := uint64(2)
	unread, err := gateway.NewInbox(core).Read(t.Context(), lee, gateway.ReadParams{Stream: string(mall), Seq: &seq})
	if err != nil || unread.Total != 0 {
		t.Errorf("got %+v, %v; want nothing unread", unread, err)
	}
}

// Whatever happens to a timeline, its unread list is as long as its count says.
func TestCountsAndListsAgree(t *testing.T) {
	synctest.Test(t, testCountsAndListsAgree) // what is beyond the head takes a while
}

func testCountsAndListsAgree(t *testing.T) {
	inbox, core := standing(t)
	random := rand.New(rand.NewPCG(1, 2))
	streams := []hub.Stream{hub.All, own, mall, "partner:p"}
	heads := map[hub.Stream]uint64{mall: 1}
	floors := map[hub.Stream]uint64{}
	var last gateway.Unread
	for step := range 300 {
		stream := streams[random.IntN(len(streams))]
		switch random.IntN(5) {
		case 0:
			seq := random.Uint64N(heads[stream] + 3)
			if _, err := inbox.Read(t.Context(), lee, gateway.ReadParams{Stream: string(stream), Seq: &seq}); err != nil {
				t.Fatal(err)
			}
		case 1:
			floors[stream] += random.Uint64N(heads[stream] - floors[stream] + 1)
			core.Retain(stream, floors[stream])
		default:
			heads[stream] = core.Add(stream, "NOTICE").Seq
		}
		unread, err := inbox.Unread(t.Context(), lee)
		if err != nil {
			t.Fatal(err)
		}
		entries, _ := list(t, inbox, gateway.ListParams{Unread: true, Limit: gateway.MaxPage})
		perStream := map[hub.Stream]uint64{}
		for _, e := range entries {
			perStream[e.Stream]++
			if *e.Read {
				t.Fatalf("step %d: %s %d is in the unread list and read", step, e.Stream, e.Seq)
			}
		}
		if len(entries) < gateway.MaxPage && (uint64(len(entries)) != unread.Total || !sameCounts(perStream, unread.Streams)) {
			t.Fatalf("step %d: listed %v, counted %+v", step, perStream, unread)
		}
		if unread.Version < last.Version || unread.Version == last.Version && unread.Total != last.Total {
			t.Fatalf("step %d: %+v after %+v: the version did not say that it changed", step, unread, last)
		}
		last = unread
	}
}

func sameCounts(a, b map[hub.Stream]uint64) bool {
	if len(a) != len(b) {
		return false
	}
	for stream, n := range a {
		if b[stream] != n {
			return false
		}
	}
	return true
}

func TestMeHasNoNulls(t *testing.T) {
	got, err := json.Marshal((&gateway.Inbox{}).Me(&hub.Principal{Admin: "7"}))
	if want := `{"admin":"7","name":"","malls":[],"partners":[],"scopes":[]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestTheCoresErrorsComeThrough(t *testing.T) {
	inbox, core := standing(t)
	core.Fail(hub.Unavailablef("the owner is away"))
	_, listed := inbox.List(t.Context(), lee, gateway.ListParams{})
	_, counted := inbox.Unread(t.Context(), lee)
	_, read := inbox.Read(t.Context(), lee, gateway.ReadParams{All: true})
	for name, err := range map[string]error{"list": listed, "unread": counted, "read": read} {
		if !hub.Temporary(err) {
			t.Errorf("%s: got %v, want a temporary error", name, err)
		}
	}
}

func TestAPositionMayBeANumberInJSON(t *testing.T) {
	var params gateway.ListParams
	if err := json.Unmarshal([]byte(`{"stream":"mall:1","before":7,"after":"3"}`), &params); err != nil ||
		params.Before != "7" || params.After != "3" {
		t.Errorf("got %+v, %v", params, err)
	}
	for _, bad := range []string{`{"before":-1}`, `{"before":1.5}`, `{"before":[]}`, `{"before":true}`} {
		if err := json.Unmarshal([]byte(bad), &params); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", bad, err)
		}
	}
}

// A place has one text, and only that text is read.
func FuzzPosition(f *testing.F) {
	f.Add("", int64(0), uint64(1), "mall:1")
	f.Add("AQA", int64(1732098600123), uint64(42), "all")
	f.Fuzz(func(t *testing.T, text string, time int64, seq uint64, stream string) {
		inbox := gateway.NewInbox(&coretest.Core{})
		if _, err := inbox.List(t.Context(), lee, gateway.ListParams{Before: gateway.Position(text)}); err != nil &&
			!errors.Is(err, hub.ErrInvalid) {
			t.Fatal(err)
		}
		if _, err := hub.ParseStream(stream); err != nil {
			return
		}
		position := gateway.PositionOf(hub.Place{Time: time, Stream: hub.Stream(stream), Seq: seq})
		if _, err := inbox.List(t.Context(), lee, gateway.ListParams{Before: position}); err != nil {
			t.Fatalf("%q: %v", position, err)
		}
		if _, err := inbox.List(t.Context(), lee, gateway.ListParams{Before: position + "A"}); err == nil {
			t.Fatalf("%q with a letter more was accepted", position)
		}
	})
}

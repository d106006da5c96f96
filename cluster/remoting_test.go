package cluster

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"bongsu/cluster/link"
	"bongsu/cluster/wire"
	"bongsu/internal/await"
	"bongsu/internal/hub"
	"bongsu/persistence/journal"
)

// longest is a stream with the longest name there is; n tells it from others.
func longest(n int) hub.Stream {
	return hub.Stream(fmt.Sprintf("%s:%0*d", hub.KindPartner, hub.MaxKey, n))
}

// sized returns an entry whose journal record has so many bytes.
func sized(bytes int) *hub.Entry {
	entry := smallest()
	entry.ID, entry.Type = strings.Repeat("語", hub.MaxID), strings.Repeat("T", hub.MaxType)
	entry.Payload = make([]byte, bytes-len(entry.ID)-len(entry.Type))
	return entry
}

// smallest returns an entry without any text.
func smallest() *hub.Entry {
	return &hub.Entry{Seq: math.MaxUint64, Offset: math.MaxInt64, Time: math.MaxInt64, Kind: hub.Notification}
}

// fullest returns the first batch that a link makes of many such entries.
func fullest(entry *hub.Entry) *wire.Batch {
	limits := link.Limits{Batch: maxBatch, Credit: linkCredit, Flight: linkFlight, Queue: linkQueue}
	sender := link.NewSender(math.MaxUint64, limits, time.Time{})
	sender.Put(link.Item{Stream: longest(0), Entries: slices.Repeat([]*hub.Entry{entry}, 2*maxBatch/link.EntrySize(entry))})
	batch, _ := sender.Next(nil)
	return wire.FromBatch(strings.Repeat("n", 64), &batch)
}

func TestAsManyMessagesAsAreSentTogetherAreNotTooManyBytes(t *testing.T) {
	failure := wire.FromError(hub.Unavailablef("stream %s: %s", longest(0), strings.Repeat("because ", 200)))
	parts := make([]*wire.Part, maxPlaces)
	for i := range parts {
		parts[i] = &wire.Part{Failure: failure}
	}
	largest := []*hub.Entry{sized(journal.MaxRecord)}
	parts[0] = &wire.Part{Entries: wire.FromEntries(largest), Seq: math.MaxUint64, Floor: math.MaxUint64}
	small := first(slices.Repeat([]*hub.Entry{smallest()}, maxAnswer/link.EntrySize(smallest())+1), maxAnswer)
	var heads []hub.Head
	for n := range hub.MaxCursorStreams {
		heads = append(heads, hub.Head{Stream: longest(n), Seq: math.MaxUint64, Floor: math.MaxUint64})
	}
	for what, message := range map[string]proto.Message{
		"an answer with the largest entry":          &wire.Answer{Parts: parts},
		"an answer with the smallest entries":       &wire.Answer{Parts: []*wire.Part{{Entries: wire.FromEntries(small)}}},
		"a batch of a link with the largest":        fullest(largest[0]),
		"a batch of a link with ones that fill it":  fullest(sized(maxBatch / 8)),
		"a batch of a link with the smallest":       fullest(smallest()),
		"a call about all that one person can read": &wire.Call{Operation: wire.Call_PERSON, Places: wire.FromHeads(heads)},
	} {
		if size := proto.Size(message); size > maxMessage {
			t.Errorf("%s has %d bytes, more than %d", what, size, maxMessage)
		}
	}
	if together := remoteBatch * (maxMessage + messageFrame); together > maxRemoteMessage {
		t.Errorf("%d messages may have %d bytes together, more than %d", remoteBatch, together, maxRemoteMessage)
	}
	keys, err := newKeys(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if n := remoting("127.0.0.1", 0, "", keys, dialTCP, slog.New(slog.DiscardHandler)).EndpointWriterBatchSize; n != remoteBatch {
		t.Errorf("the remote sends %d messages together, want %d", n, remoteBatch)
	}
}

func TestManyLargeAnswersAtOnceArriveAll(t *testing.T) {
	w := newTown(t, 2)
	a, b := w.stations[0], w.stations[1]
	var came atomic.Int32
	b.only(func(message any) bool {
		if answer, ok := message.(*wire.Answer); ok && len(answer.GetParts()) == 1 {
			came.Add(1)
		}
		return true
	})
	const many = 100
	answer := &wire.Answer{Parts: []*wire.Part{{Entries: wire.FromEntries([]*hub.Entry{sized(journal.MaxRecord)})}}}
	for range many {
		a.system.Root.Send(to(b.id(), b.system.Address()), answer)
	}
	await.That(t, "all are there", func() bool {
		if _, broke := a.suspected.Load(b.id()); broke {
			t.Fatal("the connection broke")
		}
		return came.Load() == many
	})
}

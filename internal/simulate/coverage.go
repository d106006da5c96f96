package simulate

import (
	"fmt"
	"reflect"
	"strings"
)

// Coverage counts what happened in a run, so that it is seen that what is rare
// did happen. Its fields say it.
type Coverage struct {
	Generations, GenerationsWithoutShard, RebalancesTimedOut, SessionsTimedOut, Evictions                                       int
	GenerationsMissed, ClaimsKept, ClaimsHandedOver, ClaimsAwaited, ClaimsFailed, Withdrawals, CommitsRefused, ReleasesCutShort int
	BeatsMeanwhile, RejoinsWithClaims, WarmShardsKept, WarmShardsPassed, WarmInGap, ConsumptionHeldBack                         int
	ZombieRecords, Overlaps                                                                                                     int

	LateWrites, WritesOfTheDead, WritesRepeated, RowsWrittenAgain, LoadsBehindRows int
	DuplicatesDropped, Passivated                                                  int

	MessagesLost, MessagesOvertaken, LinkHoles, LinksBroken, LinksOverrun int
	FollowsOutdated, FollowedFromOldOwner, ShardsYielded, CallsRepeated   int

	PushesBeyondHole, PushesKnown, StreamsLost, HolesFetched, ResumesBehind int
	FollowsOvertaken, FollowsStale, FollowsUnsure, GivenUp, FeedsDropped    int

	Deliveries, Lists, Reads, ReadsAsked, Resumes, ResumesAhead, HeadsBehind, GapsBehind, GapsGivenUp, SlowClients, Disconnects int

	Kills, Pauses, Cuts, Outages, Leaves, Rebirths, Strikes int
}

// Total adds up the coverage of many runs.
type Total struct {
	sum, runs map[string]int
}

// Add adds a run's coverage.
func (t *Total) Add(c *Coverage) {
	if t.sum == nil {
		t.sum, t.runs = map[string]int{}, map[string]int{}
	}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if n := int(v.Field(i).Int()); n > 0 {
			name := v.Type().Field(i).Name
			t.sum[name] += n
			t.runs[name]++
		}
	}
}

// String returns a table: what happened, how often, and in how many runs.
func (t *Total) String() string {
	var b strings.Builder
	kind := reflect.TypeFor[Coverage]()
	for i := range kind.NumField() {
		name := kind.Field(i).Name
		fmt.Fprintf(&b, "%-24s %10d in %6d runs\n", name, t.sum[name], t.runs[name])
	}
	return b.String()
}

// Never returns what did not happen in any run.
func (t *Total) Never() []string {
	var never []string
	kind := reflect.TypeFor[Coverage]()
	for i := range kind.NumField() {
		if name := kind.Field(i).Name; t.runs[name] == 0 {
			never = append(never, name)
		}
	}
	return never
}

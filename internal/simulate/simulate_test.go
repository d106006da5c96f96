package simulate

import (
	"bytes"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"bongsu/actors/rules"
)

var (
	firstSeed   = flag.Uint64("seed", 1, "the first seed; with -seeds 1 its trace is printed")
	seedCount   = flag.Int("seeds", 150, "how many seeds")
	mutantSeeds = flag.Int("mutant-seeds", 0, "how many seeds of each mutant; 0: until it is found")
)

// rare is where the search for a mutant begins that few seeds find, so that it does not
// take long: one of the seeds from there on finds it.
var rare = map[rules.Mutant]uint64{KeepClaims: 695, FollowAnything: 331, AnswerInGap: 149, NeverYield: 131}

// enough is how many seeds a mutant may need to be found.
const enough = 8000

// runSeeds runs seeds on all cores and gives each result to judge, one at a time
// and in no order, until that has had enough.
func runSeeds(t *testing.T, first uint64, count int, options Options, judge func(Result) (over bool)) {
	t.Helper()
	// Runs are short and make much garbage: memory is cheaper than to collect it.
	percent := debug.SetGCPercent(800)
	defer debug.SetGCPercent(percent)
	var mu sync.Mutex
	var group sync.WaitGroup
	next, over := first, false
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				mu.Lock()
				seed, stop := next, over || next >= first+uint64(count)
				next++
				mu.Unlock()
				if stop {
					return
				}
				r := Run(seed, options)
				mu.Lock()
				over = judge(r) || over
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

// Whatever breaks, numbers follow from the journal alone, nothing is committed
// before it is stored, every client is given each entry once and in order, and in
// the end everybody has everything.
func TestNoSeedBreaksAPromise(t *testing.T) {
	began := time.Now()
	var total Total
	var failed []uint64
	var wait Result
	runSeeds(t, *firstSeed, *seedCount, Options{}, func(r Result) bool {
		total.Add(r.Seen)
		if r.Wait > wait.Wait {
			wait = r
		}
		if len(r.Violations) > 0 {
			t.Errorf("seed %d: %d violations, first %s", r.Seed, len(r.Violations), r.Violations[0])
			failed = append(failed, r.Seed)
		}
		return len(failed) >= 10
	})
	t.Logf("%d seeds in %s; the longest wait while nothing was broken: %s, in seed %d\n%s",
		*seedCount, time.Since(began).Round(time.Millisecond), wait.Wait, wait.Seed, total.String())
	if never := total.Never(); *seedCount >= 10000 && len(never) > 0 {
		t.Errorf("never happened: %v", never)
	}
	if *seedCount == 1 {
		Run(*firstSeed, Options{Trace: os.Stdout})
	} else if len(failed) > 0 {
		t.Logf("see it happen: go test ./internal/simulate -v -run Promise -seeds 1 -seed %d", slices.Min(failed))
	}
}

// A simulation that does not find a bug that is there proves nothing.
func TestEachMutantIsFound(t *testing.T) {
	count := *mutantSeeds
	if count == 0 {
		count = enough
	}
	for _, mutant := range Mutants() {
		t.Run(string(mutant), func(t *testing.T) {
			var found []Result
			began, ran, from := time.Now(), 0, *firstSeed
			if *mutantSeeds == 0 {
				from = max(from, rare[mutant])
			}
			runSeeds(t, from, count, Options{Mutant: mutant}, func(r Result) bool {
				ran++
				if len(r.Violations) > 0 {
					found = append(found, r)
				}
				return *mutantSeeds == 0 && len(found) > 0
			})
			if len(found) == 0 {
				t.Fatalf("not found in %d seeds", ran)
			}
			first := slices.MinFunc(found, func(a, b Result) int { return int(a.Seed) - int(b.Seed) })
			t.Logf("found in %d of %d seeds in %s, first in seed %d: %s",
				len(found), ran, time.Since(began).Round(time.Millisecond), first.Seed, first.Violations[0])
		})
	}
}

func TestASeedReplaysExactly(t *testing.T) {
	for seed := range uint64(8) {
		var one, two bytes.Buffer
		a, b := Run(seed, Options{Trace: &one}), Run(seed, Options{Trace: &two})
		if a.Print != b.Print || a.Events != b.Events || !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Errorf("seed %d runs differently a second time: %d and %d events", seed, a.Events, b.Events)
		}
	}
}

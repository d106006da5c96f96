package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"bongsu/internal/faults/network"
	"bongsu/internal/faults/report"
)

const (
	// warmUp is how long the load runs before the first fault, coolDown after the
	// last.
	warmUp, coolDown = 3 * time.Second, 3 * time.Second
	// servicePatience is how long an acknowledged event may wait before its person
	// counts as being without service.
	servicePatience = time.Second
	sampleEvery     = 2 * time.Second
	// maxViolations is how many violations a report lists.
	maxViolations = 200
)

// Config says what to run.
type Config struct {
	Title string
	// Binary is the bongsu program; Clock says that BuildBongsu made its clock
	// settable.
	Binary string
	Clock  bool
	// Dir is for data and logs; it must exist.
	Dir string
	// Nodes run from the start, Spare come and go.
	Nodes, Spare int
	People       int
	// Rate is in events a second, ToAll the share of them that are for everybody.
	Rate  float64
	ToAll float64
	// Duration is for how long faults are injected.
	Duration time.Duration
	Seed     uint64
	// Kinds are the faults to draw from; empty means all that can be had here.
	Kinds []Kind
	// Calm lets every fault wait until people have service again after the one before.
	Calm bool
	// Mutant, if not empty, is the BONGSU_MUTANT of the nodes.
	Mutant string
	// Env is added to the nodes' settings, NAME=value.
	Env []string
	// Drain is the nodes' drain window; 0 means 2 s.
	Drain    time.Duration
	Revision string
	Log      *slog.Logger

	// script, if not nil, is the faults to inject instead of random ones.
	script []fault
	// watch, if not nil, is given the run before it is judged.
	watch func(*bench)
	// balanced is load.balanced.
	balanced bool
}

// possible returns the kinds that can be had, and why others cannot.
func (c *Config) possible() (kinds []Kind, leftOut []string, namespaces bool) {
	noNetwork := network.Supported()
	wanted := c.Kinds
	if len(wanted) == 0 {
		wanted = Kinds()
	}
	for _, kind := range wanted {
		switch {
		case kind.isCut() && noNetwork != nil:
			leftOut = append(leftOut, fmt.Sprintf("%s: %v", kind, noNetwork))
		case kind == ClockJump && !c.Clock:
			leftOut = append(leftOut, fmt.Sprintf("%s: the program's clock cannot be set", kind))
		case kind == Join && c.Spare == 0:
			leftOut = append(leftOut, fmt.Sprintf("%s: no spare node", kind))
		default:
			kinds = append(kinds, kind)
		}
	}
	return kinds, leftOut, noNetwork == nil
}

// Run runs a cluster under load and faults and returns what it found. An error
// means that the run could not be carried out or judged; broken promises are in the
// report.
func Run(ctx context.Context, config Config) (r *report.Report, err error) {
	kinds, leftOut, namespaces := config.possible()
	env := slices.Clone(config.Env)
	if config.Mutant != "" {
		env = append(env, "BONGSU_MUTANT="+config.Mutant)
	}
	cluster, err := OpenCluster(ctx, ClusterConfig{
		Binary: config.Binary, Dir: config.Dir, Nodes: config.Nodes, Spare: config.Spare,
		Namespaces: namespaces, Drain: config.Drain, Env: env, Log: config.Log,
	})
	if err != nil {
		return nil, err
	}
	b := &bench{config: config, cluster: cluster, kinds: kinds}
	defer func() {
		if closeErr := cluster.Close(); closeErr != nil && r != nil {
			r.Violate(maxViolations, report.Violation{Kind: "end", Detail: closeErr.Error()})
		}
	}()
	if r, err = b.run(ctx); err != nil {
		return nil, err
	}
	r.Setup.LeftOut = leftOut
	return r, nil
}

// bench is a run under way.
type bench struct {
	config  Config
	cluster *Cluster
	kinds   []Kind

	ledger   *Ledger
	crowd    *crowd
	load     *load
	injector *injector
	sampler  *sampler
	stalls   stalls
}

// run loads the cluster, injects faults, and judges.
func (b *bench) run(ctx context.Context) (*report.Report, error) {
	life, end := context.WithCancel(ctx)
	defer end()
	if err := b.begin(life); err != nil {
		return nil, err
	}
	defer b.crowd.running.Wait()
	defer end()
	started := time.Now()
	_ = pause(ctx, warmUp)
	b.injector.run(ctx, b.source(), b.ledger.clock()+b.config.Duration)
	_ = pause(ctx, coolDown)
	b.load.settle()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b.config.watch != nil {
		b.config.watch(b)
	}
	r := b.newReport(started)
	b.config.Log.Info("the load is over", "faults", len(r.Faults), "acknowledged", r.Load.Acknowledged)
	return r, b.judge(ctx, r)
}

// source returns the run's faults.
func (b *bench) source() faultSource {
	if b.config.script != nil {
		return &script{b.config.script}
	}
	return newPlan(b.config.Seed, b.kinds, b.config.Calm)
}

// begin connects everybody and starts the load.
func (b *bench) begin(ctx context.Context) error {
	b.ledger = newLedger()
	var err error
	if b.crowd, err = newCrowd(b.ledger, b.cluster.Nodes, b.config.People); err != nil {
		return err
	}
	if err := b.crowd.connect(ctx); err != nil {
		return err
	}
	b.config.Log.Info("everybody is online", "people", b.config.People)
	b.load = newLoad(b.ledger, b.crowd, b.cluster.Kafka.Addr(), b.config.Rate, b.config.ToAll, b.config.Seed)
	b.load.balanced = b.config.balanced
	b.injector = newInjector(b.cluster, b.ledger.clock, b.served, b.config.Log)
	b.sampler = &sampler{nodes: b.cluster.All(), clock: b.ledger.clock, every: sampleEvery}
	go b.sampler.run(ctx)
	go b.stalls.run(ctx, b.ledger.clock)
	return b.load.start(ctx)
}

// served reports whether events for everybody are acknowledged, and nearly
// everybody has the newest one but those of just now.
func (b *bench) served() bool {
	now := b.ledger.clock()
	newest := b.ledger.newestToAll(now-4*servicePatience, now-servicePatience)
	have := 0
	if newest < 0 {
		return false
	}
	for _, p := range b.crowd.people {
		if p.hasToAll(newest) {
			have++
		}
	}
	return have*20 >= len(b.crowd.people)*19
}

// newReport writes down what was done.
func (b *bench) newReport(started time.Time) *report.Report {
	faults, failed := b.injector.result()
	r := &report.Report{
		Title: b.config.Title, Started: started, Seconds: b.ledger.clock().Seconds(), Seed: b.config.Seed, Faults: faults,
		Setup: report.Setup{
			Nodes: b.config.Nodes, People: b.config.People, Rate: b.config.Rate, Mutant: b.config.Mutant,
			Parts: []string{"Apache Kafka 4.3", "ClickHouse 18.16"}, Revision: b.config.Revision,
		},
		Nodes: b.sampler.result(), Stalls: b.stalls.result(), Violations: []report.Violation{},
	}
	for _, kind := range b.kinds {
		r.Setup.Kinds = append(r.Setup.Kinds, string(kind))
	}
	for _, err := range failed {
		r.Violate(maxViolations, report.Violation{Kind: "not healed", Detail: err.Error()})
	}
	if err := b.sampler.failure(); err != nil {
		r.Violate(maxViolations, report.Violation{Kind: "metrics", Detail: err.Error()})
	}
	r.Load.Published, r.Load.Acknowledged = b.ledger.tries()
	r.Load.Posted, r.Load.Repeats, r.Load.Refused, r.Load.Marks = b.ledger.posted, b.ledger.repeats, len(b.ledger.refused), b.load.count
	return r
}

// judge fills in what came of it.
func (b *bench) judge(ctx context.Context, r *report.Report) error {
	v := &verdict{cluster: b.cluster, ledger: b.ledger, crowd: b.crowd, load: b.load}
	count, err := v.judge(ctx)
	if err != nil {
		return err
	}
	r.Violate(maxViolations, v.found...)
	r.Load.JournalEntries, r.Load.JournalDuplicates, r.Load.Pages = count.Entries(), count.Duplicates(), v.pages
	r.Load.Received, r.Load.Sessions, r.Load.Gaps = b.crowd.counts()
	b.service(r)
	r.Violate(maxViolations, idle(r, b.config.Duration > 0 && len(b.kinds) > 0)...)
	return nil
}

// idle says what there was nothing of: it cannot have been tested.
func idle(r *report.Report, wantFaults bool) (found []report.Violation) {
	for _, part := range []struct {
		what   string
		count  int
		wanted bool
	}{
		{"event was acknowledged", r.Load.Acknowledged, true},
		{"publish over HTTP was acknowledged", r.Load.Posted, true},
		{"entry is in the journal", r.Load.JournalEntries, true},
		{"entry was received", r.Load.Received, true},
		{"wait for an entry was measured", r.Load.Latency.Count, true},
		{"timeline was compared", r.Load.Pages, true},
		{"read mark was acknowledged", r.Load.Marks, true},
		{"sample of a node's metrics was taken", len(r.Nodes), true},
		{"fault was injected", len(r.Faults), wantFaults},
	} {
		if part.count == 0 && part.wanted {
			found = append(found, report.Violation{Kind: "idle", Detail: "no " + part.what})
		}
	}
	return found
}

// service fills in how long people were without it.
func (b *bench) service(r *report.Report) {
	var latencies []float64
	people, gaps := make([]report.PersonGaps, len(b.crowd.people)), make([][]report.Wait, len(b.crowd.people))
	for i, p := range b.crowd.people {
		waits := p.waits(b.ledger)
		for _, w := range waits {
			latencies = append(latencies, w.Until-w.At)
		}
		gaps[i] = report.Gaps(waits, servicePatience.Seconds())
		people[i] = report.PersonGaps{Name: p.admin, Over: p.over(), Sessions: p.sessions, Waited: p.waited(b.ledger, report.Longest(gaps[i]))}
	}
	r.Load.Latency = report.SpansOf(latencies)
	r.SetService(servicePatience.Seconds(), people, gaps)
}

// Summary returns the report in a few lines.
func Summary(r *report.Report) []string {
	lines := []string{
		fmt.Sprintf("%s: seed %d, %.0f s, %d faults, %d events acknowledged, %d entries received in %d sessions, %d timelines compared",
			r.Title, r.Seed, r.Seconds, len(r.Faults), r.Load.Acknowledged, r.Load.Received, r.Load.Sessions, r.Load.Pages),
		fmt.Sprintf("acknowledged to received p50 %.0f ms, p99 %.0f ms; longest without service: median person %.1f s, worst %.1f s",
			1000*r.Load.Latency.P50, 1000*r.Load.Latency.P99, r.Service.Longest.P50, r.Service.Longest.Max),
	}
	if n := len(r.Stalls); n > 0 {
		longest := 0.0
		for _, stall := range r.Stalls {
			longest = max(longest, stall.Until-stall.At)
		}
		lines = append(lines, fmt.Sprintf("the bench itself stood still %d times, %.1f s the longest: the machine is busy with something else", n, longest))
	}
	lines = append(lines, r.Setup.LeftOut...)
	if r.OK {
		return append(lines, "nothing lost, doubled or reordered")
	}
	lines = append(lines, fmt.Sprintf("%d violations:", r.ViolationsInAll))
	for _, v := range r.Violations[:min(20, len(r.Violations))] {
		lines = append(lines, v.Kind+": "+v.Detail)
	}
	return lines
}

// ErrViolations is what a command returns for a run that found some.
var ErrViolations = errors.New("promises were broken")

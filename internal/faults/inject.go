package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"bongsu/internal/faults/network"
	"bongsu/internal/faults/report"
)

// servedWithin is how long a fault waits at most for people to have service again
// after those before it.
const servedWithin = 20 * time.Second

// injector injects faults, each after the cluster can survive it: two nodes that
// nothing has befallen are left, one server at a time is away, and people have
// service again, unless the fault is a hasty one or that takes too long.
type injector struct {
	cluster *Cluster
	clock   func() time.Duration
	served  func() bool
	log     *slog.Logger

	work sync.WaitGroup

	mu     sync.Mutex
	hit    map[*Node]bool // nodes that something has befallen
	server bool           // Kafka or ClickHouse is away
	faults []*report.Fault
	failed []error // what did not heal or did not end as it must
	// network guards the cluster's network, which takes one change at a time.
	network sync.Mutex
}

func newInjector(c *Cluster, clock func() time.Duration, served func() bool, log *slog.Logger) *injector {
	return &injector{cluster: c, clock: clock, served: served, log: log, hit: map[*Node]bool{}}
}

// run injects faults until there are no more or the time, of the run's clock, is
// over, and returns when all have healed.
func (i *injector) run(ctx context.Context, source faultSource, until time.Duration) {
	defer i.work.Wait()
	for ctx.Err() == nil && i.clock() < until {
		f, more := source.next()
		if !more || !f.hasty && i.awaitServed(ctx, until) != nil || pause(ctx, f.rest) != nil {
			return
		}
		i.inject(ctx, f, until)
	}
}

// awaitServed waits until people have service, or that has taken too long.
func (i *injector) awaitServed(ctx context.Context, until time.Duration) error {
	limit := min(until, i.clock()+servedWithin)
	for !i.served() && i.clock() < limit {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// inject waits until the fault can be survived, and begins it if that is in time.
func (i *injector) inject(ctx context.Context, f fault, until time.Duration) {
	node, ok := i.claim(f)
	for ; !ok; node, ok = i.claim(f) {
		if pause(ctx, askEvery) != nil || i.clock() >= until {
			return
		}
	}
	r := i.begin(f, node)
	i.work.Go(func() {
		err := i.carryOut(ctx, f, node, r)
		i.release(f, node)
		i.end(r, err)
	})
}

// claim takes what the fault befalls, and reports whether it could.
func (i *injector) claim(f fault) (*Node, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	kind := f.kind.befalls()
	if (kind == theServer || kind == both) && i.server {
		return nil, false
	}
	var fit []*Node
	candidates := i.cluster.Nodes
	if kind == aSpare {
		candidates = i.cluster.Spares
	}
	for _, node := range candidates {
		if !i.hit[node] {
			fit = append(fit, node)
		}
	}
	var node *Node
	switch {
	case kind == theServer:
	case kind == aSpare && len(fit) > 0, kind != aSpare && len(fit) > 2:
		node = fit[f.pick%uint64(len(fit))]
		i.hit[node] = true
	default:
		return nil, false
	}
	i.server = i.server || kind == theServer || kind == both
	return node, true
}

func (i *injector) release(f fault, node *Node) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.hit, node)
	if kind := f.kind.befalls(); kind == theServer || kind == both {
		i.server = false
	}
}

// begin writes the fault down.
func (i *injector) begin(f fault, node *Node) *report.Fault {
	r := &report.Fault{Kind: string(f.kind), Where: "clickhouse", At: i.clock().Seconds()}
	switch {
	case node != nil:
		r.Where = node.Name
	case f.kind != ClickHouseOutage:
		r.Where = "kafka"
	}
	if f.kind == ClockJump {
		r.Note = f.jump.String()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = append(i.faults, r)
	r.Number = len(i.faults)
	i.log.Info("fault", "number", r.Number, "kind", r.Kind, "where", r.Where, "for", f.lasts.Round(time.Millisecond), "note", r.Note)
	return r
}

func (i *injector) end(r *report.Fault, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r.Healed = i.clock().Seconds()
	if err != nil {
		i.failed = append(i.failed, fmt.Errorf("fault %d, %s of %s: %w", r.Number, r.Kind, r.Where, err))
		i.log.Error("fault did not heal", "number", r.Number, "err", err)
		return
	}
	i.log.Info("healed", "number", r.Number, "kind", r.Kind, "where", r.Where)
}

// carryOut does what the fault is, keeps it for its time, takes it away, and
// waits until the node is fit for traffic again.
func (i *injector) carryOut(ctx context.Context, f fault, node *Node, r *report.Fault) error {
	strike, mend := i.means(ctx, f, node)
	err := strike()
	if err == nil {
		_ = pause(ctx, f.lasts) // at the run's end everything is mended
	}
	i.mu.Lock()
	r.Until = i.clock().Seconds()
	i.mu.Unlock()
	if err := errors.Join(err, mend()); err != nil {
		return err
	}
	if node == nil || f.kind == Join {
		return nil
	}
	return node.AwaitReady(context.WithoutCancel(ctx))
}

// means returns how to bring the fault about, and how to take it away.
func (i *injector) means(ctx context.Context, f fault, node *Node) (strike, mend func() error) {
	ctx = context.WithoutCancel(ctx) // what was begun is brought to its end
	c := i.cluster
	leave := func() error { return node.Terminate(c.config.Drain + drainPatience) }
	switch f.kind {
	case Kill:
		return node.Kill, node.Start
	case PauseShort, PauseLong:
		return node.Pause, node.Resume
	case CutPeers, CutKafka, CutAll:
		cuts := i.cuts(f.kind, node)
		return func() error { return i.cut(ctx, c.Network.Cut, cuts) }, func() error { return i.cut(ctx, c.Network.Mend, cuts) }
	case KafkaRestart:
		return c.Kafka.Stop, func() error { return c.Kafka.Start(ctx) }
	case KafkaKill:
		return c.Kafka.Kill, func() error { return c.Kafka.Start(ctx) }
	case ClickHouseOutage:
		return c.ClickHouse.Stop, func() error { return c.ClickHouse.Start(ctx) }
	case BlindKill:
		return func() error {
				if err := c.ClickHouse.Kill(); err != nil {
					return err
				}
				_ = pause(ctx, 2*time.Second) // entries pile up that are nowhere but in the journal
				return node.Kill()
			}, func() error {
				return errors.Join(node.Start(), c.ClickHouse.Start(ctx))
			}
	case Join:
		return func() error {
			if err := node.Start(); err != nil {
				return err
			}
			return node.AwaitReady(ctx)
		}, leave
	case Leave:
		return leave, node.Start
	case ClockJump:
		return func() error { return setClock(node, f.jump) }, func() error { return setClock(node, 0) }
	}
	none := func() error { return fmt.Errorf("no fault is called %q", f.kind) }
	return none, none
}

// cuts returns the lines that a kind of fault cuts.
func (i *injector) cuts(kind Kind, node *Node) []network.Cut {
	switch kind {
	case CutAll:
		return []network.Cut{{From: node.Addr}}
	case CutKafka:
		return []network.Cut{{From: node.Addr, To: network.Gateway, Port: i.cluster.Kafka.Port()}}
	}
	var cuts []network.Cut
	for _, peer := range i.cluster.All() {
		if peer != node {
			cuts = append(cuts, network.Cut{From: node.Addr, To: peer.Addr})
		}
	}
	return cuts
}

func (i *injector) cut(ctx context.Context, change func(context.Context, ...network.Cut) error, cuts []network.Cut) error {
	i.network.Lock()
	defer i.network.Unlock()
	return change(ctx, cuts...)
}

// setClock makes a node's clock wrong by d. It takes a binary that BuildBongsu made.
func setClock(node *Node, d time.Duration) error {
	path := filepath.Join(filepath.Dir(node.log), clockFile)
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d", int64(d/time.Second)), 0o600); err != nil {
		return err
	}
	return node.signal(syscall.SIGUSR2)
}

// result returns what was injected and what went wrong with it.
func (i *injector) result() ([]report.Fault, []error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	faults := make([]report.Fault, len(i.faults))
	for k, f := range i.faults {
		faults[k] = *f
	}
	return faults, i.failed
}

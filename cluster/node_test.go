package cluster

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/prometheus/client_golang/prometheus"

	"bongsu/internal/await"
	"bongsu/internal/hub"
)

// echo answers every text.
type echo struct{}

func (echo) Receive(ctx actor.Context) {
	if text, ok := ctx.Message().(string); ok {
		ctx.Respond(text + " back")
	}
}

// single returns a node that is alone.
func single(t *testing.T, change func(*Options)) *Node {
	t.Helper()
	opts := Options{
		RemoteAddr: "127.0.0.1:0", Shards: testShards, Producer: func() actor.Actor { return echo{} },
		Follower: follower{}, Log: slog.New(slog.DiscardHandler), network: (&port{lan: newLAN(), name: "single"}).network(),
	}
	if change != nil {
		change(&opts)
	}
	node, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func TestANodeAloneIsUpAtOnceAndOwnsWhatItIsGiven(t *testing.T) {
	var node *Node
	var owner *holder
	await.AtMost(t, 500*time.Millisecond, func() time.Duration {
		node, owner = single(t, nil), &holder{}
		begun := time.Now()
		if err := node.Start(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		t.Cleanup(node.Stop)
		return took
	})
	owner.own(3, 0, 7)
	node.OwnershipChanged()
	await.That(t, "the view shows what it owns", func() bool { return len(node.View().Unowned()) == testShards-2 })
	if id, ok := node.View().Owner(7); !ok || id != node.ID() {
		t.Errorf("shard 7 is %q's", id)
	}
	if node.Peers() != 0 || len(node.URLs()) != 0 || node.Joinable() != "" {
		t.Errorf("peers %d, URLs %v, joinable at %q", node.Peers(), node.URLs(), node.Joinable())
	}
}

func TestActorsOfEveryKindOfStreamAreSpawned(t *testing.T) {
	node := single(t, nil)
	if _, err := node.Spawn("mall:1"); !hub.Temporary(err) {
		t.Errorf("Spawn = %v before the start", err)
	}
	if err := node.Start(t.Context(), &holder{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	for _, stream := range []hub.Stream{"all", "mall:1", "partner:1", "admin:a@b.c", "room:x"} {
		pid, err := node.Spawn(stream)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(pid.Id, node.ID()) {
			t.Errorf("the actor's name, %s, does not belong to this life", pid.Id)
		}
		if answer, err := node.Root().RequestFuture(pid, "hello", 20*time.Second).Result(); err != nil || answer != "hello back" {
			t.Errorf("%s: %v, %v", stream, answer, err)
		}
	}
	if _, err := node.Spawn("ghost:1"); !errors.Is(err, hub.ErrInvalid) {
		t.Errorf("Spawn = %v of a kind that is none", err)
	}
}

func TestAnAddressThatIsTakenIsAnErrorAndNoPanic(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, change := range map[string]func(*Options){
		"remote": func(o *Options) { o.RemoteAddr = taken.Addr().String() },
		"bind": func(o *Options) {
			o.Name, o.Bind, o.Secret = "a", taken.Addr().String(), []byte(strings.Repeat("s", SecretLen))
		},
	} {
		node := single(t, change)
		if err := node.Start(t.Context(), &holder{}); err == nil {
			t.Errorf("%s: started on an address that is taken", name)
		}
		node.Stop() // harmless
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	secret := []byte(strings.Repeat("s", SecretLen))
	good := Options{Name: "a", Bind: "10.0.0.1:7946", RemoteAddr: "10.0.0.1:7947", Secret: secret, Shards: 64, Log: slog.New(slog.DiscardHandler)}
	for name, spoil := range map[string]func(*Options){
		"no remote address":      func(o *Options) { o.RemoteAddr = "" },
		"no port":                func(o *Options) { o.RemoteAddr = "localhost" },
		"a port that is none":    func(o *Options) { o.RemoteAddr = "127.0.0.1:x" },
		"a port too high":        func(o *Options) { o.Bind = "127.0.0.1:70000" },
		"a port too low":         func(o *Options) { o.RemoteAddr = "127.0.0.1:-1" },
		"no name":                func(o *Options) { o.Name = "" },
		"a name too long":        func(o *Options) { o.Name = strings.Repeat("n", 250) },
		"a URL too long":         func(o *Options) { o.URL = "http://" + strings.Repeat("u", 250) },
		"a URL with a path":      func(o *Options) { o.URL = "https://a.example/b" },
		"no shards":              func(o *Options) { o.Shards = 0 },
		"too many shards":        func(o *Options) { o.Shards = 2049 },
		"no secret off loopback": func(o *Options) { o.Secret = nil },
		"a short secret":         func(o *Options) { o.Secret = secret[:16] },
	} {
		opts := good
		spoil(&opts)
		if _, err := New(opts); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	good.URL = "https://a.example/"
	if node, err := New(good); err != nil || node.opts.URL != "https://a.example" {
		t.Errorf("New = %v with a slash at the URL's end", err)
	}
	good.Secret, good.Bind, good.RemoteAddr = nil, "127.0.0.1:0", "127.0.0.1:0"
	if _, err := New(good); err != nil {
		t.Errorf("New = %v without a secret on loopback", err)
	}
}

func TestWhatHappensIsCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	node, owner := single(t, func(o *Options) { o.Metrics = registry }), &holder{}
	owner.own(1, 2, 3)
	if err := node.Start(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Stop)
	node.OwnershipChanged()
	want := map[string]float64{"bongsu_cluster_members": 1, "bongsu_cluster_unowned_shards": testShards - 2, "bongsu_cluster_moves_total": 2, "bongsu_link_streams": 0}
	await.That(t, "the metrics say what is", func() bool {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for _, f := range families {
			m := f.GetMetric()[0]
			if value, ok := want[f.GetName()]; ok && value == m.GetGauge().GetValue()+m.GetCounter().GetValue() {
				right++
			}
		}
		return right == len(want)
	})
	node.Stop()
	single(t, func(o *Options) { o.Metrics = registry }).Stop() // they were unregistered
}

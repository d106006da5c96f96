package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/hub"
)

func TestAPartThatHangsLeavesTimeToThoseBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{log: slog.New(slog.DiscardHandler)}
		var order []string
		for _, name := range []string{"first", "second", "third", "fourth"} {
			n.onStop(name, func(ctx context.Context) error {
				order = append(order, name)
				if name == "first" {
					return ctx.Err()
				}
				<-ctx.Done()
				return ctx.Err()
			})
		}
		start := time.Now()
		err := n.stop()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop = %v, want the names of the parts that hung", err)
		}
		if want := []string{"fourth", "third", "second", "first"}; !slices.Equal(order, want) {
			t.Errorf("stopped %v, want %v", order, want)
		}
		if took := time.Since(start); took > stopPatience+leastPatience {
			t.Errorf("took %s", took)
		}
	})
}

func TestAPartThatHeedsNoDeadlineIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{log: slog.New(slog.DiscardHandler)}
		ended := false
		n.onStop("first", func(context.Context) error { ended = true; return nil })
		release := make(chan struct{})
		n.onStop("deaf", func(context.Context) error { <-release; return nil })
		start := time.Now()
		if err := n.stop(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "deaf") {
			t.Errorf("stop = %v, want the name of the part that hung", err)
		}
		if took := time.Since(start); took > partPatience+hurry || !ended {
			t.Errorf("took %s; the next part has ended: %v", took, ended)
		}
		close(release)
	})
}

func TestStartingRidesOutWhatIsTemporaryAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{log: slog.New(slog.DiscardHandler)}
		tries := 0
		err := n.retry(t.Context(), "Kafka", func(context.Context) error {
			if tries++; tries < 5 {
				return hub.Unavailablef("away")
			}
			return nil
		})
		if err != nil || tries != 5 {
			t.Errorf("retry = %v after %d tries", err, tries)
		}
		wrong := errors.New("a setting is wrong")
		if err := n.retry(t.Context(), "Kafka", func(context.Context) error { return wrong }); !errors.Is(err, wrong) {
			t.Errorf("retry = %v, want the error that waiting does not mend", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := n.retry(ctx, "Kafka", func(context.Context) error { return hub.Unavailablef("away") }); !hub.Temporary(err) {
			t.Errorf("retry = %v, want what it waited for", err)
		}
	})
}

func TestSettingsThatCannotWorkSayWhatToChange(t *testing.T) {
	good := Config{
		HTTPAddr: "127.0.0.1:0", KafkaEmbeddedAddr: "127.0.0.1:0", ClusterConfig: ClusterConfig{ClusterRemoteAddr: "127.0.0.1:0"}, CompatConfig: CompatConfig{TimeZone: "Asia/Seoul"},
		KafkaIngressTopics: []string{"t"}, KafkaShards: 64, Dev: true, SessionsPerPerson: 1,
	}
	if err := good.check(); err != nil {
		t.Fatalf("good settings: %v", err)
	}
	for name, spoil := range map[string]func(*Config){
		"no way to sign in":     func(c *Config) { c.Dev = false },
		"dev on every address":  func(c *Config) { c.HTTPAddr = "0.0.0.0:80" },
		"no port":               func(c *Config) { c.HTTPAddr = "127.0.0.1" },
		"no shards":             func(c *Config) { c.KafkaShards = 0 },
		"too many shards":       func(c *Config) { c.KafkaShards = 2049 },
		"no topic":              func(c *Config) { c.KafkaIngressTopics = nil },
		"retention below zero":  func(c *Config) { c.Retention = -1 },
		"an origin with a path": func(c *Config) { c.AllowedOrigins = []string{"https://a.example/x"} },
		"no sessions":           func(c *Config) { c.SessionsPerPerson = 0 },
		"cluster for others":    func(c *Config) { c.ClusterRemoteAddr = "10.0.0.1:1" },
		"unflushed below zero":  func(c *Config) { c.MaxUnflushed = -1 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

//go:build e2e

package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bongsu/internal/testenv"
)

// testProducers publishes with producers that know nothing of the hub: texts and
// JSON, in Korean, all arrive.
func (s *compatSuite) testProducers(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	producers, err := testenv.InstallProducers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	brokers := s.nodes[0].kafka
	lines := func(command *exec.Cmd, lines ...string) *exec.Cmd {
		command.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		return command
	}
	json := func(id, admin string) string {
		return `{"id":"` + id + `","type":"ORDER_PLACED","targets":["admin:` + admin + `"],"title":"새 주문 🔥"}`
	}
	for _, c := range []struct {
		name, admin string
		publish     *exec.Cmd
		bodies      []string // of texts
		ids         []string // of JSON
	}{
		{"Java", "2001", producers.Java(ctx, "producers/Publish.java", brokers, topic, "2001"),
			[]string{"자바에서 보낸 글", "스프링에서 보낸 글"}, []string{"spring-json", "spring-object"}},
		{"librdkafka", "2002", producers.Python(ctx, "producers/publish.py", brokers, topic, "2002"),
			[]string{"파이썬에서 보낸 글"}, []string{"librdkafka-json", "librdkafka-utf8"}},
		{"kcat", "2003", lines(producers.Kcat(ctx, "-P", "-b", brokers, "-t", topic), "2003:kcat으로 보낸 글", json("kcat", "2003")),
			[]string{"kcat으로 보낸 글"}, []string{"kcat"}},
		{"kafka-console-producer", "2004", lines(producers.Console(ctx, "--bootstrap-server", brokers, "--topic", topic),
			"2004:콘솔에서 보낸 글", json("console", "2004")), []string{"콘솔에서 보낸 글"}, []string{"console"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := person{admin: c.admin, malls: []string{"500"}}
			ws := s.nodes[0].socket(t, p, nil)
			if out, err := c.publish.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			stream := "admin:" + p.admin
			for _, id := range c.ids {
				ws.awaitEntry(t, stream, id)
			}
			for _, body := range c.bodies {
				awaitThat(t, body, func() bool {
					for _, e := range ws.entries(t, stream) {
						if e.Body == body {
							return true
						}
					}
					return false
				})
			}
			if got := ws.entries(t, stream); len(got) != len(c.ids)+len(c.bodies) {
				t.Errorf("%d entries came: %v", len(got), idsOf(got))
			}
		})
	}
}

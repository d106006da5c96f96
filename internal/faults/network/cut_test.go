package network

import (
	"strings"
	"testing"
)

func TestACutIsDroppedWhereItEntersAndWhereItLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		cut               Cut
		entering, leaving []string
	}{
		"from everybody": {
			Cut{From: "10.77.0.11"},
			[]string{"ip saddr 10.77.0.11 drop", "ip daddr 10.77.0.11 drop"},
			[]string{"ip daddr 10.77.0.11 drop"},
		},
		"from a peer": {
			Cut{From: "10.77.0.11", To: "10.77.0.12"},
			[]string{"ip saddr 10.77.0.11 ip daddr 10.77.0.12 drop", "ip saddr 10.77.0.12 ip daddr 10.77.0.11 drop"},
			[]string{"ip saddr 10.77.0.12 ip daddr 10.77.0.11 drop"},
		},
		"from a server": {
			Cut{From: "10.77.0.11", To: Gateway, Port: 9092},
			[]string{"ip saddr 10.77.0.11 ip daddr 10.77.0.1 tcp dport 9092 drop"},
			[]string{"ip saddr 10.77.0.1 ip daddr 10.77.0.11 tcp sport 9092 drop"},
		},
	} {
		entering, leaving := chains(t, rules([]Cut{test.cut}))
		if entering != strings.Join(test.entering, "\n") || leaving != strings.Join(test.leaving, "\n") {
			t.Errorf("%s: entering\n%s\nleaving\n%s", name, entering, leaving)
		}
	}
}

func TestNoCutsDropNothing(t *testing.T) {
	if text := rules(nil); strings.Contains(text, "drop") || !strings.Contains(text, "delete table") {
		t.Errorf("no cuts are\n%s", text)
	}
}

// chains returns the rules of both chains, a line each.
func chains(t *testing.T, text string) (entering, leaving string) {
	t.Helper()
	before, after, found := strings.Cut(text, "chain leaving")
	if !found {
		t.Fatalf("no chain leaving in\n%s", text)
	}
	pick := func(part string) string {
		var drops []string
		for line := range strings.Lines(part) {
			if strings.HasSuffix(strings.TrimSpace(line), " drop") {
				drops = append(drops, strings.TrimSpace(line))
			}
		}
		return strings.Join(drops, "\n")
	}
	return pick(before), pick(after)
}

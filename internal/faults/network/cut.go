package network

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Cut is a line that is cut, in both directions.
type Cut struct {
	// From is a host's address.
	From string
	// To is the address at the other end; empty is everybody else's.
	To string
	// Port, if above 0, cuts only TCP to that port of To.
	Port int
}

// Cut cuts lines, those that are cut already included.
func (n *Network) Cut(ctx context.Context, cuts ...Cut) error {
	n.cuts = append(n.cuts, cuts...)
	return n.apply(ctx)
}

// Mend takes cuts back: one each of those that were made.
func (n *Network) Mend(ctx context.Context, cuts ...Cut) error {
	for _, cut := range cuts {
		if i := slices.Index(n.cuts, cut); i >= 0 {
			n.cuts = slices.Delete(n.cuts, i, i+1)
		}
	}
	return n.apply(ctx)
}

// apply replaces all rules at once.
func (n *Network) apply(ctx context.Context) error {
	if err := run(ctx, rules(n.cuts), "nft -f -"); err != nil {
		return fmt.Errorf("cut lines: %w", err)
	}
	return nil
}

// rules returns the cuts in nft's language. What a host sends is dropped where it
// enters the bridge, what the machine itself sends, where it leaves it.
func rules(cuts []Cut) string {
	var entering, leaving []string
	for _, c := range cuts {
		switch {
		case c.To == "":
			entering = append(entering, "ip saddr "+c.From+" drop", "ip daddr "+c.From+" drop")
			leaving = append(leaving, "ip daddr "+c.From+" drop")
		case c.Port > 0:
			entering = append(entering, fmt.Sprintf("ip saddr %s ip daddr %s tcp dport %d drop", c.From, c.To, c.Port))
			leaving = append(leaving, fmt.Sprintf("ip saddr %s ip daddr %s tcp sport %d drop", c.To, c.From, c.Port))
		default:
			entering = append(entering, "ip saddr "+c.From+" ip daddr "+c.To+" drop", "ip saddr "+c.To+" ip daddr "+c.From+" drop")
			leaving = append(leaving, "ip saddr "+c.To+" ip daddr "+c.From+" drop")
		}
	}
	var b strings.Builder
	// Naming the table first makes its removal succeed where there is none.
	fmt.Fprintf(&b, "table bridge %[1]s\ndelete table bridge %[1]s\ntable bridge %[1]s {\n", table)
	chain(&b, "entering", "prerouting", entering)
	chain(&b, "leaving", "output", leaving)
	b.WriteString("}\n")
	return b.String()
}

func chain(b *strings.Builder, name, hook string, rules []string) {
	fmt.Fprintf(b, "\tchain %s {\n\t\ttype filter hook %s priority 0;\n", name, hook)
	for _, rule := range rules {
		fmt.Fprintf(b, "\t\t%s\n", rule)
	}
	b.WriteString("\t}\n")
}

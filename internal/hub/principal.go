package hub

import (
	"slices"
	"strings"
	"time"
)

// The scopes that a token may carry.
const (
	ScopePublish = "publish"
	ScopeOps     = "ops"
)

// Principal is who is asking, as its token says, or says itself where none is asked
// for. Treat it as immutable.
type Principal struct {
	Admin    string
	Name     string
	Malls    []string
	Partners []string
	Roles    []string
	Scopes   []string
	// Expires is when the rights end; a zero time never comes.
	Expires time.Time
	// Anonymous says that no token has shown this to be the person: the principal
	// may read, but nothing is kept of it and nothing is taken from the person.
	Anonymous bool
}

// Streams returns the streams the person reads: all, its own, its malls', its
// partners', each once, in that order.
func (p *Principal) Streams() []Stream {
	most := 2 + len(p.Malls) + len(p.Partners)
	streams, seen := make([]Stream, 0, most), make(map[Stream]struct{}, most)
	add := func(s Stream) {
		if _, again := seen[s]; !again {
			seen[s] = struct{}{}
			streams = append(streams, s)
		}
	}
	add(All)
	add(AdminStream(p.Admin))
	for _, mall := range p.Malls {
		add(MallStream(mall))
	}
	for _, partner := range p.Partners {
		add(PartnerStream(partner))
	}
	return streams
}

// CanRead reports whether the person may read the stream.
func (p *Principal) CanRead(s Stream) bool {
	switch s.Kind() {
	case KindAll:
		return s == All
	case KindAdmin:
		return s.Key() == p.Admin
	case KindMall:
		return slices.Contains(p.Malls, s.Key())
	case KindPartner:
		return slices.Contains(p.Partners, s.Key())
	}
	return false
}

// CanPublish reports whether the person may publish to the target: the scope
// "publish" gives all targets, "publish:<stream>" one.
func (p *Principal) CanPublish(target Stream) bool {
	return p.HasScope(ScopePublish) || p.HasScope(ScopePublish+":"+string(target))
}

// HasScope reports whether the token carries exactly this scope.
func (p *Principal) HasScope(scope string) bool { return slices.Contains(p.Scopes, scope) }

// PublishesSome reports whether the person may publish to any target at all.
func (p *Principal) PublishesSome() bool {
	return slices.ContainsFunc(p.Scopes, func(s string) bool {
		return s == ScopePublish || strings.HasPrefix(s, ScopePublish+":")
	})
}

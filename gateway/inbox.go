package gateway

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"bongsu/internal/hub"
)

// The limits of a timeline page.
const (
	// DefaultPage is how many entries a page has when its asker names no limit.
	DefaultPage = 50
	// MaxPage is the most entries of a page.
	MaxPage = 200
	// MaxLists is how many pages an Inbox reads at the same time: until it is cut to
	// what a client gets, one of large entries takes tens of megabytes.
	MaxLists = 32
	// MaxListTypes is how many types a page may be narrowed to.
	MaxListTypes = 32
)

// Inbox answers what a person may ask of their timeline, for every transport
// alike. It checks the person's rights, holds no state of theirs and may be
// used by many goroutines. Its calls block until the core answers or ctx ends;
// errors wrap hub.ErrInvalid, hub.ErrForbidden, hub.ErrUnavailable or ctx's.
type Inbox struct {
	core  Core
	lists chan struct{} // one for each page that is being read
}

// NewInbox returns the inbox over core. A node has one, for what it bounds.
func NewInbox(core Core) *Inbox {
	return &Inbox{core: core, lists: make(chan struct{}, MaxLists)}
}

// Me is who a person is, as clients see it.
type Me struct {
	Admin    string   `json:"admin" doc:"The person's admin number."`
	Name     string   `json:"name" doc:"The person's name, empty when the token has none."`
	Malls    []string `json:"malls" nullable:"false" doc:"Numbers of the person's malls."`
	Partners []string `json:"partners" nullable:"false" doc:"Numbers of the person's partners."`
	Scopes   []string `json:"scopes" nullable:"false" doc:"What the token permits besides reading."`
}

// Me returns who p is. Its lists are never nil and belong to the caller.
func (*Inbox) Me(p *hub.Principal) Me {
	return Me{
		Admin:    p.Admin,
		Name:     p.Name,
		Malls:    append([]string{}, p.Malls...),
		Partners: append([]string{}, p.Partners...),
		Scopes:   append([]string{}, p.Scopes...),
	}
}

// ListParams asks for a page of a person's timeline. The zero value asks for
// the newest DefaultPage entries of all their streams.
type ListParams struct {
	// Stream narrows the page to these streams, comma-separated.
	Stream string `json:"stream,omitempty"`
	// Type narrows the page to these types, comma-separated.
	Type string `json:"type,omitempty"`
	// Unread narrows the page to what the person has not read.
	Unread bool `json:"unread,omitempty"`
	// Before and After keep only what stands strictly before and after a
	// position: the Next of a page or, where exactly one stream is asked for, a seq.
	Before Position `json:"before,omitempty"`
	After  Position `json:"after,omitempty"`
	// Limit is the most entries of the page, 1 to MaxPage; 0 is DefaultPage.
	Limit int `json:"limit,omitempty"`
}

// Page is a part of a timeline, newest first.
type Page struct {
	// Entries are as pushed, plus "read": true or false. Never nil.
	Entries []json.RawMessage `json:"entries"`
	// Next is the Before of the next page, and empty on the last.
	Next string `json:"next,omitempty"`
}

// List returns the page that params asks for of p's timeline, everything that
// has been pushed included.
func (x *Inbox) List(ctx context.Context, p *hub.Principal, params ListParams) (Page, error) {
	streams, err := ownStreams(p, params.Stream)
	if err != nil {
		return Page{}, err
	}
	query, err := params.query()
	if err != nil {
		return Page{}, err
	}
	span, err := params.span(streams, &query)
	if err != nil {
		return Page{}, err
	}
	heads, marks, err := x.standing(ctx, p, streams)
	if err != nil {
		return Page{}, err
	}
	read := make(map[hub.Stream]uint64, len(heads))
	for _, head := range heads {
		read[head.Stream] = readUpTo(head, marks)
		after := head.Floor
		if params.Unread {
			after = read[head.Stream]
		}
		query.Ranges = append(query.Ranges, hub.Range{
			Stream: head.Stream,
			After:  max(after, span.After),
			Before: span.Before,
		})
	}
	return x.page(ctx, query, read)
}

// page reads the page, when it is its turn.
func (x *Inbox) page(ctx context.Context, query hub.Query, read map[hub.Stream]uint64) (Page, error) {
	select {
	case x.lists <- struct{}{}:
		defer func() { <-x.lists }()
	case <-ctx.Done():
		return Page{}, hub.Unavailablef("too many pages are read at once: %w", ctx.Err())
	}
	limit := query.Limit
	query.Limit++ // one more tells whether this page is the last
	entries, err := x.core.List(ctx, query)
	if err != nil {
		return Page{}, err
	}
	return newPage(entries, limit, read), nil
}

// ReadParams says what a person has read: one stream up to a seq, or all that
// is there. Exactly one of Stream with Seq and All is given.
type ReadParams struct {
	Stream string  `json:"stream,omitempty"`
	Seq    *uint64 `json:"seq,omitempty"`
	All    bool    `json:"all,omitempty"`
}

// Read moves p's marks up and returns the counts after it. A seq beyond the
// stream's head means the head, which takes about a second to be certain of; a mark
// never goes back.
func (x *Inbox) Read(ctx context.Context, p *hub.Principal, params ReadParams) (Unread, error) {
	target, err := params.target(p)
	if err != nil {
		return Unread{}, err
	}
	// Person comes before Mark: a person who is first seen by this call starts
	// at the heads, not at the seq they happened to send.
	heads, marks, err := x.standing(ctx, p, p.Streams())
	if err == nil {
		err = x.settle(ctx, heads, params.vague(target, marks))
	}
	if err != nil {
		return Unread{}, err
	}
	grown := map[hub.Stream]uint64{}
	for _, head := range heads {
		seq := head.Seq
		if !params.All {
			if head.Stream != target {
				continue
			}
			seq = min(seq, *params.Seq)
		}
		if seq > marks[head.Stream] {
			grown[head.Stream] = seq
		}
	}
	if len(grown) == 0 {
		return Count(heads, marks), nil
	}
	after, err := x.core.Mark(ctx, p.Admin, grown)
	if err != nil {
		return Unread{}, err
	}
	counted := make(map[hub.Stream]uint64, len(marks))
	for stream, mark := range marks {
		counted[stream] = max(mark, after[stream])
	}
	return Count(heads, counted), nil
}

// Unread returns p's counts over all their streams.
func (x *Inbox) Unread(ctx context.Context, p *hub.Principal) (Unread, error) {
	heads, marks, err := x.standing(ctx, p, p.Streams())
	if err != nil {
		return Unread{}, err
	}
	return Count(heads, marks), nil
}

// standing returns the heads of the streams and the person's marks on them.
func (x *Inbox) standing(ctx context.Context, p *hub.Principal, streams []hub.Stream) ([]hub.Head, map[hub.Stream]uint64, error) {
	heads, err := x.core.Heads(ctx, streams)
	if err != nil {
		return nil, nil, err
	}
	marks, err := x.core.Person(ctx, p.Admin, heads)
	if err != nil {
		return nil, nil, err
	}
	return heads, marks, nil
}

// ownStreams returns the streams that a comma-separated list names, each once,
// or all of p's when it names none. All of them are p's to read.
func ownStreams(p *hub.Principal, list string) ([]hub.Stream, error) {
	if list == "" {
		return p.Streams(), nil
	}
	var streams []hub.Stream
	for name := range strings.SplitSeq(list, ",") {
		stream, err := ownStream(p, name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(streams, stream) {
			continue
		}
		if streams = append(streams, stream); len(streams) > hub.MaxCursorStreams {
			return nil, hub.Invalidf("stream: more than %d streams", hub.MaxCursorStreams)
		}
	}
	return streams, nil
}

// ownStream returns the stream that name names, which is p's to read.
func ownStream(p *hub.Principal, name string) (hub.Stream, error) {
	stream, err := hub.ParseStream(name)
	if err != nil {
		return "", err
	}
	if !p.CanRead(stream) {
		return "", hub.Forbiddenf("stream %q is not one of yours", stream)
	}
	return stream, nil
}

// query returns the part of the query that does not depend on the streams.
func (l *ListParams) query() (hub.Query, error) {
	query := hub.Query{Limit: l.Limit}
	switch {
	case l.Limit == 0:
		query.Limit = DefaultPage
	case l.Limit < 0 || l.Limit > MaxPage:
		return query, hub.Invalidf("limit: want 1 to %d, not %d", MaxPage, l.Limit)
	}
	if l.Type == "" {
		return query, nil
	}
	for name := range strings.SplitSeq(l.Type, ",") {
		if !isType(name) {
			return query, hub.Invalidf("type: want names of [A-Z][A-Z0-9_]{0,63}, comma-separated")
		}
		if slices.Contains(query.Types, name) {
			continue
		}
		if query.Types = append(query.Types, name); len(query.Types) > MaxListTypes {
			return query, hub.Invalidf("type: more than %d types", MaxListTypes)
		}
	}
	return query, nil
}

func isType(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
		case i > 0 && (c == '_' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// span reads Before and After: places go into the query, seqs into the
// range that is returned.
func (l *ListParams) span(streams []hub.Stream, query *hub.Query) (hub.Range, error) {
	var span hub.Range
	var err error
	single := l.Stream != "" && len(streams) == 1
	if query.Before, span.Before, err = l.Before.parse("before", single); err != nil {
		return span, err
	}
	if l.Before != "" && query.Before == nil && span.Before == 0 {
		return span, hub.Invalidf("before: a seq is 1 or more")
	}
	query.After, span.After, err = l.After.parse("after", single)
	return span, err
}

// maxPageBytes is about how large a page grows. A page of giants ends early and
// says where the next one begins.
const maxPageBytes = 4 << 20

// newPage makes the page of at most limit entries; read says up to where each
// stream is read.
func newPage(entries []*hub.Entry, limit int, read map[hub.Stream]uint64) Page {
	fit := hub.Fitting(entries, limit, maxPageBytes)
	page := Page{Entries: make([]json.RawMessage, 0, fit)}
	if len(entries) > fit {
		entries = entries[:fit]
		page.Next = string(PositionOf(entries[fit-1].Place()))
	}
	for _, entry := range entries {
		page.Entries = append(page.Entries, appendRead(entry, entry.Seq <= read[entry.Stream]))
	}
	return page
}

// appendRead returns the entry as pushed, plus whether it is read.
func appendRead(entry *hub.Entry, read bool) json.RawMessage {
	const room = len(`{"stream":"","seq":18446744073709551615,"read":false}`)
	out := entry.AppendJSON(make([]byte, 0, room+len(entry.Stream)+len(entry.Payload)))
	out = out[:len(out)-1] // the closing brace
	if read {
		return append(out, `,"read":true}`...)
	}
	return append(out, `,"read":false}`...)
}

// target returns the stream to mark, "" for all.
func (r *ReadParams) target(p *hub.Principal) (hub.Stream, error) {
	one := r.Stream != "" || r.Seq != nil
	switch {
	case one && r.All, !one && !r.All:
		return "", hub.Invalidf(`want either "stream" and "seq" or "all": true`)
	case r.All:
		return "", nil
	case r.Stream == "":
		return "", hub.Invalidf(`"stream" is missing`)
	}
	stream, err := ownStream(p, r.Stream)
	if err != nil {
		return "", err
	}
	if r.Seq == nil {
		return "", hub.Invalidf(`"seq" is missing`)
	}
	return stream, nil
}

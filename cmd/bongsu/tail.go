package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"bongsu/internal/client"
	"bongsu/internal/hub"
)

type tailCmd struct {
	URL   string `name:"url" default:"http://127.0.0.1:8080" help:"The hub's address."`
	Token string `env:"BONGSU_TOKEN" placeholder:"JWT" help:"The person's token, as bongsu token makes them. Better in the environment than on the command line."`
	Since string `placeholder:"CURSOR" help:"Start after this place, like all=12,mall:1001=43; by default only what is new."`
	Count int    `short:"n" placeholder:"N" help:"Stop after so many entries; 0 follows until interrupted."`
	SSE   bool   `name:"sse" help:"Use server-sent events in place of a WebSocket."`
	output
}

// Help shows examples.
func (*tailCmd) Help() string {
	return `Follows every stream of the token's person, reconnects when the connection is
lost and misses nothing in between. The cursor that is written at the end goes
into --since to continue there.

Examples:

	BONGSU_TOKEN=$(bongsu token --admin 7 --mall 1001) bongsu tail

	# from the beginning, for programs
	bongsu tail --since all=0,mall:1001=0 --json | jq .data.title`
}

func (c *tailCmd) Run(ctx context.Context, log *slog.Logger, io *stdio) error {
	if c.Token == "" {
		return hub.Invalidf("no token: set BONGSU_TOKEN, for example to the output of `bongsu token --admin 7 --mall 1001`")
	}
	cursor, err := hub.ParseCursor(c.Since)
	if err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	following, err := client.Dial(ctx, client.Options{
		URL: c.URL, SSE: c.SSE, Cursor: cursor, DropSeen: true, Log: log,
		Token: func(context.Context) (string, error) { return c.Token, nil },
	})
	if err != nil {
		return c.explain(err)
	}
	view := &tailView{io: io, json: c.JSON, left: c.Count, done: following.Close}
	err = following.Run(ctx, view)
	if at := following.Cursor(); len(at) > 0 {
		_, _ = fmt.Fprintf(io.err, "cursor: %s\n", at)
	}
	switch {
	case view.failed != nil:
		return fmt.Errorf("tail: %w", view.failed)
	case errors.Is(err, client.ErrClosed), ctx.Err() != nil:
		return nil //nolint:nilerr // it was asked to end
	}
	return c.explain(err)
}

// explain adds what to do about the commonest failures.
func (c *tailCmd) explain(err error) error {
	var closed *client.Closed
	switch {
	case errors.As(err, &closed) && (closed.Code == client.CloseBadToken || closed.Code == client.CloseExpired || closed.Code == 401):
		return fmt.Errorf("%w: make a new token with `bongsu token`, from the hub's own secret", err)
	case hub.Temporary(err) && closed == nil:
		return fmt.Errorf("%w: is the hub running at %s?", err, c.URL)
	}
	return err
}

// tailView writes what a client delivers, and ends it when there is enough or
// nobody reads on.
type tailView struct {
	io     *stdio
	json   bool
	left   int // entries still wanted; 0 is no limit
	done   func()
	failed error
	over   bool
}

func (v *tailView) Entry(_ hub.Stream, _ uint64, raw []byte) {
	if v.over {
		return
	}
	if v.json {
		v.event("entry", json.RawMessage(raw))
	} else {
		v.line(raw)
	}
	if v.left > 0 {
		if v.left--; v.left == 0 {
			v.end(nil)
		}
	}
}

func (v *tailView) Unread(unread client.Unread) {
	if v.json {
		v.event("unread", unread)
	}
}

func (v *tailView) Gap(gap client.Gap) {
	if v.json {
		v.event("gap", gap)
		return
	}
	v.note("gap: %s %d to %d will not be pushed (%s)", gap.Stream, gap.From, gap.To, gap.Reason)
}

func (v *tailView) State(state client.State) {
	switch {
	case state.Connected && v.json:
		v.event("connected", state.Session)
	case state.Connected:
		v.note("connected to %s as %s %s, %d unread", plain(state.Session.Node), plain(state.Session.Me.Admin),
			plain(state.Session.Me.Name), state.Session.Unread.Total)
	case state.Retry > 0:
		v.note("lost the connection (%v); again in %.1f s", state.Err, state.Retry.Seconds())
	}
}

// event writes one line of JSON.
func (v *tailView) event(name string, data any) {
	if v.over {
		return
	}
	if err := json.NewEncoder(v.io.out).Encode(map[string]any{"event": name, "data": data}); err != nil {
		v.end(err)
	}
}

// line writes an entry for people.
func (v *tailView) line(raw []byte) {
	var entry client.Entry
	if err := json.Unmarshal(raw, &entry); err != nil {
		v.note("an entry that is not understood: %v", err)
		return
	}
	if _, err := fmt.Fprintln(v.io.out, formatEntry(&entry)); err != nil {
		v.end(err)
	}
}

// note tells something beside the entries.
func (v *tailView) note(format string, args ...any) {
	_, _ = fmt.Fprintf(v.io.err, "-- "+format+"\n", args...)
}

func (v *tailView) end(err error) {
	v.over, v.failed = true, err
	v.done()
}

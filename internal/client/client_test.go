package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"bongsu/internal/client"
	"bongsu/internal/hub"
)

func TestEverythingPushedIsDeliveredInOrder(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.accept(40)
		p.entry("mall:1", 41)
		p.entry("mall:1", 41) // a repeat is the hub's fault, and the client shows it
		p.send(`{"method":"entry","params":{"seq":42, "stream":"mall:1"},"jsonrpc":"2.0"}`)
		p.send(`{"jsonrpc":"2.0","method":"unread","params":{"total":3,"version":18,"streams":{"mall:1":3}}}`)
		p.send(`{"jsonrpc":"2.0","method":"heartbeat","params":{}}`)
		p.send(`{"jsonrpc":"2.0","method":"gap","params":{"stream":"all","from":1,"to":9,"reason":"behind"}}`)
		p.entry("all", 10)
		p.wait()
	})
	c, ear, _ := follow(t, s.quick())
	ear.hears(t, "connected", "mall:1=41", "mall:1=41", "mall:1=42", "unread 3 v18", "gap all 1-9 behind", "all=10")
	waitFor(t, func() bool { return c.Cursor().String() == "all=10,mall:1=42" })
}

func TestDropSeenHidesRepeats(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.accept(40)
		p.entry("mall:1", 40)
		p.entry("mall:1", 41)
		p.entry("mall:1", 41)
		p.entry("mall:1", 42)
		p.wait()
	})
	opts := s.quick()
	opts.DropSeen = true
	_, ear, _ := follow(t, opts)
	ear.hears(t, "connected", "mall:1=41", "mall:1=42")
}

func TestAReconnectResumesFromTheCursor(t *testing.T) {
	cursors := make(chan string, 9)
	s := newServer(t, func(p *peer) {
		p.accept(40)
		p.entry("all", 7)
		p.bye(client.CloseRestarting, "restarting")
	}, func(p *peer) {
		cursors <- p.connect.Cursor.String()
		p.accept(50)
		p.entry("mall:1", 41)
		p.wait()
	})
	c, ear, _ := follow(t, s.quick())
	ear.hears(t, "connected", "all=7", "lost", "connected", "mall:1=41")
	if got := <-cursors; got != "all=7,mall:1=40" {
		t.Fatalf("resumed from %q; the stream without entries starts at its first head", got)
	}
	c.Drop()
	ear.hears(t, "lost", "connected")
	if got := <-cursors; got != "all=7,mall:1=41" {
		t.Fatalf("after a cut the cursor is %q", got)
	}
}

func TestAResetGapMovesTheCursorBack(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.accept(3)
		p.send(`{"jsonrpc":"2.0","method":"gap","params":{"stream":"mall:1","from":4,"to":3,"reason":"reset"}}`)
		p.entry("mall:1", 4)
		p.wait()
	})
	opts := s.quick()
	opts.DropSeen, opts.Cursor = true, hub.Cursor{"mall:1": 99}
	c, ear, _ := follow(t, opts)
	ear.hears(t, "connected", "gap mall:1 4-3 reset", "mall:1=4")
	waitFor(t, func() bool { return c.Cursor()["mall:1"] == 4 })
}

func TestCloseCodesDecideWhetherToComeBack(t *testing.T) {
	for code, back := range map[int]bool{
		1001: true, 1009: true, 4000: true, 4001: true, 4003: true, 4499: true,
		4500: false, 4503: false, 4999: false,
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				p.accept(0)
				p.bye(code, "why")
			}, func(p *peer) {
				p.accept(0)
				p.wait()
			})
			_, ear, ended := follow(t, s.quick())
			if back {
				ear.hears(t, "connected", "lost", "connected")
				return
			}
			var closed *client.Closed
			err := ends(t, ended)
			if !errors.As(err, &closed) || closed.Code != code || closed.Reason != "why" {
				t.Fatalf("Run returned %v", err)
			}
			ear.hears(t, "connected", "ended")
			if s.connections() != 1 {
				t.Fatalf("%d connections, want 1", s.connections())
			}
		})
	}
}

func TestTheTokenIsAskedForAtEveryConnect(t *testing.T) {
	tokens := make(chan string, 2)
	s := newServer(t, func(p *peer) {
		tokens <- p.connect.Token
		p.accept(0)
		p.bye(client.CloseExpired, "token expired")
	}, func(p *peer) {
		tokens <- p.connect.Token
		p.accept(0)
		p.wait()
	})
	opts := s.quick()
	var asked atomic.Int64
	opts.Token = func(context.Context) (string, error) {
		return "token " + strconv.FormatInt(asked.Add(1), 10), nil
	}
	_, ear, _ := follow(t, opts)
	ear.hears(t, "connected", "lost", "connected")
	if a, b := <-tokens, <-tokens; a != "token 1" || b != "token 2" {
		t.Fatalf("presented %q and %q", a, b)
	}
}

func TestDialReportsARefusal(t *testing.T) {
	refuse := func(temporary string, code int) func(*peer) {
		return func(p *peer) {
			p.send(`{"jsonrpc":"2.0","id":%d,"error":{"code":401,"message":"bad token","data":{"temporary":%s}}}`, p.id, temporary)
			p.bye(code, "")
		}
	}
	t.Run("for good", func(t *testing.T) {
		s := newServer(t, refuse("false", client.CloseBadToken))
		_, err := client.Dial(t.Context(), s.quick())
		var refused *client.Error
		var closed *client.Closed
		if !errors.As(err, &refused) || refused.Code != 401 || !errors.As(err, &closed) || !closed.Permanent() {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("for now", func(t *testing.T) {
		s := newServer(t, refuse("true", client.CloseRestarting))
		_, err := client.Dial(t.Context(), s.quick())
		if !hub.Temporary(err) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("by HTTP", func(t *testing.T) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "unknown subprotocol", http.StatusBadRequest)
		}))
		defer s.Close()
		_, err := client.Dial(t.Context(), client.Options{URL: s.URL, Token: noToken})
		var closed *client.Closed
		if !errors.As(err, &closed) || closed.Code != 400 || closed.Reason != "unknown subprotocol" || !closed.Permanent() {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if _, err := client.Dial(t.Context(), client.Options{URL: "http://127.0.0.1:1", Token: noToken}); !hub.Temporary(err) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestARefusedReconnectIsJudgedByItsCloseCode(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.accept(0)
		p.bye(client.CloseExpired, "")
	}, func(p *peer) { // the new token has just run out, too: another one will do
		p.send(`{"jsonrpc":"2.0","id":0,"error":{"code":401,"message":"expired","data":{"temporary":false}}}`)
		p.bye(client.CloseExpired, "")
	}, func(p *peer) {
		p.send(`{"jsonrpc":"2.0","id":0,"error":{"code":401,"message":"bad token","data":{"temporary":false}}}`)
		p.bye(client.CloseBadToken, "")
	})
	_, ear, ended := follow(t, s.quick())
	if err := ends(t, ended); !errors.As(err, new(*client.Closed)) {
		t.Fatalf("Run returned %v", err)
	}
	ear.hears(t, "connected", "lost", "lost", "ended")
}

func TestBadOptionsAreInvalid(t *testing.T) {
	for name, opts := range map[string]client.Options{
		"no token":  {URL: "http://127.0.0.1:1"},
		"no host":   {URL: "/ws", Token: noToken},
		"no scheme": {URL: "127.0.0.1:8080", Token: noToken},
		"scheme":    {URL: "ftp://127.0.0.1", Token: noToken},
	} {
		if _, err := client.Dial(t.Context(), opts); !errors.Is(err, hub.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

func TestCallsGetTheirAnswers(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.accept(0)
		var query client.ListQuery
		id := p.expect("timeline.list", &query)
		if query.Stream != "mall:1" || query.Limit != 2 {
			t.Errorf("got %+v", query)
		}
		p.entry("mall:1", 1) // pushes come between a call and its answer
		p.send(`{"jsonrpc":"2.0","id":%d,"result":{"entries":[{"stream":"mall:1","seq":9,"read":true}],"next":"x"}}`, id)
		p.send(`{"jsonrpc":"2.0","id":%d,"result":{"total":1,"version":2}}`, p.expect("timeline.read", nil))
		p.send(`{"jsonrpc":"2.0","id":%d,"error":{"code":503,"message":"Kafka is away","data":{"temporary":true}}}`, p.expect("unread", nil))
		p.expect("unread", nil) // no answer: the connection breaks first
	}, func(p *peer) {
		p.accept(0)
		p.wait()
	})
	c, ear, _ := follow(t, s.quick())
	page, err := c.List(t.Context(), client.ListQuery{Stream: "mall:1", Limit: 2})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Seq != 9 || !page.Entries[0].Read || page.Next != "x" {
		t.Fatalf("List: %+v, %v", page, err)
	}
	if unread, err := c.Read(t.Context(), "mall:1", 9); err != nil || unread.Total != 1 {
		t.Fatalf("Read: %+v, %v", unread, err)
	}
	var failed *client.Error
	if _, err := c.Unread(t.Context()); !errors.As(err, &failed) || failed.Code != 503 || !hub.Temporary(err) {
		t.Fatalf("Unread: %v", err)
	}
	if _, err := c.Unread(t.Context()); !hub.Temporary(err) {
		t.Fatalf("a call whose connection breaks: %v", err)
	}
	ear.hears(t, "connected", "mall:1=1", "lost", "connected")
}

func TestACallEndsWithItsContext(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.accept(0)
		p.wait()
	})
	c, ear, _ := follow(t, s.quick())
	ear.hears(t, "connected")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Unread(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestRunEnds(t *testing.T) {
	script := func(p *peer) {
		p.accept(0)
		p.wait()
	}
	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := client.Dial(ctx, newServer(t, script).quick())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		ear := newEar()
		go func() { ended <- c.Run(ctx, ear) }()
		ear.hears(t, "connected")
		cancel()
		if err := ends(t, ended); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("with Close", func(t *testing.T) {
		c, ear, ended := follow(t, newServer(t, script).quick())
		ear.hears(t, "connected")
		c.Close()
		if err := ends(t, ended); !errors.Is(err, client.ErrClosed) {
			t.Fatalf("got %v", err)
		}
		if _, err := c.Unread(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Fatalf("a call on a closed client: %v", err)
		}
	})
	t.Run("with Close in a pause", func(t *testing.T) {
		s := newServer(t, func(p *peer) {
			p.accept(0)
			p.bye(client.CloseSlow, "")
		})
		opts := s.quick()
		opts.Backoff = client.Backoff{Min: time.Hour, Max: time.Hour}
		c, ear, ended := follow(t, opts)
		ear.hears(t, "connected", "lost")
		c.Close()
		if err := ends(t, ended); !errors.Is(err, client.ErrClosed) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestASilentHubIsLeft(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.send(`{"jsonrpc":"2.0","id":0,"result":{"session":"s","heartbeatMs":10}}`)
		p.wait()
	})
	_, ear, _ := follow(t, s.quick())
	ear.hears(t, "connected", "lost", "connected")
}

func noToken(context.Context) (string, error) { return "t", nil }

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the condition never came true")
		}
	}
}

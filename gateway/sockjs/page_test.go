package sockjs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bongsu/gateway"
	"bongsu/gateway/gatewaytest"
	"bongsu/gateway/sockjs"
	"bongsu/gateway/stomp"
	"bongsu/gateway/stomp/places"
	"bongsu/internal/hub"
	"bongsu/internal/kafka"
)

// remembered are the places of one node, which asks clients each second, as it
// does where it tells others.
type remembered struct {
	*places.Places
	mu   sync.Mutex
	open map[stomp.Place]bool
}

func (r *remembered) Open(admin string, place stomp.Place) {
	r.Places.Open(admin, place)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[place] = true
}

func (r *remembered) End(admin string, place stomp.Place, at hub.Cursor) {
	r.Places.End(admin, place, at)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, place)
}

func (r *remembered) ask(ctx context.Context) {
	for {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		var open []stomp.Place
		for place := range r.open {
			open = append(open, place)
		}
		r.mu.Unlock()
		for _, place := range open {
			place.Ask()
		}
	}
}

// browser shows a person's pages, one after the other, at a server. It is used
// within a bubble of synctest.
type browser struct {
	t         *testing.T
	handler   http.Handler
	gateway   *gateway.Gateway
	core      *gatewaytest.Core
	places    *remembered
	transport string
	pages     int
}

// anyLate reports whether a page looks dead.
func (b *browser) anyLate() bool {
	b.places.mu.Lock()
	defer b.places.mu.Unlock()
	for place := range b.places.open {
		if place.Life().Late {
			return true
		}
	}
	return false
}

// browse runs test with each of the transports over HTTP.
func browse(t *testing.T, test func(b *browser)) {
	for _, transport := range []string{"POST /xhr", "POST /xhr_streaming", "GET /eventsource"} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, core := gatewaytest.Start(t, gateway.Options{Heartbeat: 25 * time.Second})
				r := &remembered{Places: places.New(kafka.Config{}, slog.New(slog.DiscardHandler)), open: map[stomp.Place]bool{}}
				go r.ask(t.Context())
				speakers := stomp.NewServer(g, stomp.Options{Zone: time.UTC, Places: r})
				handler := sockjs.Handler(g, speakers, sockjs.Options{})
				test(&browser{t: t, handler: handler, gateway: g, core: core, places: r, transport: transport})
			})
		})
	}
}

// page is one that has subscribed.
type page struct {
	browser *browser
	path    string
	ctx     context.Context // ends when the page is left
	leave   context.CancelFunc
	silence context.CancelFunc // stops its heart-beats

	mu      sync.Mutex
	shown   []int // seqs
	ready   bool  // has subscribed
	refuses bool  // takes no more
	dead    bool  // asks for no more answers
}

// open shows a page that beats at this pace, or never with 0.
func (b *browser) open(beat time.Duration) *page {
	b.t.Helper()
	b.pages++
	p := &page{browser: b, path: fmt.Sprintf("/ws/000/page%d", b.pages)}
	p.ctx, p.leave = context.WithCancel(b.t.Context())
	b.t.Cleanup(p.leave)
	go p.receive()
	synctest.Wait()
	p.send(strings.Replace(connect, "10000,10000", fmt.Sprintf("%d,25000", beat.Milliseconds()), 1),
		"SUBSCRIBE\nid:sub-0\nreceipt:1\ndestination:/topic/notification/user/7\n\n\x00")
	for ; !p.isReady(); time.Sleep(time.Millisecond) {
		if p.ctx.Err() != nil {
			b.t.Fatal("the page does not come")
		}
	}
	beating, stop := context.WithCancel(p.ctx)
	p.silence = stop
	if beat > 0 {
		go func() {
			for {
				select {
				case <-time.After(beat):
					p.send("\n")
				case <-beating.Done():
					return
				}
			}
		}()
	}
	return p
}

// receive asks for one answer after the other until the page is left.
func (p *page) receive() {
	method, name, _ := strings.Cut(p.browser.transport, " ")
	for p.asks() {
		r := httptest.NewRequestWithContext(p.ctx, method, p.path+name, nil)
		p.browser.handler.ServeHTTP(&screen{vanished{http.Header{}}, p}, r)
	}
}

// asks reports whether the page asks for another answer.
func (p *page) asks() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ctx.Err() == nil && !p.dead
}

// die lets the page say and ask nothing any more. The connection of the answer
// that is open takes what is written.
func (p *page) die() {
	p.silence()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

// send says messages over a request of its own.
func (p *page) send(messages ...string) {
	body, _ := json.Marshal(messages)
	p.browser.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, p.path+"/xhr_send", bytes.NewReader(body)))
}

func (p *page) isReady() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready
}

// refuse lets writing to the page fail from now on.
func (p *page) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses, p.dead = true, true
}

// ended waits until the server has no session.
func (p *page) ended() {
	p.browser.t.Helper()
	for end := time.Now().Add(5 * time.Minute); p.browser.gateway.Connections() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.browser.t.Fatal("the session is still there")
		}
	}
	p.leave()
}

// shows wants the page to have been given these, in any order, and no others.
func (p *page) shows(want ...int) {
	p.browser.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := fmt.Sprint(p.shown); got != fmt.Sprint(want) {
		p.browser.t.Errorf("%s shows %s, want %v", p.path, got, want)
	}
}

// count returns how many the page has been given.
func (p *page) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.shown)
}

// screen is an answer that reaches the page.
type screen struct {
	vanished
	page *page
}

var seqs = regexp.MustCompile(`bongsu-seq:(\d+)`)

func (s *screen) Write(b []byte) (int, error) {
	p := s.page
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuses {
		return 0, errors.New("broken pipe")
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
		switch frame := strings.TrimPrefix(line, "data: "); {
		case strings.Contains(line, "\x00"):
			p.browser.t.Errorf("the page is sent %q", line)
		case strings.HasPrefix(frame, "a"):
			for _, message := range messages(p.browser.t, frame) {
				p.ready = p.ready || strings.HasPrefix(message, "RECEIPT")
				for _, seq := range seqs.FindAllStringSubmatch(message, -1) {
					n, _ := strconv.Atoi(seq[1])
					p.shown = append(p.shown, n)
				}
			}
		case line == "" || line == "o" || line == "data: o" || strings.Trim(frame, "h") == "":
		case strings.HasPrefix(frame, "c["):
			p.dead = true
		default:
			p.browser.t.Errorf("the page is sent %q", line)
		}
	}
	return len(b), nil
}

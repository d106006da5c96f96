package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bongsu/gateway"
)

// edge stands before the calls and does what concerns them all: origins,
// time-outs, headers, unknown paths, panics and metrics.
type edge struct {
	mux     *http.ServeMux
	origins gateway.Origins
	peers   func() []string
	log     *slog.Logger
	calls   *prometheus.HistogramVec
}

func newEdge(mux *http.ServeMux, o Options) (*edge, error) {
	e := &edge{
		mux:     mux,
		origins: o.Origins,
		peers:   o.Peers,
		log:     o.Log,
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bongsu_api_request_seconds",
			Help:    "Time to answer a call of the HTTP API, by call and status code.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"call", "code"}),
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(e.calls); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// ServeHTTP answers a request.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	answer := &answer{ResponseWriter: w}
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	r = r.WithContext(ctx)

	header := w.Header()
	header.Set("Cache-Control", "no-store") // a timeline belongs to one person
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Origin")

	handler, call := e.mux.Handler(r)
	if call == "" {
		call = "none"
	}
	defer func() {
		if cause := recover(); cause != nil {
			e.contain(answer, call, cause)
		}
		e.calls.WithLabelValues(call, strconv.Itoa(answer.status())).Observe(time.Since(start).Seconds())
	}()
	switch {
	case !e.origins.Allow(r, e.peers):
		newProblem(http.StatusForbidden, "pages of this origin may not call the API: see BONGSU_ALLOWED_ORIGINS").write(answer)
	case preflight(answer, r):
	case call == "none":
		e.unmatched(answer, r, handler)
	default:
		// The API speaks JSON alone, whatever a client that did not think of it
		// says: curl -d calls everything a form.
		r.Header.Set("Content-Type", "application/json")
		handler.ServeHTTP(answer, r)
	}
}

// preflight adds the headers that let a page of an origin that may call read
// the answer, and reports whether the request only asked for them.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key")
	header.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// unmatched answers a request that matches no call in the API's own form.
// handler is the mux's answer to it.
func (e *edge) unmatched(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := &probe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		allow := probe.header.Get("Allow")
		p := newProblem(probe.status, "this path answers "+allow)
		p.header.Set("Allow", allow)
		p.write(w)
		return
	}
	newProblem(http.StatusNotFound, "no such call: "+Prefix+"/openapi.json lists them").write(w)
}

// contain ends a call that has panicked.
func (e *edge) contain(w *answer, call string, cause any) {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) // the server's own way to cut a connection
	}
	e.log.Error("a call panicked", "call", call, "panic", cause, "stack", string(debug.Stack()))
	if w.code == 0 {
		newProblem(http.StatusInternalServerError, "the call failed; the server's log says why").write(w)
	}
}

// answer is a ResponseWriter that remembers the status code.
type answer struct {
	http.ResponseWriter
	code int // 0 before the header is written
}

// WriteHeader notes the code and passes it on.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// Write passes the bytes on.
func (a *answer) Write(b []byte) (int, error) {
	if a.code == 0 {
		a.code = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}

// probe is a ResponseWriter that keeps only what the answer would be.
type probe struct {
	header http.Header
	status int
}

// Header returns the headers.
func (p *probe) Header() http.Header { return p.header }

// Write drops the bytes.
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader notes the code.
func (p *probe) WriteHeader(code int) { p.status = code }

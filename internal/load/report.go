package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run measured. Times are in milliseconds unless named otherwise.
type Report struct {
	// OK says that every delivery that was due came once and in order, or was
	// named in a gap. Problems says what did not.
	OK       bool     `json:"ok"`
	Problems []string `json:"problems,omitempty"`

	Connections    int     `json:"connections"`
	ConnectSeconds float64 `json:"connectSeconds"`
	Targets        Targets `json:"targets"`

	Events     Events     `json:"events"`
	Deliveries Deliveries `json:"deliveries"`
	// Latency is from just before the event is given to the Kafka client until its
	// frame has been read from the socket.
	Latency Latency `json:"latencyMs"`
	// Bare is from the same moment until a plain consumer has the record.
	Bare *Latency `json:"bareKafkaMs,omitempty"`

	Storms []Storm `json:"storms,omitempty"`
	Slow   *Slow   `json:"slow,omitempty"`
	// Disconnects counts connections that ended, by close code; "broken" is
	// without one.
	Disconnects map[string]int `json:"disconnects,omitempty"`

	Server *Server `json:"server,omitempty"`
	// ClientCPUSeconds is what this process used while it published and received.
	ClientCPUSeconds float64 `json:"clientCpuSeconds"`
	// Counters are the hub's own, by how much they grew.
	Counters map[string]float64 `json:"counters,omitempty"`
}

// Events are what was published.
type Events struct {
	Published uint64  `json:"published"` // acknowledged by Kafka
	Failed    uint64  `json:"failed"`    // not acknowledged; may be stored nevertheless
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"perSecond"`
	// Behind is by how much publishing fell behind its rate at most.
	Behind float64 `json:"behindMs"`
	// Ack is how long Kafka took to acknowledge.
	Ack Latency `json:"ackMs"`
}

// Deliveries are what was received, by connections that read.
type Deliveries struct {
	Expected   uint64 `json:"expected"`
	Received   uint64 `json:"received"` // duplicates included
	Missing    uint64 `json:"missing"`  // neither received nor named in a gap
	Duplicates uint64 `json:"duplicates"`
	// Surplus is entries that came under a seq of their own but were published
	// once: the hub took one event for two.
	Surplus    uint64  `json:"surplus"`
	Reordered  uint64  `json:"reordered"`
	Gaps       uint64  `json:"gaps"`
	Skipped    uint64  `json:"skipped"` // entries that gaps name
	Seconds    float64 `json:"seconds"` // from the first event to the last delivery
	PerSecond  float64 `json:"perSecond"`
	EntryBytes float64 `json:"entryBytes"` // mean size of a pushed entry's object
}

// Latency is a distribution in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Storm is every connection cut at once. Resume is the time each took from there
// until it had a session again.
type Storm struct {
	Connections int     `json:"connections"`
	Back        int     `json:"back"`
	Seconds     float64 `json:"seconds"`
	Resume      Latency `json:"resumeMs"`
}

// Slow are the connections that did not read while events were published.
type Slow struct {
	Connections  int    `json:"connections"`
	Disconnected int    `json:"disconnected"`
	Received     uint64 `json:"received"`
	Skipped      uint64 `json:"skipped"`
	Duplicates   uint64 `json:"duplicates"`
	Reordered    uint64 `json:"reordered"`
}

// Server is what the hub's process used.
type Server struct {
	RSSBefore       int64   `json:"rssBeforeBytes"`
	RSSConnected    int64   `json:"rssConnectedBytes"`
	RSSAfter        int64   `json:"rssAfterBytes"`
	KBPerConnection float64 `json:"kbPerConnection"`
	CPUSeconds      float64 `json:"cpuSeconds"` // while events were published and received
	CPUPerDelivery  float64 `json:"cpuMicrosPerDelivery"`
	CPUPerEvent     float64 `json:"cpuMicrosPerEvent"`
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	ms := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000,
		P50: ms(50), P90: ms(90), P99: ms(99), P999: ms(99.9), Max: float64(h.Max()) / 1000,
	}
}

// String lists the quantiles as the cells of a table row: p50, p90, p99, p99.9, max.
func (l Latency) String() string {
	return fmt.Sprintf("%.2f\t%.2f\t%.2f\t%.2f\t%.2f", l.P50, l.P90, l.P99, l.P999, l.Max)
}

// judge fills in OK and Problems.
func (r *Report) judge() {
	problem := func(wrong bool, format string, args ...any) {
		if wrong {
			r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
		}
	}
	d := r.Deliveries
	problem(d.Missing > 0, "%d deliveries are missing", d.Missing)
	problem(d.Duplicates > 0, "%d deliveries came twice", d.Duplicates)
	problem(d.Surplus > 0, "%d more entries than were published", d.Surplus)
	problem(d.Reordered > 0, "%d deliveries came out of order", d.Reordered)
	problem(r.Events.Failed > 0, "Kafka did not acknowledge %d events", r.Events.Failed)
	problem(r.Events.Published == 0, "nothing was published")
	for _, s := range r.Storms {
		problem(s.Back < s.Connections, "%d connections did not come back", s.Connections-s.Back)
	}
	if r.Slow != nil {
		problem(r.Slow.Duplicates+r.Slow.Reordered > 0, "slow connections got %d entries twice and %d out of order", r.Slow.Duplicates, r.Slow.Reordered)
	}
	r.OK = len(r.Problems) == 0
}

// WriteText writes the report as a table for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format+"\n", args...) } // Flush tells
	line("connections\t%d\topened in %.1f s", r.Connections, r.ConnectSeconds)
	line("events\t%d\t%.0f a second to %s, %d failed, at most %.1f ms behind", r.Events.Published, r.Events.PerSecond, r.Targets, r.Events.Failed, r.Events.Behind)
	d := r.Deliveries
	line("deliveries\t%d of %d\t%.0f a second, %.0f bytes each", d.Received, d.Expected, d.PerSecond, d.EntryBytes)
	line("faults\t%d missing\t%d duplicates, %d reordered, %d gaps that name %d entries", d.Missing, d.Duplicates, d.Reordered, d.Gaps, d.Skipped)
	if s := r.Slow; s != nil {
		line("slow\t%d\t%d times disconnected, %d received, %d named in gaps", s.Connections, s.Disconnected, s.Received, s.Skipped)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Disconnects)) {
		line("disconnects\t%d\tclose code %s", r.Disconnects[reason], reason)
	}
	for _, s := range r.Storms {
		line("storm\t%d of %d back\tin %.2f s", s.Back, s.Connections, s.Seconds)
	}
	if s := r.Server; s != nil {
		line("server memory\t%.1f KB a connection\t%d KB before, %d connected, %d after", s.KBPerConnection, s.RSSBefore>>10, s.RSSConnected>>10, s.RSSAfter>>10)
		line("server CPU\t%.2f µs a delivery\t%.1f µs an event, %.2f s; client %.2f s", s.CPUPerDelivery, s.CPUPerEvent, s.CPUSeconds, r.ClientCPUSeconds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.writeTimes(w)
}

func (r *Report) writeTimes(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "\nms\tp50\tp90\tp99\tp99.9\tmax\t\n") // Flush tells
	row := func(name string, l Latency) { _, _ = fmt.Fprintf(t, "%s\t%s\t\n", name, l) }
	row("Kafka to socket", r.Latency)
	row("Kafka's acknowledgement", r.Events.Ack)
	if r.Bare != nil {
		row("Kafka to a bare consumer", *r.Bare)
	}
	for _, s := range r.Storms {
		row("cut to resumed", s.Resume)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "\nOK: every delivery came once and in order"
	if !r.OK {
		verdict = fmt.Sprintf("\nNOT OK: %v", r.Problems)
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}

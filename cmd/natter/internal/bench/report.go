package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
)

// Latency is the usual quantiles of a set of durations, in microseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// A Result is what one run of one case showed. Figures that the mode or the
// platform can't know are zero.
type Result struct {
	Ops     int64   `json:"ops"`     // operations in the measured time
	Seconds float64 `json:"seconds"` // measured time
	Rate    float64 `json:"rate"`    // operations a second

	ServerCPU   float64 `json:"server_cpu_us"` // microseconds of server CPU time per operation
	ServerCores float64 `json:"server_cores"`
	ToolCores   float64 `json:"tool_cores"`
	OtherCores  float64 `json:"other_cores"` // what everybody else on the machine used: trust the figures less

	Latency     Latency  `json:"latency_us"`
	AckLatency  *Latency `json:"ack_latency_us,omitempty"`  // from sending to <a/>
	SenderLate  *Latency `json:"sender_late_us,omitempty"`  // open loop: how late the tool was; part of the latency
	SizeBytes   int      `json:"message_bytes,omitempty"`   // of a message as sent
	Sent        int64    `json:"sent"`                      // in the whole run, warm-up included
	Lost        int64    `json:"lost"`                      //
	Doubled     int64    `json:"doubled"`                   //
	Reordered   int64    `json:"reordered"`                 //
	Errors      int64    `json:"errors"`                    // error stanzas and messages that were never sent
	MemoryKB    int64    `json:"server_rss_kb"`             // at the end
	PerConnKB   float64  `json:"rss_per_conn_kb,omitempty"` // idle: growth of the resident set for each connection
	JoinSeconds float64  `json:"join_seconds,omitempty"`    // muc: until everybody was in and told of everybody
	Second      *Result  `json:"second,omitempty"`          // offline: the drain
	Rooms       *Rooms   `json:"rooms,omitempty"`           // rooms: what they cost

	Intervals []Interval `json:"intervals,omitempty"`
}

// An Interval is one stretch of a long run.
type Interval struct {
	Seconds   float64 `json:"seconds"` // its end, since measuring began
	Rate      float64 `json:"rate"`
	ServerCPU float64 `json:"server_cpu_us"`
}

// A Case is one target with all its rounds, their medians, and the medians of
// its ratios to the first case in the same round.
type Case struct {
	Name      string   `json:"name"`
	Rate      float64  `json:"rate"`
	ServerCPU float64  `json:"server_cpu_us"`
	Latency   Latency  `json:"latency_us"`
	RateRatio float64  `json:"rate_ratio,omitempty"`
	CPURatio  float64  `json:"cpu_ratio,omitempty"`
	Rounds    []Result `json:"rounds"`
}

// A Report is the whole of a run.
type Report struct {
	Mode    string `json:"mode"`
	Load    string `json:"load"`
	Machine string `json:"machine"`
	Cases   []Case `json:"cases"`
}

// describe says in words what the load is.
func (o *Options) describe() string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch o.mode {
	case "chat", "relay":
		add("%d pairs", o.Pairs)
		if o.Rate > 0 {
			add("open loop at %.0f/s", o.Rate)
		} else {
			add("window %d until %s", o.Window, o.Until)
		}
		add("%d-byte messages to %s JIDs", o.Size, o.To)
	case "login":
		add("%d at once", o.Clients)
	case "idle":
		add("%d connections, memory read %v after the last login", o.Clients, o.Settle)
	case "presence":
		add("%d contacts, %d changes under way", o.Clients, o.Window)
	case "muc":
		add("%d occupants, %d of them talk, window %d, %d-byte messages", o.Clients, o.Senders, o.Window, o.Size)
	case "rooms":
		add("%d rooms that are kept, made by %d accounts", o.Rooms, roomOwners(o))
	case "offline":
		add("%d absent accounts, %d messages of %d bytes each, %d senders", o.Clients, o.Per, o.Size, offlineSenders(o))
	}
	if o.Over != "tcp" {
		add("over %s", o.Over)
	}
	add("TLS %s", o.TLS)
	if o.SM {
		add("XEP-0198 on")
	} else {
		add("XEP-0198 off")
	}
	if !o.NoServe && o.mode != "relay" {
		add("archive %s", o.Archive)
		if o.Data {
			add("on disk")
		} else {
			add("in memory")
		}
	}
	switch {
	case o.mode == "idle" || o.mode == "offline" || o.mode == "rooms": // bounded by their numbers
	case o.Messages > 0:
		add("%d operations", o.Messages)
	default:
		add("%v", o.Duration)
	}
	add("rounds: %d", o.Rounds)
	return strings.Join(words, ", ")
}

// machine names the processor and the number of cores the tool may use.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(b) {
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(name)) == "model name" {
				model = string(bytes.TrimSpace(value))
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}

// writeJSON writes the report as one JSON document.
func (rep *Report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rep)
}

// writeTable writes the medians, one case a line, then ratios and what was lost.
func (rep *Report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n%s\n\n", rep.Mode, rep.Load, rep.Machine)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "case\trate/s\tserver us/op\tp50 us\tp99 us\tp99.9 us\tmax us\tlost\tdoubled\treordered\terrors\tserver\ttool\tother cores\tRSS MB\t\n")
	for _, c := range rep.Cases {
		writeRow(t, c.Name, c.Rounds)
		if len(c.Rounds) > 0 && c.Rounds[0].Second != nil {
			second := make([]Result, len(c.Rounds))
			for i := range c.Rounds {
				second[i] = *c.Rounds[i].Second
			}
			writeRow(t, c.Name+", drain", second)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i, c := range rep.Cases {
		if i > 0 && c.RateRatio > 0 {
			fmt.Fprintf(w, "\n%s / %s: rate %.2f, server CPU per operation %.2f (medians of the ratios of each round)",
				c.Name, rep.Cases[0].Name, c.RateRatio, c.CPURatio)
		}
		per := medianOf(c.Rounds, func(r *Result) float64 { return r.PerConnKB })
		if per > 0 {
			fmt.Fprintf(w, "\n%s: %.1f KB resident for each connection", c.Name, per)
		}
		if s := medianOf(c.Rounds, func(r *Result) float64 { return r.JoinSeconds }); s > 0 {
			fmt.Fprintf(w, "\n%s: %.2f s until everybody was in the room and told of everybody", c.Name, s)
		}
		for _, r := range c.Rounds {
			if r.Rooms != nil {
				fmt.Fprintf(w, "\n%s: %s", c.Name, r.Rooms)
			}
			if r.AckLatency != nil {
				fmt.Fprintf(w, "\n%s: acknowledged after p50 %.0f, p99 %.0f, p99.9 %.0f us", c.Name, r.AckLatency.P50, r.AckLatency.P99, r.AckLatency.P999)
			}
			if r.SenderLate != nil {
				fmt.Fprintf(w, "\n%s: the tool itself was late by p50 %.0f, p99 %.0f, p99.9 %.0f us", c.Name, r.SenderLate.P50, r.SenderLate.P99, r.SenderLate.P999)
			}
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// writeRow writes the medians of a case's rounds, and the sums of what went wrong.
func writeRow(w io.Writer, name string, rounds []Result) {
	med := func(f func(r *Result) float64) float64 { return medianOf(rounds, f) }
	var lost, doubled, reordered, errors int64
	for _, r := range rounds {
		lost, doubled, reordered, errors = lost+r.Lost, doubled+r.Doubled, reordered+r.Reordered, errors+r.Errors
	}
	fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.0f\t%.0f\t%.0f\t%.0f\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%.2f\t%.1f\t\n", name,
		med(func(r *Result) float64 { return r.Rate }),
		med(func(r *Result) float64 { return r.ServerCPU }),
		med(func(r *Result) float64 { return r.Latency.P50 }),
		med(func(r *Result) float64 { return r.Latency.P99 }),
		med(func(r *Result) float64 { return r.Latency.P999 }),
		med(func(r *Result) float64 { return r.Latency.Max }),
		lost, doubled, reordered, errors,
		med(func(r *Result) float64 { return r.ServerCores }),
		med(func(r *Result) float64 { return r.ToolCores }),
		med(func(r *Result) float64 { return r.OtherCores }),
		med(func(r *Result) float64 { return float64(r.MemoryKB) / 1024 }))
}

// line is a run's figures in short.
func (r *Result) line() string {
	return fmt.Sprintf("%9.0f/s  %8.2f us/op  p50 %.0f us  lost %d doubled %d reordered %d errors %d  other cores %.2f",
		r.Rate, r.ServerCPU, r.Latency.P50, r.Lost, r.Doubled, r.Reordered, r.Errors, r.OtherCores)
}

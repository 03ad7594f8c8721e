package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
)

// TestMain lets this test program be the relay's child process, as natter is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "bench" && os.Args[len(os.Args)-1] == relayServerMode {
		o := &Options{TLS: os.Args[3], listen: os.Args[5]}
		if err := Run(context.Background(), relayServerMode, o, os.Stdin, os.Stdout, os.Stderr); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestRelayDeliversEverythingOnce(t *testing.T) {
	for _, args := range []string{
		"--pairs 3 --messages 3000",
		"--pairs 3 --messages 3000 --window 8",
		"--pairs 2 --messages 600 --tls direct",
		"--pairs 2 --messages 200 --rate 4000",
		"--pairs 2 --duration 50ms --warmup 10ms --every 10ms --rounds 3",
	} {
		t.Run(args, func(t *testing.T) {
			var out, log bytes.Buffer
			o := parseOptions(t, append(strings.Fields(args), "--json")...)
			if err := Run(context.Background(), "relay", o, nil, &out, &log); err != nil {
				t.Fatal(err)
			}
			var report Report
			if err := json.Unmarshal(out.Bytes(), &report); err != nil {
				t.Fatal(err)
			}
			if len(report.Cases) != 1 || len(report.Cases[0].Rounds) != o.Rounds {
				t.Fatalf("%+v", report)
			}
			for _, r := range report.Cases[0].Rounds {
				if r.Sent < o.Messages || r.Ops == 0 || r.Rate <= 0 || r.Latency.P50 <= 0 || r.Latency.P50 > r.Latency.Max {
					t.Errorf("figures: %+v", r)
				}
				if r.Lost+r.Doubled+r.Reordered+r.Errors != 0 {
					t.Errorf("not everything came once: %+v", r)
				}
				if o.Every > 0 && len(r.Intervals) == 0 {
					t.Error("no intervals")
				}
			}
		})
	}
}

// A relay that does not keep its word must be found out. mangle changes the
// elements of one batch on their way.
func TestWhatTheServerDoesWrongIsCounted(t *testing.T) {
	for _, row := range []struct {
		name                             string
		mangle                           func(n int, elem []byte) []byte
		lost, doubled, reordered, errors bool
	}{
		{name: "drops the fifth message", lost: true, mangle: func(n int, elem []byte) []byte {
			if n == 5 {
				return nil
			}
			return elem
		}},
		{name: "sends the fifth message twice", doubled: true, mangle: func(n int, elem []byte) []byte {
			if n == 5 {
				return bytes.Repeat(elem, 2)
			}
			return elem
		}},
		{name: "holds the fifth message back for one", reordered: true, mangle: swap(5)},
		{name: "answers the fifth message with an error", lost: true, errors: true, mangle: func(n int, elem []byte) []byte {
			if n == 5 {
				return bytes.Replace(elem, []byte("type='chat'"), []byte("type='error'"), 1)
			}
			return elem
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := parseOptions(t, "--pairs", "1", "--messages", "100", "--window", "4", "--drain", "200ms")
			o.mode = "relay"
			if err := o.check(modes["relay"]); err != nil {
				t.Fatal(err)
			}
			var r Result
			if err := runChat(t.Context(), &target{name: "bad", addr: badRelay(t, row.mangle), relay: true}, o, &r); err != nil {
				t.Fatal(err)
			}
			if (r.Lost > 0) != row.lost || (r.Doubled > 0) != row.doubled || (r.Reordered > 0) != row.reordered || (r.Errors > 0) != row.errors {
				t.Errorf("lost %d, doubled %d, reordered %d, errors %d", r.Lost, r.Doubled, r.Reordered, r.Errors)
			}
		})
	}
}

// swap returns a mangle that exchanges message n with the one behind it.
func swap(n int) func(int, []byte) []byte {
	var held []byte
	return func(k int, elem []byte) []byte {
		switch k {
		case n:
			held = bytes.Clone(elem)
			return nil
		case n + 1:
			return append(bytes.Clone(elem), held...)
		}
		return elem
	}
}

// badRelay serves one pair; what its first end sends goes through mangle.
func badRelay(t *testing.T, mangle func(n int, elem []byte) []byte) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done; <-done })
	ends := make(chan net.Conn, 2)
	copyElements := func(dst, src net.Conn, mangle func(int, []byte) []byte) {
		defer func() { done <- struct{}{} }()
		defer dst.Close()
		f := newFrames(1024)
		for n := 0; f.fill(src) == nil; {
			for elem, _, ok := f.next(); ok; elem, _, ok = f.next() {
				n++
				if _, err := dst.Write(mangle(n, elem)); err != nil {
					return
				}
			}
		}
	}
	go func() {
		for range 2 {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, relayHelloLen))
			ends <- c
		}
		a, b := <-ends, <-ends
		_, _ = a.Write([]byte(relayReady))
		_, _ = b.Write([]byte(relayReady))
		go copyElements(b, a, mangle)
		go copyElements(a, b, func(_ int, elem []byte) []byte { return elem })
	}()
	return ln.Addr().String()
}

func TestRunEndsWhenTheServerGoesAway(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- relay(ln, nil) }()
	o := parseOptions(t, "--pairs", "2", "--duration", "10m", "--warmup", "0s")
	o.mode = "relay"
	if err := o.check(modes["relay"]); err != nil {
		t.Fatal(err)
	}
	o.Every, o.log = 1, closer{ln} // the first figures end the server
	var r Result
	err = runChat(t.Context(), &target{name: "relay", addr: ln.Addr().String(), relay: true}, o, &r)
	if err == nil || !strings.Contains(err.Error(), "closed") && !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// closer is a writer that closes a listener when something is written.
type closer struct{ ln net.Listener }

func (c closer) Write(p []byte) (int, error) { return len(p), c.ln.Close() }

func TestReportTableNamesCasesAndRatios(t *testing.T) {
	rep := &Report{Mode: "chat", Cases: []Case{
		{Name: "relay", Rounds: []Result{{Rate: 100, ServerCPU: 10}, {Rate: 300, ServerCPU: 12}, {Rate: 200, ServerCPU: 11}}},
		{Name: "natter", Rounds: []Result{{Rate: 80, ServerCPU: 15}, {Rate: 150, ServerCPU: 12}, {Rate: 180, ServerCPU: 22, Lost: 2}}},
	}}
	rep.summarise()
	if c := rep.Cases[1]; c.Rate != 150 || c.RateRatio != 0.8 || c.CPURatio != 1.5 {
		t.Errorf("natter: %+v", c)
	}
	var out bytes.Buffer
	if err := rep.writeTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"relay", "natter / relay: rate 0.80, server CPU per operation 1.50"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}} {
		if got := median(row.values); got != row.want {
			t.Errorf("median of %v is %v", row.values, got)
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"natter/cmd/natter/internal/bench"
)

// serveForBench runs the verb serve within this process, with the accounts that
// the load tool wants, and returns the --target that names it: over TCP, and over HTTP.
func serveForBench(t *testing.T, flags ...string) (tcp, http string) {
	t.Helper()
	var addr [2]string
	for i := range addr {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr[i] = ln.Addr().String()
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	var log bytes.Buffer
	var ended sync.WaitGroup
	ended.Go(func() {
		defer w.Close()
		args := []string{"serve", "--dev", "--no-limits", "--c2s", addr[0], "--c2s-tls", "off", "--http", addr[1], "--https", "off",
			"--bench-accounts", "70", "--bench-contacts", "5"}
		if code := run(ctx, append(args, flags...), stdio{out: w, err: &log}); code != exitOK {
			t.Errorf("serve ended with %d: %s", code, log.String())
		}
	})
	t.Cleanup(func() { cancel(); ended.Wait() })
	lines := bufio.NewScanner(r)
	for lines.Scan() && lines.Text() != "ready" {
		continue
	}
	ended.Go(func() { _, _ = io.Copy(io.Discard, r) })
	return fmt.Sprintf("%s,%d", addr[0], os.Getpid()), fmt.Sprintf("%s,%d", addr[1], os.Getpid())
}

// Every mode of the load tool against this server: all that was sent arrives,
// once and in order.
func TestBenchLosesNothing(t *testing.T) {
	tcp, http := serveForBench(t, "--data", t.TempDir())
	for _, row := range []struct {
		args string
		ops  int64 // at least so many operations
	}{
		{"chat --pairs 4 --messages 800", 800},
		{"chat --pairs 4 --messages 800 --window 8 --to bare", 800},
		{"chat --pairs 2 --messages 200 --tls starttls", 200},
		{"chat --pairs 4 --messages 800 --window 20 --sm", 800},
		{"chat --pairs 4 --messages 400 --window 4 --sm --until delivered", 400},
		{"chat --pairs 2 --messages 200 --rate 2000", 200},
		{"login --clients 4 --messages 50 --warmup 0s", 50},
		{"login --clients 2 --messages 10 --warmup 0s --tls starttls --mech SCRAM-SHA-1", 10},
		{"idle --clients 20 --settle 0s", 20},
		{"idle --clients 20 --settle 0s --transport ws", 20},
		{"idle --clients 20 --settle 0s --transport bosh", 20},
		{"chat --pairs 4 --messages 400 --window 4 --sm --transport ws", 400},
		{"chat --pairs 4 --messages 400 --window 4 --sm --transport bosh", 400},
		{"presence --clients 5 --messages 500 --warmup 0s --window 3", 500},
		{"muc --clients 8 --senders 3 --messages 800 --warmup 0s --window 2", 800},
		{"muc --clients 8 --senders 3 --messages 800 --warmup 0s --window 2 --sm", 800},
		{"offline --clients 10 --per 30 --window 2", 300},
		{"offline --clients 10 --per 30 --window 2 --sm", 300},
	} {
		t.Run(row.args, func(t *testing.T) {
			var out, log bytes.Buffer
			args := append([]string{"bench"}, strings.Fields(row.args)...)
			target := tcp
			if strings.Contains(row.args, "--transport") {
				target = http
			}
			args = append(args, "--no-serve", "--json", "--target", "natter="+target)
			if code := run(t.Context(), args, stdio{out: &out, err: &log}); code != exitOK {
				t.Fatalf("ended with %d: %s", code, log.String())
			}
			var report bench.Report
			if err := json.Unmarshal(out.Bytes(), &report); err != nil {
				t.Fatal(err)
			}
			for _, c := range report.Cases {
				for _, r := range c.Rounds {
					if r.Second != nil {
						check(t, "drain", r.Second, row.ops)
					}
					check(t, c.Name, &r, row.ops)
				}
			}
		})
	}
}

// check looks for operations missing or gone wrong.
func check(t *testing.T, name string, r *bench.Result, ops int64) {
	t.Helper()
	if r.Ops < ops || r.Rate <= 0 {
		t.Errorf("%s: %d operations at %.0f/s, want %d", name, r.Ops, r.Rate, ops)
	}
	if r.Lost+r.Doubled+r.Reordered+r.Errors != 0 {
		t.Errorf("%s: lost %d, doubled %d, reordered %d, errors %d", name, r.Lost, r.Doubled, r.Reordered, r.Errors)
	}
}

func TestBenchHelpNamesEveryMode(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"help", "bench"}, stdio{out: &out}); code != exitOK {
		t.Fatalf("help ended with %d", code)
	}
	names, _ := bench.Modes()
	for _, name := range append(names, "--relay", "--rounds", "--target") {
		if !strings.Contains(out.String(), name) {
			t.Errorf("no %s in:\n%s", name, out.String())
		}
	}
}

package main

import (
	"context"
	"fmt"
	"strings"

	"natter/cmd/natter/internal/bench"
)

// runBench is the verb bench: the load tool. Its work is in package bench.
func runBench(ctx context.Context, args []string, std stdio) int {
	var o bench.Options
	fs := newFlags("bench", benchHelp(), std)
	o.Register(fs.FlagSet)
	pos, code, ok := fs.parse(args, 1, 1)
	if !ok {
		return code
	}
	if err := bench.Run(ctx, pos[0], &o, std.in, std.out, std.err); err != nil {
		fmt.Fprintf(std.err, "natter bench: %v\n", err)
		return exitUsage
	}
	return exitOK
}

// benchHelp lists the modes.
func benchHelp() string {
	var b strings.Builder
	b.WriteString(`
Measures a server from its clients' side, over loopback only: rates, latencies,
server CPU time per operation, and every message lost, doubled or reordered.
By default it starts a natter of its own, in memory, for each run and ends it.
docs/benchmarks.md explains the figures.

Modes:
`)
	names, summaries := bench.Modes()
	for i, name := range names {
		fmt.Fprintf(&b, "  %-10s %s\n", name, summaries[i])
	}
	return b.String()
}

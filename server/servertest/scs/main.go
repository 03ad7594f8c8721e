package scs

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Exit statuses of Main.
const (
	exitPassed = 0
	exitUsage  = 1 // the command line or a script is wrong
	exitFailed = 4 // the server's part went otherwise than written
)

// Main is the command `natter test`: it plays the scripts named in args and
// returns the exit status. web are ways to reach a server beside TCP. When ctx
// ends, no further script is begun and those that play fail.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, web ...WebTransport) int {
	f, err := parseFlags(args, stdout, web)
	if errors.Is(err, flag.ErrHelp) {
		return exitPassed
	}
	if err != nil {
		fmt.Fprintf(stderr, "natter test: %v\nUsage: natter test [flags] FILE.scs|DIRECTORY...\nnatter help test says more.\n", err)
		return exitUsage
	}
	jobs, skipped, err := f.load()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if f.check {
		fmt.Fprintf(stdout, "%d scripts are well-formed\n", len(jobs)+len(skipped))
		return exitPassed
	}
	opt, err := f.options()
	if err != nil {
		fmt.Fprintln(stderr, "natter test:", err)
		return exitUsage
	}
	if f.verbose {
		opt.Log = stderr
	}
	return f.run(ctx, jobs, skipped, opt, stdout, stderr)
}

func (f *flags) run(ctx context.Context, jobs []job, skipped []outcome, opt Options, stdout, stderr io.Writer) int {
	var rep reporter = plain{w: stdout}
	if f.tap {
		rep = tapReport{w: stdout}
	}
	begin := time.Now()
	rep.begin(len(jobs) + len(skipped))
	var all []outcome
	collect := func(o outcome) {
		all = append(all, o)
		rep.one(len(all), o)
	}
	for _, o := range skipped {
		collect(o)
	}
	playAll(ctx, jobs, f.parallel, func(ctx context.Context, j job) error { return f.playOne(ctx, j, opt) }, collect)
	took := time.Since(begin)
	rep.end(all, took)
	if f.junit != "" {
		if err := saveJUnit(f.junit, all, took); err != nil {
			fmt.Fprintln(stderr, "natter test:", err)
			return exitUsage
		}
	}
	if _, failed, _ := tally(all); failed > 0 || ctx.Err() != nil {
		return exitFailed
	}
	return exitPassed
}

func saveJUnit(file string, all []outcome, took time.Duration) (err error) {
	w, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return writeJUnit(w, all, took)
}

// playOne plays a script on the accounts and in the rooms it names, or in new ones.
func (f *flags) playOne(ctx context.Context, j job, opt Options) error {
	if !f.fresh {
		return j.script.Play(ctx, opt)
	}
	script, rooms, err := Fresh(j.script, j.source, "-"+strings.ToLower(rand.Text()[:8]))
	if err != nil {
		return err
	}
	f.appoint(script)
	defer func() {
		seen := map[string]bool{}
		for i := range script.Cast {
			c := &script.Cast[i]
			if !seen[c.JID] && !c.admin() {
				seen[c.JID] = true
				// The script may have removed it, or changed the password.
				_ = Unregister(ctx, opt, c.JID, c.Password(), rooms...)
			}
		}
	}()
	return script.Play(ctx, opt)
}

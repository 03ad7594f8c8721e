// Package bench is the load tool behind `natter bench`. It measures an XMPP
// server from the client's side, over loopback, and says what it saw: rates,
// latencies, the server's CPU time per operation, and every message that was
// lost, doubled or overtaken.
//
// The client is a raw one: after a real login (RFC 6120) it writes messages
// from a template and finds the boundaries of what comes back by their end
// tags, because it shares the machine with the server it measures. It is not a
// validating client and must only be pointed at servers under test.
//
// A run is bounded: by its duration or its number of messages, by a limit on
// the time it waits for what is still on the way, and by a deadline for every
// login. Targets must be loopback addresses.
package bench

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
)

// A mode is one kind of load. run applies it to one target and fills the
// figures of r that it can know.
type mode struct {
	summary string
	run     func(ctx context.Context, t *target, o *Options, r *Result) error
	// relay says that the mode has a floor: the relay can stand in for the server.
	relay bool
	// accounts is how many accounts the mode needs, contacts how many of them
	// must be user1's contacts.
	accounts, contacts func(o *Options) int
}

// modes is every kind of load by the word that names it on the command line.
var modes = map[string]mode{
	"relay": {
		summary:  "chat through a relay that only copies bytes: the floor",
		run:      runChat,
		relay:    true,
		accounts: func(*Options) int { return 0 },
	},
	"chat": {
		summary:  "pairs of clients send each other messages",
		run:      runChat,
		relay:    true,
		accounts: func(o *Options) int { return 2 * o.Pairs },
	},
	"login": {
		summary:  "whole logins, one after the other",
		run:      runLogin,
		accounts: loginAccounts,
	},
	"idle": {
		summary:  "memory of connections that do nothing",
		run:      runIdle,
		accounts: func(o *Options) int { return o.Clients },
	},
	"presence": {
		summary:  "one account changes its show, its contacts hear it",
		run:      runPresence,
		accounts: func(o *Options) int { return o.Clients + 1 },
		contacts: func(o *Options) int { return o.Clients },
	},
	"muc": {
		summary:  "a chat room: occupants enter it, some of them talk",
		run:      runMUC,
		accounts: func(o *Options) int { return o.Clients },
	},
	"rooms": {
		summary:  "rooms that nobody is in: memory, start-up, lists and searches",
		run:      runRooms,
		accounts: roomOwners,
	},
	"offline": {
		summary:  "messages for absent accounts, stored and drained",
		run:      runOffline,
		accounts: func(o *Options) int { return o.Clients + offlineSenders(o) },
	},
}

// Modes returns the words that name a mode, sorted, each with a line about it.
func Modes() (names, summaries []string) {
	for name := range modes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		summaries = append(summaries, modes[name].summary)
	}
	return names, summaries
}

// Run executes one mode and writes its report to out and its progress to log.
// The mode "relay-server" is the child process of the relay: it serves until
// in reaches its end.
func Run(ctx context.Context, name string, o *Options, in io.Reader, out, log io.Writer) error {
	if name == relayServerMode {
		return serveRelay(ctx, o, in, out)
	}
	m, ok := modes[name]
	if !ok {
		names, _ := Modes()
		return fmt.Errorf("there is no mode %q; the modes are %s", name, strings.Join(names, ", "))
	}
	o.mode = name
	if err := o.check(m); err != nil {
		return err
	}
	report, err := runRounds(ctx, m, o, log)
	if err != nil {
		return err
	}
	if o.JSON {
		return report.writeJSON(out)
	}
	return report.writeTable(out)
}

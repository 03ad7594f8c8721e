package main

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"natter/server"
)

// off turns a listener off.
const off = "off"

// options is what serve was told, by flags and the configuration file.
type options struct {
	Server server.Config
	settings

	Verbose       bool
	Pprof         string
	BenchAccounts int
	BenchContacts int

	config      string         // the configuration file; "" without
	level       slog.Level     // of LogLevel and Verbose
	metricsFrom []netip.Prefix // of MetricsFrom
	onStop      func(restart bool)

	turnDefault   bool           // nobody has said where Turn is
	turnAddresses []netip.Addr   // of TurnAddress
	turnPeers     []netip.Prefix // of TurnPeers
	turnPorts     [2]uint16      // of TurnPorts, the first and the last
}

const serveHelp = `
Runs the server. Without a configuration it serves the domain localhost on the
loopback addresses, makes its own certificate, keeps its data in one directory,
and prints how clients connect. Stop it with Ctrl-C or SIGTERM: it finishes what
it has promised and says goodbye to its clients. SIGHUP reads certificates and
what can change in the configuration again.

An address may be "off". Flags override the configuration file.
`

// serveOptions reads the command line of serve, and the file that it names, on
// behalf of verb.
func serveOptions(verb string, args []string, std stdio) (*options, int, bool) {
	o := &options{settings: defaultSettings()}
	o.Server.Archive = true
	fs := newFlags("serve", serveHelp, std)
	config := fs.String("config", "", "configuration `FILE` (TOML), else NATTER_CONFIG; natter config prints one with\nevery setting")
	domain := fs.String("domain", "", "the `DOMAIN` to serve (default localhost)")
	archive := fs.String("archive", "", "keep delivered messages: `on|off` (default on)")
	fs.StringVar(&o.Server.Guests, "guests", "", "let people without an account into rooms: `on|off` (default on for localhost)")
	fs.StringVar(&o.Data, "data", "", "keep data in `DIR` (default "+shortPath(defaultDataDir())+")")
	fs.BoolVar(&o.Memory, "memory", false, "keep nothing on disk")
	fs.BoolVar(&o.Server.Dev, "dev", false, "for protocol tests on this machine: in memory unless --data is given,\nopen registration, SCRAM without TLS from loopback")
	fs.StringVar(&o.C2S, "c2s", "", "clients with STARTTLS (default `ADDR` 127.0.0.1:5222)")
	fs.StringVar(&o.C2STLS, "c2s-tls", "", "clients with direct TLS (default `ADDR` 127.0.0.1:5223)")
	fs.StringVar(&o.HTTP, "http", "", "HTTP: web chat, API, health and metrics (default `ADDR` 127.0.0.1:5280)")
	fs.StringVar(&o.HTTPS, "https", "", "the same over TLS (default `ADDR` 127.0.0.1:5281)")
	fs.StringVar(&o.Turn, "turn", "", "the relay for calls, STUN and TURN (default `ADDR` 127.0.0.1:3478; off with --dev)")
	fs.StringVar(&o.Cert, "cert", "", "certificate chain, PEM `FILE`; watched for changes")
	fs.StringVar(&o.Key, "key", "", "its private key, PEM `FILE`")
	fs.StringVar(&o.Control, "control", "", "the socket for natter user: a `PATH` or off (default control.sock in --data)")
	fs.BoolVar(&o.Server.NoLimits, "no-limits", false, "lift limits on rates, registration and connections per address")
	fs.BoolVar(&o.Verbose, "verbose", false, "log more")
	fs.StringVar(&o.Pprof, "pprof", "", "serve profiles at `ADDR`, loopback only")
	fs.IntVar(&o.BenchAccounts, "bench-accounts", 0, "with --dev: make accounts user1 to user`N`, password bench")
	fs.IntVar(&o.BenchContacts, "bench-contacts", 0, "with --bench-accounts: user1 has a subscription both ways with `N` others")
	if _, code, ok := fs.parse(args, 0, 0); !ok {
		return nil, code, false
	}
	if o.config = firstSet(*config, os.Getenv("NATTER_CONFIG")); o.config != "" {
		if err := o.readConfig(o.config); err != nil {
			return nil, report(std.err, verb, err), false
		}
		fs.parse(args, 0, 0) // once more, over what the file says
	}
	if *domain != "" {
		o.Server.Domains = []string{*domain}
	}
	switch *archive {
	case "":
	case "on", "off":
		o.Server.Archive = *archive == "on"
	default:
		return nil, fs.usageError("--archive takes on or off, not %q", *archive), false
	}
	if fs.isSet("memory") && o.Memory && !fs.isSet("data") {
		o.Data = "" // that of the file
	}
	if fs.isSet("data") && !fs.isSet("memory") {
		o.Memory = false
	}
	switch err := o.complete(); {
	case err != nil && verb != fs.Name():
		return nil, report(std.err, verb, fail(exitUsage, "natter config lists every setting.", "%w", err)), false
	case err != nil:
		return nil, fs.usageError("%v", err), false
	}
	return o, 0, true
}

// A served is one of the addresses that are served.
type served struct {
	name string // of its flag
	addr *string
	port string // the default one
	what string // for people
}

// listeners returns the addresses that are served, or off.
func (o *options) listeners() []served {
	return []served{
		{"c2s", &o.C2S, "5222", "clients, STARTTLS"},
		{"c2s-tls", &o.C2STLS, "5223", "clients, direct TLS"},
		{"http", &o.HTTP, "5280", "web chat and API"},
		{"https", &o.HTTPS, "5281", "the same over TLS"},
	}
}

// local reports whether only this machine is served.
func (o *options) local() bool {
	return o.Server.Dev || len(o.Server.Domains) == 1 && o.Server.Domains[0] == "localhost"
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// databaseFile is the store's file in a data directory.
const databaseFile = "natter.db"

// socket is where the control socket of a server over a data directory is.
func socket(data string) string { return filepath.Join(data, "control.sock") }

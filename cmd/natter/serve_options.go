package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"natter/server"
)

// off turns a listener off.
const off = "off"

// options is what serve was told, by flags and the configuration file.
type options struct {
	Server server.Config
	Data   string
	Memory bool

	C2S, C2STLS, HTTP, HTTPS string
	Cert, Key                string

	Verbose       bool
	Pprof         string
	BenchAccounts int
	BenchContacts int
}

const serveHelp = `
Runs the server. Without a configuration it serves the domain localhost on the
loopback addresses, makes its own certificate, keeps its data in one directory,
and prints how clients connect. Stop it with Ctrl-C or SIGTERM: it finishes what
it has promised and says goodbye to its clients.

An address may be "off".
`

// serveOptions reads the command line of serve.
func serveOptions(args []string, std stdio) (*options, int, bool) {
	o := &options{}
	fs := newFlags("serve", serveHelp, std)
	config := fs.String("config", "", "configuration `FILE` (TOML); natter config prints one with every setting")
	domain := fs.String("domain", "", "the `DOMAIN` to serve (default localhost)")
	archive := fs.String("archive", "", "keep delivered messages: `on|off` (default on)")
	fs.StringVar(&o.Data, "data", "", "keep data in `DIR` (default "+defaultDataDir()+")")
	fs.BoolVar(&o.Memory, "memory", false, "keep nothing on disk")
	fs.BoolVar(&o.Server.Dev, "dev", false, "for protocol tests on this machine: in memory unless --data is given,\nopen registration, SCRAM without TLS from loopback")
	fs.StringVar(&o.C2S, "c2s", "", "clients with STARTTLS (default `ADDR` 127.0.0.1:5222)")
	fs.StringVar(&o.C2STLS, "c2s-tls", "", "clients with direct TLS (default `ADDR` 127.0.0.1:5223)")
	fs.StringVar(&o.HTTP, "http", "", "HTTP: health and metrics (default `ADDR` 127.0.0.1:5280)")
	fs.StringVar(&o.HTTPS, "https", "", "the same over TLS (default `ADDR` 127.0.0.1:5281)")
	fs.StringVar(&o.Cert, "cert", "", "certificate chain, PEM `FILE`; watched for changes")
	fs.StringVar(&o.Key, "key", "", "its private key, PEM `FILE`")
	fs.BoolVar(&o.Server.NoLimits, "no-limits", false, "lift limits on rates, registration and connections per address")
	fs.BoolVar(&o.Verbose, "verbose", false, "log more")
	fs.StringVar(&o.Pprof, "pprof", "", "serve profiles at `ADDR`, loopback only")
	fs.IntVar(&o.BenchAccounts, "bench-accounts", 0, "with --dev: make accounts user1 to user`N`, password bench")
	fs.IntVar(&o.BenchContacts, "bench-contacts", 0, "with --bench-accounts: user1 has a subscription both ways with `N` others")
	if _, code, ok := fs.parse(args, 0, 0); !ok {
		return nil, code, false
	}
	o.Server.Archive = true
	if err := o.fill(*config, *domain, *archive); err != nil {
		return nil, fs.usageError("%v", err), false
	}
	return o, 0, true
}

// fill adds the configuration file and the defaults, and checks what goes
// together.
func (o *options) fill(config, domain, archive string) error {
	if config != "" {
		if err := o.readConfig(config); err != nil {
			return err
		}
	}
	if domain != "" {
		o.Server.Domains = []string{domain}
	}
	if len(o.Server.Domains) == 0 {
		o.Server.Domains = []string{"localhost"}
	}
	switch archive {
	case "":
	case "on", "off":
		o.Server.Archive = archive == "on"
	default:
		return fmt.Errorf("--archive takes on or off, not %q", archive)
	}
	if o.Server.Dev {
		o.Server.Register = true
		o.Memory = o.Memory || o.Data == ""
		if len(o.Server.Admins) == 0 {
			o.Server.Admins = []string{"admin@" + o.Server.Domains[0]}
		}
	}
	if o.Memory && o.Data != "" && !o.Server.Dev {
		return fmt.Errorf("--memory and --data exclude each other")
	}
	if o.Data == "" && !o.Memory {
		if o.Data = defaultDataDir(); o.Data == "" {
			return fmt.Errorf("there is no home directory to keep data in; name one with --data DIR")
		}
	}
	if (o.Cert == "") != (o.Key == "") {
		return fmt.Errorf("--cert and --key go together")
	}
	// A real domain is served to everybody, localhost to this machine.
	host := ""
	if o.local() {
		host = "127.0.0.1"
	}
	for _, a := range []struct {
		addr *string
		port string
	}{{&o.C2S, "5222"}, {&o.C2STLS, "5223"}, {&o.HTTP, "5280"}, {&o.HTTPS, "5281"}} {
		if *a.addr == "" {
			*a.addr = net.JoinHostPort(host, a.port)
		}
		if o.Server.Dev && *a.addr != off && !loopback(*a.addr) {
			return fmt.Errorf("--dev lets anybody in, so it listens on loopback only, not on %s", *a.addr)
		}
	}
	return nil
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

func (o *options) level() slog.Level {
	if o.Verbose {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// reloads is sent to at each SIGHUP.
func (o *options) reloads(ctx context.Context) <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(c) })
	return c
}

// socket is where the control socket of a server over a data directory is.
func socket(data string) string { return filepath.Join(data, "control.sock") }

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"natter/server"
	"natter/server/c2s"
	"natter/server/cert"
	"natter/server/store"
	"natter/server/xep"
)

// drainTime is how long a stopping server takes at most.
const drainTime = 9 * time.Second

// runServe is the verb serve: the whole server, wired top to bottom.
func runServe(ctx context.Context, args []string, std stdio) int {
	o, code, ok := serveOptions(args, std)
	if !ok {
		return code
	}
	if err := serve(ctx, o, std); err != nil {
		fmt.Fprintf(std.err, "natter serve: %v\n", err)
		return exitUsage
	}
	return exitOK
}

// serve runs a server until ctx ends, then drains it.
func serve(ctx context.Context, o *options, std stdio) error {
	log := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: o.level()}))

	// Storage and certificate.
	dbPath, certDir := "", ""
	if !o.Memory {
		if err := os.MkdirAll(filepath.Join(o.Data, "cert"), 0o700); err != nil {
			return fmt.Errorf("making the data directory: %w", err)
		}
		dbPath, certDir = filepath.Join(o.Data, "natter.db"), filepath.Join(o.Data, "cert")
	}
	db, err := store.Open(store.Options{Path: dbPath})
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("%s is in use: another natter is running on it; stop it, or choose another --data", o.Data)
	}
	if err != nil {
		return fmt.Errorf("opening %s: %w", dbPath, err)
	}
	defer db.Close()
	certs, err := o.certificate(certDir)
	if err != nil {
		return err
	}

	// The core.
	core, err := server.New(o.Server, db, log, xep.All)
	if err != nil {
		return err
	}
	defer core.Close()
	admin, err := firstRun(ctx, o, core)
	if err != nil {
		return err
	}
	if err := o.bulk(ctx, core); err != nil {
		return err
	}

	// Listeners.
	clients := c2s.New(core, certs.Config("xmpp-client"))
	if err := clients.Restore(ctx); err != nil {
		return err
	}
	go trimMemory(ctx, clients)
	addrs := make(map[string]net.Addr)
	for _, l := range []struct {
		name, addr string
		direct     bool
	}{{"c2s", o.C2S, false}, {"c2s-tls", o.C2STLS, true}} {
		if l.addr == off {
			continue
		}
		ln, err := net.Listen("tcp", l.addr)
		if err != nil {
			return listenError(l.name, l.addr, err)
		}
		addrs[l.name] = ln.Addr()
		clients.Listen(ln, l.direct)
	}
	stopHTTP, err := o.serveHTTP(core, clients, certs.Config("h2", "http/1.1"), addrs, log)
	if err != nil {
		return err
	}
	control, err := o.control(core)
	if err != nil {
		return err
	}
	o.greet(std.out, certs, admin, addrs)

	// Until told to stop.
	reload := o.reloads(ctx)
	for stopping := false; !stopping; {
		select {
		case <-ctx.Done():
			stopping = true
		case <-reload:
			if err := certs.Reload(); err != nil {
				log.Warn("certificate not reloaded", "err", err)
			}
		}
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	control()
	stopHTTP(drain)
	clients.Shutdown(drain)
	return nil
}

// certificate returns where TLS gets its certificate from.
func (o *options) certificate(dir string) (*cert.Source, error) {
	if o.Cert != "" {
		s, err := cert.Files(o.Cert, o.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate: %w", err)
		}
		return s, nil
	}
	s, err := cert.Local(dir, o.Server.Domains)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	return s, nil
}

func listenError(name, addr string, err error) error {
	return fmt.Errorf("listening on %s: %w (choose another with --%s HOST:PORT, or turn it off with --%s off)", addr, err, name, name)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"natter/server"
	"natter/server/c2s"
	"natter/server/store"
	"natter/server/web"
	"natter/server/xep"
)

// A stopping server takes drainTime at most to say goodbye to its clients, and
// stopTime in all.
const (
	drainTime = 6 * time.Second
	stopTime  = 9500 * time.Millisecond
)

// runServe is the verb serve.
func runServe(ctx context.Context, args []string, std stdio) int {
	o, code, ok := serveOptions("serve", args, std)
	if !ok {
		return code
	}
	ctx, stop := context.WithCancel(ctx)
	var restart atomic.Bool
	o.onStop = func(again bool) {
		restart.Store(again)
		stop()
	}
	ended := make(chan error, 1)
	go func() {
		defer stop()
		err := serve(ctx, o, args, std)
		if errors.Is(err, context.Canceled) {
			err = nil // told to stop while it was still starting
		}
		ended <- err
	}()
	<-ctx.Done()
	// Who is in a hurry may send the signal again.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	var err error
	select {
	case err = <-ended:
	case <-time.After(stopTime):
		err = errors.New("could not stop in time; what was not acknowledged to clients may not be stored")
	}
	if err != nil {
		fmt.Fprintf(std.err, "natter serve: %v\n", err)
		return exitUsage
	}
	if restart.Load() {
		if err := again(); err != nil {
			fmt.Fprintf(std.err, "natter serve: it has stopped and could not be started anew: %v\n", err)
			return exitUsage
		}
	}
	return exitOK
}

// serve is the whole server, wired top to bottom. It runs until ctx ends and
// drains then. args are those that o was made from, to be read again on SIGHUP.
func serve(ctx context.Context, o *options, args []string, std stdio) error {
	level := new(slog.LevelVar)
	level.Set(o.level)
	log := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(log)
	hangup := o.hangups(ctx)

	// Storage, certificate and sockets: all that may not be there for us.
	db, err := o.openStore()
	if err != nil {
		return err
	}
	defer db.Close()
	run, err := o.runDirectory()
	if err != nil {
		return err
	}
	defer run.remove()
	certs, err := o.certificates()
	if err != nil {
		return err
	}
	sockets, err := o.listen()
	if err != nil {
		return err
	}
	defer sockets.close()

	// The core.
	core, err := server.New(o.Server, db, log, xep.All)
	if err != nil {
		return err
	}
	defer core.Close()
	core.OnStop(o.onStop)
	if err := o.tokenKey(core); err != nil {
		return err
	}
	clients := c2s.New(core, certs.config("xmpp-client"))
	if err := clients.Restore(ctx); err != nil {
		return err
	}
	admin, err := firstRun(ctx, o, core)
	if err != nil {
		return err
	}
	if err := o.bulk(ctx, core); err != nil {
		return err
	}

	authority, err := run.authority(certs.source())
	if err != nil {
		return err
	}
	if err := o.servePprof(); err != nil {
		return err
	}
	closeControl, err := o.control(core)
	if err != nil {
		return err
	}
	defer closeControl()

	// Everybody may come in.
	site := web.New(core, clients, web.Options{Version: buildInfo().version, MetricsFrom: o.metricsFrom})
	core.SetSites(o.sites(sockets))
	core.SetDirectTLS(sockets.port("c2s-tls"))
	stopHTTP := serveHTTP(site, sockets, certs.config("h2", "http/1.1"), core)
	for _, name := range []string{"c2s", "c2s-tls"} {
		if ln := sockets[name]; ln != nil {
			clients.Listen(ln, name == "c2s-tls")
		}
	}
	stopRelay, relayAt, err := o.startRelay(ctx, core, log)
	if err != nil {
		return err
	}
	defer stopRelay()
	setMemoryLimits()
	go trimMemory(ctx, clients)
	o.greet(std.out, greeting{authority, admin, sockets, relayAt})

	// Until told to stop.
	for stopping := false; !stopping; {
		select {
		case <-ctx.Done():
			stopping = true
		case <-hangup:
			o.reload(args, reloadable{level, certs, site}, log)
		}
	}
	log.Info("stopping")
	site.Drain()
	closeControl()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	clients.Shutdown(drain)
	stopHTTP(drain)
	return nil
}

// openStore opens the data directory, or memory.
func (o *options) openStore() (*store.Store, error) {
	path := ""
	if !o.Memory {
		if err := os.MkdirAll(o.Data, 0o700); err != nil {
			return nil, fmt.Errorf("making the data directory: %w", err)
		}
		path = filepath.Join(o.Data, databaseFile)
	}
	db, err := store.Open(store.Options{Path: path})
	if errors.Is(err, store.ErrLocked) {
		return nil, fmt.Errorf("%s is in use: another natter is running on it; stop it, or choose another --data", o.Data)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the data in %s: %w", o.Data, err)
	}
	return db, nil
}

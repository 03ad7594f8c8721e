package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"natter/server"
	"natter/server/admin"
	"natter/server/store"
	"natter/server/xep"
	"natter/stanza"
)

// accountsPlace says whose accounts are meant.
type accountsPlace struct {
	data, control, domain string
	patience              time.Duration // with a server that does not answer yet
}

func (w *accountsPlace) register(fs *flags) {
	w.patience = patience
	fs.StringVar(&w.data, "data", "", "the server's data `DIR` (default "+shortPath(defaultDataDir())+")")
	fs.StringVar(&w.control, "control", "", "the control socket `PATH` that a server without a data directory prints")
	fs.StringVar(&w.domain, "domain", "", "the `DOMAIN` of addresses that are names alone")
}

// address completes a name that has no domain.
func (w *accountsPlace) address(name string) string {
	if w.domain != "" && !strings.Contains(name, "@") {
		return name + "@" + w.domain
	}
	return name
}

// patience is how long a server may take that is just starting or stopping.
const patience = 5 * time.Second

// open returns the accounts of the running server or, when there is none, those
// in its data directory, and what has to be called in the end. jids are the
// addresses that are going to be asked for.
func (w *accountsPlace) open(ctx context.Context, jids []string, log io.Writer) (admin.Accounts, func(), error) {
	if w.control != "" {
		c, err := admin.Dial(ctx, w.control)
		if err != nil {
			return nil, nil, fail(exitConnect, "A server prints the path of its control socket when it starts.", "asking the server: %w", err)
		}
		return c, c.Close, nil
	}
	if w.data == "" {
		if w.data = defaultDataDir(); w.data == "" {
			return nil, nil, fail(exitUsage, "Name the server's data directory with --data DIR.", "there is no home directory to look for data in")
		}
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(w.patience); ; {
		c, err := admin.Dial(ctx, socket(w.data))
		if err == nil {
			return c, c.Close, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, nil, fail(exitUsage, "Run this as the user that the server runs as, for example with sudo -u.", "asking the server: %w", err)
		}
		accounts, end, err := w.openData(ctx, jids, log)
		if !errors.Is(err, store.ErrLocked) {
			return accounts, end, err
		}
		select {
		case <-late:
			return nil, nil, fail(exitConnect, "It may be starting or stopping: try again. Or it was started with another --control PATH: say that here too.",
				"a server runs on %s but does not answer at %s", w.data, socket(w.data))
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// openData opens the data directory of a server that does not run, and a core
// without listeners over it. The error wraps store.ErrLocked when it runs.
func (w *accountsPlace) openData(ctx context.Context, jids []string, logTo io.Writer) (admin.Accounts, func(), error) {
	if err := w.checkData(); err != nil {
		return nil, nil, err
	}
	db, err := store.Open(store.Options{Path: filepath.Join(w.data, databaseFile)})
	if err != nil {
		if !errors.Is(err, store.ErrLocked) {
			err = fail(exitUsage, "", "opening the data in %s: %w", w.data, err)
		}
		return nil, nil, err
	}
	domains, err := w.domains(ctx, db, jids)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(logTo, &slog.HandlerOptions{Level: slog.LevelWarn}))
	core, err := server.New(server.Config{Domains: domains}, db, log, xep.All)
	if err != nil {
		db.Close()
		return nil, nil, fail(exitUsage, "", "opening the data in %s: %w", w.data, err)
	}
	return admin.Local(core), func() {
		core.Close()
		db.Close()
	}, nil
}

// checkData refuses a directory that is not, and is not to become, natter's.
func (w *accountsPlace) checkData() error {
	hint := "Start a server with: natter serve --data " + w.data + "\nOr name the data directory of yours with --data DIR."
	if w.data == defaultDataDir() {
		hint = "Start a server with: natter serve\nOr name the data directory of yours with --data DIR."
	}
	entries, err := os.ReadDir(w.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail(exitUsage, hint, "no server runs on %s, and there is no such directory", w.data)
	case err != nil:
		return fail(exitUsage, "", "looking for a server's data: %w", err)
	}
	known := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == databaseFile })
	if len(entries) > 0 && !known {
		return fail(exitUsage, hint, "no server runs on %s, and it holds no data of one", w.data)
	}
	return checkOwner(w.data)
}

// domains returns the hosts to open: those that the data know, and with --domain,
// or while there are none, the one that is asked for.
func (w *accountsPlace) domains(ctx context.Context, db *store.Store, jids []string) ([]string, error) {
	known, err := server.Domains(ctx, db)
	if err != nil {
		return nil, fail(exitUsage, "", "reading the data in %s: %w", w.data, err)
	}
	if w.domain != "" {
		j, err := stanza.ParseJID(w.domain)
		if err != nil || j.Local() != "" || !j.IsBare() {
			return nil, fail(exitUsage, "", "--domain: %q is not a domain", w.domain)
		}
		known = slices.DeleteFunc(known, func(d string) bool { return d == j.Domain() })
		return append([]string{j.Domain()}, known...), nil
	}
	for _, name := range jids {
		_, domain, whole := strings.Cut(name, "@")
		j, err := stanza.ParseJID(domain)
		switch {
		case !whole && len(known) > 1:
			return nil, fail(exitUsage, "Write the whole address, or say --domain.", "%q may be at %s", name, strings.Join(known, " or "))
		case !whole || err != nil || slices.Contains(known, j.Domain()):
		case len(known) == 0:
			known = append(known, j.Domain())
		default:
			return nil, fail(exitUsage, "To make it one of them: --domain "+j.Domain(), "%s has no domain %s, but %s", w.data, j.Domain(), strings.Join(known, ", "))
		}
	}
	if len(known) == 0 {
		known = []string{"localhost"}
	}
	return known, nil
}

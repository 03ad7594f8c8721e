// Package server is natter's core: hosts, accounts, sessions and the router
// between them, as RFC 6120 §10 and RFC 6121 describe them. Transports hand it
// bytes (server/c2s), extensions hook into it (server/xep), and what it keeps
// is in server/store. Guests have hosts of their own, as XEP-0175 (version 1.2) has it.
//
// # Locks
//
// Ranks, from first taken to last; a goroutine never takes two of one rank and
// never one above what it holds:
//
//  0. Host.redeeming, a turn rather than a lock: invitations change one by one, and
//     whoever has it may wait for the store
//  1. Host.guests, and within it: Host.names, registry shards (held for a map
//     operation only)
//  2. a room's lock (server/xep/muc)
//  3. Account.mu, and after it the nodes of an account (server/xep/pubsub)
//  4. a stream's lock (server/c2s)
//  5. the store's queue, Server.asked, a room's queue and the map of rooms
//
// A registry shard's lock may be taken under an account's for one map operation.
// No lock is held across a write to a socket or a read from the store. A
// broadcast takes a snapshot of its targets under one account's lock, lets go,
// and then takes each target's.
package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"natter/server/auth"
	"natter/server/store"
	"natter/stanza"
)

// Server is one running server.
type Server struct {
	Config Config
	Log    *slog.Logger
	Store  *store.Store
	Stats  Stats

	hosts  map[string]*Host
	reg    *registry
	asked  asked
	admins atomic.Pointer[[]string]
	stop   atomic.Pointer[func(restart bool)]
	sites  atomic.Pointer[sites]
	direct atomic.Int32 // port of direct TLS
	files  files
	relay  atomic.Pointer[Relay]

	tokenKey []byte // see SetTokenKey

	ctx        context.Context
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
	going      sync.Mutex // orders Go against Close
	closed     bool
	Wheel      *Wheel
}

// Modules makes the modules of a host, in the order their hooks run.
type Modules func(*Host) []*Module

// New returns a server over an open store, with its accounts' names loaded. It
// runs until Close; listeners are the caller's.
func New(cfg Config, st *store.Store, log *slog.Logger, modules Modules) (*Server, error) {
	srv := &Server{
		Config: Defaults(cfg), Log: log, Store: st,
		hosts: make(map[string]*Host), reg: newRegistry(),
	}
	srv.tokenKey = []byte(rand.Text())
	srv.ctx, srv.cancel = context.WithCancel(context.Background())
	for i, name := range srv.Config.Hosts() {
		h, err := srv.newHost(name, i >= len(srv.Config.Domains), modules)
		if err != nil {
			srv.cancel()
			return nil, err
		}
		srv.hosts[h.Name] = h
	}
	if len(srv.hosts) == 0 {
		srv.cancel()
		return nil, fmt.Errorf("no domain is configured")
	}
	ctx, cancel := context.WithTimeout(srv.ctx, time.Minute)
	defer cancel()
	if err := srv.loadAdmins(ctx); err != nil {
		srv.cancel()
		return nil, err
	}
	srv.Wheel = newWheel()
	srv.Wheel.guard = srv.survive
	srv.goroutines.Go(func() { srv.Wheel.run(srv.ctx) })
	srv.goroutines.Go(srv.letGo)
	srv.keepHouse()
	for _, name := range srv.Config.Hosts() {
		for _, m := range srv.hosts[name].Modules {
			if m.Start != nil {
				m.Start()
			}
		}
	}
	return srv, nil
}

// Close ends what the server does on its own. Sessions and listeners must have
// ended; the store is the caller's to close.
func (srv *Server) Close() {
	srv.cancel()
	srv.going.Lock()
	srv.closed = true
	srv.going.Unlock()
	srv.goroutines.Wait()
	srv.files.remove()
}

// Go runs fn in a goroutine that Close waits for; ctx ends with the server. After
// Close nothing is run: a request over HTTP may be that late.
func (srv *Server) Go(fn func(ctx context.Context)) {
	srv.going.Lock()
	defer srv.going.Unlock()
	if srv.closed {
		return
	}
	srv.goroutines.Go(func() {
		defer srv.survive()
		fn(srv.ctx)
	})
}

// survive is deferred around what runs for nobody in particular: a panic there is
// a bug of ours, which is logged and ends what was being done, not the process.
func (srv *Server) survive() {
	if r := recover(); r != nil {
		srv.Log.Error("panic", "err", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

// OnStop says what stops the process in order, or starts it anew; without it
// nobody can from within.
func (srv *Server) OnStop(fn func(restart bool)) { srv.stop.Store(&fn) }

// CanStop reports whether Stop does anything.
func (srv *Server) CanStop() bool { return srv.stop.Load() != nil }

// Stop has the process stop in order, or start anew; false when it cannot.
func (srv *Server) Stop(restart bool) bool {
	fn := srv.stop.Load()
	if fn == nil {
		return false
	}
	(*fn)(restart)
	return true
}

// Host returns the host with this name in normal form, nil without.
func (srv *Server) Host(name string) *Host { return srv.hosts[name] }

// Default returns the first configured host.
func (srv *Server) Default() *Host { return srv.hosts[srv.Config.Domains[0]] }

// Session returns the session bound to a full JID, nil without.
func (srv *Server) Session(full string) *Session {
	e, _ := srv.reg.get(full)
	return e.session
}

// EachSession calls fn with every bound session.
func (srv *Server) EachSession(fn func(*Session)) {
	srv.reg.each(func(e entry) {
		if e.session != nil {
			fn(e.session)
		}
	})
}

func (srv *Server) newHost(name string, anonymous bool, modules Modules) (*Host, error) {
	jid, err := stanza.ParseJID(name)
	if err != nil || jid.Local() != "" || !jid.IsBare() {
		return nil, fmt.Errorf("domain %q: not a domain name", name)
	}
	h := &Host{Server: srv, Name: jid.Domain(), JID: jid, Self: NewOrigin(jid), Anonymous: anonymous}
	h.names.m = make(map[string]struct{})
	ctx, cancel := context.WithTimeout(srv.ctx, time.Minute)
	defer cancel()
	h.redeeming = make(chan struct{}, 1)
	// A server for tests is asked for many accounts by one address.
	if !srv.Config.NoLimits && !srv.Config.Dev {
		h.signUps = newAddressLimit()
	}
	if err := srv.EachAccountWith(ctx, h.Name, kindAccount, func(local string) error {
		h.names.m[local] = struct{}{}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("domain %s: reading accounts: %w", h.Name, err)
	}
	if err := h.loadReserved(ctx); err != nil {
		return nil, fmt.Errorf("domain %s: reading invitations: %w", h.Name, err)
	}
	secret, err := h.secret(ctx)
	if err != nil {
		return nil, fmt.Errorf("domain %s: its secret: %w", h.Name, err)
	}
	if h.ids, err = newArchiveIDs(secret); err != nil {
		return nil, fmt.Errorf("domain %s: its archives' ids: %w", h.Name, err)
	}
	h.Auth = &auth.Config{Domain: h.Name, Secret: secret, Lookup: h.credentials, Tokens: h.tokens}
	if anonymous {
		h.Auth.Guest, h.Auth.Tokens = h.comeIn, nil
	}
	if !srv.Config.NoLimits {
		h.Auth.Throttle = auth.NewThrottle()
	}
	h.use(modules(h))
	return h, nil
}

// EachAccountWith calls fn with the localpart of every account of a host that has
// a document of the kind, in order.
func (srv *Server) EachAccountWith(ctx context.Context, host, kind string, fn func(local string) error) error {
	after := ""
	for {
		page, err := srv.Store.Accounts(ctx, host, kind, after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, local := range page {
			if local == "" {
				continue
			}
			if err := fn(local); err != nil {
				return err
			}
			after = local
		}
		if len(page) < store.MaxPage {
			return nil
		}
	}
}

// secret returns the host's random secret, made once: the seed of fake salts and
// of whatever else has to be stable but unguessable.
func (h *Host) secret(ctx context.Context) ([]byte, error) {
	if h.Anonymous { // there is nothing it would have to be the same for
		return []byte(NewID() + NewID()), nil
	}
	key := h.Key("", "host", "secret")
	if doc, ok, err := h.Server.Store.Get(ctx, key); ok || err != nil {
		return doc.Data, err
	}
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	var batch store.Batch
	batch.Put(store.Doc{Key: key, Data: b})
	batch.Put(store.Doc{Key: store.Key{Kind: kindHost, Key: h.Name}})
	return b, h.Server.Store.CommitWait(ctx, &batch)
}

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"natter/server/auth"
	"natter/server/store"
	"natter/stanza"

	"golang.org/x/sync/singleflight"
)

// Host is one domain that the server speaks for.
type Host struct {
	Server  *Server
	Name    string
	JID     stanza.JID
	Self    *Origin // origin of stanzas the host itself sends
	Auth    *auth.Config
	Modules []*Module // in the order of all.go
	// Anonymous: its accounts are guests, who log in without a password and leave
	// nothing behind; see guests.go.
	Anonymous bool
	Rooms     *Rooms // set by the module that serves rooms; nil without
	PEP       PEP    // what accounts publish; see pep.go

	iq       map[iqKey]*IQHandler
	nonzas   map[string]*NonzaHandler
	hooks    [stages][]Hook
	triggers map[string]struct{} // namespaces that hooks wait for
	services map[string]*Service
	ids      archiveIDs

	loads     singleflight.Group
	names     names
	guests    guests
	signUps   *addressLimit // nil: none
	redeeming chan struct{} // holds whose turn it is to change invitations
}

// Exists reports whether the host has an account with this localpart (in normal
// form).
func (h *Host) Exists(local string) bool { return h.names.has(local) }

// Accounts returns the localparts of all accounts, unsorted.
func (h *Host) Accounts() []string {
	h.names.mu.RLock()
	defer h.names.mu.RUnlock()
	list := make([]string, 0, len(h.names.m))
	for l := range h.names.m {
		list = append(list, l)
	}
	return list
}

// kindHost is the kind of the documents, of no host, that name the hosts there
// ever were.
const kindHost = "host"

// Domains returns the names of the hosts that a store has been used for, in
// alphabetical order.
func Domains(ctx context.Context, st *store.Store) ([]string, error) {
	return st.Keys(ctx, "", "", kindHost, "", "", store.MaxPage)
}

// EachAccount calls fn with every account, in order of the localparts, and when
// it was made.
func (h *Host) EachAccount(ctx context.Context, fn func(local string, created time.Time) error) error {
	after := ""
	for {
		page, err := h.Server.Store.ListKind(ctx, h.Name, kindAccount, after, "", store.MaxPage)
		if err != nil {
			return err
		}
		for _, doc := range page {
			var a accountDoc
			if err := json.Unmarshal(doc.Data, &a); err != nil {
				return fmt.Errorf("account %s: %w", h.account(doc.Account), err)
			}
			if err := fn(doc.Account, a.Created); err != nil {
				return err
			}
			after = doc.Account
		}
		if len(page) < store.MaxPage {
			return nil
		}
	}
}

// Created returns when an account was made. The error is ErrUnknown where there
// is none.
func (h *Host) Created(local string) (time.Time, error) {
	var a accountDoc
	doc, ok, err := h.Get(nil, local, kindAccount, "")
	switch {
	case err != nil:
		return time.Time{}, err
	case !ok:
		return time.Time{}, ErrUnknown
	}
	if err := json.Unmarshal(doc.Data, &a); err != nil {
		return time.Time{}, fmt.Errorf("account %s: %w", h.account(local), err)
	}
	return a.Created, nil
}

// Born returns an id of the store from when an account was made, which tells it
// from one that had its name before: 0 where that is not known. The error is
// ErrUnknown where there is no such account. It reads the store.
func (h *Host) Born(local string) (uint64, error) {
	if !h.names.has(local) {
		return 0, ErrUnknown
	}
	if h.Anonymous {
		return 0, nil // a guest's name does not come again
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.Server.Config.StoreTimeout)
	defer cancel()
	a, ok, err := h.accountDoc(ctx, local)
	if err == nil && !ok {
		err = ErrUnknown
	}
	return a.Born, err
}

// Settled waits until no removal of an account with this name is under way.
func (h *Host) Settled(ctx context.Context, local string) error { return h.names.wait(ctx, local) }

// use wires the modules into the host's tables.
func (h *Host) use(modules []*Module) {
	h.Modules = modules
	h.iq = make(map[iqKey]*IQHandler)
	h.nonzas = make(map[string]*NonzaHandler)
	h.triggers = map[string]struct{}{nsSID: {}, nsDelay: {}} // what is forged of these is cut
	h.services = make(map[string]*Service)
	for _, m := range modules {
		for i := range m.IQ {
			m.IQ[i].add(h.iq)
		}
		for i := range m.Nonzas {
			h.nonzas[m.Nonzas[i].NS] = &m.Nonzas[i]
		}
		for _, k := range m.Hooks {
			if k.Kinds == 0 {
				k.Kinds = OnAll
			}
			if k.NS != "" {
				h.triggers[k.NS] = struct{}{}
			}
			h.hooks[k.Stage] = append(h.hooks[k.Stage], k)
		}
		if m.Service != nil {
			h.services[m.Service.Prefix+"."+h.Name] = m.Service
			m.Items = append(m.Items, Item{JID: m.Service.Prefix + "." + h.Name, Name: m.Service.Name})
		}
	}
}

// Features returns the disco features of the host, or of its accounts' bare
// JIDs, in module order without repeats.
func (h *Host) Features(account bool) []string {
	var list []string
	seen := make(map[string]bool)
	for _, m := range h.Modules {
		fs := m.Features
		if account {
			fs = m.AccountFeatures
		}
		for _, f := range fs {
			if !seen[f] {
				seen[f] = true
				list = append(list, f)
			}
		}
	}
	return list
}

// StreamFeatures returns the features of the modules for a stream: before
// authentication or after.
func (h *Host) StreamFeatures(authenticated bool) string {
	var b strings.Builder
	for _, m := range h.Modules {
		if authenticated {
			for _, f := range m.StreamFeatures {
				b.WriteString(f)
			}
		}
		if m.StreamFeatureFunc != nil {
			b.WriteString(m.StreamFeatureFunc(authenticated))
		}
	}
	return b.String()
}

// InlineFeatures returns what may be asked for while a resource is bound, in module
// order.
func (h *Host) InlineFeatures() []string {
	var list []string
	for _, m := range h.Modules {
		if m.Inline != nil && m.Inline.NS != "" {
			list = append(list, m.Inline.NS)
		}
	}
	return list
}

// Inline does what the children of <bind/> ask the modules for and appends what is to
// be said of it in <bound/> (XEP-0386 §3.2).
func (h *Host) Inline(t *Turn, s *Session, st *stanza.Stanza, bind stanza.Child, dst []byte) []byte {
	for _, m := range h.Modules {
		if m.Inline == nil || m.Inline.Apply == nil {
			continue
		}
		for c := range st.Children(bind) {
			if string(st.Space(c)) == m.Inline.NS {
				dst = m.Inline.Apply(t, s, st, c, dst)
			}
		}
	}
	for _, m := range h.Modules {
		if m.Inline != nil && m.Inline.Tell != nil {
			dst = m.Inline.Tell(t, s, dst)
		}
	}
	return dst
}

// Nonza hands an element that is not a stanza to the module that knows its
// namespace; false without one.
func (h *Host) Nonza(t *Turn, s *Session, st *stanza.Stanza) bool {
	ns, _ := st.Name()
	n, ok := h.nonzas[string(ns)]
	if ok {
		n.Handle(t, s, st)
	}
	return ok
}

// Account returns the account, loading it if need be, and nil when there is
// none. It may block on the store, so it flushes t first when it has to.
func (h *Host) Account(t *Turn, local string) (*Account, error) {
	jid := h.account(local)
	if e, ok := h.Server.reg.get(jid); ok {
		return e.account, nil
	}
	if !h.names.has(local) {
		return nil, nil
	}
	t.Flush()
	v, err, _ := h.loads.Do(local, func() (any, error) {
		if e, ok := h.Server.reg.get(jid); ok {
			return e.account, nil
		}
		a, err := h.load(local)
		if err != nil {
			return nil, err
		}
		h.Server.reg.put(jid, entry{account: a})
		return a, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*Account), nil
}

// LockAccount returns the account locked, and nil when there is none.
func (h *Host) LockAccount(t *Turn, local string) (*Account, error) {
	for {
		a, err := h.Account(t, local)
		if a == nil || err != nil {
			return nil, err
		}
		if a.mu.Lock(); !a.gone {
			a.used = h.Server.now()
			return a, nil
		}
		a.mu.Unlock()
	}
}

// Online returns the account if it is in memory, without loading it.
func (h *Host) Online(local string) *Account {
	e, _ := h.Server.reg.get(h.account(local))
	return e.account
}

func (h *Host) account(local string) string { return local + "@" + h.Name }

// Get reads one of an account's documents (local empty: the host's); ok is false
// when there is none. It flushes t first, as it may block.
func (h *Host) Get(t *Turn, local, kind, key string) (doc store.Doc, ok bool, err error) {
	if t != nil {
		t.Flush()
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.Server.Config.StoreTimeout)
	defer cancel()
	return h.Server.Store.Get(ctx, h.Key(local, kind, key))
}

// Key names one of an account's documents (local empty: the host's).
func (h *Host) Key(local, kind, key string) store.Key {
	return store.Key{Host: h.Name, Account: local, Kind: kind, Key: key}
}

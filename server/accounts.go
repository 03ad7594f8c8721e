package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"natter/server/auth"
	"natter/server/store"
	"natter/stanza"
)

// kindAccount is the kind of the document that holds an account's credentials;
// an account exists when it has one.
const kindAccount = "account"

// accountDoc is what is kept about an account itself.
type accountDoc struct {
	Credentials auth.Credentials
	Created     time.Time
}

// Errors of account management.
var (
	ErrExists  = errors.New("the account exists already")
	ErrUnknown = errors.New("there is no such account")
)

// credentials looks up what a login is checked against. An error is trouble with
// the store, not an unknown account.
func (h *Host) credentials(local string) (auth.Credentials, bool, error) {
	if !h.names.has(local) {
		return auth.Credentials{}, false, nil
	}
	doc, ok, err := h.Get(nil, local, kindAccount, "")
	if !ok || err != nil {
		return auth.Credentials{}, false, err
	}
	var a accountDoc
	if err := json.Unmarshal(doc.Data, &a); err != nil {
		return auth.Credentials{}, false, fmt.Errorf("account %s@%s: %w", local, h.Name, err)
	}
	return a.Credentials, true, nil
}

// Create makes an account; local is a localpart in any form. It waits until the
// account is on disk.
func (h *Host) Create(ctx context.Context, local, password string) error {
	local, b, err := h.create(local, password)
	if err != nil {
		return err
	}
	if err := h.Server.Store.CommitWait(ctx, b); err != nil {
		if errors.Is(err, store.ErrExists) {
			return ErrExists
		}
		return err
	}
	h.names.set(local, true)
	return nil
}

// CreateLater is Create for handlers that must not wait: then is told.
func (h *Host) CreateLater(t *Turn, local, password string, then func(*Turn, error)) error {
	local, b, err := h.create(local, password)
	if err != nil {
		return err
	}
	return t.Commit(b, func(t *Turn, err error) {
		if errors.Is(err, store.ErrExists) {
			err = ErrExists
		}
		if err == nil {
			h.names.set(local, true)
		}
		then(t, err)
	})
}

func (h *Host) create(local, password string) (string, *store.Batch, error) {
	jid, err := stanza.ParseJID(local + "@" + h.Name)
	if err != nil || jid.Local() == "" || !jid.IsBare() || jid.Domain() != h.Name {
		return "", nil, stanza.NotAcceptable(fmt.Sprintf("%q cannot be an account's name", local))
	}
	if h.names.has(jid.Local()) {
		return "", nil, ErrExists
	}
	b := new(store.Batch)
	doc, err := h.passwordDoc(jid.Local(), password, time.Now())
	if err != nil {
		return "", nil, err
	}
	b.PutNew(doc)
	return jid.Local(), b, nil
}

func (h *Host) passwordDoc(local, password string, created time.Time) (store.Doc, error) {
	c, err := auth.NewCredentials(password)
	if err != nil {
		return store.Doc{}, stanza.NotAcceptable("the password cannot be used: " + err.Error())
	}
	data, err := json.Marshal(accountDoc{Credentials: c, Created: created.UTC().Truncate(time.Second)})
	return store.Doc{Key: h.Key(local, kindAccount, ""), Data: data}, err
}

// SetPassword returns the batch that changes an account's password.
func (h *Host) SetPassword(local, password string) (*store.Batch, error) {
	if !h.names.has(local) {
		return nil, ErrUnknown
	}
	old, _, err := h.Get(nil, local, kindAccount, "")
	if err != nil {
		return nil, err
	}
	var was accountDoc
	if err := json.Unmarshal(old.Data, &was); err != nil {
		return nil, err
	}
	doc, err := h.passwordDoc(local, password, was.Created)
	if err != nil {
		return nil, err
	}
	b := new(store.Batch)
	b.Put(doc)
	return b, nil
}

// Remove deletes an account: its contacts are told (RFC 6121 §3.2, §3.3: as if
// it had cancelled every subscription), its data goes, its sessions end.
// then runs when that is durable.
func (h *Host) Remove(t *Turn, local string, then func(*Turn, error)) error {
	a, err := h.Account(t, local)
	if err != nil {
		return err
	}
	if a == nil {
		return ErrUnknown
	}
	b := new(store.Batch)
	b.DeleteAll(h.Name, local)
	b.DeleteOwner(a.Bare)
	for _, m := range h.Modules {
		if m.Remove != nil {
			m.Remove(a, b)
		}
	}
	return t.Commit(b, func(t *Turn, err error) {
		if err == nil {
			h.names.set(local, false)
			a.farewell(t)
		}
		then(t, err)
	})
}

// load reads an account from the store.
func (h *Host) load(local string) (*Account, error) {
	jid, err := stanza.ParseJID(h.account(local))
	if err != nil {
		return nil, err
	}
	srv := h.Server
	a := &Account{Host: h, Local: local, JID: jid, Bare: jid.String(), Self: NewOrigin(jid), used: srv.now()}
	a.Set(AccountArchive, srv.Config.Archive)
	ctx, cancel := context.WithTimeout(srv.ctx, srv.Config.StoreTimeout)
	defer cancel()
	if err := a.loadRoster(ctx); err != nil {
		return nil, fmt.Errorf("loading %s: roster: %w", a.Bare, err)
	}
	if a.spool.count, a.spool.bytes, err = srv.offlineStats(ctx, a.Bare); err != nil {
		return nil, fmt.Errorf("loading %s: offline messages: %w", a.Bare, err)
	}
	for _, m := range h.Modules {
		if m.Load != nil {
			if err := m.Load(a); err != nil {
				return nil, fmt.Errorf("loading %s: %s: %w", a.Bare, m.Name, err)
			}
		}
	}
	a.retarget()
	return a, nil
}

// keepIdle is how long an account without sessions stays in memory.
const keepIdle = time.Minute

// letGo forgets accounts that nobody has used for a while.
func (srv *Server) letGo() {
	tick := time.NewTicker(keepIdle)
	defer tick.Stop()
	for {
		select {
		case <-srv.ctx.Done():
			return
		case <-tick.C:
		}
		srv.reg.each(func(e entry) {
			if e.account != nil && e.account.idle(srv.now().Add(-keepIdle)) {
				a, seen := e.account, srv.now().Add(-keepIdle)
				// What was enqueued for it must be on disk before it is read again.
				srv.Store.Barrier(func(error) { a.forget(seen) })
			}
		})
	}
}

func (a *Account) idle(since time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sessions) == 0 && a.used.Before(since)
}

func (a *Account) forget(since time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sessions) == 0 && a.used.Before(since) {
		a.gone = true
		a.Host.Server.reg.remove(a.Bare, entry{account: a})
	}
}

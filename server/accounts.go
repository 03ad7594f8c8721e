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
	// Born is an id of the store from when the account was made, by which it is told
	// from one that had its name before; 0 for accounts older than that.
	Born uint64 `json:",omitempty"`
	// Generation counts the changes of the password; tokens of an earlier one are
	// void (XEP-0484).
	Generation int `json:",omitempty"`
}

// Errors of account management.
var (
	ErrExists  = errors.New("the account exists already")
	ErrUnknown = errors.New("there is no such account")
)

// credentials looks up what a login is checked against. An error is trouble with
// the store, not an unknown account. A name that nobody has is looked for and
// decoded like any other, so that it does not show in the time that takes (RFC 6120
// §13.11).
func (h *Host) credentials(local string) (auth.Credentials, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.Server.Config.StoreTimeout)
	defer cancel()
	a, ok, err := h.accountDoc(ctx, local)
	return a.Credentials, ok && h.names.has(local), err
}

// accountDoc reads what is kept about an account. It takes as long where there is
// none.
func (h *Host) accountDoc(ctx context.Context, local string) (a accountDoc, ok bool, err error) {
	doc, ok, err := h.Server.Store.Get(ctx, h.Key(local, kindAccount, ""))
	if err != nil {
		return accountDoc{}, false, err
	}
	if !ok {
		doc.Data = nobody
	}
	if err := json.Unmarshal(doc.Data, &a); err != nil {
		return accountDoc{}, false, fmt.Errorf("account %s: %w", h.account(local), err)
	}
	return a, ok, nil
}

// nobody is a document as long as an account's.
var nobody = func() []byte {
	keys := func(size int) auth.Keys {
		return auth.Keys{Salt: make([]byte, 16), Iterations: auth.Iterations, StoredKey: make([]byte, size), ServerKey: make([]byte, size)}
	}
	data, err := json.Marshal(accountDoc{Credentials: auth.Credentials{SHA1: keys(20), SHA256: keys(32)}})
	if err != nil {
		panic(err)
	}
	return data
}()

// Create makes an account; local is a localpart in any form. It waits until the
// account is on disk. The error is ErrExists for a name that is taken and a
// *stanza.Error for a name or a password that cannot be one.
func (h *Host) Create(ctx context.Context, local, password string) error {
	local, err := h.localpart(local)
	if err != nil {
		return err
	}
	if err := h.names.wait(ctx, local); err != nil {
		return err
	}
	b, err := h.create(local, password)
	if err != nil {
		return err
	}
	if err := h.Server.Store.CommitWait(ctx, b); err != nil {
		if errors.Is(err, store.ErrExists) {
			return ErrExists
		}
		return err
	}
	h.names.add(local)
	h.Server.Do(func(t *Turn) { h.Tell(t, Event{Kind: AccountCreated, Local: local}) })
	return nil
}

// CreateLater is Create for handlers that must not wait: then is told, unless
// the error comes at once. The password is hashed in the call, which takes some
// milliseconds.
func (h *Host) CreateLater(t *Turn, local, password string, then func(*Turn, error)) error {
	local, err := h.localpart(local)
	if err != nil {
		return err
	}
	if h.names.settled(local) != nil {
		srv := h.Server
		srv.Go(func(ctx context.Context) {
			err := h.Create(ctx, local, password)
			srv.Do(func(t *Turn) { then(t, err) })
		})
		return nil
	}
	b, err := h.create(local, password)
	if err != nil {
		return err
	}
	return t.Commit(b, func(t *Turn, err error) {
		if errors.Is(err, store.ErrExists) {
			err = ErrExists
		}
		if err == nil {
			h.names.add(local)
			srv := h.Server
			srv.Go(func(context.Context) { // modules may read the store, for which the committer can't wait
				srv.Do(func(t *Turn) { h.Tell(t, Event{Kind: AccountCreated, Local: local}) })
			})
		}
		then(t, err)
	})
}

// localpart brings an account's name to its normal form.
func (h *Host) localpart(local string) (string, error) {
	jid, err := stanza.ParseJID(local + "@" + h.Name)
	if err != nil || jid.Local() == "" || !jid.IsBare() || jid.Domain() != h.Name {
		return "", stanza.NotAcceptable(fmt.Sprintf("%q cannot be an account's name", local))
	}
	return jid.Local(), nil
}

func (h *Host) create(local, password string) (*store.Batch, error) {
	if h.names.has(local) || h.names.isReserved(local, "", h.Server.now()) {
		return nil, ErrExists
	}
	doc, err := h.passwordDoc(local, password, accountDoc{Created: time.Now(), Born: h.Server.Store.NextID()})
	if err != nil {
		return nil, err
	}
	b := new(store.Batch)
	b.PutNew(doc)
	return b, nil
}

// passwordDoc returns the account's document with a new password and, but for
// that, as it was.
func (h *Host) passwordDoc(local, password string, was accountDoc) (store.Doc, error) {
	c, err := auth.NewCredentials(password)
	if err != nil {
		return store.Doc{}, stanza.NotAcceptable("the password cannot be used: " + err.Error())
	}
	c.Disabled = was.Credentials.Disabled
	data, err := json.Marshal(accountDoc{
		Credentials: c, Created: was.Created.UTC().Truncate(time.Second), Born: was.Born, Generation: was.Generation + 1,
	})
	return store.Doc{Key: h.Key(local, kindAccount, ""), Data: data}, err
}

// SetPassword returns the batch that changes an account's password. It reads the
// store and hashes the password, so no lock may be held and the turn should be
// flushed before. The batch fails with store.ErrConflict when the account is
// changed or removed meanwhile.
func (h *Host) SetPassword(local, password string) (*store.Batch, error) {
	return h.changeAccount(local, func(was accountDoc) (store.Doc, error) { return h.passwordDoc(local, password, was) })
}

// changeAccount returns the batch that puts what change makes of an account's
// document in its place.
func (h *Host) changeAccount(local string, change func(accountDoc) (store.Doc, error)) (*store.Batch, error) {
	if !h.names.has(local) {
		return nil, ErrUnknown
	}
	old, ok, err := h.Get(nil, local, kindAccount, "")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrUnknown
	}
	var was accountDoc
	if err := json.Unmarshal(old.Data, &was); err != nil {
		return nil, fmt.Errorf("account %s: %w", h.account(local), err)
	}
	doc, err := change(was)
	if err != nil {
		return nil, err
	}
	b := new(store.Batch)
	b.PutIf(doc, old.Version)
	return b, nil
}

// PasswordStamp returns a word that stays the same for as long as the account can be
// logged in to with the same password; "" where nobody can log in. It reads the store.
func (h *Host) PasswordStamp(ctx context.Context, local string) (string, error) {
	a, ok, err := h.accountDoc(ctx, local)
	if err != nil || !ok || a.Credentials.Disabled || !h.names.has(local) {
		return "", err
	}
	return fmt.Sprint(a.Created.Unix(), " ", a.Born, " ", a.Generation), nil
}

// Disabled reports whether an account is disabled: nobody can log in to it. The
// error is ErrUnknown where there is no such account. It reads the store.
func (h *Host) Disabled(local string) (bool, error) {
	c, ok, err := h.credentials(local)
	if err == nil && !ok {
		err = ErrUnknown
	}
	return c.Disabled, err
}

// Disable returns the batch that disables an account, or enables it again, as
// SetPassword does. Ending its sessions is the caller's.
func (h *Host) Disable(local string, off bool) (*store.Batch, error) {
	return h.changeAccount(local, func(a accountDoc) (store.Doc, error) {
		a.Credentials.Disabled = off
		data, err := json.Marshal(a)
		return store.Doc{Key: h.Key(local, kindAccount, ""), Data: data}, err
	})
}

// Remove deletes an account: nobody can log in to it any more, its data go, its
// contacts are told (RFC 6121 §3.2, §3.3: as if it had cancelled every
// subscription), its sessions end. then runs as soon as the removal is durable,
// before the sessions end; the name is free again when all of that is done. An
// error that Remove returns is not told to then.
func (h *Host) Remove(t *Turn, local string, then func(*Turn, error)) error {
	a, err := h.Account(t, local)
	if err != nil {
		return err
	}
	if a == nil || !h.names.leave(local) {
		return ErrUnknown
	}
	err = t.Commit(h.removal(a), func(t *Turn, err error) {
		if err != nil {
			h.names.left(local, true)
			then(t, err)
			return
		}
		h.names.unreserveOf(local)
		then(t, nil)
		srv := t.srv
		// Telling contacts may read the store, for which the committer can't wait.
		srv.Go(func(ctx context.Context) {
			srv.Do(a.farewell)
			for _, other := range srv.hosts { // what is kept there may name the account
				srv.Do(func(t *Turn) { other.Tell(t, Event{Kind: AccountRemoved, Account: a}) })
			}
			// What the last sessions still stored goes too.
			if err := srv.Store.CommitWait(ctx, h.removal(a)); err != nil {
				srv.Log.Warn("removed account not swept", "account", a.Bare, "err", err)
			}
			h.names.left(local, false)
		})
	})
	if err != nil {
		h.names.left(local, true)
	}
	return err
}

// removal returns the batch that deletes all that is stored of an account.
func (h *Host) removal(a *Account) *store.Batch {
	b := new(store.Batch)
	b.DeleteAll(h.Name, a.Local)
	b.DeleteOwner(a.Bare)
	for _, m := range h.Modules {
		if m.Remove != nil {
			m.Remove(a, b)
		}
	}
	return b
}

// load reads an account from the store.
func (h *Host) load(local string) (*Account, error) {
	if h.Anonymous {
		return h.guest(local)
	}
	jid, err := stanza.ParseJID(h.account(local))
	if err != nil {
		return nil, err
	}
	srv := h.Server
	a := &Account{Host: h, Local: jid.Local(), JID: jid, Bare: jid.String(), Self: NewOrigin(jid), used: srv.now()}
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

// Upgrade adds the keys for SCRAM-SHA-256 to an account's credentials, from the
// SaltedPassword of a client that has just proven to know the password (XEP-0480). It
// reads the store and waits until it is done.
func (h *Host) Upgrade(local string, u *auth.Upgrade, salted []byte) error {
	doc, ok, err := h.Get(nil, local, kindAccount, "")
	if err != nil {
		return err
	}
	if !ok {
		return ErrUnknown
	}
	var a accountDoc
	if err := json.Unmarshal(doc.Data, &a); err != nil {
		return fmt.Errorf("account %s: %w", h.account(local), err)
	}
	if err := u.Apply(&a.Credentials, salted); err != nil {
		return err
	}
	if doc.Data, err = json.Marshal(a); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(h.Server.ctx, h.Server.Config.StoreTimeout)
	defer cancel()
	b := new(store.Batch)
	b.PutIf(store.Doc{Key: doc.Key, Data: doc.Data}, doc.Version)
	return h.Server.Store.CommitWait(ctx, b)
}

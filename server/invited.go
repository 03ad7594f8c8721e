package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"natter/presence"
	"natter/roster"
	"natter/server/store"
	"natter/stanza"
)

// kindInvited is the kind of the documents that say whom a new account has yet to be
// made a contact of: the keys are the localparts of these. They are stored with the
// account and go one by one, each with the change of that roster.
const kindInvited = "invited"

// ErrBadPassword says that a password cannot be one.
var ErrBadPassword = errors.New("the password is no good")

// Invited is an invitation to make an account, as it was shown.
type Invited struct {
	Invitation
	token string
}

// errGuessing is what a client hears that has shown many wrong tokens.
func errGuessing() error {
	e := stanza.PolicyViolation("too many wrong invitations came from your address; try again later")
	e.Type = stanza.Wait
	return e
}

// ShowInvitation looks at a token that is shown to make an account, from a network
// address. Its errors are ErrNoInvitation and its like, or a *stanza.Error for an address
// that shows many wrong ones.
func (h *Host) ShowInvitation(ctx context.Context, token string, addr netip.Addr) (*Invited, error) {
	if !h.MayShowToken(addr) {
		return nil, errGuessing()
	}
	v, _, err := h.findInvitation(ctx, token, false)
	if err == nil && !h.makesAccounts(&v.Invitation) {
		err = ErrNoInvitation
	}
	if errors.Is(err, ErrNoInvitation) {
		h.ShownWrongToken(addr)
	}
	if err != nil {
		return nil, err
	}
	return &Invited{v.Invitation, token}, nil
}

// ShowInvitation takes the token that a stranger shows: one that is good is
// Stranger.Invited from then on. It sends what the turn holds first, and waits for the
// store. For the errors see Host.ShowInvitation.
func (q *IQ) ShowInvitation(token string) error {
	q.Turn.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), q.Host.Server.Config.StoreTimeout)
	defer cancel()
	inv, err := q.Host.ShowInvitation(ctx, token, q.Stranger.Addr)
	if err == nil {
		q.Stranger.Invited = inv
	}
	return err
}

// MayShowToken reports whether an address may show a token: not for a while after it has
// shown many that were wrong, of which ShownWrongToken tells.
func (h *Host) MayShowToken(addr netip.Addr) bool {
	if h.Auth.Throttle == nil {
		return true
	}
	_, ok := h.Auth.Throttle.Allow(addr, invitations)
	return ok
}

// ShownWrongToken counts a token that was wrong.
func (h *Host) ShownWrongToken(addr netip.Addr) {
	if h.Auth.Throttle != nil {
		h.Auth.Throttle.Failed(addr, invitations)
	}
}

// invitations stands for all of them where wrong passwords are counted by account: it
// is no localpart.
const invitations = "invitation/"

// makesAccounts reports whether an account can be made with an invitation: it may have
// lost that, and still be good to become a contact.
func (h *Host) makesAccounts(v *Invitation) bool {
	if v.Inviter == "" {
		return v.Account && h.InvitesAccounts()
	}
	j, err := stanza.ParseJID(v.Inviter)
	return v.Account && err == nil && h.MayInviteAccounts(j)
}

// SignUp makes an account for who has shown an invitation, which is used up in the same
// commit; its contacts are told before SignUp returns. Errors: ErrExists for a name that
// is taken, ErrInvitationUsed or ErrNoInvitation when that happened meanwhile, and a
// *stanza.Error for a name or a password that cannot be one, the latter an
// ErrBadPassword too. That the invitation runs
// out after it was shown does not matter (XEP-0445 §4).
func (h *Host) SignUp(ctx context.Context, inv *Invited, name, password string) (local string, err error) {
	if local, err = h.localpart(name); err != nil {
		return "", err
	}
	switch {
	case inv.Name != "" && local != inv.Name:
		return "", stanza.NotAcceptable("the invitation is for the name " + inv.Name)
	case inv.Name == "" && h.adminName(local):
		return "", ErrExists
	case h.names.has(local) || h.names.isReserved(local, inv.ID, h.Server.now()):
		return "", ErrExists
	}
	if err := h.names.wait(ctx, local); err != nil {
		return "", err
	}
	account, err := h.passwordDoc(local, password, accountDoc{Created: time.Now(), Born: h.Server.Store.NextID()})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBadPassword, err)
	}
	contacts, err := h.signUp(ctx, inv, local, account)
	if err != nil {
		return "", err
	}
	ctx = context.WithoutCancel(ctx)
	h.Server.Log.Info("account made by invitation", "account", h.account(local), "invitation", inv.ID, "inviter", inv.Inviter)
	for _, c := range contacts {
		if err := h.befriend(ctx, c, local); err != nil {
			h.Server.Log.Error("invited account is not its inviter's contact yet", "account", h.account(local), "contact", h.account(c), "err", err)
		}
	}
	h.Server.Do(func(t *Turn) { h.Tell(t, Event{Kind: AccountCreated, Local: local}) })
	return local, nil
}

// signUp commits the account, the invitation's use and the account's contacts at once.
func (h *Host) signUp(ctx context.Context, inv *Invited, local string, account store.Doc) (contacts []string, err error) {
	release, err := h.redeem(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	v, doc, err := h.findInvitation(ctx, inv.token, true)
	switch {
	case err != nil:
		return nil, err
	case !h.makesAccounts(&v.Invitation):
		return nil, ErrNoInvitation
	}
	jid, err := stanza.ParseJID(h.account(local))
	if err != nil {
		return nil, err
	}
	b := new(store.Batch)
	b.PutNew(account)
	list := roster.New(jid, NewID()[:8], h.rosterLimits())
	for _, c := range v.Contacts {
		j, err := stanza.ParseJID(c)
		if err != nil || slices.Contains(contacts, j.Local()) || !h.hasRoom(j.Local(), jid) {
			continue // removed meanwhile
		}
		if _, refused := list.Put(roster.Item{JID: j, State: roster.StateBoth}, nil); refused != nil {
			return nil, refused
		}
		contacts = append(contacts, j.Local())
		b.Put(store.Doc{Key: h.Key(local, kindInvited, j.Local())})
	}
	h.putRoster(b, local, list)
	v.use(local)
	if doc.Data, err = json.Marshal(v); err != nil {
		return nil, err
	}
	b.PutIf(store.Doc{Key: doc.Key, Index: doc.Index, Data: doc.Data}, doc.Version)
	// Whatever becomes of who waits, what is on disk is known here.
	durable := make(chan error, 1)
	b.Then = func(err error) {
		if err == nil {
			h.names.add(local)
			h.names.unreserve(v.Name, v.ID)
		}
		durable <- err
	}
	if err = h.Server.Store.Commit(b); err == nil {
		err = <-durable
	}
	if errors.Is(err, store.ErrExists) {
		err = ErrExists
	}
	return contacts, err
}

// hasRoom reports whether an account is there and has room for a contact.
func (h *Host) hasRoom(local string, contact stanza.JID) (room bool) {
	h.Server.Do(func(t *Turn) {
		a, err := h.LockAccount(t, local)
		if a == nil || err != nil {
			return
		}
		_, known := a.Roster.Get(contact)
		room = known || a.Roster.Len() < h.rosterLimits().Items
		a.mu.Unlock()
	})
	return room
}

// befriend makes a new account a contact of another, both ways, whose interested
// sessions are told by a roster push (XEP-0401 §5.5). Doing it again changes nothing.
func (h *Host) befriend(ctx context.Context, contact, newcomer string) error {
	jid, err := stanza.ParseJID(h.account(newcomer))
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Delete(h.Key(newcomer, kindInvited, contact))
	done := make(chan error, 1)
	var a *Account
	h.Server.Do(func(t *Turn) {
		if a, err = h.LockAccount(t, contact); a == nil || err != nil {
			return
		}
		item, _ := a.Roster.Get(jid)
		item.JID, item.State = jid, roster.StateBoth
		push, refused := a.Roster.Put(item, nil)
		if refused != nil {
			err = refused
			a.mu.Unlock()
			return
		}
		steps := a.resolve([]presence.Action{{Kind: presence.Push, From: presence.None, Own: presence.None, To: jid}})
		err = a.storeRosterWith(t, b, func(t *Turn, err error) {
			if err == nil {
				a.follow(t, a.Self, nil, steps, push)
			}
			done <- err
		}, nil)
		a.mu.Unlock()
	})
	switch {
	case err != nil:
		return err
	case a == nil: // removed meanwhile; who it knew finds out by asking for its presence
		return h.Server.Store.CommitWait(ctx, b)
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		h.Server.Do(func(t *Turn) { h.Tell(t, Event{Kind: ContactsChanged, Account: a, Peer: jid}) })
	}
	return err
}

// FinishInvited makes contacts of those whom a crash has kept from it. One that cannot
// be made, as a roster is full, keeps no others from it; the error tells of all such.
func (h *Host) FinishInvited(ctx context.Context) error {
	var failed []error
	for account, key := "", ""; ; {
		docs, err := h.Server.Store.ListKind(ctx, h.Name, kindInvited, account, key, store.MaxPage)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		for _, doc := range docs {
			account, key = doc.Account, doc.Key.Key
			if err := h.befriend(ctx, key, account); err != nil {
				failed = append(failed, fmt.Errorf("%s and %s: %w", h.account(account), h.account(key), err))
			}
		}
		if len(docs) < store.MaxPage {
			return errors.Join(failed...)
		}
	}
}

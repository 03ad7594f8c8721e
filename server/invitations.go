package server

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"natter/server/store"
	"natter/stanza"
)

// Invite makes an invitation and returns it with its token. v says what it is for:
// Inviter, Account, Name, Roster, Contacts, Uses (0 stands for 1) and Expires (the zero
// time for Config.InviteTime from now). Whether the inviter may is the caller's to
// check. Errors are *stanza.Error where v is to blame. It waits for the disk.
func (h *Host) Invite(ctx context.Context, v Invitation) (Invitation, string, error) {
	owner, err := h.prepareInvitation(&v)
	if err != nil {
		return v, "", err
	}
	release, err := h.redeem(ctx) // so that those of an account are counted one by one
	if err != nil {
		return v, "", err
	}
	defer release()
	b := new(store.Batch)
	if err := h.countInvitations(ctx, owner, b); err != nil {
		return v, "", err
	}
	id, secret := newInvitationToken()
	v.ID = id
	if v.Name != "" && !h.names.reserve(v.Name, reservation{owner: owner, id: id, until: v.Expires}, h.Server.now()) {
		return v, "", stanza.Conflict("the name " + v.Name + " is taken")
	}
	doc, err := h.invitationDoc(owner, &storedInvitation{v, hashOf(secret)})
	if err == nil {
		b.PutNew(doc)
		err = h.Server.Store.CommitWait(context.WithoutCancel(ctx), b)
	}
	if err != nil {
		h.names.unreserve(v.Name, id)
		return v, "", err
	}
	return v, id + secret, nil
}

// prepareInvitation brings what an invitation is to be into its normal form and checks
// it. owner is the localpart of the inviter, "" where it is not an account here.
func (h *Host) prepareInvitation(v *Invitation) (owner string, err error) {
	now := h.Server.now().UTC().Truncate(time.Second)
	v.Created, v.Used, v.Accounts = now, 0, []string{}
	if v.Inviter != "" {
		j, err := stanza.ParseJID(v.Inviter)
		if err != nil {
			return "", stanza.JIDMalformed("the inviter's address is not one")
		}
		if j.Domain() == h.Name {
			if owner = j.Local(); !h.Exists(owner) {
				return "", stanza.NotAllowed("the inviter's account is gone")
			}
		}
	}
	if v.Uses == 0 {
		v.Uses = 1
	}
	if v.Expires.IsZero() {
		v.Expires = now.Add(h.Server.Config.InviteTime)
	}
	v.Expires = v.Expires.UTC().Truncate(time.Second)
	switch {
	case v.Uses < 1 || v.Uses > MaxInvitationUses:
		return "", stanza.NotAcceptable(fmt.Sprintf("an invitation is used once, or up to %d times", MaxInvitationUses))
	case !v.Expires.After(now) || v.Expires.After(now.Add(MaxInvitationTime)):
		return "", stanza.NotAcceptable("an invitation is good for a year at the most")
	case v.Account && !h.InvitesAccounts():
		return "", stanza.NotAllowed("no accounts are made by invitation here (invite_accounts)")
	case !v.Account && len(v.Contacts) == 0:
		return "", stanza.NotAcceptable("an invitation is for an account, a contact or both")
	case len(v.Contacts) > maxInviteContacts:
		return "", stanza.NotAcceptable(fmt.Sprintf("an invitation gives %d contacts at the most", maxInviteContacts))
	}
	if v.Name != "" {
		if v.Name, err = h.localpart(v.Name); err != nil {
			return "", err
		}
		inviter, _ := stanza.ParseJID(v.Inviter)
		switch {
		case v.Uses != 1:
			return "", stanza.NotAcceptable("an invitation for one name is used once")
		case h.Exists(v.Name):
			return "", stanza.Conflict("the name " + v.Name + " is taken")
		case h.adminName(v.Name) && v.Inviter != "" && !h.Server.Admin(inviter):
			return "", stanza.Conflict("the name " + v.Name + " is an administrator's")
		}
	}
	contacts := []string{}
	for _, c := range v.Contacts {
		j, err := stanza.ParseJID(c)
		if err != nil || j.Domain() != h.Name || !h.Exists(j.Local()) {
			return "", stanza.ItemNotFound(fmt.Sprintf("there is no account %s at %s", c, h.Name))
		}
		contacts = append(contacts, j.Bare().String())
	}
	v.Contacts = contacts
	if !v.Account && owner == "" { // it is about the contact's account, and goes with it
		j, _ := stanza.ParseJID(contacts[0])
		owner = j.Local()
	}
	return owner, nil
}

// adminName reports whether a localpart is that of an administrator's account.
func (h *Host) adminName(local string) bool {
	j, err := stanza.ParseJID(h.account(local))
	return err == nil && h.Server.Admin(j)
}

// countInvitations reports whether an account may have one more invitation, and adds
// to b what removes those that are over.
func (h *Host) countInvitations(ctx context.Context, owner string, b *store.Batch) error {
	most := h.Server.Config.Invitations
	if owner == "" {
		most = maxHostInvites
	}
	now, open, over := h.Server.now(), 0, []store.Key{}
	err := h.eachInvitationOf(ctx, owner, func(doc store.Doc, v *storedInvitation) {
		switch {
		case !now.Before(v.Expires.Add(keepInvitation)):
			b.Delete(doc.Key)
		case v.Open(now):
			open++
		default:
			over = append(over, doc.Key)
		}
	})
	if err != nil {
		return err
	}
	if open >= most {
		return stanza.ResourceConstraint("there are as many invitations as there may be; revoke some")
	}
	if open+len(over) >= 2*most {
		for _, k := range over {
			b.Delete(k)
		}
	}
	return nil
}

// eachInvitationOf calls fn with every invitation that an account has made, "" for
// those of no account here.
func (h *Host) eachInvitationOf(ctx context.Context, owner string, fn func(store.Doc, *storedInvitation)) error {
	return invitationsIn(func(after store.Key) ([]store.Doc, error) {
		return h.Server.Store.List(ctx, h.Name, owner, kindInvitation, "", after.Key, store.MaxPage)
	}, fn)
}

// eachInvitation calls fn with every invitation of the host.
func (h *Host) eachInvitation(ctx context.Context, fn func(store.Doc, *storedInvitation)) error {
	return invitationsIn(func(after store.Key) ([]store.Doc, error) {
		return h.Server.Store.ListKind(ctx, h.Name, kindInvitation, after.Account, after.Key, store.MaxPage)
	}, fn)
}

// invitationsIn calls fn with every invitation in the pages that list returns, each of
// what comes after a key.
func invitationsIn(list func(after store.Key) ([]store.Doc, error), fn func(store.Doc, *storedInvitation)) error {
	for after := (store.Key{}); ; {
		page, err := list(after)
		if err != nil {
			return err
		}
		for _, doc := range page {
			v := new(storedInvitation)
			if err := json.Unmarshal(doc.Data, v); err != nil {
				return fmt.Errorf("invitation %s: %w", doc.Key.Key, err)
			}
			fn(doc, v)
			after = doc.Key
		}
		if len(page) < store.MaxPage {
			return nil
		}
	}
}

// Invitations lists all invitations of the host, those that are over included as long
// as they are kept.
func (h *Host) Invitations(ctx context.Context) ([]Invitation, error) {
	list := []Invitation{}
	err := h.eachInvitation(ctx, func(_ store.Doc, v *storedInvitation) { list = append(list, v.Invitation) })
	return list, err
}

// InvitationsOf lists those that an account of the host has made.
func (h *Host) InvitationsOf(ctx context.Context, local string) ([]Invitation, error) {
	list := []Invitation{}
	err := h.eachInvitationOf(ctx, local, func(_ store.Doc, v *storedInvitation) { list = append(list, v.Invitation) })
	return list, err
}

// RevokeInvitation ends an invitation by its id, with owner not "" only one that this
// account has made. The error is ErrNoInvitation where there is none.
func (h *Host) RevokeInvitation(ctx context.Context, owner, id string) (Invitation, error) {
	release, err := h.redeem(ctx)
	if err != nil {
		return Invitation{}, err
	}
	defer release()
	docs, err := h.Server.Store.FindIndex(ctx, h.Name, kindInvitation, 0, id, 10)
	if err != nil {
		return Invitation{}, err
	}
	for _, doc := range docs {
		if owner != "" && doc.Account != owner {
			continue
		}
		var v storedInvitation
		if err := json.Unmarshal(doc.Data, &v); err != nil {
			return Invitation{}, err
		}
		b := new(store.Batch)
		b.Delete(doc.Key)
		if err := h.Server.Store.CommitWait(context.WithoutCancel(ctx), b); err != nil {
			return Invitation{}, err
		}
		h.names.unreserve(v.Name, v.ID)
		return v.Invitation, nil
	}
	return Invitation{}, ErrNoInvitation
}

// Invitation finds the invitation of a token, for its page; makes says whether an
// account can be made with it now. The error is ErrNoInvitation for one that there is
// not, or that its inviter may not make any more. How often somebody asks is the
// caller's to bound: see MayShowToken.
func (h *Host) Invitation(ctx context.Context, token string) (_ Invitation, makes bool, err error) {
	v, _, err := h.findInvitation(ctx, token, false)
	if err != nil {
		return Invitation{}, false, err
	}
	return v.Invitation, h.makesAccounts(&v.Invitation), nil
}

// findInvitation finds the invitation of a token and its document.
func (h *Host) findInvitation(ctx context.Context, token string, shown bool) (v storedInvitation, doc store.Doc, err error) {
	id, secret, ok := splitInvitationToken(token)
	if !ok || h.Anonymous {
		return v, doc, ErrNoInvitation
	}
	docs, err := h.Server.Store.FindIndex(ctx, h.Name, kindInvitation, 0, id, 10)
	if err != nil {
		return v, doc, err
	}
	for _, doc := range docs {
		v := storedInvitation{}
		if err := json.Unmarshal(doc.Data, &v); err != nil {
			return v, doc, err
		}
		if subtle.ConstantTimeCompare([]byte(v.Hash), []byte(hashOf(secret))) != 1 {
			continue
		}
		stands, err := h.stands(&v.Invitation, doc.Account)
		if err != nil {
			return v, doc, err
		}
		if !stands {
			break
		}
		return v, doc, v.check(h.Server.now(), shown)
	}
	return storedInvitation{}, doc, ErrNoInvitation
}

// stands reports whether who has made an invitation is still there, and may still make
// one like it.
func (h *Host) stands(v *Invitation, owner string) (bool, error) {
	if owner != "" {
		off, err := h.Disabled(owner)
		if errors.Is(err, ErrUnknown) {
			return false, nil
		}
		if err != nil || off {
			return false, err
		}
	}
	if !v.Account || v.Inviter == "" {
		return !v.Account || h.InvitesAccounts(), nil
	}
	j, err := stanza.ParseJID(v.Inviter)
	if err != nil || !h.MayInviteAccounts(j) {
		return v.Roster && len(v.Contacts) > 0 && err == nil, nil // as a contact's only: see Invited
	}
	return true, nil
}

// sweepInvitations removes those that are long over.
func (h *Host) sweepInvitations(ctx context.Context) error {
	now, b := h.Server.now(), new(store.Batch)
	err := h.eachInvitation(ctx, func(doc store.Doc, v *storedInvitation) {
		if !now.Before(v.Expires.Add(keepInvitation)) {
			b.Delete(doc.Key)
		}
	})
	h.names.sweepReserved(now)
	if err != nil || b.Empty() {
		return err
	}
	return h.Server.Store.CommitWait(ctx, b)
}

// loadReserved reads which names invitations keep free.
func (h *Host) loadReserved(ctx context.Context) error {
	now := h.Server.now()
	return h.eachInvitation(ctx, func(doc store.Doc, v *storedInvitation) {
		if v.Name != "" && v.Open(now) {
			h.names.reserve(v.Name, reservation{owner: doc.Account, id: v.ID, until: v.Expires}, now)
		}
	})
}

// redeem waits for its turn to change invitations: they are used one by one, so that
// none is used more often than it may be. release ends the turn.
func (h *Host) redeem(ctx context.Context) (release func(), err error) {
	select {
	case h.redeeming <- struct{}{}:
		return func() { <-h.redeeming }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

package server

import (
	"context"
	"encoding/json"
	"slices"

	"natter/presence"
	"natter/roster"
	"natter/server/store"
	"natter/stanza"
)

// Preauthorized takes a subscription request with a token for an invitation (XEP-0379
// §3.4, §3.5): a good one makes the sender a contact of the account both ways, without
// its owner being asked, and uses the invitation up in the same commit. With any other
// the request is as without (§4.1). It waits for the store; o and st have to last.
//
// A sender of this server has said by the token that it wants the account's presence,
// and is not asked again: the account is approved beforehand on its behalf, as §3.4
// wants its client to.
func (a *Account) Preauthorized(ctx context.Context, token string, o *Origin, st *stanza.Stanza) {
	if a.preauthorized(ctx, token, o, st) {
		return
	}
	a.Host.Server.Do(func(t *Turn) { a.subscriptionTo(t, o, st) })
}

// preauthorized reports whether it took the request.
func (a *Account) preauthorized(ctx context.Context, token string, o *Origin, st *stanza.Stanza) bool {
	h, srv := a.Host, a.Host.Server
	from := o.JID.Bare()
	good := func() (v storedInvitation, doc store.Doc, ok bool) {
		v, doc, err := h.findInvitation(ctx, token, false)
		if err != nil && !BadInvitation(err) {
			srv.Log.Warn("invitation not looked up", "account", a.Bare, "err", err)
		}
		return v, doc, err == nil && slices.Contains(v.Contacts, a.Bare) &&
			(v.Name == "" || from.String() == h.account(v.Name)) // §5.2, Identity
	}
	if _, _, ok := good(); !ok || from == a.JID {
		return false
	}
	a.mu.Lock()
	already := a.Roster.State(from) == roster.StateBoth
	a.mu.Unlock()
	if already {
		return false // and the invitation is good for somebody else
	}
	release, err := h.redeem(ctx)
	if err != nil {
		return false
	}
	defer release()
	v, doc, ok := good()
	if !ok {
		return false
	}
	v.use("")
	b := new(store.Batch)
	if doc.Data, err = json.Marshal(v); err != nil {
		return false
	}
	b.PutIf(store.Doc{Key: doc.Key, Index: doc.Index, Data: doc.Data}, doc.Version)
	if at := srv.Host(from.Domain()); at != nil && !at.Anonymous {
		at.approve(ctx, from.Local(), a.JID)
	}
	done := make(chan error, 1)
	took := false
	srv.Do(func(t *Turn) { took = a.welcome(t, o, st, b, done) })
	if !took {
		return false
	}
	if err = <-done; err == nil {
		srv.Log.Info("contact by invitation", "account", a.Bare, "contact", from.String(), "invitation", v.ID)
		srv.Do(func(t *Turn) { h.Tell(t, Event{Kind: ContactsChanged, Account: a, Peer: from}) })
	}
	return true
}

// approve approves a contact's request to come, as the account's owner would (RFC 6121
// §3.4).
func (h *Host) approve(ctx context.Context, local string, contact stanza.JID) {
	h.Server.Do(func(t *Turn) {
		a, err := h.LockAccount(t, local)
		if a == nil || err != nil {
			return
		}
		defer a.mu.Unlock()
		effect, refused := a.Roster.Outbound(contact, roster.Subscribed)
		if refused != nil {
			return
		}
		steps := a.resolve(a.byServer(a.view.SendSubscription(nil, contact, effect)))
		if err := a.commitRoster(t, a.Self, nil, steps, effect.Push); err != nil {
			h.Server.Log.Warn("approval of an inviter not stored", "account", a.Bare, "err", err)
		}
	})
}

// byServer has the server make the subscription stanzas that would be passed on, had a
// client sent them.
func (a *Account) byServer(actions []presence.Action) []presence.Action {
	for i := range actions {
		if actions[i].Kind == presence.Route {
			actions[i].Kind = presence.Subscribed
		}
	}
	return actions
}

// welcome grants a request and makes one of its own (XEP-0379 §3.5), and stores that
// together with what is in b. It reports whether it could; done is told when it is
// durable.
func (a *Account) welcome(t *Turn, o *Origin, st *stanza.Stanza, b *store.Batch, done chan<- error) bool {
	from := o.JID.Bare()
	stamp := stanza.Stamp{From: stanza.AppendAttr(nil, from.String()), To: a.Self.Attr, Lang: o.Lang, Declare: true}
	request := st.AppendTo(nil, &stamp)
	whole, err := alone(request)
	if err != nil {
		return false
	}
	account, err := a.Host.LockAccount(t, a.Local)
	if account == nil || err != nil {
		return false
	}
	a = account
	defer a.mu.Unlock()
	var actions []presence.Action
	var last roster.Push
	// The approval comes first, so that the request finds it and is not shown.
	approval, refused := a.Roster.Outbound(from, roster.Subscribed)
	if refused != nil {
		return false // the roster is full
	}
	actions = a.byServer(a.view.SendSubscription(actions, from, approval))
	asked, refused := a.Roster.Inbound(from, roster.Subscribe, request)
	if refused != nil {
		return false
	}
	actions = a.view.ReceiveSubscription(actions, from, asked)
	own, refused := a.Roster.Outbound(from, roster.Subscribe)
	if refused != nil {
		return false
	}
	for _, x := range a.view.SendSubscription(nil, from, own) {
		if x.Kind == presence.Route {
			x.Kind = presence.Subscribe
		}
		actions = append(actions, x)
	}
	for _, e := range []roster.Effect{approval, asked, own} {
		if e.Pushed {
			last = e.Push
		}
	}
	// One push tells what has come of all three.
	pushed := 0
	actions = slices.DeleteFunc(actions, func(x presence.Action) bool {
		if x.Kind == presence.Push {
			pushed++
			return pushed > 1
		}
		return x.Kind == presence.DeliverAvailable // there is nothing to ask the owner
	})
	steps := a.resolve(actions)
	bare, srv := NewOrigin(from), t.srv
	err = a.storeRosterWith(t, b, func(t *Turn, err error) {
		if err == nil {
			a.follow(t, bare, whole, steps, last)
		} else {
			srv.Bounce(t, bare, whole, srv.stanzaError(err))
		}
		done <- err
	}, &whole)
	if err != nil {
		srv.Bounce(t, o, st, srv.stanzaError(err))
		done <- err
	}
	return true
}

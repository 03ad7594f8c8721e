package server

import (
	"context"
	"slices"

	"natter/presence"
	"natter/roster"
	"natter/server/store"
	"natter/stanza"
)

// RosterModule answers roster requests (RFC 6121 §2).
func RosterModule(h *Host) *Module {
	return &Module{
		Name: "roster", Summary: "contact list, its versions, and subscriptions with pre-approval (RFC 6121 §2, §3)",
		Features:       []string{roster.Namespace},
		StreamFeatures: []string{roster.VersioningFeature, roster.PreApprovalFeature},
		IQ: []IQHandler{
			{Type: stanza.Get, NS: roster.Namespace, Name: "query", To: AtSelf, Handle: rosterGet},
			{Type: stanza.Set, NS: roster.Namespace, Name: "query", To: AtSelf, Handle: rosterSet},
			{NS: roster.Namespace, Name: "query", To: AtAccount | AtHost, Handle: rosterOfOther},
		},
	}
}

// rosterOfOther refuses a request for somebody else's roster (RFC 6121 §2.3.3,
// §2.1.3).
func rosterOfOther(q *IQ) error {
	if q.Account == nil && q.Session() != nil {
		return stanza.ServiceUnavailable("ask your own account, without a 'to'")
	}
	return stanza.Forbidden("a roster is its owner's alone")
}

// rosterGet answers with the roster, or with what changed since the version that
// the client has (§2.2, §2.6.3).
func rosterGet(q *IQ) error {
	get, refused := roster.ParseGet(q.Stanza)
	if refused != nil {
		return refused
	}
	a, s := q.Account, q.Session()
	a.mu.Lock()
	if s != nil {
		s.interested = true
	}
	var payload []byte
	var missed []roster.Push
	known := false
	if get.HasVer {
		missed, known = a.Roster.Since(get.Ver)
	}
	if !known {
		payload = a.Roster.AppendResult(nil)
	}
	storing := a.storing > 0
	a.mu.Unlock()
	answer := func(t *Turn, q *IQ) {
		q.Reply(t, payload)
		if known && s != nil {
			for _, p := range missed {
				a.push(t, []*Session{s}, p)
			}
		}
		if s != nil {
			s.Out.Changed(t)
		}
	}
	if !storing {
		answer(q.Turn, q)
		return nil
	}
	// A version that a crash takes back would stand for something else later.
	k, srv := q.Keep(), q.Host.Server
	srv.Store.Barrier(func(error) { srv.Do(func(t *Turn) { answer(t, k) }) })
	return Pending
}

// rosterSet adds, changes or removes a contact (§2.3, §2.4, §2.5).
func rosterSet(q *IQ) error {
	req, refused := roster.ParseSet(q.Stanza)
	if refused != nil {
		return refused
	}
	a := q.Account
	a.mu.Lock()
	defer a.mu.Unlock()
	var steps []step
	var push roster.Push
	was, _ := a.Roster.Get(req.JID.Bare())
	before := slices.Clone(was.Groups)
	edited := req.Remove || !slices.Equal(before, req.Groups)
	if req.Remove {
		out, refused := a.Roster.Remove(req.JID)
		if refused != nil {
			return refused
		}
		push = out.Push
		steps = a.resolve(a.view.RemoveContact(nil, out))
	} else {
		if push, refused = a.Roster.Set(req); refused != nil {
			return refused
		}
		steps = a.resolve([]presence.Action{{Kind: presence.Push, From: presence.None, Own: presence.None, To: req.JID}})
	}
	k := q.Keep()
	err := a.storeRoster(q.Turn, func(t *Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		// The result first: RFC 6121 §2.3.2 leaves the order open, and
		// clients wait for it.
		k.Reply(t, nil)
		a.follow(t, a.Self, nil, steps, push)
		if edited {
			srv := t.srv
			srv.Go(func(context.Context) { // modules may read the store, for which the committer can't wait
				srv.Do(func(t *Turn) {
					a.Host.Tell(t, Event{Kind: ContactEdited, Account: a, Peer: req.JID.Bare(), Before: before})
				})
			})
		}
	}, nil)
	if err != nil {
		return err
	}
	return Pending
}

// rosterLimits are the roster's bounds as configured.
func (h *Host) rosterLimits() roster.Limits {
	l := roster.DefaultLimits
	l.Items = h.Server.Config.RosterItems
	l.Requests = h.Server.Config.PendingRequests
	return l
}

// loadRoster reads the account's roster from the store.
func (a *Account) loadRoster(ctx context.Context) error {
	var failed error
	pages := func(yield func(string, []byte) bool) {
		after := ""
		for {
			page, err := a.Host.Server.Store.List(ctx, a.Host.Name, a.Local, roster.DocumentKind, "", after, store.MaxPage)
			if err != nil {
				failed = err
				return
			}
			for _, d := range page {
				if !yield(d.Key.Key, d.Data) {
					return
				}
				after = d.Key.Key
			}
			if len(page) < store.MaxPage {
				return
			}
		}
	}
	r, err := roster.Load(a.JID, NewID()[:8], a.Host.rosterLimits(), pages)
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	a.Roster = r
	a.view.JID, a.view.Roster = a.JID, r
	return nil
}

// reloadRoster reads the roster anew after what was done to it could not be
// stored.
func (a *Account) reloadRoster(t *Turn) {
	srv := t.srv
	srv.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, srv.Config.StoreTimeout)
		defer cancel()
		fresh := &Account{Host: a.Host, Local: a.Local, JID: a.JID}
		if err := fresh.loadRoster(ctx); err != nil {
			srv.Log.Error("roster not loaded anew", "account", a.Bare, "err", err)
			return
		}
		a.mu.Lock()
		a.Roster, a.view.Roster = fresh.Roster, fresh.Roster
		a.mu.Unlock()
	})
}

// farewell tells everybody that the account is gone and ends its sessions.
func (a *Account) farewell(t *Turn) {
	a.mu.Lock()
	steps := a.resolve(a.view.RemoveAccount(nil))
	sessions := a.Sessions()
	a.gone, a.removed = true, true
	a.Host.Server.reg.remove(a.Bare, entry{account: a})
	a.mu.Unlock()
	t.srv.perform(t, a, a.Self, nil, steps)
	for _, s := range sessions {
		s.Out.End(t, &stanza.StreamError{Condition: "not-authorized", Text: "the account was removed"})
	}
}

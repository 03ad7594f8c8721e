// Package invite implements invitations: XEP-0379 Pre-Authenticated Roster Subscription,
// version 0.3.3, on the server's side as its §3.2 allows; XEP-0401 Ad-hoc Account
// Invitation Generation, version 0.6.0; and XEP-0445 Pre-Authenticated In-Band
// Registration, version 0.2.0. What an invitation is and what becomes of it is the
// core's (server/invitation.go), registering is package register's.
package invite

import (
	"context"
	"time"

	"natter/server"
	"natter/stanza"
)

const (
	nsPARS   = "urn:xmpp:pars:0"      // XEP-0379
	nsInvite = "urn:xmpp:invite"      // XEP-0401
	nsIBR    = "urn:xmpp:ibr-token:0" // XEP-0445
	feature  = "<register xmlns='" + nsIBR + "'/>"
)

// Bounds on what waits for the store.
const (
	storeTime  = 30 * time.Second
	maxWaiting = 64 // subscription requests with a token under way; others are as without
)

type module struct {
	host    *server.Host
	waiting chan struct{} // holds the requests under way
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h, waiting: make(chan struct{}, maxWaiting)}
	return &server.Module{
		Name: "invite", XEP: "0379 0.3.3, 0401 0.6.0, 0445 0.2.0", Summary: "links that make accounts and contacts, for those who are invited",
		StreamFeatureFunc: func(authenticated bool) string {
			if authenticated || !h.InvitesAccounts() {
				return ""
			}
			return feature
		},
		IQ: []server.IQHandler{
			{Type: stanza.Set, NS: nsPARS, Name: "preauth", To: server.BeforeLogin, Handle: m.preauth},
		},
		Hooks: []server.Hook{
			{Stage: server.ToAccount, Kinds: server.OnPresence, NS: nsPARS, Run: m.subscription},
		},
		Commands: m.commands(),
		Start:    m.start,
	}
}

// start finishes what a crash has kept from being finished.
func (m *module) start() {
	m.host.Server.Go(func(ctx context.Context) {
		if err := m.host.FinishInvited(ctx); err != nil && ctx.Err() == nil {
			m.host.Server.Log.Warn("contacts of invited accounts not made", "err", err)
		}
	})
}

// preauth takes the token of a stranger who wants to register (XEP-0445 §4).
func (m *module) preauth(q *server.IQ) error {
	if !m.host.InvitesAccounts() {
		return stanza.ServiceUnavailable("accounts are not made by invitation here")
	}
	token, ok := q.Stanza.ChildAttr(q.Payload, "token")
	if !ok {
		return stanza.BadRequest("the token is missing")
	}
	if err := q.ShowInvitation(token); server.BadInvitation(err) {
		return stanza.ItemNotFound("the invitation is not good: it was used, has expired or was taken back")
	} else if err != nil {
		return err
	}
	q.Reply(q.Turn, nil)
	return nil
}

// subscription looks at a subscription request with a token (XEP-0379 §3.5). The store
// is read beside the stanza's way, which must not wait for it.
func (m *module) subscription(p *server.Passage) server.Verdict {
	c, ok := p.Stanza.Child(nsPARS, "preauth")
	if p.Stanza.Type != stanza.Subscribe || !ok {
		return server.Pass
	}
	token, _ := p.Stanza.ChildAttr(c, "token")
	if token == "" {
		return server.Pass // §4.1
	}
	select {
	case m.waiting <- struct{}{}:
	default:
		return server.Pass
	}
	a, st := p.Account, p.Stanza.Clone()
	o := &server.Origin{JID: p.Origin.JID, Attr: append([]byte(nil), p.Origin.Attr...), Lang: append([]byte(nil), p.Origin.Lang...)}
	m.host.Server.Go(func(ctx context.Context) {
		defer func() { <-m.waiting }()
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		a.Preauthorized(ctx, token, o, st)
	})
	return server.Stop
}

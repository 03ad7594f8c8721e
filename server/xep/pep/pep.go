// Package pep implements XEP-0163 Personal Eventing Protocol, version 1.2.2: each
// account is a publish-subscribe service whose owner publishes and whose contacts
// are told, by what their clients want. With publish-options it holds public and
// private data as XEP-0222, version 1.0, and XEP-0223, version 1.1.1, have it. The
// protocol itself, XEP-0060 Publish-Subscribe, version 1.30.0, is in package pubsub.
package pep

import (
	"container/list"
	"slices"
	"sync"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/server/xep/pubsub"
	"natter/server/xep/rsm"
	"natter/stanza"

	"golang.org/x/sync/singleflight"
)

type module struct {
	host  *server.Host
	loads singleflight.Group
	views []*pubsub.View // set before the host is used

	mu sync.Mutex // ranks before a service's lock
	cache
	greetings []greeting
	greeting  bool // somebody is at them
}

// New makes the module and sets the host's PEP.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	m.services, m.order = make(map[string]*list.Element), list.New()
	h.PEP = server.PEP{Publish: m.publish, Items: m.items, Access: m.access, Reads: m.reads, Greet: m.greetFrom, View: m.addView}
	personal := []server.Identity{{Category: "pubsub", Type: "pep"}}
	at := server.AtSelf | server.AtAccount
	return &server.Module{
		Name: "pep", XEP: "0060 1.30.0, 0163 1.2.2, 0222 1.0, 0223 1.1.1",
		Summary:         "what accounts publish about themselves: keys, pictures, places, moods, bookmarks",
		AccountFeatures: features(), AccountIdentities: personal,
		Identities: personal, // where some clients look (XEP-0163 before version 1.1)
		IQ: []server.IQHandler{
			{NS: pubsub.NS, Name: "pubsub", To: at, Handle: m.handle},
			{NS: pubsub.NSOwner, Name: "pubsub", To: at, Handle: m.handle},
		},
		Commands: []server.Command{{
			Node: pubsub.NS + "#get-pending", Name: "Who waits to subscribe to your nodes", To: server.AtSelf,
			Form: m.pending, Run: m.ask,
		}},
		AccountItems: m.nodes,
		Node:         m.node,
		Hooks: []server.Hook{
			{Stage: server.FromAccount, Kinds: server.OnMessage, NS: "jabber:x:data", Run: m.decision},
			{Stage: server.ToAccount, Kinds: server.OnMessage, NS: pubsub.NSEvent, Run: m.bounced},
			{Stage: server.FromAccount, Kinds: server.OnPresence, Run: m.presence},
			{Stage: server.ToAccount, Kinds: server.OnPresence, Run: m.shared},
		},
		Available:      func(t *server.Turn, s *server.Session) { m.welcome(s) },
		On:             m.on,
		Remove:         func(a *server.Account, b *store.Batch) { m.forget(a.Local) },
		SaveSession:    saveGreeted,
		RestoreSession: restoreGreeted,
	}
}

// features are those of XEP-0060 and what PEP adds (XEP-0163 §6.1).
func features() []string {
	list := pubsub.Features(false)
	for _, f := range []string{"auto-subscribe", "filtered-notifications", "presence-notifications", "presence-subscribe", "pubsub-on-a-jid"} {
		list = append(list, pubsub.NS+"#"+f)
	}
	return list
}

// handle answers a request of XEP-0060.
func (m *module) handle(q *server.IQ) error {
	return m.with(q.Turn, q.Account.Local, func(s *pubsub.Service) error { return s.Handle(q) })
}

// with calls fn with the nodes of an account, again where they were given up
// meanwhile.
func (m *module) with(t *server.Turn, local string, fn func(*pubsub.Service) error) error {
	for range 3 {
		s, err := m.service(t, local)
		if err != nil {
			return err
		}
		if err = fn(s); err != pubsub.ErrGone {
			return err
		}
	}
	e := stanza.InternalServerError("what the account publishes could not be stored; try again")
	e.Type = stanza.Wait
	return e
}

// nodes lists an account's nodes in disco#items, those that asker may read.
func (m *module) nodes(t *server.Turn, a *server.Account, asker stanza.JID, dst []byte) ([]byte, error) {
	s, err := m.service(t, a.Local)
	if err != nil {
		return nil, err
	}
	who, err := m.Ask(t, s, asker)
	if err != nil {
		return nil, err
	}
	return s.AppendNodes(dst, who, rsm.Query{Max: -1, Index: -1})
}

// node answers disco about a node: what it is, or its items.
func (m *module) node(q *server.IQ, node string, items bool) ([]byte, error) {
	if q.Account == nil {
		return nil, nil
	}
	s, err := m.service(q.Turn, q.Account.Local)
	if err != nil {
		return nil, err
	}
	who, err := m.Ask(q.Turn, s, q.Origin.JID)
	switch {
	case err != nil:
		return nil, err
	case items:
		page, err := rsm.In(q.Stanza, q.Payload)
		if err != nil {
			return nil, err
		}
		return s.NodeItems(who, node, page)
	}
	return s.Info(who, node), nil
}

// decision takes the owner's answer to somebody's wish to subscribe (XEP-0060
// §8.6), a message to the account itself.
func (m *module) decision(p *server.Passage) server.Verdict {
	a := p.Account
	if p.To != a.JID {
		return server.Pass
	}
	taken := false
	err := m.with(p.Turn, a.Local, func(s *pubsub.Service) error {
		who, err := m.Ask(p.Turn, s, p.Origin.JID)
		if err == nil {
			taken = s.Decision(p.Turn, who, p.Stanza)
		}
		return err
	})
	if err != nil {
		m.host.Server.Log.Error("approval not handled", "account", a.Bare, "err", err)
		return server.Pass
	}
	if taken {
		return server.Stop
	}
	return server.Pass
}

// pending is the form that asks for the node whose pending subscriptions are to be
// sent (XEP-0060 §8.7.2).
func (m *module) pending(c *server.CommandCall) ([]byte, error) {
	s, err := m.service(c.Turn, c.Account.Local)
	if err != nil {
		return nil, err
	}
	return s.PendingForm(owner(c.Account)).Bytes(), nil
}

// ask has them sent (§8.7.4).
func (m *module) ask(c *server.CommandCall) (server.CommandResult, error) {
	f, err := forms.Parse(c.Stanza, c.Submitted)
	if err != nil {
		return server.CommandResult{}, err
	}
	return server.CommandResult{}, m.with(c.Turn, c.Account.Local, func(s *pubsub.Service) error {
		return s.SendPending(owner(c.Account), c.Origin.JID, f.Get("pubsub#node"))
	})
}

// bounced sees an event that comes back to the account as an error (XEP-0163 §4.3.1).
func (m *module) bounced(p *server.Passage) server.Verdict {
	if p.Stanza.Type != stanza.TypeError || p.To != p.Account.JID || p.Origin.JID.Bare() == p.To {
		return server.Pass
	}
	if s, err := m.service(p.Turn, p.Account.Local); err == nil {
		s.Bounced(p.Turn, p.Origin.JID, p.Stanza)
	}
	return server.Pass
}

// owner is the account's owner as who asks.
func owner(a *server.Account) pubsub.Asker {
	return pubsub.Asker{JID: a.JID, Owner: true, Creates: true, Presence: true, Personal: true}
}

// publish is server.PEP.Publish.
func (m *module) publish(t *server.Turn, a *server.Account, p server.NodePublication, then func(*server.Turn, error)) error {
	pub := pubsub.Publication{Node: p.Node, Retract: p.Retract, Module: p.Module}
	pub.Options = options(&p)
	pub.Items, pub.Docs = itemsOf(p.Items), m.docs(a.Local, p.Docs)
	return m.with(t, a.Local, func(s *pubsub.Service) error {
		return s.Publish(t, owner(a), pub, func(t *server.Turn, _ []string, err error) { then(t, err) })
	})
}

// items is server.PEP.Items. A node that there is not has no account's nodes loaded:
// at each login somebody asks for the picture that most have not got.
func (m *module) items(t *server.Turn, a *server.Account, node string, ids ...string) ([]server.NodeItem, error) {
	if m.kept(a.Local) == nil {
		if stored, err := pubsub.Stored(t, m.host, a.Local, node); err != nil || !stored {
			return nil, err
		}
	}
	s, err := m.service(t, a.Local)
	if err != nil {
		return nil, err
	}
	if _, ok := s.Config(node); !ok {
		return nil, nil
	}
	list, err := s.Read(t, owner(a), node, ids...)
	if err != nil {
		return nil, err
	}
	return nodeItems(list), nil
}

func nodeItems(list []pubsub.Item) []server.NodeItem {
	items := make([]server.NodeItem, 0, len(list))
	for _, i := range list {
		items = append(items, server.NodeItem{ID: i.ID, Payload: i.Payload})
	}
	return slices.Clip(items)
}

// reads is server.PEP.Reads.
func (m *module) reads(t *server.Turn, a *server.Account, who stanza.JID, node string) (bool, error) {
	s, err := m.service(t, a.Local)
	if err != nil {
		return false, err
	}
	asker, err := m.Ask(t, s, who)
	return err == nil && s.Reads(asker, node), err
}

// access is server.PEP.Access.
func (m *module) access(t *server.Turn, a *server.Account, node string) (string, error) {
	s, err := m.service(t, a.Local)
	if err != nil {
		return "", err
	}
	c, _ := s.Config(node)
	return c.Access, nil
}

// Package publish serves publish-subscribe for all at pubsub.DOMAIN: XEP-0060
// Publish-Subscribe, version 1.30.0, without collections. Accounts of the domain make
// nodes there, which they own; everybody may subscribe whom a node's access lets.
package publish

import (
	"sync"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/disco"
	"natter/server/xep/pubsub"
	"natter/server/xep/rsm"
	"natter/stanza"
)

const prefix = "pubsub"

// Bounds on the service of a domain as a whole.
const (
	maxNodes       = 10_000
	maxItems       = 200_000
	maxBytes       = 1 << 30
	maxOwned       = 100     // nodes of one account
	maxSubscribers = 5000    // of one node
	maxPeople      = 200_000 // subscriptions and affiliations
)

// share is what the nodes that one account has made may hold of that.
var share = pubsub.Share{Items: 20_000, Bytes: 20 << 20}

type module struct {
	host *server.Host
	jid  stanza.JID
	mu   sync.Mutex // ranks before the service's
	all  *pubsub.Service
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	mod := &server.Module{
		Name: "publish", XEP: "0060 1.30.0", Summary: "nodes that accounts make for all, at pubsub.DOMAIN",
	}
	var err error
	if m.jid, err = stanza.ParseJID(prefix + "." + h.Name); err != nil {
		h.Server.Log.Error("no publish-subscribe service", "err", err)
		return mod
	}
	mod.Remove = m.remove
	mod.On = func(_ *server.Turn, e server.Event) {
		if e.Kind != server.AccountRemoved {
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.all != nil {
			m.all.Strip(e.Account.JID)
		}
	}
	mod.Service = &server.Service{Prefix: prefix, Name: "Publish-subscribe", Route: m.route}
	return mod
}

// service returns the nodes, loading them if need be.
func (m *module) service(t *server.Turn) (*pubsub.Service, error) {
	t.Flush()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all != nil && !m.all.Gone() {
		return m.all, nil
	}
	if m.all != nil {
		t.Await(1) // what it had under way is to be decided
	}
	s := &pubsub.Service{
		Host: m.host, JID: m.jid, Self: server.NewOrigin(m.jid), Policy: m, Shared: true,
		Limits: pubsub.Limits{Nodes: maxNodes, Owned: maxOwned, Items: maxItems, Bytes: maxBytes, Share: share, People: maxPeople, Subscribers: maxSubscribers, Payload: m.host.Server.Config.PubSubItem},
	}
	if err := s.Load(); err != nil {
		return nil, err
	}
	m.all = s
	return s, nil
}

// remove takes an account off the service: nodes that it alone owned go.
func (m *module) remove(a *server.Account, b *store.Batch) {
	m.host.Server.Do(func(t *server.Turn) {
		s, err := m.service(t)
		if err == nil {
			err = s.Forget(b, a.JID)
		}
		if err != nil {
			m.host.Server.Log.Error("nodes of a removed account stay", "account", a.Bare, "err", err)
		}
	})
}

// route takes what is sent to the service.
func (m *module) route(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
	srv := m.host.Server
	switch {
	case st.Type == stanza.TypeError && st.Kind == stanza.Message && to == m.jid:
		if s, err := m.service(t); err == nil {
			s.Bounced(t, o.JID, st)
		}
		return
	case st.Type == stanza.TypeError, st.Type == stanza.Result:
		return
	case st.Kind == stanza.Presence:
		return // subscriptions here do not depend on it
	case to != m.jid:
		srv.Bounce(t, o, st, stanza.ItemNotFound("there is nobody at that address"))
		return
	case st.Kind == stanza.Message:
		m.message(t, o, st)
		return
	}
	q := m.host.Request(t, o, to, st)
	if err := m.handle(q); err != nil && err != server.Pending {
		q.Fail(t, err)
	}
}

// message takes the owners' answers to requests to subscribe (XEP-0060 §8.6).
func (m *module) message(t *server.Turn, o *server.Origin, st *stanza.Stanza) {
	s, err := m.service(t)
	if err == nil {
		var who pubsub.Asker
		if who, err = m.Ask(t, s, o.JID); err == nil && s.Decision(t, who, st) {
			return
		}
	}
	m.host.Server.Bounce(t, o, st, stanza.ServiceUnavailable("nobody reads messages to the service"))
}

func (m *module) handle(q *server.IQ) error {
	ns, name := string(q.Stanza.Space(q.Payload)), string(q.Stanza.Local(q.Payload))
	for range 3 {
		s, err := m.service(q.Turn)
		if err != nil {
			return err
		}
		switch {
		case name == "pubsub" && (ns == pubsub.NS || ns == pubsub.NSOwner):
			err = s.Handle(q)
		case name == "query" && (ns == disco.NSInfo || ns == disco.NSItems) && q.Stanza.Type == stanza.Get:
			err = m.disco(q, s, ns)
		case name == "command" && ns == nsCommands && q.Stanza.Type == stanza.Set:
			err = m.command(q, s)
		case ns == "urn:xmpp:ping" && name == "ping" && q.Stanza.Type == stanza.Get:
			q.Reply(q.Turn, nil)
		default:
			return stanza.ServiceUnavailable("the service does not do that")
		}
		if err != pubsub.ErrGone {
			return err
		}
	}
	e := stanza.InternalServerError("it could not be stored; try again")
	e.Type = stanza.Wait
	return e
}

// disco describes the service, its nodes and their items (§5).
func (m *module) disco(q *server.IQ, s *pubsub.Service, ns string) error {
	who, err := m.Ask(q.Turn, s, q.Origin.JID)
	if err != nil {
		return err
	}
	page, err := rsm.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	node, _ := q.Stanza.ChildAttr(q.Payload, "node")
	var b []byte
	switch {
	case node == "" && ns == disco.NSInfo:
		ids := []server.Identity{{Category: "pubsub", Type: "service", Name: "Publish-subscribe"}}
		b = disco.AppendInfo(nil, ids, append(pubsub.Features(true), disco.NSInfo, disco.NSItems, nsCommands, rsm.NS, "urn:xmpp:ping"))
	case node == "":
		b, err = s.AppendNodes([]byte{}, who, page)
	case node == nsCommands || node == getPending:
		b = m.commands(node, ns == disco.NSItems)
	case ns == disco.NSInfo:
		b = s.Info(who, node)
	default:
		b, err = s.NodeItems(who, node, page)
	}
	if err != nil {
		return err
	}
	if b == nil {
		return stanza.ItemNotFound("there is no such node")
	}
	q.Reply(q.Turn, disco.Query(ns, node, b))
	return nil
}

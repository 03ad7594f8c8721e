// Package push implements XEP-0357 Push Notifications, version 0.4.1: a device
// that is not connected is woken by way of its maker's push service when something
// comes for it. What the service is told is that something came, and no more,
// unless the server's settings say otherwise.
package push

import (
	"fmt"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

const (
	ns         = "urn:xmpp:push:0"
	nsPubsub   = "http://jabber.org/protocol/pubsub"
	optionsFor = nsPubsub + "#publish-options"
)

// Bounds on what an account may register.
const (
	maxDevices = 20   // services and nodes
	maxNode    = 1024 // bytes of a node's name
	maxOptions = 4096 // bytes of publish options
)

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	return &server.Module{
		Name: "push", XEP: "0357 0.4.1", Summary: "phones are woken when something comes for them, by a notice without content",
		AccountFeatures: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Set, NS: ns, Name: "enable", To: server.AtSelf, Handle: m.enable},
			{Type: stanza.Set, NS: ns, Name: "disable", To: server.AtSelf, Handle: m.disable},
		},
		Hooks: []server.Hook{
			{Stage: server.ToAccount, Kinds: server.OnPresence, Flag: server.AccountPush, Run: m.presence},
			{Stage: server.ToAccount, Kinds: server.OnMessage, Flag: server.AccountPush, Run: m.remoteDisable},
			{Stage: server.Stored, Kinds: server.OnMessage, Flag: server.AccountPush, Run: m.message},
		},
		Commands: []server.Command{{
			Node: "urn:natter:push:log", Name: "What was sent to wake my devices, and why not", To: server.AtSelf, Run: m.showLog,
		}},
		Load: m.load,
		On:   m.on,
	}
}

// enable registers a service and node, or renews it with new options (§5).
func (m *module) enable(q *server.IQ) error {
	st := q.Stanza
	service, err := jidOf(st, q.Payload)
	if err != nil {
		return err
	}
	node, _ := st.ChildAttr(q.Payload, "node")
	if len(node) > maxNode {
		return stanza.PolicyViolation(fmt.Sprintf("a node's name may have up to %d bytes", maxNode))
	}
	var options []byte
	for c := range st.Children(q.Payload) {
		if !st.ChildIs(c, forms.NS, "x") {
			continue
		}
		form, err := forms.Parse(st, c)
		if err != nil {
			return err
		}
		if form.FormType() != optionsFor {
			return stanza.BadRequest("the form that goes with it is of type " + optionsFor)
		}
		if options = st.Detach(nil, c); len(options) > maxOptions {
			return stanza.PolicyViolation(fmt.Sprintf("the publish options may have up to %d bytes", maxOptions))
		}
	}
	a, session := q.Account, ""
	if s := q.Session(); s != nil {
		session = s.ID
	}
	a.Lock()
	defer a.Unlock()
	list := devicesOf(a)
	d := list.find(service, node)
	if d == nil && len(list) >= maxDevices {
		return stanza.ResourceConstraint("the account wakes as many devices as it may; disable one of them first")
	}
	// What is stored is not shared: should it not be stored, nothing has changed.
	next := device{Service: service.String(), Node: node, Options: options, Session: session, Since: time.Now().UTC().Truncate(time.Second)}
	if d != nil {
		next.Log = d.Log
	}
	b := new(store.Batch)
	b.Put(m.doc(a, &next))
	return q.Commit(b, nil, func(t *server.Turn) {
		a.Lock()
		defer a.Unlock()
		use(a, devicesOf(a).with(&next))
	})
}

// disable ends one registration, or without a node all of the service (§6).
func (m *module) disable(q *server.IQ) error {
	service, err := jidOf(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	node, one := q.Stanza.ChildAttr(q.Payload, "node")
	a := q.Account
	a.Lock()
	defer a.Unlock()
	b := new(store.Batch)
	gone := m.drop(a, b, func(d *device) bool { return d.Service == service.String() && (!one || d.Node == node) })
	if gone == 0 {
		return stanza.ItemNotFound("no such push service is enabled")
	}
	return q.Commit(b, nil, nil)
}

// drop takes the matching devices off the account and deletes them in b; it returns
// how many these are. The account must be locked.
func (m *module) drop(a *server.Account, b *store.Batch, which func(*device) bool) int {
	var keep devices
	list := devicesOf(a)
	for _, d := range list {
		if which(d) {
			b.Delete(m.host.Key(a.Local, kind, d.key()))
			continue
		}
		keep = append(keep, d)
	}
	use(a, keep)
	return len(list) - len(keep)
}

// jidOf reads the address of the service.
func jidOf(st *stanza.Stanza, c stanza.Child) (stanza.JID, error) {
	text, ok := st.ChildAttr(c, "jid")
	if !ok {
		return stanza.JID{}, stanza.BadRequest("name the push service in 'jid'")
	}
	j, err := stanza.ParseJID(text)
	if err != nil {
		return stanza.JID{}, stanza.JIDMalformed("the push service's jid is not an address")
	}
	return j, nil
}

// remoteDisable takes a service's word that a node is no longer for the account
// (§8).
func (m *module) remoteDisable(p *server.Passage) server.Verdict {
	st := p.Stanza
	c, ok := st.Child(nsPubsub, "pubsub")
	if !ok {
		return server.Pass
	}
	node, _ := st.ChildAttr(c, "node")
	affiliation, ok := st.Find(c, nsPubsub, "affiliation")
	if !ok {
		return server.Pass
	}
	who, _ := st.ChildAttr(affiliation, "jid")
	is, _ := st.ChildAttr(affiliation, "affiliation")
	if j, err := stanza.ParseJID(who); err != nil || j.Bare() != p.Account.JID || is == "publish-only" || is == "publisher" || is == "owner" {
		return server.Pass
	}
	a := p.Account
	a.Lock()
	defer a.Unlock()
	b := new(store.Batch)
	from := p.Origin.JID.String()
	if m.drop(a, b, func(d *device) bool { return d.Service == from && d.Node == node }) > 0 {
		p.Turn.Commit(b, nil)
	}
	return server.Pass
}

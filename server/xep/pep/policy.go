package pep

import (
	"strconv"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/server/xep/pubsub"
	"natter/stanza"
)

// private are nodes that hold what is its owner's alone: made without being
// configured they are for nobody else, keep all that is published and do not send
// it unasked, as their specifications want them configured.
var private = map[string]bool{
	"urn:xmpp:bookmarks:1":     true, // XEP-0402 §3
	"storage:bookmarks":        true, // XEP-0048 §4
	"urn:xmpp:mds:displayed:0": true, // XEP-0490 §5.2, §8
}

// Default is how nodes are made that nobody configures (XEP-0163 §5).
func (m *module) Default(node string) pubsub.Config {
	c := pubsub.Config{
		Access: "presence", Publish: "publishers", Persist: true, MaxItems: 1, Full: "retract-oldest",
		SendLast: "on_sub_and_presence", Payloads: true, Notify: true, NotifyDelete: true, NotifyItems: true,
		MessageType: "headline", Subscribe: true, MaxPayload: m.host.Server.Config.PubSubItem, Reply: "none",
	}
	if private[node] {
		c.Access, c.MaxItems, c.SendLast = "whitelist", pubsub.Max, "never"
	}
	return c
}

// options are the publish-options of what an extension publishes, nil for none.
func options(p *server.NodePublication) *forms.Form {
	f := forms.New("submit", pubsub.NS+"#publish-options")
	if p.Access != "" {
		f.Add("", "pubsub#access_model", "", p.Access)
	}
	switch {
	case p.MaxItems < 0:
		f.Add("", "pubsub#max_items", "", "max")
	case p.MaxItems > 0:
		f.Add("", "pubsub#max_items", "", strconv.Itoa(p.MaxItems))
	}
	if p.SendLast != "" {
		f.Add("", "pubsub#send_last_published_item", "", p.SendLast)
	}
	if len(f.Fields) == 1 {
		return nil
	}
	return f
}

// Ask says what j is to the owner of a service: it is the owner, a contact who
// sees the owner's presence, or neither.
func (m *module) Ask(t *server.Turn, s *pubsub.Service, j stanza.JID) (pubsub.Asker, error) {
	who := pubsub.Asker{JID: j, Personal: true}
	if j.Bare() == s.JID {
		who.Owner, who.Creates, who.Presence = true, true, true
		return who, nil
	}
	a, err := m.host.LockAccount(t, s.Local)
	if a == nil || err != nil {
		return who, err
	}
	defer a.Unlock()
	look(a, &who)
	return who, nil
}

// look fills in what a contact is to an account, which must be locked.
func look(a *server.Account, who *pubsub.Asker) {
	item, ok := a.Roster.Get(who.JID.Bare())
	who.Presence = a.Roster.State(who.JID).HasFrom()
	if ok {
		who.Groups = item.Groups
	}
	blocked := a.View().Blocked
	who.Blocked = blocked != nil && blocked(who.JID)
}

// Named lets contacts know which session has published, if they see that it is there
// (XEP-0163 §4.3.1).
func (m *module) Named(s *server.Session) bool {
	s.Account.Lock()
	defer s.Account.Unlock()
	on, _ := s.Account.Available(s)
	return on
}

// Owners is who approves subscriptions: the account's owner, and nobody else.
func (m *module) Owners(s *pubsub.Service, _ []stanza.JID) []stanza.JID { return []stanza.JID{s.JID} }

// Audience calls fn with the available resources that get a node's events without
// having asked: the account's own, those of contacts that see its presence, and
// those that have sent it theirs (XEP-0060 §9.1), if they want the node's (§9.2).
func (m *module) Audience(t *server.Turn, s *pubsub.Service, node string, fn func(pubsub.Asker)) {
	a, err := m.host.LockAccount(t, s.Local)
	if a == nil || err != nil {
		return
	}
	var contacts []pubsub.Asker
	for item := range a.Roster.All() {
		if item.State.HasFrom() {
			who := pubsub.Asker{JID: item.JID, Personal: true}
			look(a, &who)
			if !who.Blocked {
				contacts = append(contacts, who)
			}
		}
	}
	var elsewhere []pubsub.Asker
	a.Peers(func(j stanza.JID, f *server.Features) {
		if f.Wants(node) {
			who := pubsub.Asker{JID: j, Personal: true}
			look(a, &who)
			elsewhere = append(elsewhere, who)
		}
	})
	sharers := sharersOf(a)
	a.Unlock()
	for _, s := range m.available(a, node) {
		who := owner(a)
		who.JID = s.JID
		fn(who)
	}
	for _, who := range contacts {
		for _, j := range m.Resources(t, s, who.JID, node) {
			resource := who
			resource.JID = j
			fn(resource)
		}
	}
	for _, who := range elsewhere {
		fn(who)
	}
	for _, x := range sharers {
		if x.Features().Wants(node) && x.Shares(a.JID) {
			if who, err := m.Ask(t, s, x.JID); err == nil {
				fn(who)
			}
		}
	}
}

// available returns the account's available sessions that want a node's events.
func (m *module) available(a *server.Account, node string) []*server.Session {
	a.Lock()
	defer a.Unlock()
	var list []*server.Session
	for _, s := range a.Sessions() {
		if on, _ := a.Available(s); on && s.Features().Wants(node) {
			list = append(list, s)
		}
	}
	return list
}

// Resources returns the available resources of a bare JID that want a node's
// events: those of an account of this server, and others as far as their presence
// has come to the owner.
func (m *module) Resources(t *server.Turn, s *pubsub.Service, bare stanza.JID, node string) []stanza.JID {
	var list []stanza.JID
	if h := m.host.Server.Host(bare.Domain()); h != nil {
		if contact := h.Online(bare.Local()); contact != nil {
			for _, x := range m.available(contact, node) {
				list = append(list, x.JID)
			}
		}
		return list
	}
	if a := m.host.Online(s.Local); a != nil {
		a.Lock()
		a.Peers(func(j stanza.JID, f *server.Features) {
			if j.Bare() == bare && f.Wants(node) {
				list = append(list, j)
			}
		})
		a.Unlock()
	}
	return list
}

// Available reports whether a contact is available: an account of this server, or
// as far as its presence has come to the owner.
func (m *module) Available(s *pubsub.Service, bare stanza.JID) bool {
	if h := m.host.Server.Host(bare.Domain()); h != nil {
		a := h.Online(bare.Local())
		if a == nil {
			return false
		}
		a.Lock()
		defer a.Unlock()
		for _, x := range a.Sessions() {
			if on, _ := a.Available(x); on {
				return true
			}
		}
		return false
	}
	there := false
	if a := m.host.Online(s.Local); a != nil {
		a.Lock()
		defer a.Unlock()
		a.Peers(func(j stanza.JID, _ *server.Features) { there = there || j.Bare() == bare })
	}
	return there
}

// Views are those that extensions have registered.
func (m *module) Views() []*pubsub.View { return m.views }

// addView is server.PEP.View.
func (m *module) addView(v server.NodeView) {
	m.views = append(m.views, &pubsub.View{
		Name: v.Name, Base: v.Base,
		Collate: func(t *server.Turn, s *pubsub.Service, items []pubsub.Item) ([]byte, error) {
			return v.Collate(t, s.Local, nodeItems(items))
		},
		Split: func(s *pubsub.Service, current []pubsub.Item, payload []byte) ([]pubsub.Item, []string, []store.Doc, error) {
			c, err := v.Split(nodeItems(current), payload)
			if err != nil {
				return nil, nil, nil, err
			}
			return itemsOf(c.Items), c.Retract, m.docs(s.Local, c.Docs), nil
		},
	})
}

func itemsOf(list []server.NodeItem) []pubsub.Item {
	items := make([]pubsub.Item, 0, len(list))
	for _, i := range list {
		items = append(items, pubsub.Item{ID: i.ID, Payload: i.Payload})
	}
	return items
}

func (m *module) docs(local string, list []server.NodeDoc) []store.Doc {
	var docs []store.Doc
	for _, d := range list {
		docs = append(docs, store.Doc{Key: m.host.Key(local, d.Kind, d.Key), Data: d.Data})
	}
	return docs
}

// Changed tells the other modules.
func (m *module) Changed(t *server.Turn, s *pubsub.Service, c *pubsub.Change) {
	if len(c.Published)+len(c.Retracted) == 0 {
		return
	}
	a, err := m.host.Account(t, s.Local)
	if a == nil || err != nil {
		return
	}
	m.host.Tell(t, server.Event{
		Kind: server.NodeChanged, Account: a, By: "pep",
		Node: c.Node, Module: c.Module, Published: nodeItems(c.Published), Retracted: c.Retracted,
	})
}

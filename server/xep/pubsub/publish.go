package pubsub

import (
	"errors"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// Publication is what is to be published at a node.
type Publication struct {
	Node    string
	Items   []Item
	Options *forms.Form // preconditions, and the configuration of a node that is made; nil for none
	Docs    []store.Doc // stored along with it
	Retract []string    // … items that go at the same time
	Module  string
	Silent  bool       // nobody is told
	ReplyTo stanza.JID // see Change

	bare bool // it may be without items
}

// maxPublish bounds the items of one publication.
const maxPublish = 500

// publish handles <publish/> (XEP-0060 §7.1).
func (r *request) publish() error {
	p := Publication{Node: r.node}
	st := r.Stanza
	for c := range st.Children(r.el) {
		if !st.ChildIs(c, NS, "item") {
			return stanza.BadRequest("only items are published")
		}
		item := Item{}
		item.ID, _ = st.ChildAttr(c, "id")
		if len(item.ID) > maxID {
			return stanza.NotAcceptable("the item's id is too long")
		}
		for e := range st.Children(c) {
			if item.Payload != nil {
				return with(stanza.BadRequest("an item holds one element"), "invalid-payload", "") // §7.1.3.5
			}
			// XEP-0384's schemas, which clients check, know no xml:lang.
			item.Payload = st.DetachPayload(nil, e)
		}
		if len(p.Items) == maxPublish {
			return with(stanza.NotAllowed("too many items at once"), "max-items-exceeded", "")
		}
		p.Items = append(p.Items, item)
	}
	if c, ok := st.Find(r.Payload, NS, "publish-options"); ok {
		f, cancelled, err := submitted(st, c, formOptions)
		if err != nil {
			return err
		}
		if cancelled {
			f = nil
		}
		p.Options = f
	}
	if o := r.Session(); o != nil && r.who.Owner && r.s.Policy.Named(o) {
		p.ReplyTo = o.JID
	}
	k := r.Keep()
	err := r.s.Publish(r.Turn, r.who, p, func(t *server.Turn, ids []string, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		b := stanza.AppendOpen(nil, "publish", "node", p.Node)
		for _, id := range ids {
			b = stanza.AppendEmpty(b, "item", "id", id)
		}
		k.Reply(t, pubsub(NS, stanza.AppendClose(b, "publish")))
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// Publish publishes for who, who is asked about rights. then is called with the
// items' ids when they are durable, or with why they are not; it is not called
// where Publish returns an error. Payloads must not be changed afterwards.
func (s *Service) Publish(t *server.Turn, who Asker, p Publication, then func(t *server.Turn, ids []string, err error)) error {
	if p.Node == "" {
		return nodeRequired()
	}
	var ids []string
	if v := s.view(p.Node); v != nil {
		if !who.Owner {
			return forbidden()
		}
		if err := v.through(t, s, &p); err != nil {
			return err
		}
		ids = []string{viewID}
	}
	if err := s.know(&who); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n, b, err := s.prepare(&who, &p)
	if err != nil {
		return err
	}
	c := s.change(n, who.JID)
	c.Module, c.Notify, c.ReplyTo = p.Module, n.config.Notify && !p.Silent, p.ReplyTo
	for _, id := range p.Retract {
		if i := n.find(id); i >= 0 {
			s.drop(b, n, i)
			c.Retracted = append(c.Retracted, id)
		}
	}
	for i := range p.Items {
		item := &p.Items[i]
		if item.ID == "" {
			item.ID = server.NewID()[:20] // §7.1.2: the service makes one
		}
		item.Publisher = who.JID.Bare()
		if !p.bare {
			ids = append(ids, item.ID)
		}
		c.Published = append(c.Published, *item)
		if n.config.Persist {
			c.Retracted = append(c.Retracted, s.add(b, n, item)...)
		}
	}
	if !n.config.NotifyItems || n.config.MaxItems == 1 || n.config.Full == "discard-oldest" {
		c.Retracted = keep(c.Retracted, p.Retract)
	}
	for _, d := range p.Docs {
		b.Put(d)
	}
	return s.commit(t, b, func(t *server.Turn, err error) {
		then(t, ids, err)
		if err == nil {
			s.changed(c)
		}
	})
}

// prepare checks a publication and returns its node, made if need be, and the
// batch so far. The service is locked and not changed where there is an error.
func (s *Service) prepare(who *Asker, p *Publication) (*node, *store.Batch, error) {
	b := new(store.Batch)
	n := s.at(p.Node)
	config := s.Policy.Default(p.Node)
	if n == nil {
		if !who.Creates {
			if who.Personal {
				return nil, nil, forbidden()
			}
			return nil, nil, noNode(who)
		}
		if p.Options != nil {
			if err := config.apply(p.Options, true); err != nil {
				return nil, nil, unmet(err)
			}
			if err := s.has(&config); err != nil {
				return nil, nil, err
			}
		}
	} else {
		if !n.rights().publish(who) {
			return nil, nil, forbidden()
		}
		for i := range p.Items { // replacing is taking back
			if k := n.find(p.Items[i].ID); k >= 0 && !n.rights().edits(who) && !s.owns(&n.items[k], who) {
				return nil, nil, stanza.Forbidden("somebody else has published the item of that id")
			}
		}
		config = n.config
		if p.Options != nil {
			if err := config.meets(p.Options); err != nil {
				return nil, nil, unmet(err)
			}
		}
	}
	if err := s.suits(&config, n, who, p); err != nil {
		return nil, nil, err
	}
	if n == nil {
		var err error
		if n, err = s.make(b, p.Node, config, who); err != nil {
			return nil, nil, err
		}
	}
	return n, b, nil
}

// unmet says that a precondition does not hold (§7.1.5).
func unmet(err error) error {
	return with(stanza.Conflict(err.Error()), "precondition-not-met", "")
}

// suits checks that items are such as the node's configuration asks for (§7.1.3).
func (s *Service) suits(c *Config, n *node, who *Asker, p *Publication) error {
	publisher := s.credit(who.JID)
	most := s.Limits.Payload
	if c.MaxPayload > 0 {
		most = min(most, c.MaxPayload)
	}
	if len(p.Items) == 0 && len(p.Retract) == 0 && !p.bare && (c.Persist || c.Payloads) {
		return with(stanza.BadRequest("there is no item"), "item-required", "")
	}
	fresh, grow := 0, int64(0)
	for i := range p.Items {
		item := &p.Items[i]
		switch {
		case !c.Persist && !c.Payloads:
			return with(stanza.BadRequest("the node takes notifications without items"), "item-forbidden", "")
		case item.Payload == nil && c.Payloads:
			return with(stanza.BadRequest("the item has no payload"), "payload-required", "")
		case len(item.Payload) > most:
			return with(stanza.NotAcceptable("the payload is too large"), "payload-too-big", "")
		}
		e := entry{id: item.ID, size: len(item.Payload), publisher: publisher}
		grow += e.weight(p.Node)
		if i := n.find(item.ID); i >= 0 {
			grow -= n.items[i].weight(p.Node)
		} else {
			fresh++
		}
	}
	if !c.Persist {
		return nil
	}
	room := s.room(c)
	switch {
	case len(p.Items) > room:
		return with(stanza.NotAllowed("the node does not hold as many items"), "max-items-exceeded", "")
	case c.Full == "reject" && n != nil && len(n.items)+fresh > room:
		return with(stanza.Conflict("the node is full"), "node-full", "") // §7.1.3.4
	}
	for n != nil && fresh > 0 && len(n.items)+fresh > room { // the oldest make room
		fresh--
	}
	share, creator := s.Limits.Share, who.JID.Bare()
	if n != nil {
		creator = n.creator
	}
	of := s.shares[creator]
	if s.items+fresh > s.Limits.Items && fresh > 0 || s.bytes+grow > s.Limits.Bytes && grow > 0 ||
		share != (Share{}) && (of.Items+fresh > share.Items && fresh > 0 || of.Bytes+grow > share.Bytes && grow > 0) {
		return stanza.ResourceConstraint("there is no more room for items; delete some")
	}
	return nil
}

// room is how many items a node may hold.
func (s *Service) room(c *Config) int {
	most := s.Limits.Items
	if s.Limits.Share.Items > 0 {
		most = min(most, s.Limits.Share.Items)
	}
	if c.MaxItems == Max {
		return most
	}
	return min(c.MaxItems, most)
}

// credit is the publisher of an item as it is kept: "" for a person at their own
// nodes.
func (s *Service) credit(publisher stanza.JID) string {
	if j := publisher.Bare(); j != s.JID {
		return j.String()
	}
	return ""
}

// add keeps an item in the place of one with its id, and returns those that had
// to make room.
func (s *Service) add(b *store.Batch, n *node, item *Item) (out []string) {
	if i := n.find(item.ID); i >= 0 {
		s.drop(b, n, i)
	}
	for len(n.items) >= s.room(&n.config) {
		out = append(out, n.items[0].id)
		s.drop(b, n, 0)
	}
	e := entry{id: item.ID, seq: s.Host.Server.Store.NextID(), size: len(item.Payload), publisher: s.credit(item.Publisher)}
	n.items = append(n.items, e)
	n.last = nil
	if len(item.Payload) <= maxLast {
		n.last = item
	}
	s.count(n, &e, 1)
	b.Put(store.Doc{Key: s.itemDoc(n.name, &e), Data: item.Payload})
	return out
}

// maxLast is up to which size the last item of a node is kept in memory.
const maxLast = 2 << 10

// keep returns what of list is in among.
func keep(list, among []string) []string {
	var kept []string
	for _, id := range list {
		for _, k := range among {
			if k == id {
				kept = append(kept, id)
				break
			}
		}
	}
	return kept
}

// change starts a change of a node with a snapshot of who is to hear of it. The
// service must be locked.
func (s *Service) change(n *node, by stanza.JID) *Change {
	return &Change{
		Node: n.name, By: by, Config: n.config, at: s.Host.Server.Store.NextID(),
		affiliations: n.affiliations, subscriptions: n.subscriptions,
	}
}

// know fills in since when an asker's account is there, for one that may have items at
// nodes of others. No lock is held.
func (s *Service) know(who *Asker) error {
	h := s.Host.Server.Host(who.JID.Domain())
	if who.Owner || h == nil {
		return nil
	}
	born, err := h.Born(who.JID.Local())
	if err != nil && !errors.Is(err, server.ErrUnknown) {
		return err
	}
	who.born = born
	return nil
}

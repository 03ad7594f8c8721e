package pubsub

import (
	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// retract handles <retract/> (XEP-0060 §7.2).
func (r *request) retract() error {
	var ids []string
	for c := range r.Stanza.Children(r.el) {
		id, ok := r.Stanza.ChildAttr(c, "id")
		if !r.Stanza.ChildIs(c, NS, "item") || !ok || id == "" || len(ids) == maxPublish {
			return itemRequired()
		}
		ids = append(ids, id)
	}
	if r.node == "" {
		return nodeRequired()
	}
	if len(ids) == 0 {
		return itemRequired()
	}
	notify, _ := r.Stanza.ChildAttr(r.el, "notify")
	k := r.Keep()
	err := r.s.Retract(r.Turn, r.who, Retraction{Node: r.node, IDs: ids, Notify: notify == "1" || notify == "true"}, done(k))
	if err != nil {
		return err
	}
	return server.Pending
}

func itemRequired() error {
	return with(stanza.BadRequest("name the item by its id"), "item-required", "")
}

// Retraction is what is to be taken out of a node.
type Retraction struct {
	Node   string
	IDs    []string
	Notify bool // even where the node does not say so
	Module string
}

// Retract takes items out of a node; then is as for Publish.
func (s *Service) Retract(t *server.Turn, who Asker, x Retraction, then func(*server.Turn, error)) error {
	if v := s.view(x.Node); v != nil && len(x.IDs) > 0 {
		return unsupported("retract-items", "publish what is to be left")
	}
	if err := s.know(&who); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n := s.at(x.Node)
	if n == nil {
		if who.Personal && !who.Owner {
			return forbidden()
		}
		return noNode(&who)
	}
	rights := n.rights()
	if !rights.edits(&who) && !rights.publish(&who) {
		return forbidden()
	}
	if !n.config.Persist {
		return unsupported("persistent-items", "the node keeps no items")
	}
	for _, id := range x.IDs {
		i := n.find(id)
		if i < 0 {
			return stanza.ItemNotFound("there is no such item")
		}
		if !rights.edits(&who) && !s.owns(&n.items[i], &who) {
			return forbidden()
		}
	}
	b := new(store.Batch)
	c := s.change(n, who.JID)
	c.Module = x.Module
	c.Notify = n.config.Notify && (x.Notify || n.config.NotifyItems) // §7.2.2.1
	for _, id := range x.IDs {
		if i := n.find(id); i >= 0 {
			s.drop(b, n, i)
			c.Retracted = append(c.Retracted, id)
		}
	}
	return s.finish(t, b, c, then)
}

// finish commits a change that is made; then is called, and the change told, when
// it is durable.
func (s *Service) finish(t *server.Turn, b *store.Batch, c *Change, then func(*server.Turn, error)) error {
	return s.commit(t, b, func(t *server.Turn, err error) {
		then(t, err)
		if err == nil {
			s.changed(c)
		}
	})
}

// purge handles <purge/> (§8.5).
func (r *request) purge() error {
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if !n.config.Persist {
		return unsupported("persistent-items", "the node keeps no items")
	}
	b := new(store.Batch)
	c := s.change(n, r.who.JID)
	c.Purged, c.Notify = true, n.config.Notify && n.config.NotifyItems
	for len(n.items) > 0 {
		c.Retracted = append(c.Retracted, n.items[len(n.items)-1].id)
		s.drop(b, n, len(n.items)-1)
	}
	return r.finish(b, c)
}

// delete handles <delete/> (§8.4).
func (r *request) delete() error {
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	b := new(store.Batch)
	c := s.change(n, r.who.JID)
	c.Deleted, c.Notify = true, n.config.Notify && n.config.NotifyDelete
	if e, ok := r.Stanza.Find(r.el, NSOwner, "redirect"); ok {
		if c.Redirect, _ = r.Stanza.ChildAttr(e, "uri"); len(c.Redirect) > 3*maxID {
			return stanza.NotAcceptable("the address is too long")
		}
	}
	for len(n.items) > 0 {
		c.Retracted = append(c.Retracted, n.items[len(n.items)-1].id)
		s.drop(b, n, len(n.items)-1)
	}
	s.remove(b, n)
	return r.finish(b, c)
}

// remove takes out a node that has no items any more.
func (s *Service) remove(b *store.Batch, n *node) {
	for j := range n.subscriptions {
		b.Delete(s.subscriptionKey(n.name, j))
	}
	b.Delete(s.Host.Key(s.Local, kindNode, n.name))
	delete(s.nodes, n.name)
}

// finish commits a change and answers with an empty result.
func (r *request) finish(b *store.Batch, c *Change) error {
	if err := r.s.finish(r.Turn, b, c, done(r.Keep())); err != nil {
		return err
	}
	return server.Pending
}

// done answers a request that was kept, with an empty result or an error.
func done(k *server.IQ) func(*server.Turn, error) {
	return func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, nil)
	}
}

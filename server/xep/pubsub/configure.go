package pubsub

import (
	"natter/server/store"
	"natter/stanza"
)

// configuration answers with the form to configure a node (XEP-0060 §8.2.1).
func (r *request) configuration() error {
	s := r.s
	s.mu.Lock()
	n, err := s.owned(r.node, &r.who)
	var config Config
	if err == nil {
		config = n.config
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "configure", "node", r.node)
	b = s.form(&config, "form").AppendTo(b)
	r.Reply(r.Turn, pubsub(NSOwner, stanza.AppendClose(b, "configure")))
	return nil
}

// defaultConfiguration answers with how nodes are configured that nobody has
// configured (§8.3).
func (r *request) defaultConfiguration() error {
	if !r.who.Creates {
		return forbidden()
	}
	s := r.s
	config := s.Policy.Default("")
	if typ, ok := r.Stanza.ChildAttr(r.el, "type"); ok && typ != "leaf" {
		return unsupported("collections", "there are no other nodes than leaves")
	}
	b := stanza.AppendOpen(nil, "default")
	b = s.form(&config, "form").AppendTo(b)
	r.Reply(r.Turn, pubsub(NSOwner, stanza.AppendClose(b, "default")))
	return nil
}

// configure handles the form that is filled in (§8.2.4). Items beyond a new bound
// go.
func (r *request) configure() error {
	f, cancelled, err := submitted(r.Stanza, r.el, formConfig)
	if err != nil {
		return err
	}
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if cancelled {
		r.Reply(r.Turn, nil)
		return nil
	}
	if f == nil {
		return stanza.BadRequest("there is no form")
	}
	config := n.config
	if err := config.read(f); err != nil {
		return err
	}
	if err := s.has(&config); err != nil {
		return err
	}
	if s.view(r.node) != nil { // what its clients mean is their one item
		config.MaxItems, config.Persist, config.Full = n.config.MaxItems, n.config.Persist, n.config.Full
	}
	was := n.config
	n.config = config
	b := new(store.Batch)
	if err := s.put(b, n); err != nil {
		return err
	}
	for len(n.items) > 0 && (!config.Persist || len(n.items) > s.room(&config)) {
		s.drop(b, n, 0)
	}
	c := s.change(n, r.who.JID)
	c.Configured, c.Notify, c.was = true, config.Notify && config.NotifyConfig, &was
	return r.finish(b, c)
}

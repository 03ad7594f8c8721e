package pubsub

import (
	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// create handles <create/>, with <configure/> beside it or not (XEP-0060 §8.1).
func (r *request) create() error {
	s := r.s
	if !r.who.Creates {
		return stanza.Forbidden("nodes here are made by their owner")
	}
	config := s.Policy.Default(s.base(r.node))
	c, ok, err := r.beside("configure", "node")
	if err != nil {
		return err
	}
	if ok {
		f, _, err := submitted(r.Stanza, c, formConfig)
		if err != nil {
			return err
		}
		if f != nil {
			if err := config.read(f); err != nil {
				return err
			}
		}
	}
	if err := s.has(&config); err != nil {
		return err
	}
	name := s.base(r.node)
	if name == "" { // §8.1.2: an instant node
		name = server.NewID()
	}
	if err := r.lock(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if s.nodes[name] != nil {
		return stanza.Conflict("there is such a node already")
	}
	b := new(store.Batch)
	n, err := s.make(b, name, config, &r.who)
	if err != nil {
		return err
	}
	var payload []byte
	if r.node == "" {
		payload = pubsub(NS, stanza.AppendEmpty(nil, "create", "node", name))
	}
	k := r.Keep()
	made := s.change(n, r.who.JID)
	err = s.commit(r.Turn, b, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, payload)
		s.changed(made)
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// nameable reports whether a node can have a name: what a resource can have (§4.6.2),
// so that no two names look the same by how they are encoded and none breaks a list.
func nameable(name string) bool {
	j, err := stanza.ParseJID("n@n/" + name)
	return err == nil && j.Resource() == name
}

// make makes a node. The service must be locked.
func (s *Service) make(b *store.Batch, name string, config Config, who *Asker) (*node, error) {
	if len(s.nodes) >= s.Limits.Nodes {
		return nil, with(stanza.ResourceConstraint("there is no room for more nodes"), "max-nodes-exceeded", "")
	}
	if s.Limits.Owned > 0 {
		made := 0
		for _, n := range s.nodes {
			if n.creator == who.JID.Bare() {
				made++
			}
		}
		if made >= s.Limits.Owned {
			return nil, with(stanza.ResourceConstraint("you have made as many nodes as one may"), "max-nodes-exceeded", "")
		}
	}
	if !nameable(name) {
		return nil, stanza.NotAcceptable("that is no name for a node: it has no control characters and is in normal form")
	}
	n := &node{name: name, config: config, created: s.Host.Server.Store.NextID(), creator: who.JID.Bare()}
	if !who.Owner {
		n.affiliate(who.JID, Owner, n.created)
	}
	if err := s.put(b, n); err != nil {
		return nil, err
	}
	s.nodes[name] = n
	return n, nil
}

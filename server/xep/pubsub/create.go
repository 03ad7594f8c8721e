package pubsub

import (
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// create handles <create/>, with <configure/> beside it or not (XEP-0060 §8.1).
func (r *request) create() error {
	s := r.s
	config := s.Policy.Default(s.base(r.node))
	if c, ok := r.Stanza.Find(r.Payload, NS, "configure"); ok {
		f, _, err := submitted(r.Stanza, c, formConfig)
		if err != nil {
			return err
		}
		if f != nil {
			if err := config.apply(f, false); err != nil {
				return stanza.NotAcceptable(err.Error())
			}
		}
	}
	if err := s.has(&config); err != nil {
		return err
	}
	if !r.who.Creates {
		return stanza.Forbidden("nodes here are made by their owner")
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
	c := s.change(n, r.who.JID)
	err = s.commit(r.Turn, b, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, payload)
		s.changed(c)
	})
	if err != nil {
		return err
	}
	return server.Pending
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
	if strings.Contains(name, sep) {
		return nil, stanza.BadRequest("that is no name for a node")
	}
	n := &node{name: name, config: config, created: s.Host.Server.Store.NextID(), creator: who.JID.Bare()}
	if !who.Owner {
		n.affiliate(who.JID, Owner)
	}
	if err := s.put(b, n); err != nil {
		return nil, err
	}
	s.nodes[name] = n
	return n, nil
}

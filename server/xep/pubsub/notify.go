package pubsub

import (
	"context"
	"slices"
	"time"

	"natter/server"
	"natter/stanza"
)

// send empties the outbox, on a goroutine of its own that ends with it.
func (s *Service) send(context.Context) {
	for {
		s.mu.Lock()
		if len(s.outbox) == 0 {
			s.sending = false
			s.mu.Unlock()
			return
		}
		next := s.outbox[0]
		s.outbox[0] = errand{}
		s.outbox = s.outbox[1:]
		s.mu.Unlock()
		s.Host.Server.Do(next.do)
		s.mu.Lock()
		s.waiting -= next.size
		s.mu.Unlock()
	}
}

// notify tells those who subscribed, or count as if they had, of a change
// (XEP-0060 §7.1.2, §7.2.2, §8.2.5.4, §8.4.2, §8.5.2).
func (s *Service) notify(t *server.Turn, c *Change) {
	s.tell(t, c)
	s.views(t, c)
}

func (s *Service) tell(t *server.Turn, c *Change) {
	events := s.events(c)
	if len(events) == 0 {
		return
	}
	var replyTo []byte
	if c.ReplyTo != (stanza.JID{}) && len(c.Published) > 0 {
		replyTo = stanza.AppendOpen(nil, "addresses", "xmlns", "http://jabber.org/protocol/address")
		replyTo = stanza.AppendEmpty(replyTo, "address", "type", "replyto", "jid", c.ReplyTo.String())
		replyTo = stanza.AppendClose(replyTo, "addresses")
	}
	s.each(t, c, func(to stanza.JID, who *Asker) {
		more := replyTo
		if !who.Presence { // who may not see whether the session is there (XEP-0163 §4.3.1)
			more = nil
		}
		for _, event := range events {
			s.sendEvent(t, to, c.Config.MessageType, event, more)
		}
	})
}

// each calls fn once with every address that gets a change's event. Who lost
// access since it subscribed gets none.
func (s *Service) each(t *server.Turn, c *Change, fn func(to stanza.JID, who *Asker)) {
	r := rights{&c.Config, c.affiliations, c.subscriptions, time.Now()}
	told := make(map[stanza.JID]bool)
	tell := func(to stanza.JID, who *Asker) {
		if !told[to] {
			told[to] = true
			fn(to, who)
		}
	}
	s.Policy.Audience(t, s, c.Node, func(who Asker) {
		if sub := c.subscriptions[who.JID.Bare()]; sub != nil && sub.Mute {
			return
		}
		if r.read(&who, false) == nil {
			tell(who.JID, &who)
		}
	})
	for j, sub := range c.subscriptions {
		waits := c.Deleted && sub.State == statePending // hears of that (§8.4.2)
		if sub.Mute || !waits && !sub.inForce(r.now) {
			continue
		}
		who, err := s.Policy.Ask(t, s, j)
		if err != nil || r.read(&who, waits) != nil {
			continue
		}
		for _, to := range s.addresses(t, c, j) {
			tell(to, &who)
		}
	}
}

// addresses returns where a subscriber's events go: to the address itself, or
// where that is an account, to each of its available resources that want the
// node's, if any are known (XEP-0163 §4.3.2).
func (s *Service) addresses(t *server.Turn, c *Change, j stanza.JID) []stanza.JID {
	if !j.IsBare() || j.Local() == "" {
		return []stanza.JID{j}
	}
	if list := s.Policy.Resources(t, s, j, c.Node); len(list) > 0 {
		return list
	}
	if c.Config.Present && !s.Policy.Available(s, j) {
		return nil
	}
	return []stanza.JID{j}
}

// events returns what a change is told with, nil for nothing: one event, but for a
// change of many items that would make too long a one.
func (s *Service) events(c *Change) [][]byte {
	switch {
	case c.Deleted:
		if c.Redirect == "" {
			return [][]byte{stanza.AppendEmpty(nil, "delete", "node", c.Node)}
		}
		b := stanza.AppendOpen(nil, "delete", "node", c.Node)
		b = stanza.AppendEmpty(b, "redirect", "uri", c.Redirect)
		return [][]byte{stanza.AppendClose(b, "delete")}
	case c.Purged:
		return [][]byte{stanza.AppendEmpty(nil, "purge", "node", c.Node)}
	case c.Configured:
		if !c.Config.Payloads {
			return [][]byte{stanza.AppendEmpty(nil, "configuration", "node", c.Node)}
		}
		b := stanza.AppendOpen(nil, "configuration", "node", c.Node)
		b = s.form(&c.Config, "result").AppendTo(b)
		return [][]byte{stanza.AppendClose(b, "configuration")}
	}
	if len(c.Published)+len(c.Retracted) == 0 && (c.Config.Persist || c.Config.Payloads) {
		return nil
	}
	return pieces(c.Node, len(c.Published)+len(c.Retracted), s.most(), func(b []byte, i int) []byte {
		if k := i - len(c.Published); k >= 0 {
			return stanza.AppendEmpty(b, "retract", "id", c.Retracted[k])
		}
		item := c.Published[i]
		if !c.Config.Payloads {
			item.Payload = nil
		}
		return s.appendItem(b, &item, &c.Config)
	})
}

// sendEvent sends an event to one address; more, which may be nil, goes beside it.
func (s *Service) sendEvent(t *server.Turn, to stanza.JID, typ string, event, more []byte) {
	if typ == "normal" {
		typ = ""
	}
	b := make([]byte, 0, 300+len(event)+len(more))
	b = stanza.AppendOpen(b, "message", "from", s.JID.String(), "to", to.String(), "type", typ, "id", server.NewID()[:16])
	b = stanza.AppendOpen(b, "event", "xmlns", NSEvent)
	b = append(b, event...)
	b = stanza.AppendClose(b, "event")
	b = append(b, more...)
	s.Host.Server.Send(t, stanza.AppendClose(b, "message"))
}

// SendLast sends the last item of each node to a resource that has just come, of
// those nodes that it wants, may read, and that are configured to (XEP-0163 §4.3.4).
// They go in line with what is being told, so that no older item comes after a
// newer one; items with an id of the store above at are left out. Where before, what
// the resource was to the service, is not nil, nodes that it could read then are too.
func (s *Service) SendLast(who Asker, before *Asker, at uint64, wants func(node string) bool) {
	s.mu.Lock()
	var nodes []string
	for _, n := range s.nodes {
		if n.config.SendLast == "on_sub_and_presence" && n.config.Notify && len(n.items) > 0 && wants(n.name) &&
			n.rights().read(&who, false) == nil && (before == nil || n.rights().read(before, false) != nil) {
			nodes = append(nodes, n.name)
		}
	}
	s.mu.Unlock()
	if len(nodes) == 0 {
		return
	}
	slices.Sort(nodes)
	s.later(func(t *server.Turn) {
		for _, name := range nodes {
			s.sendLast(t, name, who.JID, at)
		}
	})
}

// sendLast sends a node's last item to an address, which may read it, unless the
// item is newer than at.
func (s *Service) sendLast(t *server.Turn, name string, to stanza.JID, at uint64) {
	s.settled(t)
	s.mu.Lock()
	n := s.at(name)
	if n == nil || len(n.items) == 0 || n.items[len(n.items)-1].seq > at {
		s.mu.Unlock()
		return
	}
	e, last, config := n.items[len(n.items)-1], n.last, n.config
	s.mu.Unlock()
	if last == nil {
		list, err := s.payloads(t, name, []entry{e})
		if err != nil || len(list) == 0 {
			return
		}
		last = &list[0]
		if len(last.Payload) <= maxLast {
			s.mu.Lock()
			if len(n.items) > 0 && n.items[len(n.items)-1].seq == e.seq {
				n.last = last
			}
			s.mu.Unlock()
		}
	}
	item := *last
	if !config.Payloads {
		item.Payload = nil
	}
	b := stanza.AppendOpen(nil, "items", "node", name)
	b = stanza.AppendClose(s.appendItem(b, &item, &config), "items")
	s.sendEvent(t, to, config.MessageType, b, appendDelay(nil, e.seq))
}

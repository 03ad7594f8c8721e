package pubsub

import (
	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// closed cancels the subscriptions of a node, of who has lost access to it, and has
// those no longer wait who need no approval any more; it tells them (XEP-0163 §7.1,
// XEP-0060 §12.14). Whom the owner blocks keeps the
// subscription and gets nothing: who is unblocked is as before. It runs where the
// store may be read.
func (s *Service) closed(t *server.Turn, name string, of func(stanza.JID) bool) {
	s.mu.Lock()
	n := s.at(name)
	if n == nil {
		s.mu.Unlock()
		return
	}
	r := n.rights()
	config := n.config
	s.mu.Unlock()
	r.config = &config
	now := make(map[stanza.JID]string)
	for j, sub := range r.subscriptions {
		if !of(j) {
			continue
		}
		who, err := s.Policy.Ask(t, s, j)
		waits := sub.State == statePending
		switch {
		case err != nil || who.Blocked:
		case r.read(&who, waits) != nil:
			now[j] = "none"
		case waits && r.read(&who, false) == nil:
			now[j] = stateSubscribed
		}
	}
	if len(now) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = s.nodes[s.base(name)]; n == nil || s.gone {
		return // loaded anew, it gives nobody access who has none
	}
	var changed []stanza.JID
	for j, state := range now {
		if n.subscriptions[j] != nil && s.setSubscription(n, j, state) {
			changed = append(changed, j)
		}
	}
	if err := s.storeSubscriptions(t, new(store.Batch), n, s.JID, changed, func(*server.Turn, error) {}); err != server.Pending {
		s.Host.Server.Log.Warn("lost subscriptions not stored", "service", s.JID.String(), "err", err)
	}
}

// Recheck cancels the subscriptions, to any node, of an entity that may have lost
// access.
func (s *Service) Recheck(jid stanza.JID) {
	mine := func(j stanza.JID) bool { return j.Bare() == jid }
	s.mu.Lock()
	var names []string
	for _, n := range s.sorted() {
		for j := range n.subscriptions {
			if mine(j) {
				names = append(names, n.name)
				break
			}
		}
	}
	s.mu.Unlock()
	if len(names) == 0 {
		return
	}
	s.later(func(t *server.Turn) {
		for _, name := range names {
			s.closed(t, name, mine)
		}
	})
}

// opened sends a node's last item to those who could not read it before it was
// configured, and now can (XEP-0060 §12.2).
func (s *Service) opened(t *server.Turn, c *Change) {
	if c.was == nil || c.Config.SendLast == "never" || !c.Config.Notify {
		return
	}
	before := rights{config: c.was, affiliations: c.affiliations, subscriptions: c.subscriptions}
	s.each(t, c, func(to stanza.JID, who *Asker) {
		if before.read(who, false) != nil {
			s.sendLast(t, c.Node, to, c.at)
		}
	})
}

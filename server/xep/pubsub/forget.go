package pubsub

import (
	"natter/server/store"
	"natter/stanza"
)

// Forget adds to b what takes an entity off the service that is no more, so that
// nobody who comes to have its address has what it had: nodes that it alone owned go,
// and its affiliations and subscriptions. The service is given up, since b is
// committed later: it is loaded anew, and Forget is to be called again after that.
func (s *Service) Forget(b *store.Batch, jid stanza.JID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, n := range s.sorted() {
		others, was := 0, n.affiliations[jid] != none
		for j, a := range n.affiliations {
			if a == Owner && j != jid {
				others++
			}
		}
		if n.affiliations[jid] == Owner && others == 0 {
			for len(n.items) > 0 {
				s.drop(b, n, len(n.items)-1)
			}
			s.remove(b, n)
			changed = true
			continue
		}
		for j := range n.subscriptions {
			if j.Bare() == jid {
				n.subscribe(j, nil)
				b.Delete(s.subscriptionKey(n.name, j))
				changed = true
			}
		}
		if !was {
			continue
		}
		n.affiliate(jid, none, 0)
		if err := s.put(b, n); err != nil {
			return err
		}
		changed = true
	}
	s.gone = s.gone || changed
	return nil
}

// Strip takes an account that is no more off the nodes as they are in memory, but for
// bans. In the store it may stay: it is left out when they are loaded.
func (s *Service) Strip(jid stanza.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		if a := n.affiliations[jid]; a != none && a != Outcast {
			n.affiliate(jid, none, 0)
		}
		for j := range n.subscriptions {
			if j.Bare() == jid {
				n.subscribe(j, nil)
			}
		}
	}
}

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
			b.Delete(s.Host.Key(s.Local, kindNode, n.name))
			delete(s.nodes, n.name)
			changed = true
			continue
		}
		for j := range n.subscriptions {
			if j.Bare() == jid {
				n.subscribe(j, nil)
				was = true
			}
		}
		if !was {
			continue
		}
		n.affiliate(jid, none)
		if err := s.put(b, n); err != nil {
			return err
		}
		changed = true
	}
	s.gone = s.gone || changed
	return nil
}

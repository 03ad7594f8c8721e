package pubsub

import (
	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// Bounced takes an error that an event has come back with: whose address is there no
// more is subscribed no more, to the node of the event or, where the error does not
// say which that was, to any (XEP-0060 §12.4). Other errors of type cancel come back
// from who is away (RFC 6121 §8.5.2.2) and from servers that are for a while. from is
// where the error is from.
func (s *Service) Bounced(t *server.Turn, from stanza.JID, st *stanza.Stanza) {
	e := stanza.ErrorOf(st)
	if e == nil || e.Condition != "gone" && e.Condition != "item-not-found" {
		return
	}
	name := ""
	if event, ok := st.Child(NSEvent, "event"); ok {
		for c := range st.Children(event) {
			name, _ = st.ChildAttr(c, "node")
			break
		}
	}
	base := s.base(name)
	if s.enter() != nil {
		return // another one will come back
	}
	defer s.mu.Unlock()
	b := new(store.Batch)
	for _, n := range s.nodes {
		if sub := n.subscriptions[from]; sub == nil || base != "" && n.name != base {
			continue
		}
		n.subscribe(from, nil)
		b.Delete(s.subscriptionKey(n.name, from))
	}
	if b.Empty() {
		return
	}
	if err := s.commit(t, b, func(*server.Turn, error) {}); err != nil {
		s.Host.Server.Log.Warn("subscription that does not reach anybody stays", "service", s.JID.String(), "err", err)
	}
}

package pubsub

import (
	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// owners returns who decides about a node.
func (s *Service) owners(c *Change) []stanza.JID {
	var list []stanza.JID
	for _, j := range sortedJIDs(c.affiliations) {
		if c.affiliations[j] == Owner {
			list = append(list, j)
		}
	}
	return s.Policy.Owners(s, list)
}

// requestApproval asks the owners of a node whether an address may subscribe
// (XEP-0060 §8.6). The message waits for owners who are away (XEP-0334).
func (s *Service) requestApproval(t *server.Turn, c *Change, j stanza.JID) {
	f := forms.New("form", formAuth)
	f.Title = "PubSub subscriber request"
	f.Instructions = "Choose whether this address may subscribe to the node."
	f.Add("text-single", "pubsub#node", "Node", c.Node)
	f.Add("jid-single", "pubsub#subscriber_jid", "Subscriber", j.String())
	f.AddBool("pubsub#allow", "Allow this address to subscribe?", false)
	for _, owner := range s.owners(c) {
		b := stanza.AppendOpen(nil, "message", "from", s.JID.String(), "to", owner.String(), "id", server.NewID())
		b = f.AppendTo(b)
		b = append(b, "<store xmlns='urn:xmpp:hints'/>"...)
		s.Host.Server.Send(t, stanza.AppendClose(b, "message"))
	}
}

// tellOwners tells the owners of a node that a subscription came or went (pubsub#notify_sub).
func (s *Service) tellOwners(t *server.Turn, c *Change, j stanza.JID, sub *subscription) {
	for _, owner := range s.owners(c) {
		s.sendEvent(t, owner, "normal", appendSubscription(nil, c.Node, j, sub), nil)
	}
}

// Decision reports whether a message is an answer to a request for approval, and
// if so carries it out for who (§8.6). An answer about what does not wait for one
// changes nothing.
func (s *Service) Decision(t *server.Turn, who Asker, st *stanza.Stanza) bool {
	x, ok := st.Child(forms.NS, "x")
	if !ok {
		return false
	}
	f, err := forms.Parse(st, x)
	if err != nil || f.FormType() != formAuth || f.Type != "submit" && f.Type != "cancel" {
		return false
	}
	allow, given, err := f.Bool("pubsub#allow")
	j, bad := stanza.ParseJID(f.Get("pubsub#subscriber_jid"))
	if f.Type == "cancel" || err != nil || !given || bad != nil {
		return true // it stays pending
	}
	if s.enter() != nil {
		return true
	}
	defer s.mu.Unlock()
	n, err := s.owned(f.Get("pubsub#node"), &who)
	if err != nil {
		return true
	}
	if sub := n.subscriptions[j]; sub == nil || sub.State != statePending {
		return true
	}
	state := "none"
	if allow {
		state = stateSubscribed
	}
	s.setSubscription(n, j, state)
	if err := s.storeSubscriptions(t, n, who.JID, []stanza.JID{j}, func(*server.Turn, error) {}); err != nil {
		s.Host.Server.Log.Warn("subscription not stored", "service", s.JID.String(), "err", err)
	}
	return true
}

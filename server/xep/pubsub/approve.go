package pubsub

import (
	"natter/server"
	"natter/server/store"
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
	for _, owner := range s.owners(c) {
		s.sendRequest(t, owner, c.Node, j)
	}
}

// sendRequest asks one address.
func (s *Service) sendRequest(t *server.Turn, to stanza.JID, node string, j stanza.JID) {
	f := forms.New("form", formAuth)
	f.Title = "PubSub subscriber request"
	f.Instructions = "Choose whether this address may subscribe to the node."
	f.Add("text-single", "pubsub#node", "Node", node)
	f.Add("jid-single", "pubsub#subscriber_jid", "Subscriber", j.String())
	f.AddBool("pubsub#allow", "Allow this address to subscribe?", false)
	b := stanza.AppendOpen(nil, "message", "from", s.JID.String(), "to", to.String(), "id", server.NewID())
	b = f.AppendTo(b)
	b = append(b, "<store xmlns='urn:xmpp:hints'/>"...)
	s.Host.Server.Send(t, stanza.AppendClose(b, "message"))
}

// PendingForm returns the form to choose from the nodes at which somebody waits for
// who to approve a subscription (§8.7.2).
func (s *Service) PendingForm(who Asker) *forms.Form {
	f := forms.New("form", formAuth).Add("list-single", "pubsub#node", "Node")
	d := &f.Fields[len(f.Fields)-1]
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.sorted() {
		if n.rights().owner(&who) && len(n.pending()) > 0 && len(d.Options) < maxAsked {
			d.Options = append(d.Options, forms.Option{Label: n.name, Value: n.name})
		}
	}
	return f
}

// maxAsked bounds the nodes of one form, and the questions that one command brings.
const maxAsked = 50

// SendPending asks an address of who anew about each subscription that waits at a
// node (§8.7.4). The error is a stanza error (§8.7.3).
func (s *Service) SendPending(who Asker, to stanza.JID, node string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	n, err := s.owned(node, &who)
	if err != nil {
		return err
	}
	list := n.pending()
	list = list[:min(len(list), maxAsked)]
	s.append(0, func(t *server.Turn) {
		for _, j := range list {
			s.sendRequest(t, to, n.name, j)
		}
	})
	return nil
}

// pending returns who waits for approval.
func (n *node) pending() (list []stanza.JID) {
	for _, j := range sortedJIDs(n.subscriptions) {
		if n.subscriptions[j].State == statePending {
			list = append(list, j)
		}
	}
	return list
}

// tellOwners tells the owners of a node that a subscription came or went (pubsub#notify_sub).
func (s *Service) tellOwners(t *server.Turn, c *Change, j stanza.JID, sub *subscription) {
	for _, owner := range s.owners(c) {
		s.sendEvent(t, owner, "", appendSubscription(nil, c.Node, j, sub), nil)
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
	if err := s.storeSubscriptions(t, new(store.Batch), n, who.JID, []stanza.JID{j}, func(*server.Turn, error) {}); err != server.Pending {
		s.Host.Server.Log.Warn("subscription not stored", "service", s.JID.String(), "err", err)
	}
	return true
}

package pubsub

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// sorted returns the nodes by name. The service must be locked.
func (s *Service) sorted() []*node {
	return slices.SortedFunc(maps.Values(s.nodes), func(a, b *node) int { return strings.Compare(a.name, b.name) })
}

func sortedJIDs[V any](m map[stanza.JID]V) []stanza.JID {
	return slices.SortedFunc(maps.Keys(m), func(a, b stanza.JID) int { return cmp.Compare(a.String(), b.String()) })
}

// affiliations lists what the asker is to nodes (XEP-0060 §5.7).
func (r *request) affiliations() error {
	s := r.s
	b := stanza.AppendOpen(nil, "affiliations", "node", r.node)
	s.mu.Lock()
	for _, n := range s.sorted() {
		if r.node != "" && n.name != r.node {
			continue
		}
		if a := n.rights().affiliation(&r.who); a != none {
			b = stanza.AppendEmpty(b, "affiliation", "node", n.name, "affiliation", string(a))
		}
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NS, stanza.AppendClose(b, "affiliations")))
	return nil
}

// listAffiliations lists who is what to a node, for its owner (§8.9.1).
func (r *request) listAffiliations() error {
	s := r.s
	s.mu.Lock()
	n, err := s.owned(r.node, &r.who)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	b := stanza.AppendOpen(nil, "affiliations", "node", r.node)
	if r.who.Personal {
		b = stanza.AppendEmpty(b, "affiliation", "jid", s.JID.String(), "affiliation", string(Owner))
	}
	for _, j := range sortedJIDs(n.affiliations) {
		b = stanza.AppendEmpty(b, "affiliation", "jid", j.String(), "affiliation", string(n.affiliations[j]))
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NSOwner, stanza.AppendClose(b, "affiliations")))
	return nil
}

// addressed reads a list of elements with a jid and another attribute, which has
// to be one of the values that check takes.
func (r *request) addressed(name, attr string, check func(string) bool) (list []stanza.JID, values []string, err error) {
	for c := range r.Stanza.Children(r.el) {
		if !r.Stanza.ChildIs(c, NSOwner, name) {
			return nil, nil, stanza.BadRequest("there is something else than a list")
		}
		text, _ := r.Stanza.ChildAttr(c, "jid")
		j, err := stanza.ParseJID(text)
		if err != nil {
			return nil, nil, stanza.JIDMalformed("an address in the list is not one")
		}
		v, _ := r.Stanza.ChildAttr(c, attr)
		if !check(v) {
			return nil, nil, stanza.BadRequest("there is no " + attr + " of that name")
		}
		if len(list) == maxSubscriptions {
			return nil, nil, stanza.PolicyViolation("the list is too long")
		}
		list, values = append(list, j), append(values, v)
	}
	return list, values, nil
}

// setAffiliations changes who is what to a node (§8.9.2). All of it is done or
// nothing. Who loses access loses the subscription.
func (r *request) setAffiliations() error {
	list, values, err := r.addressed("affiliation", "affiliation", func(v string) bool { _, ok := affiliationOf(v); return ok })
	if err != nil {
		return err
	}
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	old := n.affiliations
	n.affiliations = maps.Clone(old)
	for i, j := range list {
		if r.who.Personal && j.Bare() == s.JID {
			if values[i] != string(Owner) {
				n.affiliations = old
				return stanza.NotAcceptable("the owner of the account stays the owner of the node")
			}
			continue
		}
		a, _ := affiliationOf(values[i])
		n.affiliate(j, a)
	}
	owners := 0
	for _, a := range n.affiliations {
		if a == Owner {
			owners++
		}
	}
	switch {
	case owners == 0 && !r.who.Personal:
		n.affiliations = old
		return stanza.NotAcceptable("a node has an owner") // §8.9.2.3
	case len(n.affiliations) > maxAffiliations:
		n.affiliations = old
		return stanza.ResourceConstraint("the node has too many affiliations")
	}
	for j := range n.subscriptions {
		if n.affiliations[j.Bare()] == Outcast {
			n.subscribe(j, nil)
		}
	}
	b := new(store.Batch)
	if err := s.put(b, n); err != nil {
		return err
	}
	if err := s.commit(r.Turn, b, done(r.Keep())); err != nil {
		return err
	}
	return server.Pending
}

// listSubscriptions lists a node's subscriptions, those that wait for approval
// included, for its owner (§8.8.1).
func (r *request) listSubscriptions() error {
	s := r.s
	s.mu.Lock()
	n, err := s.owned(r.node, &r.who)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	b := stanza.AppendOpen(nil, "subscriptions", "node", r.node)
	for _, j := range sortedJIDs(n.subscriptions) {
		b = stanza.AppendEmpty(b, "subscription", "jid", j.String(), "subscription", n.subscriptions[j].State)
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NSOwner, stanza.AppendClose(b, "subscriptions")))
	return nil
}

// setSubscriptions changes subscriptions on the owner's behalf (§8.8.2); whoever is
// concerned is told.
func (r *request) setSubscriptions() error {
	list, values, err := r.addressed("subscription", "subscription", func(v string) bool {
		return v == stateSubscribed || v == statePending || v == "none"
	})
	if err != nil {
		return err
	}
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	if len(n.subscriptions)+len(list) > maxSubscriptions {
		return with(stanza.PolicyViolation("the node has too many subscribers"), "too-many-subscriptions", "")
	}
	var changed []stanza.JID
	for i, j := range list {
		if s.setSubscription(n, j, values[i]) {
			changed = append(changed, j)
		}
	}
	return s.storeSubscriptions(r.Turn, n, r.who.JID, changed, done(r.Keep()))
}

// setSubscription sets a subscription's state; it reports whether it is another.
func (s *Service) setSubscription(n *node, j stanza.JID, state string) bool {
	was := n.subscriptions[j]
	switch {
	case state == "none":
		n.subscribe(j, nil)
		return was != nil
	case was == nil:
		n.subscribe(j, &subscription{State: state})
	case was.State == state:
		return false
	default:
		n.subscribe(j, &subscription{State: state, Mute: was.Mute})
	}
	return true
}

// storeSubscriptions commits changed subscriptions and tells those concerned
// (§12.12).
func (s *Service) storeSubscriptions(t *server.Turn, n *node, by stanza.JID, changed []stanza.JID, then func(*server.Turn, error)) error {
	b := new(store.Batch)
	if err := s.put(b, n); err != nil {
		return err
	}
	c := s.change(n, by)
	return s.commit(t, b, func(t *server.Turn, err error) {
		then(t, err)
		if err != nil {
			return
		}
		s.later(func(t *server.Turn) {
			for _, j := range changed {
				sub := c.subscriptions[j]
				s.sendEvent(t, j, "normal", appendSubscription(nil, c.Node, j, sub), nil)
				if sub != nil && sub.State == stateSubscribed && c.Config.SendLast != "never" {
					s.sendLast(t, c.Node, j, c.at)
				}
			}
		})
	})
}

package pubsub

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

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
	l := list{b: stanza.AppendOpen(nil, "affiliations", "node", r.node), most: s.most()}
	s.mu.Lock()
	base := s.base(r.node)
	for _, n := range s.sorted() {
		if base != "" && n.name != base {
			continue
		}
		if a := n.rights().affiliation(&r.who); a != none {
			l.add("affiliation", "node", n.name, "affiliation", string(a))
		}
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NS, l.close("affiliations")))
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
	l := list{b: stanza.AppendOpen(nil, "affiliations", "node", r.node), most: s.most()}
	if r.who.Personal {
		l.add("affiliation", "jid", s.JID.String(), "affiliation", string(Owner))
	}
	for _, j := range sortedJIDs(n.affiliations) {
		l.add("affiliation", "jid", j.String(), "affiliation", string(n.affiliations[j]))
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NSOwner, l.close("affiliations")))
	return nil
}

// wish is an entry of a list of addresses with what each is to become.
type wish struct {
	jid   stanza.JID
	value string
	given bool // else it is to stay as it is
}

// wishes reads a list of elements with a jid and another attribute.
func (r *request) wishes(name string) ([]wish, error) {
	var list []wish
	for c := range r.Stanza.Children(r.el) {
		if !r.Stanza.ChildIs(c, NSOwner, name) {
			return nil, stanza.BadRequest("there is something else than a list")
		}
		text, _ := r.Stanza.ChildAttr(c, "jid")
		j, err := stanza.ParseJID(text)
		if err != nil {
			return nil, stanza.JIDMalformed("an address in the list is not one")
		}
		if len(list) == maxListed {
			return nil, stanza.PolicyViolation("the list is too long")
		}
		w := wish{jid: j}
		w.value, w.given = r.Stanza.ChildAttr(c, name)
		list = append(list, w)
	}
	return list, nil
}

// granted answers a request to change a list, of whose entries some are refused:
// what is wrong with each, refused says as it stays (§8.8.2.4, §8.9.2.4).
func (r *request) granted(list string, refused []byte) func(*server.Turn, error) {
	k := r.Keep()
	if refused == nil {
		return done(k)
	}
	b := stanza.AppendOpen(nil, list, "node", r.node)
	b = pubsub(NSOwner, stanza.AppendClose(append(b, refused...), list))
	return func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.FailWith(t, b, stanza.NotAcceptable("what is listed stays as it was, the rest is done"))
	}
}

// setAffiliations changes who is what to a node (§8.9.2). Who waits for approval has
// it with a place on the list, and who becomes an outcast has no subscription any
// more (§8.7.4).
func (r *request) setAffiliations() error {
	list, err := r.wishes("affiliation")
	if err != nil {
		return err
	}
	seen := make(map[stanza.JID]bool)
	for _, w := range list {
		if seen[w.jid.Bare()] {
			return stanza.BadRequest("an address is listed twice")
		}
		seen[w.jid.Bare()] = true
	}
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	var refused []byte
	var changed []stanza.JID
	for _, resigning := range []bool{false, true} { // so that an owner can name another and go
		for _, w := range list {
			j := w.jid.Bare()
			was := n.affiliations[j]
			if r.who.Personal && j == s.JID {
				was = Owner
			}
			if !w.given || (was == Owner) != resigning {
				continue
			}
			a, known := affiliationOf(w.value)
			if !known || !s.moves(n, j, was, a) {
				refused = stanza.AppendEmpty(refused, "affiliation", "jid", j.String(), "affiliation", nameOf(was))
				continue
			}
			if j == s.JID && r.who.Personal {
				continue
			}
			n.affiliate(j, a, s.Host.Server.Store.NextID())
			changed = append(changed, s.follows(n, j, a)...)
		}
	}
	b := new(store.Batch)
	if err := s.put(b, n); err != nil {
		return err
	}
	return s.storeSubscriptions(r.Turn, b, n, r.who.JID, changed, r.granted("affiliations", refused))
}

// moves reports whether an entity can go from one affiliation to another (§4.1). A
// node has an owner, and a person's nodes that person.
func (s *Service) moves(n *node, j stanza.JID, was, a Affiliation) bool {
	switch {
	case was == a:
		return true
	case was == Publisher && a == Member:
		return false
	case was == Owner:
		if a != none || j == s.JID {
			return false
		}
		for k, b := range n.affiliations {
			if b == Owner && k != j {
				return true
			}
		}
		return !s.Shared
	case was != none:
		return true
	}
	return len(n.affiliations) < maxAffiliations && s.people() < s.Limits.People
}

// follows applies a new affiliation to the subscriptions of who has it, and returns
// those that are others now.
func (s *Service) follows(n *node, j stanza.JID, a Affiliation) (changed []stanza.JID) {
	for k, sub := range n.subscriptions {
		switch {
		case k.Bare() != j:
			continue
		case a == Outcast:
			n.subscribe(k, nil)
		case sub.State == statePending && (a == Owner || a == Publisher || a == Member):
			s.setSubscription(n, k, stateSubscribed)
		default:
			continue
		}
		changed = append(changed, k)
	}
	return changed
}

func nameOf(a Affiliation) string {
	if a == none {
		return "none"
	}
	return string(a)
}

// listSubscriptions lists a node's subscriptions for its owner; those that wait for
// approval are asked for otherwise (§8.8.1.2, §8.7).
func (r *request) listSubscriptions() error {
	s := r.s
	s.mu.Lock()
	n, err := s.owned(r.node, &r.who)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	l := list{b: stanza.AppendOpen(nil, "subscriptions", "node", r.node), most: s.most()}
	for _, j := range sortedJIDs(n.subscriptions) {
		if sub := n.subscriptions[j]; sub.inForce(time.Now()) {
			l.add("subscription", "jid", j.String(), "subscription", sub.State)
		}
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NSOwner, l.close("subscriptions")))
	return nil
}

// setSubscriptions changes subscriptions on the owner's behalf (§8.8.2); whoever is
// concerned is told.
func (r *request) setSubscriptions() error {
	list, err := r.wishes("subscription")
	if err != nil {
		return err
	}
	s := r.s
	n, err := r.lockOwned()
	if err != nil {
		return err
	}
	defer s.mu.Unlock()
	b := new(store.Batch)
	s.prune(b, n)
	var refused []byte
	var changed []stanza.JID
	for _, w := range list {
		if !w.given {
			continue
		}
		was := n.subscriptions[w.jid]
		bad := w.value != stateSubscribed && w.value != statePending && w.value != "none"
		if !bad && was == nil && w.value != "none" { // nobody is subscribed who did not ask
			bad = w.jid.Bare() != r.who.JID.Bare() || s.space(n, w.jid) != nil
		}
		if bad {
			state := "none"
			if was != nil {
				state = was.State
			}
			refused = stanza.AppendEmpty(refused, "subscription", "jid", w.jid.String(), "subscription", state)
			continue
		}
		if s.setSubscription(n, w.jid, w.value) {
			changed = append(changed, w.jid)
		}
	}
	return s.storeSubscriptions(r.Turn, b, n, r.who.JID, changed, r.granted("subscriptions", refused))
}

// setSubscription sets a subscription's state; it reports whether it is another.
func (s *Service) setSubscription(n *node, j stanza.JID, state string) bool {
	was := n.subscriptions[j]
	switch {
	case state == "none":
		n.subscribe(j, nil)
		return was != nil
	case was == nil:
		n.subscribe(j, &subscription{State: state, Since: s.Host.Server.Store.NextID()})
	case was.State == state:
		return false
	default:
		now := *was
		now.State = state
		n.subscribe(j, &now)
	}
	return true
}

// storeSubscriptions commits changed subscriptions, and what else is in b, and tells
// those concerned (§12.14).
func (s *Service) storeSubscriptions(t *server.Turn, b *store.Batch, n *node, by stanza.JID, changed []stanza.JID, then func(*server.Turn, error)) error {
	for _, j := range changed {
		if err := s.putSubscription(b, n, j); err != nil {
			return err
		}
	}
	c := s.change(n, by)
	err := s.commit(t, b, func(t *server.Turn, err error) {
		then(t, err)
		if err != nil || len(changed) == 0 {
			return
		}
		s.later(func(t *server.Turn) {
			for _, j := range changed {
				sub := c.subscriptions[j]
				s.sendEvent(t, j, "normal", appendSubscription(nil, c.Node, j, sub), nil)
				if sub != nil && sub.inForce(time.Now()) && c.Config.SendLast != "never" {
					s.sendLast(t, c.Node, j, c.at)
				}
			}
		})
	})
	if err != nil {
		return err
	}
	return server.Pending
}

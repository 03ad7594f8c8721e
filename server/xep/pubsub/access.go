package pubsub

import (
	"maps"
	"time"

	"natter/stanza"
)

// Affiliation is what an entity is to a node (XEP-0060 §4.1); "" is none.
type Affiliation string

// The affiliations.
const (
	Owner       Affiliation = "owner"
	Publisher   Affiliation = "publisher"
	PublishOnly Affiliation = "publish-only"
	Member      Affiliation = "member"
	Outcast     Affiliation = "outcast"
	none        Affiliation = ""
)

// affiliationOf reads an affiliation's name.
func affiliationOf(s string) (Affiliation, bool) {
	switch a := Affiliation(s); a {
	case Owner, Publisher, PublishOnly, Member, Outcast:
		return a, true
	}
	return none, s == "none"
}

// affiliate sets an affiliation, at the time that since is an id of the store of;
// none removes it. The map is made anew: changes hold on to it as it was.
func (n *node) affiliate(j stanza.JID, a Affiliation, since uint64) {
	j = j.Bare()
	now := maps.Clone(n.affiliations)
	if a == none {
		delete(now, j)
		delete(n.since, j)
		n.affiliations = now
		return
	}
	if now == nil {
		now = make(map[stanza.JID]Affiliation)
	}
	if n.since == nil {
		n.since = make(map[stanza.JID]uint64)
	}
	now[j], n.since[j] = a, since
	n.affiliations = now
}

// rights is what access to a node depends on.
type rights struct {
	config        *Config
	affiliations  map[stanza.JID]Affiliation
	subscriptions map[stanza.JID]*subscription
	now           time.Time
}

func (n *node) rights() rights {
	return rights{&n.config, n.affiliations, n.subscriptions, time.Now()}
}

// affiliation returns what w is to the node.
func (r rights) affiliation(w *Asker) Affiliation {
	switch {
	case w.Owner:
		return Owner
	case w.Blocked:
		return Outcast
	}
	return r.affiliations[w.JID.Bare()]
}

func (r rights) owner(w *Asker) bool { return r.affiliation(w) == Owner }

// subscribed reports whether w has a subscription in force.
func (r rights) subscribed(w *Asker) bool {
	for _, j := range []stanza.JID{w.JID, w.JID.Bare()} {
		if sub := r.subscriptions[j]; sub != nil && sub.inForce(r.now) {
			return true
		}
	}
	return false
}

// read says why w may not read the node's items or subscribe to them, nil when it
// may (XEP-0060 §4.5, §6.1.3, §6.5.9). asking is set for who wants to subscribe,
// which is what a node that authorizes waits for.
func (r rights) read(w *Asker, asking bool) error {
	switch r.affiliation(w) {
	case Owner, Publisher, Member:
		return nil
	case Outcast, PublishOnly:
		return stanza.Forbidden("you are not to read this node")
	}
	switch r.config.Access {
	case "open":
		return nil
	case "presence":
		if w.Presence {
			return nil
		}
		return presenceRequired()
	case "roster":
		switch {
		case w.Presence && w.in(r.config.Groups):
			return nil
		case w.stranger():
			return presenceRequired()
		}
		return with(stanza.NotAuthorized("this is for contacts in certain groups of the owner's"), "not-in-roster-group", "")
	case "authorize":
		if asking || r.subscribed(w) {
			return nil
		}
		return with(stanza.NotAuthorized("subscribe first, which the owner has to approve"), "not-subscribed", "")
	}
	if w.stranger() { // whitelist, and whatever else there may be
		return presenceRequired()
	}
	return with(stanza.NotAllowed("this is for those whom the owner has listed"), "closed-node", "")
}

// publish reports whether w may publish (§4.1, pubsub#publish_model).
func (r rights) publish(w *Asker) bool {
	switch r.affiliation(w) {
	case Owner, Publisher, PublishOnly:
		return true
	case Outcast:
		return false
	}
	switch r.config.Publish {
	case "open":
		return r.read(w, false) == nil
	case "subscribers":
		return r.subscribed(w)
	}
	return false
}

// edits reports whether w may take back or replace what others have published: who
// only may publish has its own items and no others (§4.1).
func (r rights) edits(w *Asker) bool {
	a := r.affiliation(w)
	return a == Owner || a == Publisher
}

// owns reports whether an item is w's own. An account that had w's name before was
// somebody else.
func (s *Service) owns(e *entry, w *Asker) bool {
	return s.publisher(e) == w.JID.Bare() && e.seq >= w.born
}

// get returns a node for w, or what w hears of one that is not there. The service
// must be locked.
func (s *Service) get(name string, w *Asker) (*node, error) {
	if name == "" {
		return nil, nodeRequired()
	}
	if n := s.at(name); n != nil {
		return n, nil
	}
	return nil, noNode(w)
}

// lockOwned locks the service for a change and returns the node of the request,
// which the asker owns. With an error the service is not locked.
func (r *request) lockOwned() (*node, error) {
	if err := r.lock(); err != nil {
		return nil, err
	}
	n, err := r.s.owned(r.node, &r.who)
	if err != nil {
		r.s.mu.Unlock()
	}
	return n, err
}

// owned returns a node that w owns. Of others' nodes w hears that they are not to
// be touched, whether they are there or not.
func (s *Service) owned(name string, w *Asker) (*node, error) {
	if name == "" {
		return nil, nodeRequired()
	}
	n := s.at(name)
	switch {
	case n == nil && w.Personal && !w.Owner:
		return nil, forbidden()
	case n == nil:
		return nil, noNode(w)
	case !n.rights().owner(w):
		return nil, forbidden()
	}
	return n, nil
}

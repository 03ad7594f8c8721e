// Package pubsub implements XEP-0060 Publish-Subscribe, version 1.30.0, without
// collections, for whoever owns nodes: the accounts of a host (package pep) and a
// service for all. What differs between these is a Policy.
//
// A Service holds what is to be known of its nodes in memory, which items there
// are included, and what is in the items in the store, as the bytes that came. A
// change is made in memory and handed to the store under the service's lock,
// answered when it is durable, and told to subscribers after that, in order.
package pubsub

import (
	"errors"
	"sync"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// Namespaces of XEP-0060.
const (
	NS       = "http://jabber.org/protocol/pubsub"
	NSOwner  = NS + "#owner"
	NSEvent  = NS + "#event"
	NSErrors = NS + "#errors"
)

// Limits bound one service.
type Limits struct {
	Nodes   int   // nodes
	Owned   int   // … that one entity has made; 0 for no bound
	Items   int   // items of all nodes together, and of one
	Bytes   int64 // what all items take, with an overhead for each
	Payload int   // bytes of one item
	Share   Share // … and of the nodes that one entity has made; zero for no bound
	People  int   // subscriptions and affiliations of all nodes together
	// Subscribers bounds the subscriptions of one node.
	Subscribers int
}

// Share is how many items there are in nodes and what they take.
type Share struct {
	Items int
	Bytes int64
}

// overhead is what an item counts beyond its payload and names, so that many small
// ones are bounded too.
const overhead = 256

// Bounds within one node, and on what is on its way to subscribers.
const (
	maxOfOne        = 20   // subscriptions of one account's addresses
	maxListed       = 1000 // entries of a list that is changed
	maxAffiliations = 1000
	maxID           = 1023    // bytes of the name of a node or an item
	maxOutbox       = 1000    // changes
	maxWaiting      = 8 << 20 // bytes of what was published by these
)

// Service is the nodes of one address. Use it under its lock, which ranks between
// an account's and a stream's.
type Service struct {
	Host   *server.Host
	JID    stanza.JID
	Self   *server.Origin // of what it sends
	Local  string         // account in the store, "" for the host's
	Policy Policy
	Shared bool // it is for all, not a person's: nobody is a contact there
	Limits Limits

	mu      sync.Mutex
	nodes   map[string]*node
	items   int
	bytes   int64
	shares  map[stanza.JID]Share // of who has made nodes, where that is bounded
	pending int                  // changes on their way to the store
	gone    bool                 // given up: load it anew
	outbox  []errand
	waiting int  // bytes that the outbox holds
	sending bool // somebody empties the outbox
}

// Policy is what kinds of services differ in.
type Policy interface {
	// Ask says what j is to the service.
	Ask(t *server.Turn, s *Service, j stanza.JID) (Asker, error)
	// Default is the configuration of nodes that nobody has configured.
	Default(node string) Config
	// Audience calls fn with each available resource that gets a node's events
	// without having subscribed, if access is granted.
	Audience(t *server.Turn, s *Service, node string, fn func(who Asker))
	// Resources returns the available resources of a subscribed bare JID that want
	// a node's events.
	Resources(t *server.Turn, s *Service, bare stanza.JID, node string) []stanza.JID
	// Available reports whether a bare JID is known to be available; it is asked where
	// a person's nodes are configured to tell nobody else (XEP-0060 §12.6).
	Available(s *Service, bare stanza.JID) bool
	// Owners are who is asked to approve subscriptions of a node whose owners by
	// affiliation are those given.
	Owners(s *Service, owners []stanza.JID) []stanza.JID
	// Named reports whether who gets a node's events may learn which session has
	// published.
	Named(*server.Session) bool
	// Views are the nodes that are views of others.
	Views() []*View
	// Changed is told of each change once it is durable, before subscribers are.
	Changed(t *server.Turn, s *Service, c *Change)
}

// Asker is who asks something of a service, or gets something.
type Asker struct {
	JID      stanza.JID
	Owner    bool // of all nodes
	Creates  bool // may make nodes
	Presence bool // is subscribed to the owner's presence
	Personal bool // the service is a person's, not for all
	Blocked  bool // by the owner (XEP-0191)
	Groups   []string

	born uint64 // an id of the store from when its account was made, where that counts
}

// stranger reports whether the asker may not even know what there is.
func (w *Asker) stranger() bool { return w.Personal && !w.Owner && !w.Presence }

// in reports whether the asker is in one of the groups of the owner's roster.
func (w *Asker) in(groups []string) bool {
	for _, g := range w.Groups {
		for _, h := range groups {
			if g == h {
				return true
			}
		}
	}
	return false
}

// Item is an item as it is published, sent and kept.
type Item struct {
	ID        string
	Payload   []byte // one element that stands alone; nil for none
	Publisher stanza.JID
}

// Change is what happened to a node.
type Change struct {
	Node      string
	By        stanza.JID // who did it; zero: the server
	Module    string     // on behalf of which module, "" for a client
	Config    Config
	Published []Item
	Retracted []string
	// Purged, Deleted and Configured say that all items, or the node, went, or
	// that it was configured.
	Purged, Deleted, Configured bool
	Notify                      bool // subscribers are told
	Redirect                    string
	// ReplyTo is the session that published, zero where it is not to be named
	// (XEP-0163 §4.3.1).
	ReplyTo stanza.JID

	was *Config // with Configured: as it was before

	at            uint64 // an id of the store: when
	affiliations  map[stanza.JID]Affiliation
	subscriptions map[stanza.JID]*subscription
}

// commit hands b to the store. then runs when it is durable, or has failed and the
// service was given up. The service must be locked; its nodes are changed already.
func (s *Service) commit(t *server.Turn, b *store.Batch, then func(*server.Turn, error)) error {
	s.pending++
	err := t.Commit(b, func(t *server.Turn, err error) {
		s.mu.Lock()
		s.pending--
		s.gone = s.gone || err != nil
		s.mu.Unlock()
		then(t, err)
	})
	if err != nil {
		s.pending--
		s.gone = true
	}
	return err
}

// ErrGone is what a change fails with when the service was given up: load it anew
// and try again.
var ErrGone = errors.New("the service was given up")

// Gone reports whether the service has to be loaded anew.
func (s *Service) Gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// Retire gives the service up unless something is under way.
func (s *Service) Retire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending > 0 || s.sending {
		return false
	}
	s.gone = true
	return true
}

// GiveUp makes the service one that has to be loaded anew.
func (s *Service) GiveUp() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
}

// Size is about how many bytes the service takes in memory.
func (s *Service) Size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 300 + len(s.nodes)*3000 + s.items*120 + s.people()*200
}

// people counts the subscriptions and affiliations of all nodes. The service must
// be locked.
func (s *Service) people() (count int) {
	for _, n := range s.nodes {
		count += len(n.subscriptions) + len(n.affiliations)
	}
	return count
}

// changed has a durable change told: to the policy and to those who subscribed. It
// is called on the committer's goroutine, in order.
func (s *Service) changed(c *Change) {
	size := 0
	for i := range c.Published {
		size += len(c.Published[i].Payload)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(size, func(t *server.Turn) {
		s.Policy.Changed(t, s, c)
		if c.Notify {
			s.notify(t, c)
		}
		if c.Configured {
			s.opened(t, c)
			s.closed(t, c.Node, func(stanza.JID) bool { return true })
		}
	})
}

// errand is what is to be done after a change, and how many bytes it holds.
type errand struct {
	do   func(*server.Turn)
	size int
}

// later runs fn after what was given to it before, on a goroutine that may read
// the store.
func (s *Service) later(fn func(*server.Turn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(0, fn)
}

// append is later with the service locked, for what holds so many bytes.
func (s *Service) append(size int, fn func(*server.Turn)) {
	s.outbox = append(s.outbox, errand{fn, size})
	s.waiting += size
	if !s.sending {
		s.sending = true
		s.Host.Server.Go(s.send)
	}
}

package pubsub

import (
	"natter/server"
	"natter/stanza"
)

// request is a request at its handler.
type request struct {
	*server.IQ
	s    *Service
	who  Asker
	el   stanza.Child // the element that says what is wanted
	node string
}

// action is what handles one kind of request, by the element in <pubsub/>.
type action struct {
	ns, name string
	typ      stanza.Type
	run      func(*request) error
}

// actions are what there is to ask. An element that stands beside another one, as
// <configure/> beside <create/>, comes after it.
var actions = []action{
	{NS, "items", stanza.Get, (*request).items},
	{NS, "publish", stanza.Set, (*request).publish},
	{NS, "retract", stanza.Set, (*request).retract},
	{NS, "create", stanza.Set, (*request).create},
	{NS, "subscribe", stanza.Set, (*request).subscribe},
	{NS, "unsubscribe", stanza.Set, (*request).unsubscribe},
	{NS, "options", stanza.Get, (*request).options},
	{NS, "options", stanza.Set, (*request).setOptions},
	{NS, "default", stanza.Get, (*request).defaultOptions},
	{NS, "subscriptions", stanza.Get, (*request).subscriptions},
	{NS, "affiliations", stanza.Get, (*request).affiliations},
	{NSOwner, "configure", stanza.Get, (*request).configuration},
	{NSOwner, "configure", stanza.Set, (*request).configure},
	{NSOwner, "default", stanza.Get, (*request).defaultConfiguration},
	{NSOwner, "delete", stanza.Set, (*request).delete},
	{NSOwner, "purge", stanza.Set, (*request).purge},
	{NSOwner, "affiliations", stanza.Get, (*request).listAffiliations},
	{NSOwner, "affiliations", stanza.Set, (*request).setAffiliations},
	{NSOwner, "subscriptions", stanza.Get, (*request).listSubscriptions},
	{NSOwner, "subscriptions", stanza.Set, (*request).setSubscriptions},
}

// Handle answers a request whose payload is <pubsub/> in NS or NSOwner. With
// ErrGone nothing was done.
func (s *Service) Handle(q *server.IQ) error {
	ns := string(q.Stanza.Space(q.Payload))
	for i := range actions {
		a := &actions[i]
		if a.ns != ns || a.typ != q.Stanza.Type {
			continue
		}
		el, ok := q.Stanza.Find(q.Payload, a.ns, a.name)
		if !ok {
			continue
		}
		for c := range q.Stanza.Children(q.Payload) {
			if c != el && q.Stanza.ChildIs(c, a.ns, a.name) {
				return stanza.BadRequest("one thing is asked for at a time") // §6.1.1
			}
		}
		who, err := s.Policy.Ask(q.Turn, s, q.Origin.JID)
		if err != nil {
			return err
		}
		r := &request{IQ: q, s: s, who: who, el: el}
		r.node, _ = q.Stanza.ChildAttr(el, "node")
		if len(r.node) > maxID {
			return stanza.NotAcceptable("the node's name is too long")
		}
		return a.run(r)
	}
	for c := range q.Stanza.Children(q.Payload) {
		return unsupported(string(q.Stanza.Local(c)), "the service does not do that")
	}
	return stanza.BadRequest("say what is to be done")
}

// beside finds an element that goes with that of the request: it has to come after
// it and must not have certain attributes (§6.3.7, §8.1.3).
func (r *request) beside(name string, without ...string) (el stanza.Child, found bool, err error) {
	after := false
	for c := range r.Stanza.Children(r.Payload) {
		after = after || c == r.el
		if !r.Stanza.ChildIs(c, NS, name) {
			continue
		}
		if !after || found {
			return c, false, stanza.BadRequest("<" + name + "/> comes once, after what it goes with")
		}
		for _, attr := range without {
			if _, has := r.Stanza.ChildAttr(c, attr); has {
				return c, false, stanza.BadRequest("<" + name + "/> has no " + attr + " here")
			}
		}
		el, found = c, true
	}
	return el, found, nil
}

// lock locks the service for a change; see enter.
func (r *request) lock() error { return r.s.enter() }

// enter locks the service for a change; it fails, unlocked, where the service was
// given up meanwhile or its subscribers do not keep up.
func (s *Service) enter() error {
	s.mu.Lock()
	switch {
	case s.gone:
		s.mu.Unlock()
		return ErrGone
	case len(s.outbox) >= maxOutbox || s.waiting >= maxWaiting:
		s.mu.Unlock()
		return stanza.ResourceConstraint("too many changes wait for being told; try again later")
	}
	return nil
}

// pubsub wraps content as the answer to a request of the namespace.
func pubsub(ns string, content []byte) []byte {
	b := stanza.AppendOpen(nil, "pubsub", "xmlns", ns)
	return stanza.AppendClose(append(b, content...), "pubsub")
}

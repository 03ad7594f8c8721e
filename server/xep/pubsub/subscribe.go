package pubsub

import (
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// subscriber returns the address that a request is about, one of the asker's own,
// bare or full; else the error is wrong (§6.1.3.1, §6.2.3.3, §6.3.4.1).
func (r *request) subscriber(wrong error) (stanza.JID, error) {
	text, ok := r.Stanza.ChildAttr(r.el, "jid")
	if !ok {
		return stanza.JID{}, with(stanza.BadRequest("say which address subscribes"), "jid-required", "")
	}
	j, err := stanza.ParseJID(text)
	if err != nil || j.Bare() != r.who.JID.Bare() {
		return stanza.JID{}, wrong
	}
	return j, nil
}

// subscribe handles <subscribe/> (§6.1).
func (r *request) subscribe() error {
	j, err := r.subscriber(with(stanza.BadRequest("one subscribes one's own address"), "invalid-jid", ""))
	if err != nil {
		return err
	}
	var opts *forms.Form
	c, ok, err := r.beside("options", "node", "jid") // §6.3.7
	if err != nil {
		return err
	}
	if ok {
		if opts, _, err = submitted(r.Stanza, c, formSub); err != nil {
			return err
		}
	}
	if err := r.lock(); err != nil {
		return err
	}
	s := r.s
	defer s.mu.Unlock()
	n, err := s.get(r.node, &r.who)
	if err != nil {
		return err
	}
	if err := n.rights().read(&r.who, true); err != nil {
		return err
	}
	if !n.config.Subscribe {
		return unsupported("subscribe", "nobody can subscribe to that node")
	}
	b := new(store.Batch)
	s.prune(b, n) // whose lease has ended begins anew
	was := n.subscriptions[j]
	sub := &subscription{State: stateSubscribed, Since: s.Host.Server.Store.NextID()}
	if was != nil {
		*sub = *was
	}
	switch {
	case was != nil && was.State == statePending:
		return with(stanza.NotAuthorized("the owner has yet to approve your subscription"), "pending-subscription", "") // §6.1.3.7
	case was == nil && n.config.Access == "authorize" && n.rights().affiliation(&r.who) == none:
		sub.State = statePending
	}
	if was == nil {
		if err := s.space(n, j); err != nil {
			return err
		}
	}
	reply := appendSubscription(nil, r.node, j, sub)
	if opts != nil {
		if err := sub.apply(opts); err != nil {
			return err
		}
		reply = stanza.AppendOpen(reply, "options")
		reply = stanza.AppendClose(sub.form("result").AppendTo(reply), "options")
	}
	n.subscribe(j, sub)
	if err := s.putSubscription(b, n, j); err != nil {
		return err
	}
	change := s.change(n, r.who.JID)
	k := r.Keep()
	reply = pubsub(NS, reply)
	err = s.commit(r.Turn, b, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, reply)
		if was == nil {
			s.later(func(t *server.Turn) { s.subscribed(t, change, j, sub) })
		}
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// subscribed does what follows from a new subscription: owners are asked or told,
// and who may is sent the last item (§6.1.7).
func (s *Service) subscribed(t *server.Turn, c *Change, j stanza.JID, sub *subscription) {
	if sub.State == statePending {
		s.requestApproval(t, c, j)
		return
	}
	if c.Config.NotifySub {
		s.tellOwners(t, c, j, sub)
	}
	if c.Config.SendLast != "never" && !sub.Mute {
		s.sendLast(t, c.Node, j, c.at)
	}
}

func appendSubscription(b []byte, node string, j stanza.JID, sub *subscription) []byte {
	state := "none"
	if sub != nil {
		state = sub.State
	}
	return stanza.AppendEmpty(b, "subscription", "node", node, "jid", j.String(), "subscription", state)
}

// subscribedNode locks the service and returns the node and the subscription that
// a request is about. Where there is an error the service is not locked.
func (r *request) subscribedNode() (*node, stanza.JID, *subscription, error) {
	j, err := r.subscriber(stanza.Forbidden("that is somebody else's subscription"))
	if err != nil {
		return nil, j, nil, err
	}
	if err := r.lock(); err != nil {
		return nil, j, nil, err
	}
	n, err := r.s.get(r.node, &r.who)
	if err != nil {
		r.s.mu.Unlock()
		return nil, j, nil, err
	}
	sub := n.subscriptions[j]
	if sub == nil || sub.over(time.Now()) {
		// Who may not know that the node is there hears what it would if it were not.
		err := n.rights().read(&r.who, true)
		r.s.mu.Unlock()
		if err != nil {
			return nil, j, nil, err
		}
		return nil, j, nil, with(stanza.UnexpectedRequest("there is no such subscription"), "not-subscribed", "")
	}
	return n, j, sub, nil
}

// unsubscribe handles <unsubscribe/> (§6.2).
func (r *request) unsubscribe() error {
	n, j, _, err := r.subscribedNode()
	if err != nil {
		return err
	}
	s := r.s
	defer s.mu.Unlock()
	n.subscribe(j, nil)
	b := new(store.Batch)
	if err := s.putSubscription(b, n, j); err != nil {
		return err
	}
	c := s.change(n, r.who.JID)
	k := r.Keep()
	err = s.commit(r.Turn, b, func(t *server.Turn, err error) {
		done(k)(t, err)
		if err == nil && c.Config.NotifySub {
			s.later(func(t *server.Turn) { s.tellOwners(t, c, j, nil) })
		}
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// options answers with the form for the options of a subscription (§6.3).
func (r *request) options() error {
	_, j, sub, err := r.subscribedNode()
	if err != nil {
		return err
	}
	r.s.mu.Unlock()
	b := stanza.AppendOpen(nil, "options", "node", r.node, "jid", j.String())
	b = sub.form("form").AppendTo(b)
	r.Reply(r.Turn, pubsub(NS, stanza.AppendClose(b, "options")))
	return nil
}

// defaultOptions answers with the options that a subscription starts with (§6.4).
func (r *request) defaultOptions() error {
	b := stanza.AppendOpen(nil, "default", "node", r.node)
	b = new(subscription).form("form").AppendTo(b)
	r.Reply(r.Turn, pubsub(NS, stanza.AppendClose(b, "default")))
	return nil
}

// setOptions handles that form when it is filled in (§6.3.5).
func (r *request) setOptions() error {
	f, cancelled, err := submitted(r.Stanza, r.el, formSub)
	if err != nil {
		return err
	}
	n, j, sub, err := r.subscribedNode()
	if err != nil {
		return err
	}
	s := r.s
	defer s.mu.Unlock()
	if f == nil {
		if cancelled {
			r.Reply(r.Turn, nil)
			return nil
		}
		return invalidOptions("there is no form")
	}
	now := *sub
	if err := now.apply(f); err != nil {
		return err
	}
	n.subscribe(j, &now)
	b := new(store.Batch)
	if err := s.putSubscription(b, n, j); err != nil {
		return err
	}
	if err := s.commit(r.Turn, b, done(r.Keep())); err != nil {
		return err
	}
	return server.Pending
}

// subscriptions lists the asker's own (§5.6).
func (r *request) subscriptions() error {
	s := r.s
	l := list{b: stanza.AppendOpen(nil, "subscriptions", "node", r.node), most: s.most()}
	base, now := s.base(r.node), time.Now()
	s.mu.Lock()
	for _, n := range s.sorted() {
		if base != "" && n.name != base {
			continue // a node that is not there is one without subscriptions
		}
		for _, j := range sortedJIDs(n.subscriptions) {
			if j.Bare() == r.who.JID.Bare() && !n.subscriptions[j].over(now) {
				l.add("subscription", "node", n.name, "jid", j.String(), "subscription", n.subscriptions[j].State)
			}
		}
	}
	s.mu.Unlock()
	r.Reply(r.Turn, pubsub(NS, l.close("subscriptions")))
	return nil
}

package muc

import (
	"slices"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// configuration answers an owner with the room's configuration form (§10.1.3, §10.2).
func (x *exchange) configuration(r *room, q *server.IQ) error {
	if r.affiliation(q.Origin.JID) < mayConfigure {
		return stanza.Forbidden("only owners see the room's configuration")
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", nsOwner)
	return x.reply(q, stanza.AppendClose(r.form().AppendTo(b), "query"))
}

// own handles what owners do: they configure the room, or destroy it.
func (x *exchange) own(r *room, q *server.IQ) error {
	if r.affiliation(q.Origin.JID) < mayConfigure {
		return stanza.Forbidden("only owners may do that")
	}
	if d, ok := q.Stanza.Find(q.Payload, nsOwner, "destroy"); ok {
		return x.destroy(r, q, d)
	}
	f, err := forms.In(q.Stanza, q.Payload)
	switch {
	case err != nil:
		return err
	case f == nil:
		return stanza.BadRequest("neither a configuration form nor an order to destroy the room")
	case f.Type == "cancel": // §10.1.3: a new room is not made; of another one nothing changes
		if r.locked {
			return x.abandon(r, q)
		}
		return x.reply(q, nil)
	case f.Type != "submit":
		return stanza.BadRequest("a form comes back with type submit or cancel")
	}
	next, refused := x.svc.apply(r.config, f)
	if refused != nil {
		return refused
	}
	return x.configure(r, q, next)
}

// configure puts a configuration into effect (§10.2.1).
func (x *exchange) configure(r *room, q *server.IQ, next config) error {
	was := r.config
	opened := r.locked
	r.config, r.locked = next, false
	for _, oc := range r.nicks {
		oc.cached = [2][]byte{}
	}
	if codes := differences(&was, &next); len(codes) > 0 && !opened {
		r.announce(x, codes...)
	}
	r.expel(x, &was)
	if was.Moderated != next.Moderated {
		r.moderate(x)
	}
	if !opened {
		r.reveal(x, &was)
	}
	b := new(store.Batch)
	err := r.commit(x, q, b, nil)
	r.emptied(x)
	return err
}

// differences are the status codes for what changed (§10.2.1).
func differences(was, next *config) []string {
	var codes []string
	if was.Archive != next.Archive {
		if next.Archive {
			codes = append(codes, statusLogging)
		} else {
			codes = append(codes, statusLoggingOff)
		}
	}
	if was.Whois != next.Whois {
		if next.Whois == "anyone" {
			codes = append(codes, statusNowNonAnon)
		} else {
			codes = append(codes, statusNowSemiAnon)
		}
	}
	a, b := *was, *next
	a.Archive, a.Whois, a.Broadcast = b.Archive, b.Whois, nil
	an, bn := len(was.Broadcast), len(next.Broadcast)
	b.Broadcast = nil
	if an != bn || !sameConfig(&a, &b) || !slices.Equal(was.Broadcast, next.Broadcast) {
		codes = append(codes, statusConfigChanged)
	}
	return codes
}

// expel takes out those who may not be in the room as it is now (§10.2): who is no
// member of a members-only room, and guests.
func (r *room) expel(x *exchange, was *config) {
	var out []*occupant
	codes := map[*occupant]string{}
	for _, oc := range r.nicks {
		switch {
		case r.config.MembersOnly && !was.MembersOnly && oc.aff < member:
			codes[oc] = statusMembersOnly
		case !r.config.Guests && was.Guests && r.svc.guest(oc.bare):
			codes[oc] = statusAffiliation
		default:
			continue
		}
		out = append(out, oc)
	}
	for _, oc := range out {
		oc.cached = [2][]byte{}
		ch := &change{unavailable: true, statuses: []string{codes[oc]}}
		r.tell(x, oc, ch)
		for len(oc.clients) > 0 {
			r.dropClient(x, oc.clients[0])
		}
	}
}

// moderate gives those who are in the room the roles that go with its being moderated
// or not.
func (r *room) moderate(x *exchange) {
	m := 0
	if r.config.Moderated {
		m = 1
	}
	for _, oc := range r.nicks {
		to := defaultRole[m][oc.aff]
		if oc.role == moderator || oc.role == to {
			continue
		}
		was := oc.role
		oc.role, oc.cached = to, [2][]byte{}
		r.tellAs(x, oc, &change{}, was)
		for _, c := range oc.clients {
			r.note(x, c)
		}
	}
}

// reveal tells everybody's real addresses in a room that has become non-anonymous,
// and presence that was not told before.
func (r *room) reveal(x *exchange, was *config) {
	more := r.config.Whois == "anyone" && was.Whois != "anyone" || was.MembersPresence && !r.config.MembersPresence ||
		!slices.Equal(was.Broadcast, r.config.Broadcast)
	if !more {
		return
	}
	for _, oc := range r.nicks {
		r.tell(x, oc, &change{})
	}
}

// destroy ends the room (§10.9).
func (x *exchange) destroy(r *room, q *server.IQ, d stanza.Child) error {
	attrs := []string{}
	if venue, ok := q.Stanza.ChildAttr(d, "jid"); ok && venue != "" {
		j, err := stanza.ParseJID(venue)
		if err != nil {
			return stanza.JIDMalformed("the other room's address is not one")
		}
		attrs = append(attrs, "jid", j.String())
	}
	b := stanza.AppendOpen(nil, "destroy", attrs...)
	for _, name := range []string{"password", "reason"} {
		if e, ok := q.Stanza.Find(d, nsOwner, name); ok {
			b = stanza.AppendElement(b, name, shorten(q.Stanza.Text(e), x.svc.srv.Config.RoomText))
		}
	}
	return x.finish(r, q, stanza.AppendClose(b, "destroy"))
}

// abandon ends a room whose owner does not want it after all.
func (x *exchange) abandon(r *room, q *server.IQ) error {
	return x.finish(r, q, []byte("<destroy><reason>The room was not configured.</reason></destroy>"))
}

// finish takes the room off the store, and then everybody out. Nobody enters or says
// anything meanwhile.
func (x *exchange) finish(r *room, q *server.IQ, element []byte) error {
	r.ending = true
	b := new(store.Batch)
	r.deleteAll(b)
	return r.fly(x, q, b, nil, func(x *exchange) {
		for len(r.clients) > 0 {
			oc := r.clients[0].oc
			oc.aff = none // §10.9
			for _, c := range oc.clients {
				x.give(c, r.presence(oc, &change{unavailable: true, destroy: element}, false, true))
			}
			for len(oc.clients) > 0 {
				r.dropClient(x, oc.clients[0])
			}
		}
		if !r.gone {
			r.svc.drop(r)
		}
	})
}

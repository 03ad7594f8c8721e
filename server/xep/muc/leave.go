package muc

import (
	"natter/server"
	"natter/stanza"
)

// leave takes a client out of the room (§7.14). The others hear of it when it was
// the last of its occupant; before that they see what the remaining ones show.
func (r *room) leave(x *exchange, c *client, ch *change) {
	oc := c.oc
	ch.unavailable = true
	if len(oc.clients) > 1 {
		x.give(c, r.presence(oc, ch, true, true))
		shown := oc.main() == c
		r.dropClient(x, c)
		if shown {
			r.tell(x, oc, &change{})
		}
		return
	}
	r.tell(x, oc, ch)
	r.dropClient(x, c)
	r.emptied(x)
}

// remove takes an occupant out of the room with all its clients: it is kicked,
// banned, or may not be there any more.
func (r *room) remove(x *exchange, oc *occupant, ch *change) {
	ch.unavailable = true
	r.tell(x, oc, ch)
	for len(oc.clients) > 0 {
		r.dropClient(x, oc.clients[0])
	}
	r.emptied(x)
}

// emptied ends a room that is not to be kept, once nobody is in it (§10.9).
func (r *room) emptied(x *exchange) {
	if len(r.clients) > 0 || r.config.Persistent || r.gone {
		return
	}
	r.svc.discard(x, r)
}

// refresh handles a presence of a client that is in the room, without the <x/> of
// a join: a new nick (§7.6) or another availability (§7.7).
func (r *room) refresh(x *exchange, c *client, nick string, st *stanza.Stanza, o *server.Origin) *stanza.Error {
	if nick != "" && nick != c.oc.nick {
		return r.rename(x, c, nick, st)
	}
	payload := payloadOf(st)
	if err := tooLong(payload); err != nil {
		return err
	}
	if c.oc.update(c, payload, langOf(st, o)) {
		r.tell(x, c.oc, &change{id: st.ID(), client: c})
	} else {
		x.give(c, r.presence(c.oc, &change{id: st.ID()}, true, true))
	}
	r.note(x, c)
	return nil
}

// rename gives an occupant another nick (§7.6).
func (r *room) rename(x *exchange, c *client, nick string, st *stanza.Stanza) *stanza.Error {
	oc := c.oc
	attr, _, err := r.addressOf(nick)
	other := r.taken(nick)
	switch {
	case err != nil:
		return err
	case st != nil && len(st.Raw) > maxPresence && tooLong(payloadOf(st)) != nil:
		return tooLong(payloadOf(st))
	case other != nil && other != oc, r.holder(nick, oc.bare):
		return stanza.Conflict("somebody in the room goes by that nick; take another one")
	}
	r.tell(x, oc, &change{unavailable: true, nick: nick, statuses: []string{statusNewNick}})
	r.unnamed(oc)
	oc.nick, oc.attr, oc.cached = nick, attr, [2][]byte{}
	r.named(oc)
	if st != nil {
		oc.update(c, payloadOf(st), c.lang)
	}
	ch := &change{client: c}
	if st != nil {
		ch.id = st.ID()
	}
	r.tell(x, oc, ch)
	for _, o := range oc.clients {
		r.note(x, o)
	}
	return nil
}

// stranger answers a presence from one who is not in the room and does not ask to
// be: it is told that it is not, with what a kick looks like (§7.2.15).
func (s *service) stranger(x *exchange, to stanza.JID, o *server.Origin) {
	b := append([]byte(nil), "<presence from='"...)
	b = stanza.AppendAttr(b, to.String())
	b = append(append(append(b, "' to='"...), o.Attr...), "' type='unavailable'><x xmlns='"+nsUser+"'><item affiliation='none' role='none'>"...)
	b = stanza.AppendElement(b, "reason", "You are not in the room.")
	b = append(b, "</item><status code='110'/><status code='307'/><status code='333'/></x></presence>"...)
	x.raw(&client{session: o.Session}, b)
}

// left says how a client that became unavailable left: with 333 when it was its
// session that ran out, not a person that went.
func left(o *server.Origin, st *stanza.Stanza) *change {
	ch := &change{payload: payloadOf(st), id: st.ID()}
	if o.Session != nil && o.Session.Has(server.SessionDetached) {
		ch.statuses = []string{statusTechnical}
	}
	return ch
}

// kicked is what those who are taken out for reasons of the network see (§11.1).
func kicked(reason string) *change {
	return &change{statuses: []string{statusKicked, statusTechnical}, reason: reason}
}

package muc

import (
	"natter/server"
	"natter/server/store"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/stanza"
)

// reserved answers which nick the room keeps for the asker (§7.12).
func (x *exchange) reserved(r *room, q *server.IQ) error {
	var b []byte
	if st := r.affs[q.Origin.JID.Bare().String()]; st.Nick != "" {
		b = stanza.AppendEmpty(b, "identity", "category", "conference", "type", "text", "name", st.Nick)
	}
	return x.reply(q, disco.Query(disco.NSInfo, nsReserved, b))
}

// mayRegister refuses who may not register with the room (§7.10).
func (r *room) mayRegister(j stanza.JID) *stanza.Error {
	a := r.affiliation(j)
	switch {
	case a == outcast:
		return stanza.Forbidden("you are banned from the room")
	case r.svc.guest(j.Bare()), r.locked && a != owner, a == none && (!r.config.Register || r.config.MembersOnly):
		return stanza.NotAllowed("the room does not let you register; ask an owner or administrator of it")
	}
	return nil
}

// registration answers what one has registered with the room, or what it takes to
// (§7.10).
func (x *exchange) registration(r *room, q *server.IQ) error {
	if err := r.mayRegister(q.Origin.JID); err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", nsQuery)
	st, ok := r.affs[q.Origin.JID.Bare().String()]
	if ok && st.Affiliation >= member && st.Nick != "" {
		b = append(b, "<registered/>"...)
		b = stanza.AppendElement(b, "username", st.Nick)
		return x.reply(q, stanza.AppendClose(b, "query"))
	}
	f := forms.New("form", nsRegister)
	f.Title = "Registration with " + r.jid.String()
	f.Instructions = "Registering makes you a member, and keeps your nick for you."
	f.Fields = append(f.Fields, forms.Field{Var: "muc#register_roomnick", Type: "text-single", Label: "Nick", Required: true})
	b = stanza.AppendElement(b, "instructions", f.Instructions)
	return x.reply(q, stanza.AppendClose(f.AppendTo(b), "query"))
}

// register makes a member, with a nick of its own, or takes both back (§7.10).
func (x *exchange) register(r *room, q *server.IQ) error {
	if err := r.mayRegister(q.Origin.JID); err != nil {
		return err
	}
	bare := q.Origin.JID.Bare()
	aff := r.affiliation(bare)
	if _, remove := q.Stanza.Find(q.Payload, nsQuery, "remove"); remove {
		return x.unregister(r, q)
	}
	f, err := forms.In(q.Stanza, q.Payload)
	switch {
	case err != nil:
		return err
	case f != nil && f.Type == "cancel":
		return x.reply(q, nil)
	case f == nil || f.Type != "submit" || f.FormType() != nsRegister:
		return stanza.BadRequest("the registration form is missing")
	}
	nick := f.Get("muc#register_roomnick")
	if nick == "" {
		return stanza.NotAcceptable("a nick is needed to register")
	}
	_, j, refused := r.addressOf(nick)
	if refused != nil {
		return refused
	}
	nick = j.Resource()
	if r.holder(nick, bare) {
		return stanza.Conflict("somebody else goes by that nick; take another one")
	}
	if _, known := r.affs[bare.String()]; !known && len(r.affs) >= x.svc.srv.Config.RoomAffiliations {
		return stanza.ResourceConstraint("the room's lists are full")
	}
	r.setAffiliation(x, demand{bare: bare, aff: max(aff, member), nick: nick, named: true}, "")
	return r.commit(x, q, new(store.Batch), nil)
}

// unregister gives up the nick, and a membership.
func (x *exchange) unregister(r *room, q *server.IQ) error {
	bare := q.Origin.JID.Bare()
	aff := r.affiliation(bare)
	if aff == member {
		aff = none
	}
	r.setAffiliation(x, demand{bare: bare, aff: aff, named: true}, "")
	if r.gone {
		return x.reply(q, nil)
	}
	return r.commit(x, q, new(store.Batch), nil)
}

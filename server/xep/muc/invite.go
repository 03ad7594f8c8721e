package muc

import (
	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// maxInvites is how many one message invites.
const maxInvites = 50

// mediated handles a message to the room itself that is not for everybody: an
// invitation that goes by way of the room (§7.8.2), an answer to one, or a request
// for voice (§7.13) and what moderators say to it (§8.6).
func (r *room) mediated(x *exchange, o *server.Origin, st *stanza.Stanza) *stanza.Error {
	if u, ok := st.Child(nsUser, "x"); ok {
		if d, ok := st.Find(u, nsUser, "decline"); ok {
			return r.decline(x, o, st, d)
		}
		if _, ok := st.Find(u, nsUser, "invite"); ok {
			return r.invite(x, o, st, u)
		}
	}
	if c, ok := st.Child(forms.NS, "x"); ok {
		f, err := forms.Parse(st, c)
		if err != nil {
			return asStanzaError(err)
		}
		if f.FormType() == nsRequest {
			return r.voice(x, o, f)
		}
	}
	if r.byJID[o.JID.String()] == nil {
		return stanza.NotAcceptable("you are not in the room; enter it first")
	}
	return stanza.BadRequest("what is for everybody in the room is sent with type groupchat")
}

// mayBring reports whether an occupant may invite: in a members-only room who may
// make members, and members if the room lets them (§9.5).
func (r *room) mayBring(oc *occupant) bool {
	switch {
	case r.svc.guest(oc.bare): // they write to nobody outside
		return false
	case oc.aff >= mayInvite:
		return true
	case oc.role < participant:
		return false
	case r.config.MembersOnly:
		return oc.aff == member && r.config.Invites
	}
	return r.config.Invites
}

// invite passes invitations on, from the inviter's address in the room, and makes
// members of the invited where only members may enter (§7.8.2).
func (r *room) invite(x *exchange, o *server.Origin, st *stanza.Stanza, u stanza.Child) *stanza.Error {
	c := r.byJID[o.JID.String()]
	switch {
	case c == nil:
		return stanza.NotAcceptable("you are not in the room; enter it first")
	case !r.mayBring(c.oc):
		return stanza.Forbidden("you may not invite to this room")
	}
	type guest struct {
		jid     stanza.JID
		element []byte
	}
	var guests []guest
	for e := range st.Children(u) {
		if !st.ChildIs(e, nsUser, "invite") {
			continue
		}
		to, _ := st.ChildAttr(e, "to")
		j, err := stanza.ParseJID(to)
		switch {
		case err != nil || j.Local() == "":
			return stanza.JIDMalformed("the address of who is invited is not one")
		case len(guests) == maxInvites:
			return stanza.NotAcceptable("too many invitations at once")
		}
		if h := x.svc.srv.Host(j.Domain()); h != nil && !h.Exists(j.Local()) {
			return stanza.ItemNotFound("there is nobody of the address " + j.Bare().String())
		}
		if r.affiliation(j) == outcast {
			return stanza.Forbidden(j.Bare().String() + " is banned from the room")
		}
		b := append(append([]byte("<invite from='"), c.oc.attr...), "'>"...)
		for _, name := range []string{"reason", "continue"} {
			if inner, ok := st.Find(e, nsUser, name); ok {
				thread, _ := st.ChildAttr(inner, "thread")
				b = stanza.AppendElement(b, name, shorten(st.Text(inner), x.svc.srv.Config.RoomText), "thread", thread)
			}
		}
		guests = append(guests, guest{j, append(b, "</invite>"...)})
	}
	if len(r.affs)+len(guests) > x.svc.srv.Config.RoomAffiliations && r.config.MembersOnly {
		return stanza.ResourceConstraint("the room's lists are full; take somebody off them first")
	}
	made := false
	for _, g := range guests {
		if r.config.MembersOnly && r.affiliation(g.jid) == none {
			made = true
			r.setAffiliation(x, demand{bare: g.jid.Bare(), aff: member}, c.oc.nick)
		}
		m := append([]byte("<x xmlns='"+nsUser+"'>"), g.element...)
		if r.config.Password != "" {
			m = stanza.AppendElement(m, "password", r.config.Password)
		}
		w := r.fromRoom("normal").with(append(m, "</x>"...))
		if id := st.IDString(); id != "" {
			w.Tail = append(stanza.AppendAttr([]byte("' id='"), id), w.Tail...)
		}
		x.later = append(x.later, w.append(nil, stanza.AppendAttr(nil, g.jid.String())))
		if r.invited == nil || len(r.invited) >= maxInvited {
			r.invited = make(map[string]stanza.JID)
		}
		r.invited[g.jid.Bare().String()] = c.oc.bare
	}
	if made {
		r.save(x)
	}
	return nil
}

// maxInvited is how many invitations a room remembers, for who turns them down.
const maxInvited = 1000

// decline tells an inviter that the invitation was turned down (§7.8.2). Only who was
// invited can do that, and it goes to who invited them, so that nobody learns by it
// who is in the room.
func (r *room) decline(x *exchange, o *server.Origin, st *stanza.Stanza, d stanza.Child) *stanza.Error {
	bare := o.JID.Bare().String()
	by, ok := r.invited[bare]
	if !ok {
		return stanza.ItemNotFound("the room knows of no invitation for you")
	}
	delete(r.invited, bare)
	var targets []*client
	for _, c := range r.clients {
		if c.oc.bare == by {
			targets = append(targets, c)
		}
	}
	b := stanza.AppendOpen([]byte("<x xmlns='"+nsUser+"'>"), "decline", "from", o.JID.Bare().String())
	if e, ok := st.Find(d, nsUser, "reason"); ok {
		b = stanza.AppendElement(b, "reason", shorten(st.Text(e), x.svc.srv.Config.RoomText))
	}
	w := r.fromRoom("normal").with(append(b, "</decline></x>"...))
	for _, c := range targets {
		x.give(c, w)
	}
	return nil
}

package muc

import (
	"slices"
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/rsm"
	"natter/stanza"
)

// list answers with who has an affiliation or a role (XEP-0045 §8.5, §9.2, §9.5,
// §9.8, §10.5, §10.8).
func (x *exchange) list(r *room, q *server.IQ) error {
	item, ok := q.Stanza.Find(q.Payload, nsAdmin, "item")
	if !ok {
		return stanza.BadRequest("name the affiliation or the role that is to be listed")
	}
	me := r.byJID[q.Origin.JID.String()]
	mine := r.affiliation(q.Origin.JID)
	if name, ok := q.Stanza.ChildAttr(item, "affiliation"); ok {
		aff, known := parseAffiliation(name)
		switch {
		case !known || aff == none:
			return stanza.BadRequest("that is not an affiliation that can be listed")
		case !mayList(mine, aff, r.config.Whois == "anyone"):
			return stanza.Forbidden("you may not see that list")
		}
		page, err := rsm.In(q.Stanza, q.Payload)
		if err != nil {
			return err
		}
		b, err := r.affiliations(aff, page)
		if err != nil {
			return err
		}
		return x.reply(q, b)
	}
	name, _ := q.Stanza.ChildAttr(item, "role")
	ro, known := parseRole(name)
	switch {
	case !known || ro == absent:
		return stanza.BadRequest("that is not a role that can be listed")
	case mine < admin && (me == nil || me.oc.role < mayListRoles):
		return stanza.Forbidden("only moderators may see that list")
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", nsAdmin)
	for oc := range r.everybody() {
		if oc.role == ro {
			b = stanza.AppendEmpty(b, "item", "affiliation", oc.aff.String(), "jid", oc.main().jid.String(), "nick", oc.nick, "role", ro.String())
		}
	}
	return x.reply(q, stanza.AppendClose(b, "query"))
}

// affiliations is the list of an affiliation, in the order of the addresses: all of it,
// which is bounded, or the page that is asked for (XEP-0059).
func (r *room) affiliations(aff affiliation, page rsm.Query) ([]byte, error) {
	var who []string
	for bare, st := range r.affs {
		if st.Affiliation == aff {
			who = append(who, bare)
		}
	}
	slices.Sort(who)
	var result rsm.Result
	if page.Present {
		from, to, res, err := rsm.Page(page, who, maxListed)
		if err != nil {
			return nil, err
		}
		who, result = who[from:to], res
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", nsAdmin)
	for _, bare := range who {
		st := r.affs[bare]
		if st.Reason == "" {
			b = stanza.AppendEmpty(b, "item", "affiliation", aff.String(), "jid", bare, "nick", st.Nick)
			continue
		}
		b = stanza.AppendOpen(b, "item", "affiliation", aff.String(), "jid", bare, "nick", st.Nick)
		b = stanza.AppendClose(stanza.AppendElement(b, "reason", st.Reason), "item")
	}
	if page.Present {
		b = result.AppendTo(b)
	}
	return stanza.AppendClose(b, "query"), nil
}

// demand is one item of a request that changes affiliations or roles.
type demand struct {
	bare   stanza.JID // whose affiliation
	oc     *occupant  // whose role
	aff    affiliation
	role   role
	isRole bool
	nick   string // reserved for a member, when given
	named  bool   // … it was
	reason string
}

// maxDemands bounds the items of one request.
const maxDemands = 500

// administer changes affiliations and roles (§8.2 to §8.5, §9, §10.3 to §10.8): all
// that was asked for or nothing.
func (x *exchange) administer(r *room, q *server.IQ) error {
	demands, err := r.demands(q)
	if err != nil {
		return err
	}
	me := r.byJID[q.Origin.JID.String()]
	mine := r.affiliation(q.Origin.JID)
	myRole, actor := absent, ""
	if me != nil {
		myRole, actor = me.oc.role, me.oc.nick
	}
	for i := range demands {
		if err := r.permit(&demands[i], q.Origin.JID.Bare(), myRole, mine); err != nil {
			return err
		}
	}
	if err := r.ownerLeft(demands); err != nil {
		return err
	}
	added := 0
	for _, d := range demands {
		if _, known := r.affs[d.bare.String()]; !d.isRole && !known && d.aff != none {
			added++
		}
	}
	if len(r.affs)+added > x.svc.srv.Config.RoomAffiliations {
		return stanza.ResourceConstraint("the room's lists are full; take somebody off them first")
	}
	changed := false
	for _, d := range demands {
		if d.isRole {
			r.setRole(x, d.oc, d.role, actor, d.reason)
			continue
		}
		changed = true
		r.setAffiliation(x, d, actor)
	}
	if !changed || r.gone {
		return x.reply(q, nil)
	}
	return r.commit(x, q, new(store.Batch), nil)
}

// demands reads the items of a request.
func (r *room) demands(q *server.IQ) ([]demand, error) {
	var list []demand
	for item := range q.Stanza.Children(q.Payload) {
		if !q.Stanza.ChildIs(item, nsAdmin, "item") {
			continue
		}
		if len(list) == maxDemands {
			return nil, stanza.NotAcceptable("too many items at once")
		}
		var d demand
		if e, ok := q.Stanza.Find(item, nsAdmin, "reason"); ok {
			d.reason = shorten(q.Stanza.Text(e), r.svc.srv.Config.RoomText)
		}
		affName, hasAff := q.Stanza.ChildAttr(item, "affiliation")
		roleName, hasRole := q.Stanza.ChildAttr(item, "role")
		raw, hasJID := q.Stanza.ChildAttr(item, "jid")
		if d.nick, d.named = q.Stanza.ChildAttr(item, "nick"); d.nick != "" {
			_, j, err := r.addressOf(d.nick)
			if err != nil {
				return nil, err
			}
			d.nick = j.Resource()
		}
		var known bool
		switch {
		case hasAff && hasRole: // §16.4 of the business rules
			return nil, stanza.BadRequest("an item names an affiliation or a role, not both")
		case hasAff:
			if d.aff, known = parseAffiliation(affName); !known {
				return nil, stanza.BadRequest("there is no such affiliation")
			}
			if !hasJID && d.nick != "" { // by nick, for who is in the room
				oc := r.nicks[d.nick]
				if oc == nil {
					return nil, stanza.ItemNotFound("nobody in the room goes by that nick")
				}
				d.bare, d.nick, d.named = oc.bare, "", false
				break
			}
			j, err := stanza.ParseJID(raw)
			if err != nil || raw == "" {
				return nil, stanza.JIDMalformed("that is not an address")
			}
			if d.bare = j.Bare(); d.nick != "" {
				key := nickKey(d.nick)
				twice := slices.ContainsFunc(list, func(o demand) bool { return nickKey(o.nick) == key && o.bare != d.bare })
				if by, ok := r.reserve[key]; ok && by != d.bare.String() || twice {
					return nil, stanza.Conflict("that nick is reserved for somebody else")
				}
			}
		case hasRole:
			d.isRole = true
			if d.role, known = parseRole(roleName); !known {
				return nil, stanza.BadRequest("there is no such role")
			}
			d.oc = r.nicks[d.nick]
			if j, err := stanza.ParseJID(raw); d.oc == nil && hasJID && err == nil {
				if c := r.byJID[j.String()]; c != nil {
					d.oc = c.oc
				}
			}
			if d.oc == nil {
				return nil, stanza.ItemNotFound("nobody in the room goes by that nick")
			}
		default:
			return nil, stanza.BadRequest("an item names an affiliation or a role")
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil, stanza.BadRequest("there is nothing to change in that")
	}
	return list, nil
}

// permit looks one demand up in the tables.
func (r *room) permit(d *demand, by stanza.JID, myRole role, mine affiliation) *stanza.Error {
	var v verdict
	if d.isRole {
		v = mayChangeRole(myRole, mine, d.oc.aff, d.oc.role, d.role)
	} else {
		was := r.affiliation(d.bare)
		v = mayChangeAffiliation(mine, was, d.aff)
		if v == allowed && d.bare == by && d.aff == outcast { // §9.1
			return stanza.Conflict("you cannot ban yourself")
		}
	}
	switch v {
	case forbidden:
		return stanza.Forbidden("you may not do that in this room")
	case notAllowed:
		return stanza.NotAllowed("that cannot be done to somebody of their standing")
	}
	return nil
}

// ownerLeft refuses what would leave the room without an owner (§10.4).
func (r *room) ownerLeft(demands []demand) *stanza.Error {
	after := make(map[string]affiliation)
	lost := false
	for _, d := range demands {
		if !d.isRole {
			after[d.bare.String()] = d.aff
			lost = lost || d.aff != owner && r.affiliation(d.bare) == owner
		}
	}
	if !lost {
		return nil
	}
	for _, aff := range after {
		if aff == owner {
			return nil
		}
	}
	for bare, st := range r.affs {
		if _, changed := after[bare]; st.Affiliation == owner && !changed {
			return nil
		}
	}
	return stanza.Conflict("the room would be left without an owner; make somebody else one first")
}

// setRole gives an occupant another role, or kicks it (§8.2).
func (r *room) setRole(x *exchange, oc *occupant, to role, actor, reason string) {
	was := oc.role
	switch {
	case len(oc.clients) == 0: // gone by an earlier item of the same request
	case to == absent:
		r.remove(x, oc, &change{statuses: []string{statusKicked}, actor: actor, reason: reason})
	case to != was:
		oc.role, oc.cached = to, [2][]byte{}
		r.tellAs(x, oc, &change{actor: actor, reason: reason}, was)
		for _, c := range oc.clients {
			r.note(x, c)
		}
	}
}

// setAffiliation changes what a bare JID is to the room (§9, §10).
func (r *room) setAffiliation(x *exchange, d demand, actor string) {
	bare, was := d.bare.String(), r.affiliation(d.bare)
	st := r.standing(bare)
	st.Unknown = d.aff == outcast && (st.Unknown || was == none && st.Since == 0)
	st.Affiliation, st.Reason = d.aff, ""
	if d.aff == outcast {
		st.Reason = d.reason
	}
	if d.named || d.aff <= none { // §9.5: a member loses its nick with its membership
		st.Nick = ""
		if d.aff > none {
			st.Nick = d.nick
		}
	}
	r.setStanding(bare, st)
	r.affect(x, d, was, actor)
}

// affect tells of an affiliation that was another, and does what follows from it for
// those in the room: a ban, or who may not be there any more, takes them out; a new
// affiliation brings its role.
func (r *room) affect(x *exchange, d demand, was affiliation, actor string) {
	is := r.affiliation(d.bare) // which of a domain that is banned is not none
	mav := r.newVersion(d.bare.String(), was, is)
	occupants := r.byBare(d.bare)
	for _, oc := range occupants {
		before := oc.role
		oc.aff, oc.cached = is, [2][]byte{}
		ch := &change{actor: actor, reason: d.reason, mav: mav}
		switch {
		case is == outcast: // §9.1
			ch.statuses = []string{statusBanned}
			r.remove(x, oc, ch)
			continue
		case r.config.MembersOnly && is < member: // §9.4
			ch.statuses = []string{statusAffiliation}
			r.remove(x, oc, ch)
			continue
		}
		if was != is {
			oc.role = roleAfter(oc.role, was, is, r.config.Moderated)
		}
		r.tellAs(x, oc, ch, before)
		for _, c := range oc.clients {
			r.note(x, c)
		}
	}
	if len(occupants) == 0 && was != is {
		r.tellChange(x, d, was, is, mav)
	}
}

// roleAfter is the role of an occupant whose affiliation changes (§5.1.2, §5.1.3):
// more of the one brings more of the other, less takes what it had brought.
func roleAfter(r role, from, to affiliation, moderated bool) role {
	m := 0
	if moderated {
		m = 1
	}
	if to > from {
		return max(r, defaultRole[m][to])
	}
	if r == defaultRole[m][from] || r == moderator && from >= admin {
		return defaultRole[m][to]
	}
	return r
}

// tellChange tells everybody who may know it that the affiliation of somebody changed
// who is not there (§9.3, §10.3; XEP-0463 §4.2.2). To whom it is the same as before, as
// bans are not theirs to see, the version alone is told.
func (r *room) tellChange(x *exchange, d demand, was, is affiliation, mav []byte) {
	var wires [2]wire // for who does not see bans, and who does
	for _, c := range r.clients {
		if !r.mayVersion(c.oc.aff) {
			continue
		}
		i := 0
		if c.oc.aff >= admin {
			i = 1
		}
		if wires[i].Head == nil {
			b := append([]byte("<x xmlns='"+nsUser+"'>"), mav...)
			if shown := shownAs(c.oc.aff, is); shown != shownAs(c.oc.aff, was) {
				b = stanza.AppendOpen(b, "item", "affiliation", shown.String(), "jid", d.bare.String(), "nick", d.nick, "role", "none")
				if d.reason != "" && shown == is {
					b = stanza.AppendElement(b, "reason", d.reason)
				}
				b = append(b, "</item>"...)
			}
			wires[i] = r.fromRoom("").with(append(b, "</x>"...))
		}
		x.give(c, wires[i])
	}
}

// shorten cuts text to n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

package muc

import (
	"bytes"
	"iter"
	"slices"
	"time"

	"natter/server"
	"natter/stanza"
)

// occupant is somebody in a room, under one nick, with one client or several
// (XEP-0045 §7.2.8). Guarded by the room's lock.
type occupant struct {
	nick    string
	attr    []byte     // room@service/nick, escaped
	bare    stanza.JID // real address
	id      string     // XEP-0421
	role    role
	aff     affiliation
	clients []*client // the last to say something about its presence is last
	asked   time.Time // when it last asked for voice
	cached  [2][]byte // tail of the presence, without and with the real address
}

// client is one full JID in a room.
type client struct {
	oc      *occupant
	jid     stanza.JID
	attr    []byte          // jid, escaped
	session *server.Session // nil when it is not of this server
	payload []byte          // of its last presence: children, for the client namespace
	lang    []byte          // its xml:lang, escaped; nil without
	heard   int64           // when it last sent something, in Unix seconds
	asked   bool            // … and it was asked for a sign of life
	asking  int             // requests of its that await another's answer
}

// main is the client whose presence the occupant shows.
func (oc *occupant) main() *client { return oc.clients[len(oc.clients)-1] }

// everybody yields those who are in the room, each once, in the order they came.
func (r *room) everybody() iter.Seq[*occupant] {
	return func(yield func(*occupant) bool) {
		for _, c := range r.clients {
			if c == c.oc.main() && !yield(c.oc) {
				return
			}
		}
	}
}

// update makes c the one that is shown, with a new presence. It reports whether
// others see a difference.
func (oc *occupant) update(c *client, payload, lang []byte) bool {
	was := oc.main()
	same := bytes.Equal(was.payload, payload) && bytes.Equal(was.lang, lang) && (was == c || len(oc.clients) > 1)
	c.payload, c.lang = payload, lang
	if i := slices.Index(oc.clients, c); i < len(oc.clients)-1 {
		oc.clients = append(slices.Delete(oc.clients, i, i+1), c)
	}
	oc.cached = [2][]byte{}
	return !same
}

// payloadOf returns what of a presence is passed on: its children but for those
// that only the room may add (XEP-0421 §4, XEP-0317 §3), or that are for the room.
func payloadOf(st *stanza.Stanza) []byte {
	var cut []stanza.Span
	detach := st.Prefixed() || bytes.Contains(st.Raw[:len(st.Raw)-len(st.Inner())], []byte("xmlns:"))
	var b []byte
	for c := range st.All() {
		switch string(st.Space(c)) {
		case nsMUC, nsUser, nsOccupant, nsHats:
			cut = append(cut, c.Span())
		default:
			if detach {
				b = st.Detach(b, c)
			}
		}
	}
	if detach {
		return b
	}
	whole := st.AppendTo(nil, &stanza.Stamp{NS: stanza.NSClient, Cut: cut})
	plain, err := stanza.ParseIn(whole, stanza.NSClient, stanza.Limits{Bytes: max(len(whole), stanza.AfterLogin.Bytes)})
	if err != nil {
		return nil
	}
	return bytes.Clone(plain.Inner())
}

// change is a presence that a room sends about an occupant.
type change struct {
	unavailable bool
	payload     []byte // of an unavailable presence
	nick        string // the new one (§7.6)
	actor       string // nick of who did it
	reason      string
	destroy     []byte // <destroy/>, when the room is gone (§10.9)
	statuses    []string
	own         []string // for the occupant's own clients, beside 110
	id          []byte   // of the presence that is answered, for the client it came from
	client      *client  // … which is this one
	mav         []byte   // <mav/> (XEP-0463)
}

// presence returns the presence of oc as ch has it: with the real address or not,
// for the occupant's own client or others.
func (r *room) presence(oc *occupant, ch *change, withJID, own bool) wire {
	head := append(append([]byte("<presence from='"), oc.attr...), "' to='"...)
	if !ch.unavailable && !own && len(ch.statuses) == 0 && ch.actor == "" && ch.reason == "" && ch.mav == nil {
		i := 0
		if withJID {
			i = 1
		}
		if oc.cached[i] == nil {
			oc.cached[i] = r.appendPresence(nil, oc, ch, withJID, own)
		}
		return wire{head, oc.cached[i]}
	}
	return wire{head, r.appendPresence(nil, oc, ch, withJID, own)}
}

func (r *room) appendPresence(b []byte, oc *occupant, ch *change, withJID, own bool) []byte {
	c := oc.main()
	if ch.unavailable {
		b = append(b, "' type='unavailable"...)
	}
	b = append(b, '\'')
	if own && ch.id != nil {
		b = append(append(append(b, " id='"...), bytes.ReplaceAll(ch.id, []byte("'"), []byte("&apos;"))...), '\'')
	}
	payload := c.payload
	if ch.unavailable {
		payload = ch.payload
	}
	if c.lang != nil && len(payload) > 0 {
		b = append(append(append(b, " xml:lang='"...), c.lang...), '\'')
	}
	b = append(append(b, '>'), payload...)
	b = append(b, "<x xmlns='"+nsUser+"'>"...)
	if b = append(b, ch.mav...); ch.mav == nil && own && !ch.unavailable {
		b = r.appendVersion(b)
	}
	role := oc.role
	if ch.unavailable && ch.nick == "" {
		role = absent
	}
	jid := ""
	if withJID {
		jid = c.jid.String()
	}
	b = stanza.AppendOpen(b, "item", "affiliation", oc.aff.String(), "role", role.String(), "jid", jid, "nick", ch.nick)
	if ch.actor != "" {
		b = stanza.AppendEmpty(b, "actor", "nick", ch.actor)
	}
	if ch.reason != "" {
		b = stanza.AppendElement(b, "reason", ch.reason)
	}
	b = append(b, "</item>"...)
	b = append(b, ch.destroy...)
	for _, s := range ch.statuses {
		b = stanza.AppendEmpty(b, "status", "code", s)
	}
	if own {
		for _, s := range append([]string{statusSelf}, ch.own...) {
			b = stanza.AppendEmpty(b, "status", "code", s)
		}
	}
	b = append(b, "</x>"...)
	b = appendOccupantID(b, oc.id)
	b = r.appendHats(b, oc)
	return append(b, "</presence>"...)
}

func appendOccupantID(b []byte, id string) []byte {
	return stanza.AppendEmpty(b, "occupant-id", "xmlns", nsOccupant, "id", id)
}

// sees reports whether presence of oc goes to others than itself: the room may
// keep that of some roles to itself (muc#roomconfig_presencebroadcast), or tell of
// members only.
func (r *room) sees(c *client, oc *occupant, role role) bool {
	switch {
	case c.oc == oc || c.oc.role == moderator:
		return true
	case r.config.MembersPresence && oc.aff < member:
		return false
	}
	return r.config.shows(role)
}

// knows reports whether a client is told the real address of oc (§7.2.3, §7.2.4).
func (r *room) knows(c *client, oc *occupant) bool {
	return c.oc == oc || r.config.Whois == "anyone" || c.oc.role == moderator
}

// tell sends a presence about oc to all who see it.
func (r *room) tell(x *exchange, oc *occupant, ch *change) { r.tellAs(x, oc, ch, oc.role) }

// tellAs is tell for one whose role was another when it was last told of.
func (r *room) tellAs(x *exchange, oc *occupant, ch *change, as role) {
	var wires [2]*server.Wire
	for _, c := range r.clients {
		if c.oc == oc {
			own := *ch
			if ch.client != c {
				own.id = nil
			}
			x.give(c, r.presence(oc, &own, true, true))
			continue
		}
		if !r.sees(c, oc, max(as, oc.role)) {
			continue
		}
		i := 0
		if r.knows(c, oc) {
			i = 1
		}
		if wires[i] == nil {
			wires[i] = r.presence(oc, ch, i == 1, false).shared()
		}
		x.spread(c, wires[i])
	}
}

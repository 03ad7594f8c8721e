package muc

import (
	"crypto/subtle"
	"fmt"
	"slices"
	"strconv"
	"time"

	"natter/server"
	"natter/stanza"
)

// join handles a presence with the <x/> of XEP-0045 from one who is not in the
// room under that address (§7.2), or wants to be told everything again. created
// says that it was made for them.
func (r *room) join(x *exchange, o *server.Origin, nick string, st *stanza.Stanza, muc stanza.Child, created bool) *stanza.Error {
	if r.ending {
		return errEnding()
	}
	now := time.Now()
	bare := o.JID.Bare()
	old := r.byJID[o.JID.String()]
	attr, _, err := r.addressOf(nick)
	if err != nil {
		return err
	}
	payload := payloadOf(st)
	if err := tooLong(payload); err != nil {
		return err
	}
	aff := r.affiliation(bare)
	token, password := false, ""
	if old == nil && !created {
		if p, ok := st.Find(muc, nsMUC, "password"); ok {
			password = st.Text(p)
		}
		var refused *stanza.Error
		if aff, token, refused = r.admit(bare, aff, password, now); refused != nil {
			return refused
		}
	}
	var own []string
	if r.holder(nick, bare) {
		free, ok := "", false
		if r.svc.guest(bare) && old == nil {
			free, ok = r.freeNick(bare)
		}
		if !ok {
			return stanza.Conflict("somebody in the room goes by that nick; take another one") // §7.2.8
		}
		nick = free
		if attr, _, err = r.addressOf(nick); err != nil {
			return err
		}
		own = append(own, statusNickChanged)
	}
	if same := r.taken(nick); same != nil && same.nick != nick && (old == nil || old.oc != same) {
		nick, own = same.nick, append(own, statusNickChanged) // theirs, spelt in another way
	}
	own = append(own, r.welcome(created)...)
	if old != nil {
		if old.oc.nick != nick {
			return r.rename(x, old, nick, st)
		}
		old.oc.update(old, payload, langOf(st, o))
		r.enter(x, old, st, muc, own, false) // it has lost track: tell it everything again
		return nil
	}
	oc := r.nicks[nick]
	isNew := oc == nil
	if isNew {
		if refused := r.full(aff); refused != nil {
			return refused
		}
		moderated := 0
		if r.config.Moderated {
			moderated = 1
		}
		oc = &occupant{nick: nick, attr: attr, bare: bare, id: r.occupantID(bare.String()), aff: aff, role: defaultRole[moderated][aff]}
	} else if len(oc.clients) >= maxClients {
		return stanza.ResourceConstraint("too many of your clients are in the room under that nick; let one of them leave")
	}
	if token {
		r.redeem(x, bare, password)
	}
	if isNew {
		r.named(oc)
	}
	c := &client{oc: oc, jid: o.JID, attr: o.Attr, session: o.Session, payload: payload, lang: langOf(st, o), heard: now.Unix()}
	r.addClient(x, c)
	r.enter(x, c, st, muc, own, isNew)
	return nil
}

// enter tells a client who is in the room; everybody, or when the occupant was there
// before the client alone, of itself; and then of what was said before (§7.1).
func (r *room) enter(x *exchange, c *client, st *stanza.Stanza, muc stanza.Child, own []string, isNew bool) {
	r.sendVersions(x, c, st, muc)
	r.makeRoom(c)
	for oc := range r.everybody() {
		if oc != c.oc && r.sees(c, oc, oc.role) {
			x.give(c, r.presence(oc, &change{}, r.knows(c, oc), false))
		}
	}
	ch := &change{own: own, id: st.ID(), client: c}
	if isNew {
		r.tell(x, c.oc, ch)
	} else {
		x.give(c, r.presence(c.oc, ch, true, true))
	}
	r.replay(x, c, wantedOf(st, muc, time.Now()))
}

// makeRoom lets the client's queue take the list of occupants: in a large room it is
// longer than what may wait for somebody who does not read.
func (r *room) makeRoom(c *client) {
	if c.session == nil || len(r.nicks) < 50 {
		return
	}
	n := 0
	for oc := range r.everybody() {
		w := r.presence(oc, &change{}, r.knows(c, oc), false)
		n += len(w.Head) + len(c.attr) + len(w.Tail)
	}
	c.session.Out.Allow(n)
}

// maxPresence bounds the children of a presence in bytes: everybody is sent them by
// everybody.
const maxPresence = 8 << 10

// tooLong refuses a presence with more.
func tooLong(payload []byte) *stanza.Error {
	if len(payload) > maxPresence {
		return stanza.PolicyViolation("that presence is too long for a room")
	}
	return nil
}

// maxClients bounds the clients of one occupant.
const maxClients = 50

func langOf(st *stanza.Stanza, o *server.Origin) []byte {
	lang := st.Lang()
	if lang == nil {
		lang = o.Lang
	}
	return slices.Clone(lang)
}

// admit decides whether somebody may enter (§7.2.5 to §7.2.12). token says that the
// password was a token of an invitation, which makes a member.
func (r *room) admit(bare stanza.JID, aff affiliation, password string, now time.Time) (_ affiliation, token bool, _ *stanza.Error) {
	switch {
	case r.locked && aff != owner: // §7.2.11
		return aff, false, stanza.ItemNotFound("the room is not open yet")
	case aff == outcast: // §7.2.7
		return aff, false, stanza.Forbidden("you are banned from the room")
	case r.svc.guest(bare) && !r.config.Guests:
		return aff, false, stanza.RegistrationRequired("the room takes no guests; log in with an account")
	}
	closed := r.config.MembersOnly && aff < member
	protected := r.config.Password != "" && aff < owner
	right := subtle.ConstantTimeCompare([]byte(password), []byte(r.config.Password)) == 1
	if !closed && (!protected || right) {
		return aff, false, nil
	}
	if aff == none && password != "" && !(protected && right) {
		if state := r.extras.tokenState(password, now); state == tokenGood {
			return member, true, nil
		} else if state == tokenExpired {
			e := stanza.NotAuthorized("the invitation has expired; ask for a new one")
			e.App = []byte("<expired-token xmlns='" + nsToken + "'/>") // XEP-0488 §3.5
			return aff, false, e
		}
	}
	if closed { // §7.2.6
		return aff, false, stanza.RegistrationRequired("only members may enter the room; ask an owner or administrator of it")
	}
	return aff, false, stanza.NotAuthorized("the room has a password, and that is not it") // §7.2.5
}

// full refuses who enters a room that has as many occupants as it may have, but for
// its admins and owners (§7.2.9), for whom there is still the server's own bound.
func (r *room) full(aff affiliation) *stanza.Error {
	most := r.config.MaxUsers
	if aff >= admin {
		most = max(most, r.svc.srv.Config.RoomOccupants) + 10
	}
	if len(r.nicks) >= most {
		e := stanza.ServiceUnavailable(fmt.Sprintf("the room is full: %d are in it", len(r.nicks)))
		e.Type = stanza.Wait
		return e
	}
	return nil
}

// holder reports whether a nick is somebody else's: of one in the room, or
// reserved (§7.2.8, §7.10).
func (r *room) holder(nick string, bare stanza.JID) bool {
	if oc := r.taken(nick); oc != nil && oc.bare != bare {
		return true
	}
	by, ok := r.reserve[nickKey(nick)]
	return ok && by != bare.String()
}

// freeNick returns a nick for a guest whose own choice is taken: guest-1 and up.
func (r *room) freeNick(bare stanza.JID) (string, bool) {
	for i := 1; i <= len(r.nicks)+len(r.reserve)+1; i++ {
		nick := "guest-" + strconv.Itoa(i)
		if r.taken(nick) == nil && !r.holder(nick, bare) {
			return nick, true
		}
	}
	return "", false
}

// welcome returns the status codes of who enters (§7.2.3, §7.2.12, §10.1.1).
func (r *room) welcome(created bool) []string {
	var codes []string
	if r.config.Whois == "anyone" {
		codes = append(codes, statusNonAnonymous)
	}
	if r.config.Archive {
		codes = append(codes, statusLogging)
	}
	if created {
		codes = append(codes, statusCreated)
	}
	return codes
}

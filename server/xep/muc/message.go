package muc

import (
	"strings"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// groupchat handles a message for everybody (§7.4), or a new subject (§8.1).
func (r *room) groupchat(x *exchange, o *server.Origin, st *stanza.Stanza) *stanza.Error {
	c := r.byJID[o.JID.String()]
	if c == nil {
		return stanza.NotAcceptable("you are not in the room; enter it first") // §7.4
	}
	oc := c.oc
	c.heard = time.Now().Unix()
	if isSubject(st) {
		if oc.role < moderator && !(r.config.ChangeSubject && oc.role >= participant) {
			return stanza.Forbidden("only moderators may change the subject") // §8.1
		}
		return r.broadcast(x, c, o, st, deed{subject: true})
	}
	switch {
	case oc.role < participant: // §7.4
		return stanza.Forbidden("you have no voice here; ask a moderator for it")
	case isEmpty(st):
		return stanza.BadRequest("the message is empty: write something")
	}
	if err := r.slow(oc, st); err != nil {
		return err
	}
	if retracted, err := r.retraction(x, c, o, st); retracted || err != nil {
		return err
	}
	return r.broadcast(x, c, o, st, deed{})
}

// isSubject reports whether a message sets the subject: it has a <subject/> and no
// <body/> nor <thread/> (§8.1).
func isSubject(st *stanza.Stanza) bool {
	_, subject := st.Child(stanza.NSClient, "subject")
	_, thread := st.Child(stanza.NSClient, "thread")
	return subject && !thread && !st.HasBody()
}

// isEmpty reports whether a message says nothing: there is nothing in it but empty
// bodies and what names it.
func isEmpty(st *stanza.Stanza) bool {
	for c := range st.All() {
		ns, local := string(st.Space(c)), string(st.Local(c))
		switch {
		case ns == stanza.NSClient && (local == "thread" || local == "subject"):
		case ns == stanza.NSClient && local == "body":
			if strings.TrimSpace(st.Text(c)) != "" {
				return false
			}
		case ns == nsSID: // origin-id, stanza-ids
		default:
			return false
		}
	}
	return true
}

// forged returns what of a message only the room may say: muc#user, occupant-ids,
// hats, its own stanza-ids and delays.
func (r *room) forged(st *stanza.Stanza) []stanza.Span {
	var cut []stanza.Span
	by := func(c stanza.Child, attr string) bool {
		v, ok := st.ChildAttr(c, attr)
		j, err := stanza.ParseJID(v)
		return !ok || err != nil || j.Bare() == r.jid || j == r.svc.jid
	}
	for c := range st.All() {
		switch string(st.Space(c)) {
		case nsMUC, nsUser, nsOccupant, nsHats:
			cut = append(cut, c.Span())
		case nsSID:
			if string(st.Local(c)) == "stanza-id" && by(c, "by") {
				cut = append(cut, c.Span())
			}
		case nsDelay, "jabber:x:delay":
			if by(c, "from") {
				cut = append(cut, c.Span())
			}
		}
	}
	return cut
}

// broadcast sends a message of an occupant's to everybody: at once, or in a room
// with an archive when it is stored there, in order.
func (r *room) broadcast(x *exchange, c *client, o *server.Origin, st *stanza.Stanza, d deed) *stanza.Error {
	l := line{id: x.svc.srv.Store.NextID(), at: time.Now(), nick: c.oc.nick, bare: c.oc.bare.String()}
	tail := r.appendStanzaID(appendOccupantID(nil, c.oc.id), l.id)
	l.wire = wireOf(st, c.oc.attr, o.Lang, r.forged(st), tail)
	if st.HasBody() {
		r.activity.count(l.at, st)
	}
	var said []byte
	if d.subject {
		for e := range st.All() {
			if st.ChildIs(e, stanza.NSClient, "subject") {
				said = st.Detach(said, e)
			}
		}
	}
	origin, kept := *o, st.Clone()
	d.fail = func(t *server.Turn, e *stanza.Error) { r.svc.srv.Bounce(t, &origin, kept, e) }
	if d.subject {
		d.then = func(x *exchange) { r.setSubject(x, l, said) }
	}
	return r.send(x, o, st, l, d)
}

// deed is what a message does beside being said.
type deed struct {
	subject bool                              // it sets the subject
	buried  uint64                            // the message it takes back, which is replaced in the archive
	grave   []byte                            // … by this
	then    func(*exchange)                   // runs as it goes out, with the room locked; nil for nothing
	fail    func(*server.Turn, *stanza.Error) // runs without, when it cannot be stored after all
}

// send lets a message out to everybody, and to the archive. An error that is returned
// is not told to d.fail.
func (r *room) send(x *exchange, o *server.Origin, st *stanza.Stanza, l line, d deed) *stanza.Error {
	if r.ending {
		return errEnding()
	}
	// The subject is told for itself, as the last of a join; what is taken back, not at all.
	l.passing = d.subject || d.buried != 0
	out := func(x *exchange) {
		r.say(x, l)
		if d.buried != 0 {
			r.history.remove(d.buried)
		}
		if d.then != nil {
			d.then(x)
		}
	}
	if !r.config.Archive && d.buried == 0 {
		if r.queue.empty() {
			out(x)
			return nil
		}
		r.queue.put(&queued{from: o.JID, size: l.size(), ready: true, run: func(x *exchange, _ error) { out(x) }})
		return nil
	}
	if _, full := r.queue.has(o.JID); full || x.svc.srv.Store.Full() {
		return stanza.ResourceConstraint("the server cannot store messages just now; try again later")
	}
	i := &queued{from: o.JID, size: l.size()}
	i.run = func(x *exchange, err error) {
		if err != nil {
			x.after = append(x.after, func(t *server.Turn) {
				d.fail(t, stanza.ResourceConstraint("the message could not be stored; try again later"))
			})
			return
		}
		out(x)
	}
	b := new(store.Batch)
	if r.config.Archive {
		b.Append(r.record(l, st))
	}
	if d.buried != 0 {
		b.Replace(d.buried, d.grave, "")
	}
	r.queue.put(i)
	if err := x.t.Commit(b, func(_ *server.Turn, err error) { r.done(i, err) }); err != nil {
		r.queue.drop(i)
		return stanza.ResourceConstraint("the server cannot store messages just now; try again later")
	}
	return nil
}

// say gives a message to every client, and remembers it.
func (r *room) say(x *exchange, l line) {
	w := l.wire.shared()
	for _, c := range r.clients {
		x.spread(c, w)
	}
	if !l.passing {
		r.history.add(l)
	}
	r.used = l.at
	r.watch(l)
}

// record is a message as the archive keeps it (package archive): as the occupants
// saw it, with the real address of who sent it beside.
func (r *room) record(l line, st *stanza.Stanza) store.Record {
	rec := store.Record{
		ID: l.id, Owners: [2]string{"", r.jid.String()}, From: l.bare, To: r.jid.String(),
		Kind: uint8(stanza.Groupchat), Stanza: l.wire.alone(nil),
	}
	if rec.From == "" { // the room itself
		rec.From = rec.To
	}
	if st != nil {
		rec.Text = st.Body()
	}
	return rec
}

func (r *room) appendStanzaID(b []byte, id uint64) []byte {
	return r.svc.host.AppendStanzaID(b, r.jid.String(), id)
}

// setSubject keeps a subject that was told to everybody.
func (r *room) setSubject(x *exchange, l line, elements []byte) {
	r.subject = subject{Elements: elements, Nick: l.nick, At: l.at}
	r.save(x)
}

// private handles a message for one occupant (§7.5).
func (r *room) private(x *exchange, o *server.Origin, nick string, st *stanza.Stanza) *stanza.Error {
	c := r.byJID[o.JID.String()]
	if c == nil {
		return stanza.NotAcceptable("you are not in the room; enter it first")
	}
	c.heard = time.Now().Unix()
	if st.Type == stanza.Groupchat {
		return stanza.BadRequest("a private message is none for everybody") // §7.5
	}
	to := r.nicks[nick]
	if to == nil {
		return stanza.ItemNotFound("nobody in the room goes by that nick") // §7.5
	}
	least := map[string]role{"anyone": visitor, "participants": participant, "moderators": moderator}[r.config.PM]
	switch {
	case least == absent || c.oc.role < least && to.role < moderator:
		return stanza.Forbidden("the room does not let you send private messages")
	case isEmpty(st) && st.Type != stanza.TypeError:
		return stanza.BadRequest("the message is empty: write something")
	}
	tail := append([]byte(nil), "<x xmlns='"+nsUser+"'/>"...)
	w := wireOf(st, c.oc.attr, o.Lang, r.forged(st), appendOccupantID(tail, c.oc.id))
	for _, dst := range to.clients {
		// By way of the account: its archive and whom it blocks have a say.
		x.later = append(x.later, w.append(nil, dst.attr))
	}
	return nil
}

package muc

import (
	"context"
	"time"

	"natter/server"
	"natter/server/xep/disco"
	"natter/stanza"
)

// relayTimeout is how long an occupant may take to answer another one's request.
const relayTimeout = time.Minute

// maxAsking bounds the requests of one client that await an occupant's answer.
const maxAsking = 20

// ofAccount are namespaces of what an account keeps: requests for it, sent to an
// occupant, are for the account, not for one of its clients, whom nobody can know.
var ofAccount = map[string]bool{
	nsVCard:                             true,
	"urn:ietf:params:xml:ns:vcard-4.0":  true,
	"http://jabber.org/protocol/pubsub": true,
}

// relay hands a request on to an occupant (§15.4 "IQ" of the business rules), and
// its answer back. One's own nick is the room's to answer for (XEP-0410 §3.2).
func (r *room) relay(x *exchange, q *server.IQ) error {
	from := r.byJID[q.Origin.JID.String()]
	ns := string(q.Stanza.Space(q.Payload))
	switch {
	case from == nil && (ns == disco.NSInfo || ns == disco.NSItems): // §6.6
		return stanza.BadRequest("only who is in the room asks its occupants")
	case from == nil:
		return stanza.NotAcceptable("you are not in the room; enter it first")
	}
	from.heard = time.Now().Unix()
	to := r.nicks[q.To.Resource()]
	switch {
	case from.asking >= maxAsking && !(ns == nsPing && to == from.oc):
		e := stanza.ResourceConstraint("too many of your requests are unanswered; try again later")
		e.Type = stanza.Wait
		return e
	case to == nil:
		return stanza.ItemNotFound("nobody in the room goes by that nick")
	case ns == nsPing && to == from.oc:
		return x.reply(q, nil)
	}
	target := to.main().jid
	if ofAccount[ns] {
		if q.Stanza.Type != stanza.Get {
			return stanza.NotAllowed("that is for its owner to change")
		}
		target = to.bare
	}
	sender, err := stanza.ParseJID(stanza.Unescape(from.oc.attr))
	if err != nil {
		return err
	}
	k := q.Keep()
	payload := q.Stanza.Detach(nil, q.Payload)
	typ := q.Stanza.Type
	from.asking++
	x.after = append(x.after, func(t *server.Turn) {
		x.svc.srv.Ask(t, sender, target, typ, payload, relayTimeout, func(t *server.Turn, st *stanza.Stanza, e *stanza.Error) {
			x.svc.srv.Go(func(context.Context) { // whoever calls may hold a room's lock
				r.mu.Lock()
				from.asking--
				r.mu.Unlock()
			})
			if e != nil {
				e.By = "" // it would tell who the occupant is
				k.Fail(t, e)
				return
			}
			var b []byte
			for c := range st.All() {
				b = st.Detach(b, c)
			}
			k.Reply(t, b)
		})
	})
	return server.Pending
}

// ping answers for the room.
func (x *exchange) ping(r *room, q *server.IQ) error { return x.reply(q, nil) }

// probe asks the remote clients that have said nothing for long whether they are
// there (§16.1.2); who is not is taken out.
func (r *room) probe(x *exchange, now time.Time) {
	for _, c := range r.clients {
		if c.session != nil || c.asked || now.Unix()-c.heard < int64(silence/time.Second) {
			continue
		}
		c.asked = true
		to := c.jid
		x.after = append(x.after, func(t *server.Turn) {
			x.svc.srv.Ask(t, r.jid, to, stanza.Get, []byte("<ping xmlns='"+nsPing+"'/>"), relayTimeout, func(t *server.Turn, _ *stanza.Stanza, e *stanza.Error) {
				x.svc.srv.Go(func(context.Context) { x.svc.srv.Do(func(t *server.Turn) { r.pinged(t, to, e) }) })
			})
		})
	}
}

// pinged hears of a ping's end: any answer, be it that the client does not know
// pings, is one.
func (r *room) pinged(t *server.Turn, j stanza.JID, e *stanza.Error) {
	x := &exchange{t: t, svc: r.svc}
	r.mu.Lock()
	if c := r.byJID[j.String()]; c != nil && !r.gone {
		c.asked, c.heard = false, time.Now().Unix()
		if e != nil && failures[e.Condition] && e.Condition != "service-unavailable" {
			r.leave(x, c, kicked("did not answer"))
		}
	}
	r.mu.Unlock()
	x.end()
}

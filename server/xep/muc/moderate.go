package muc

import (
	"bytes"
	"context"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const (
	nsRetract  = "urn:xmpp:message-retract:1"
	nsModerate = "urn:xmpp:message-moderate:1"
)

// retraction handles a message that takes back one of its sender's (XEP-0424). Of
// what is in the archive, the room leaves a tombstone; what it does not know is
// passed on like any message, as who gets it checks (§5). It reads from the store.
func (r *room) retraction(x *exchange, c *client, o *server.Origin, st *stanza.Stanza) (handled bool, _ *stanza.Error) {
	e, ok := st.Child(nsRetract, "retract")
	if !ok {
		return false, nil
	}
	raw, _ := st.ChildAttr(e, "id")
	id, ok := r.svc.host.ParseArchiveID(r.jid.String(), raw)
	if !ok {
		return false, nil
	}
	origin, kept := *o, st.Clone()
	jid := c.jid
	// The store is read without the lock, and the message is let out then.
	x.after = append(x.after, func(t *server.Turn) {
		rec, found, err := r.svc.record(t, r, id)
		if err == nil && found && rec.From != jid.Bare().String() {
			err = stanza.Forbidden("that message is not yours to take back")
		}
		if err == nil {
			y := &exchange{t: t, svc: r.svc}
			r.mu.Lock()
			if c := r.byJID[jid.String()]; c == nil || r.gone {
				err = stanza.NotAcceptable("you are not in the room any more")
			} else {
				var d deed
				if found {
					d.buried = rec.ID
					d.grave, err = tombstone(&rec, kept.IDString(), nil, time.Now())
				}
				if err == nil {
					if refused := r.broadcast(y, c, &origin, kept, d); refused != nil {
						err = refused
					}
				}
			}
			r.mu.Unlock()
			y.end()
		}
		if err != nil {
			r.svc.srv.Bounce(t, &origin, kept, asStanzaError(err))
		}
	})
	return true, nil
}

// record reads one of a room's archived messages.
func (s *service) record(t *server.Turn, r *room, id uint64) (store.Record, bool, error) {
	t.Await(1) // what was said a moment ago may be on its way there
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	rec, ok, err := s.srv.Store.GetRecord(ctx, id)
	return rec, ok && rec.Owners[1] == r.jid.String(), err
}

// errTakenBack is what those are told who take back what is no more.
func errTakenBack() *stanza.Error {
	return stanza.ItemNotFound("that message has been taken back already")
}

// tombstone is what is left of a message in the archive (XEP-0424 §4.2, XEP-0425 §5):
// whose it was. id is of the message that took it back.
func tombstone(rec *store.Record, id string, moderated []byte, now time.Time) ([]byte, error) {
	st, err := stanza.Parse(rec.Stanza, stanza.Limits{Bytes: len(rec.Stanza) + 1})
	if err != nil {
		return nil, err
	}
	b := stanza.AppendOpen(nil, "message", "xmlns", stanza.NSClient, "type", "groupchat", "from", st.FromString(), "id", st.IDString())
	if _, ok := st.Child(nsRetract, "retracted"); ok {
		return nil, errTakenBack()
	}
	for c := range st.All() {
		if ns := string(st.Space(c)); ns == nsOccupant || ns == nsSID && string(st.Local(c)) == "stanza-id" {
			b = st.Detach(b, c)
		}
	}
	b = stanza.AppendOpen(b, "retracted", "xmlns", nsRetract, "stamp", stamp(now), "id", id)
	b = append(b, moderated...)
	return append(b, "</retracted></message>"...), nil
}

// moderate takes back a message of somebody else's in the room's name (XEP-0425).
func (x *exchange) moderate(r *room, q *server.IQ) error {
	c := r.byJID[q.Origin.JID.String()]
	if c == nil && r.affiliation(q.Origin.JID) < admin || c != nil && c.oc.role < mayModerate {
		return stanza.Forbidden("only moderators take back the messages of others")
	}
	if _, ok := q.Stanza.Find(q.Payload, nsRetract, "retract"); !ok {
		return stanza.FeatureNotImplemented("a moderator can retract a message, and nothing else")
	}
	raw, _ := q.Stanza.ChildAttr(q.Payload, "id")
	id, ok := r.svc.host.ParseArchiveID(r.jid.String(), raw)
	if !ok {
		return stanza.ItemNotFound("there is no such message in the room's archive")
	}
	reason := ""
	if e, ok := q.Stanza.Find(q.Payload, nsModerate, "reason"); ok {
		reason = shorten(q.Stanza.Text(e), x.svc.srv.Config.RoomText)
	}
	by, who := r.attr, r.occupantID(q.Origin.JID.Bare().String())
	if c != nil {
		by = c.oc.attr
	}
	k := q.Keep()
	by = bytes.Clone(by)
	x.after = append(x.after, func(t *server.Turn) {
		if err := r.moderated(t, k, id, raw, by, who, reason); err != nil && err != server.Pending {
			k.Fail(t, err)
		}
	})
	return server.Pending
}

// moderated carries a moderation out: the archive gets its tombstone, everybody is
// told, and then the moderator is answered.
func (r *room) moderated(t *server.Turn, k *server.IQ, id uint64, raw string, by []byte, who, reason string) error {
	rec, found, err := r.svc.record(t, r, id)
	if err != nil {
		return err
	}
	if !found {
		return stanza.ItemNotFound("there is no such message in the room's archive")
	}
	m := append(append([]byte("<moderated xmlns='"+nsModerate+"' by='"), by...), "'>"...)
	m = append(appendOccupantID(m, who), "</moderated>"...)
	if reason != "" {
		m = stanza.AppendElement(m, "reason", reason)
	}
	news := stanza.AppendOpen(nil, "retract", "xmlns", nsRetract, "id", raw)
	news = append(append(news, m...), "</retract>"...)
	own := server.NewID()
	grave, err := tombstone(&rec, own, m, time.Now())
	if err != nil {
		return err
	}
	x := &exchange{t: t, svc: r.svc}
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return stanza.ItemNotFound("the room is gone")
	}
	l := line{id: r.svc.srv.Store.NextID(), at: time.Now()}
	l.wire = r.fromRoom("groupchat").with(r.appendStanzaID(news, l.id))
	l.wire.Tail = append([]byte("' id='"+own), l.wire.Tail...)
	refused := r.send(x, &server.Origin{}, nil, l, deed{
		buried: rec.ID, grave: grave,
		then: func(x *exchange) { x.after = append(x.after, func(t *server.Turn) { k.Reply(t, nil) }) },
		fail: func(t *server.Turn, e *stanza.Error) { k.Fail(t, e) },
	})
	r.mu.Unlock()
	x.end()
	if refused != nil {
		return refused
	}
	return server.Pending
}

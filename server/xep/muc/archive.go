package muc

import (
	"natter/server"
	"natter/server/store"
	"natter/server/xep/archive"
	"natter/stanza"
)

// mayRead refuses those from whom the archive is kept (XEP-0313 §8.1): who may not
// enter the room may not read what was said in it.
func (r *room) mayRead(j stanza.JID) *stanza.Error {
	aff := r.affiliation(j)
	inside := r.byJID[j.String()] != nil
	switch {
	case aff == outcast:
		return stanza.Forbidden("you are banned from the room")
	case inside || aff >= member:
		return nil
	case r.config.MembersOnly, r.config.Password != "", r.locked, r.svc.guest(j.Bare()):
		return stanza.Forbidden("enter the room to read its archive")
	}
	return nil
}

// query answers requests for the room's archive (XEP-0313), from a goroutine of the
// archive's.
func (x *exchange) query(r *room, q *server.IQ) error {
	if !r.config.Archive {
		return stanza.ServiceUnavailable("the room keeps no archive")
	}
	if err := r.mayRead(q.Origin.JID); err != nil {
		return err
	}
	me := r.byJID[q.Origin.JID.String()]
	knows := r.affiliation(q.Origin.JID) >= admin || me != nil && me.oc.role == moderator || r.config.Whois == "anyone"
	present := make(map[string]string) // for 'with': real addresses by nick, of those who are here
	if q.Stanza.Type == stanza.Set {
		for nick, oc := range r.nicks {
			present[nick] = oc.bare.String()
		}
	}
	a := archive.Archive{Host: r.svc.host, Owner: r.jid.String(), Search: true, Groupchat: true}
	jid := r.jid
	a.With = func(j stanza.JID) (string, error) {
		if j.Bare() == jid && j.Resource() != "" {
			if bare, ok := present[j.Resource()]; ok {
				return bare, nil
			}
			return "", stanza.ItemNotFound("nobody in the room goes by that nick")
		}
		if !knows {
			return "", stanza.Forbidden("the room does not tell who wrote what")
		}
		return j.String(), nil
	}
	if knows {
		a.Show = showAuthor
	}
	k := q.Keep()
	x.after = append(x.after, func(t *server.Turn) {
		k.Turn = t
		if err := a.Handle(k); err != nil && err != server.Pending {
			k.Fail(t, err)
		}
	})
	return server.Pending
}

// showAuthor adds the real address of who wrote a message, for those who may know it.
func showAuthor(dst []byte, rec *store.Record) []byte {
	st, err := stanza.Parse(rec.Stanza, stanza.Limits{Bytes: len(rec.Stanza) + 1})
	if err != nil || rec.From == rec.To {
		return append(dst, rec.Stanza...)
	}
	item := stanza.AppendEmpty(append([]byte(nil), "<x xmlns='"+nsUser+"'>"...), "item", "jid", rec.From)
	return st.AppendTo(dst, &stanza.Stamp{From: st.From(), Declare: true, Tail: append(item, "</x>"...)})
}

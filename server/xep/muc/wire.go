package muc

import (
	"bytes"

	"natter/server"
	"natter/stanza"
)

// wire is a stanza that goes to many: serialised once, but for the value of 'to'.
type wire server.Wire

func (w wire) append(b, to []byte) []byte { return (*server.Wire)(&w).Append(b, to) }

// shared is the wire for spread.
func (w wire) shared() *server.Wire { return (*server.Wire)(&w) }

// alone appends the stanza standing alone, without 'to'.
func (w wire) alone(b []byte) []byte {
	head := bytes.TrimSuffix(w.Head, []byte(" to='"))
	name := bytes.IndexByte(head, ' ')
	b = append(append(b, head[:name]...), " xmlns='jabber:client'"...)
	b = append(b, head[name:]...)
	return append(b, bytes.TrimPrefix(w.Tail, []byte("'"))...)
}

// with returns the stanza with an element added at its end.
func (w wire) with(element []byte) wire {
	end := bytes.LastIndex(w.Tail, []byte("</"))
	t := make([]byte, 0, len(w.Tail)+len(element))
	t = append(append(append(t, w.Tail[:end]...), element...), w.Tail[end:]...)
	return wire{w.Head, t}
}

// wireOf makes one of a stanza, sent from an address that is escaped.
func wireOf(st *stanza.Stanza, from, lang []byte, cut []stanza.Span, tail []byte) wire {
	b := st.AppendTo(nil, &stanza.Stamp{From: from, To: []byte{}, Lang: lang, NS: stanza.NSClient, Cut: cut, Tail: tail})
	n := len("<") + len(st.Kind.String()) + len(" from=''") + len(from) + len(" to='")
	return wire{b[:n:n], b[n:]}
}

// exchange is one operation on a room: what it gives to whom. Its methods are
// called with the room locked, end without.
type exchange struct {
	t   *server.Turn
	svc *service
	buf []byte

	later   [][]byte             // for those who are not here: routed in the end
	changed []*server.Session    // whose occupancy changed
	after   []func(*server.Turn) // what waits for the lock to be let go
}

// give sends a stanza to one client of an occupant.
func (x *exchange) give(c *client, w wire) {
	x.buf = w.append(x.buf[:0], c.attr)
	x.raw(c, x.buf)
}

// spread is give for a stanza that others get too.
func (x *exchange) spread(c *client, w *server.Wire) {
	if c.session != nil {
		c.session.Out.DeliverShared(x.t, w, c.attr)
		return
	}
	x.later = append(x.later, w.Append(nil, c.attr))
}

// raw is give for a stanza that has its 'to'.
func (x *exchange) raw(c *client, b []byte) {
	if c.session != nil {
		c.session.Out.DeliverRaw(x.t, b)
		return
	}
	x.later = append(x.later, bytes.Clone(b))
}

// end carries out what may not be done under the room's lock.
func (x *exchange) end() {
	for _, b := range x.later {
		x.svc.srv.Send(x.t, b)
	}
	for _, s := range x.changed {
		s.Out.Changed(x.t)
	}
	for _, fn := range x.after {
		fn(x.t)
	}
}

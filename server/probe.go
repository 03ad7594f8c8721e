package server

import (
	"time"

	"natter/presence"
	"natter/stanza"
)

// probe asks for a contact's presence on the account's behalf (§4.3). A local
// contact with no session costs one map miss and has nothing to tell.
func (srv *Server) probe(t *Turn, a *Account, x *step) {
	h := srv.hosts[x.to.Domain()]
	if h == nil {
		return
	}
	contact := h.Online(x.to.Local())
	if contact == nil || contact == a {
		return
	}
	contact.mu.Lock()
	steps := contact.resolve(presence.Answer(nil, &contact.view, a.JID, presence.None))
	contact.mu.Unlock()
	for i := range steps {
		y := &steps[i]
		if y.kind == presence.LastUnavailable {
			continue // nobody there is what the asker assumes anyway
		}
		if x.own != nil && y.kind == presence.Current && !a.Has(AccountInactive|AccountBlocks) {
			if c, err := alone(y.current); err == nil {
				x.own.Out.Deliver(t, c, &stanza.Stamp{From: y.from.Attr, To: a.Self.Attr}, nil)
			}
			if contact.outdated(steps) {
				srv.correct(t, contact, nil, steps[i:i+1])
			}
			continue
		}
		srv.perform(t, contact, contact.Self, nil, steps[i:i+1])
	}
}

// answerProbe answers a probe that came in as a stanza. Who may not know is told
// "unsubscribed", whether there is such an account or not; that goes by the
// asker's roster, which swallows it unless it says otherwise (RFC 6121 §A.3.4).
// Presence that the server makes bears the probe's id (§4.3.2.1), and tells since
// when nobody is there, if that is known (§4.3.2).
func (srv *Server) answerProbe(t *Turn, o *Origin, id []byte, to stanza.JID, a *Account) {
	if a == nil {
		b := append([]byte(nil), "<presence type='unsubscribed' from='"...)
		b = stanza.AppendAttr(b, to.Bare().String())
		b = append(b, "' to='"...)
		b = stanza.AppendAttr(b, o.JID.Bare().String())
		if id != nil {
			b = append(b, "' id='"...)
			b = append(b, id...)
		}
		srv.send(t, append(b, "'/>"...))
		return
	}
	a.mu.Lock()
	res := presence.None
	if !to.IsBare() {
		res = presence.Asked
		if s := a.Session(to.Resource()); s != nil {
			res = a.index(s)
		}
	}
	steps := a.resolve(presence.Answer(nil, &a.view, o.JID, res))
	a.mu.Unlock()
	for i := range steps {
		steps[i].id = id
		if steps[i].kind == presence.LastUnavailable {
			steps[i].since = a.lastSeen(t)
		}
		if steps[i].asked {
			srv.made(t, a, NewOrigin(to), "unavailable", &steps[i])
			continue
		}
		srv.perform(t, a, a.Self, nil, steps[i:i+1])
	}
}

// lastSeen returns since when the account is unavailable, as far as a module knows;
// the zero time else.
func (a *Account) lastSeen(t *Turn) time.Time {
	for _, m := range a.Host.Modules {
		if m.LastSeen == nil {
			continue
		}
		if at, ok := m.LastSeen(t, a); ok {
			return at
		}
	}
	return time.Time{}
}

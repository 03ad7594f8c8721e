package server

import "natter/stanza"

// outgoing shows presence that a session sends to the hooks of FromAccount, and
// returns it as they have changed it; nil when one has ended it. What no hook
// changes is not copied.
func (srv *Server) outgoing(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) *stanza.Stanza {
	a := o.Session.Account
	if len(a.Host.hooks[FromAccount]) == 0 || st.Type == stanza.TypeInvalid {
		return st
	}
	stamp := stanza.Stamp{From: o.Attr}
	if !srv.run(FromAccount, &Passage{Turn: t, Origin: o, Stanza: st, To: to, Account: a, Stamp: &stamp}) {
		return nil
	}
	if len(stamp.Cut) == 0 && len(stamp.Tail) == 0 {
		return st
	}
	stamp.Lang, stamp.Declare = o.Lang, true
	changed, err := alone(st.AppendTo(nil, &stamp))
	if err != nil {
		srv.Log.Error("changed presence does not parse", "account", a.Bare, "err", err)
		return st
	}
	return changed
}

// Refresh sends the last broadcast presence of a session once more, to all who
// get it, because what a module adds to it is no longer the same. change says
// what to cut and to append, or with false that nothing is to be sent; it runs
// with the account locked. A session that is not available sends nothing.
func (srv *Server) Refresh(t *Turn, s *Session, change func(*stanza.Stanza, *stanza.Stamp) bool) {
	a := s.Account
	a.mu.Lock()
	i := a.index(s)
	if i < 0 || s.current == nil {
		a.mu.Unlock()
		return
	}
	stamp := stanza.Stamp{From: s.Attr, Declare: true}
	was, err := alone(s.current)
	if err != nil || !change(was, &stamp) {
		a.mu.Unlock()
		return
	}
	now, err := alone(was.AppendTo(nil, &stamp))
	if err != nil {
		a.mu.Unlock()
		srv.Log.Error("changed presence does not parse", "account", a.Bare, "err", err)
		return
	}
	s.current = now.Raw
	steps := a.resolve(a.view.Broadcast(nil, i, a.view.Resources[i].Priority))
	a.mu.Unlock()
	srv.perform(t, a, &s.Origin, now, steps)
	s.Out.Changed(t)
}

// alone parses a stanza that stands alone and that the server has written: it
// may be more than what a client may send, by what was added.
func alone(b []byte) (*stanza.Stanza, error) { return stanza.Parse(b, ownLimits(b)) }

// built is alone for one that is in the client namespace without saying so.
func built(b []byte) (*stanza.Stanza, error) {
	return stanza.ParseIn(b, stanza.NSClient, ownLimits(b))
}

// ownLimits are those of what clients may send, with room for what the server
// adds: addresses, declarations, elements at the end.
func ownLimits(b []byte) stanza.Limits {
	l := stanza.AfterLogin
	l.Bytes = max(l.Bytes, len(b))
	l.Attrs += l.Namespaces
	l.Namespaces *= 2
	l.Memory = 2 * max(l.Memory, len(b))
	return l
}

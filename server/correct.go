package server

import (
	"natter/presence"
	"natter/stanza"
)

// Steps are carried out after the lock under which they were resolved is let go.
// Two goroutines may then tell somebody of an account's presence in the wrong
// order: that a session is available after that it has ended, say. So whoever has
// told of presence looks again: where it is no longer so, he tells what is. Who
// changes it later than that tells later, too.

// outdated reports whether the account's presence, or who may see it, has changed
// since the steps were resolved. No lock is needed.
func (a *Account) outdated(steps []step) bool {
	return len(steps) > 0 && steps[0].version != a.changes.Load()
}

// correct tells those whom steps have told of available presence what has become
// of it since. st is the stanza that the steps passed on. No lock may be held.
func (srv *Server) correct(t *Turn, a *Account, st *stanza.Stanza, steps []step) {
	var again []step
	a.mu.Lock()
	for i := range steps {
		if x := &steps[i]; announces(x, st) {
			if y, wrong := a.amend(x, st); wrong {
				y.version = a.changes.Load()
				again = append(again, y)
			}
		}
	}
	a.mu.Unlock()
	srv.perform(t, a, a.Self, nil, again)
}

// announces reports whether a step tells that a session is available.
func announces(x *step, st *stanza.Stanza) bool {
	switch x.kind {
	case presence.Current, presence.Available:
		return x.from != nil
	case presence.Relay:
		return x.from != nil && st != nil && st.Type == stanza.TypeNone
	}
	return false
}

// amend returns the step that puts right what x has told, and false when that is
// still true. The account must be locked.
func (a *Account) amend(x *step, st *stanza.Stanza) (step, bool) {
	y := *x
	seen := func(i int) bool {
		if x.own != nil {
			return true
		}
		return a.view.Shares(i, x.to) && (a.view.Blocked == nil || !a.view.Blocked(x.to))
	}
	i := a.index(x.from)
	directed := x.kind == presence.Available || x.kind == presence.Relay && st.To() != nil
	if i >= 0 && seen(i) && (directed || same(x.from.current, x.current)) {
		return y, false
	}
	y.from = a.Session(x.from.Resource) // perhaps another one by now
	y.kind, y.current = presence.Unavailable, nil
	if y.from == nil {
		y.from = x.from
	} else if i = a.index(y.from); y.from.current != nil && seen(i) {
		y.kind, y.current = presence.Current, y.from.current
	}
	return y, true
}

// same reports whether two slices are one, or both empty.
func same(x, y []byte) bool {
	return len(x) == len(y) && (len(x) == 0 || &x[0] == &y[0])
}

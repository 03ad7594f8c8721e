package server

import (
	"natter/presence"
	"natter/roster"
	"natter/server/store"
	"natter/stanza"
)

// commitRoster stores what changed in the roster and carries out what follows
// from it once that is durable: steps, and the push where they name it. The
// account must be locked. When the store fails later, the roster is loaded
// anew and the sender of st hears of it.
func (a *Account) commitRoster(t *Turn, o *Origin, st *stanza.Stanza, steps []step, push roster.Push) error {
	return a.storeRoster(t, func(t *Turn, err error) {
		if err == nil {
			a.follow(t, o, st, steps, push)
		} else if st != nil {
			t.srv.Bounce(t, o, st, t.srv.stanzaError(err))
		}
	}, &st)
}

// follow carries out steps in order, pushes among them. A subscription stanza
// that goes to an account of this server changes that account's roster first;
// what comes after it waits for that, so that presence does not arrive before
// the approval (RFC 6121 §3.1.5, §3.1.6).
func (a *Account) follow(t *Turn, o *Origin, st *stanza.Stanza, steps []step, push roster.Push) {
	for i := range steps {
		switch kind := steps[i].kind; {
		case kind == presence.Push:
			a.push(t, steps[i].push, push)
			continue
		case !subscribes(kind) || i == len(steps)-1:
			t.srv.perform(t, a, o, st, steps[i:i+1])
			continue
		}
		t.srv.perform(t, a, o, st, steps[i:i+1])
		// Pushes do not wait: that of a later change must not come before (§2.6.3).
		rest := steps[:0:0]
		for _, x := range steps[i+1:] {
			if x.kind == presence.Push {
				a.push(t, x.push, push)
			} else {
				rest = append(rest, x)
			}
		}
		if len(rest) > 0 {
			srv := t.srv
			srv.Store.Barrier(func(error) {
				srv.Do(func(t *Turn) { a.follow(t, o, st, rest, push) })
			})
		}
		return
	}
}

// subscribes reports whether a step sends a subscription stanza to somebody.
func subscribes(k presence.Kind) bool {
	switch k {
	case presence.Route, presence.Subscribe, presence.Subscribed, presence.Unsubscribe, presence.Unsubscribed:
		return true
	}
	return false
}

// push sends a roster push to sessions (RFC 6121 §2.1.6).
func (a *Account) push(t *Turn, to []*Session, p roster.Push) {
	if len(to) == 0 {
		return
	}
	payload := p.AppendTo(nil)
	id := NewID()
	for _, s := range to {
		b := append([]byte(nil), "<iq type='set' id='push-"...)
		b = append(b, id...)
		b = append(b, "' to='"...)
		b = append(b, s.Attr...)
		b = append(b, "'>"...)
		b = append(b, payload...)
		s.Out.DeliverRaw(t, append(b, "</iq>"...))
	}
}

// storeRoster hands the roster's changes to the store; then runs when they are
// durable, or have failed and the roster was given up. The account must be
// locked. keep, when not nil, points to a stanza that then needs: it is detached
// from the read buffer.
func (a *Account) storeRoster(t *Turn, then func(*Turn, error), keep **stanza.Stanza) error {
	return a.storeRosterWith(t, new(store.Batch), then, keep)
}

// storeRosterWith is storeRoster for changes that are stored with what is in b.
func (a *Account) storeRosterWith(t *Turn, b *store.Batch, then func(*Turn, error), keep **stanza.Stanza) error {
	docs := a.Roster.Changes()
	if len(docs) == 0 && b.Empty() {
		a.mu.Unlock()
		then(t, nil)
		a.mu.Lock()
		return nil
	}
	if keep != nil && *keep != nil {
		*keep = (*keep).Clone()
	}
	for _, d := range docs {
		key := a.Host.Key(a.Local, roster.DocumentKind, d.Key)
		if d.Data == nil {
			b.Delete(key)
		} else {
			b.Put(store.Doc{Key: key, Data: d.Data})
		}
	}
	a.storing++
	err := t.Commit(b, func(t *Turn, err error) {
		a.mu.Lock()
		a.storing--
		a.mu.Unlock()
		if err != nil {
			a.reloadRoster(t)
		}
		then(t, err)
	})
	if err != nil {
		a.storing--
		a.reloadRoster(t)
	}
	return err
}

package muc

import (
	"context"
	"maps"
	"slices"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/archive"
	"natter/stanza"
)

// trial is a change of what the room keeps that a request has asked for: in effect
// and told to the occupants, but taken back should the store refuse it, as its sender
// is then told to try again. A room tries one at a time, so that what is stored for
// the next has nothing in it of one that failed. What nobody can be told of in the
// end (a subject, a membership that came with an invitation) is no trial: it is stored
// again until it succeeds.
type trial struct {
	flying bool // with the store
	config config
	locked bool
	extras extras
	affs   map[string]standing // as they were, of those that changed
}

// maxWaiting bounds the requests that wait for a room's store; what they take together is
// bounded as what is queued is.
const maxWaiting = 1000

// changes reports whether a kind of request may change what a room keeps.
func changes(k request) bool {
	return k.typ == stanza.Set && k.ns != nsModerate && k.ns != archive.NS
}

// try carries out a request that changes the room: now, or when those before it are
// stored.
func (r *room) try(x *exchange, q *server.IQ, h handler) error {
	if r.trial != nil {
		if len(r.waiting) >= maxWaiting || r.waitingBytes >= maxQueuedBytes {
			return stanza.ResourceConstraint("the room has too much to do; try again later")
		}
		r.waiting = append(r.waiting, waiting{q.Keep(), h})
		r.waitingBytes += len(q.Stanza.Raw)
		return server.Pending
	}
	r.trial = &trial{config: r.config, locked: r.locked, extras: r.extras.clone(), affs: make(map[string]standing)}
	err := h(x, r, q)
	if r.trial != nil && !r.trial.flying {
		r.trial = nil
	}
	return err
}

// waiting is a request that waits.
type waiting struct {
	q *server.IQ
	h handler
}

// commit stores what a request has changed and answers it when that is durable. b is
// what is stored beside the room and its standings.
func (r *room) commit(x *exchange, q *server.IQ, b *store.Batch, payload []byte) error {
	if err := r.put(b); err != nil {
		return err
	}
	return r.fly(x, q, b, payload, nil)
}

// fly hands the changes of a trial to the store. then runs when they are durable,
// with the room locked, before the request is answered.
func (r *room) fly(x *exchange, q *server.IQ, b *store.Batch, payload []byte, then func(*exchange)) error {
	k, tr := q.Keep(), r.trial
	if err := r.hand(x, b, func(_ *server.Turn, err error) {
		// The callback must not wait for the room.
		r.svc.srv.Go(func(context.Context) {
			r.svc.srv.Do(func(t *server.Turn) { r.land(t, tr, k, payload, then, err) })
		})
	}); err != nil {
		r.trial = nil
		r.undo(x, tr)
		return err
	}
	tr.flying = true
	return server.Pending
}

// land ends a trial, answers its request, and lets the next ones begin.
func (r *room) land(t *server.Turn, tr *trial, k *server.IQ, payload []byte, then func(*exchange), err error) {
	x := &exchange{t: t, svc: r.svc}
	r.mu.Lock()
	r.trial = nil
	switch {
	case err != nil && !r.gone:
		r.undo(x, tr)
	case err == nil && then != nil:
		then(x)
	}
	if !r.gone && r.owed {
		r.save(x)
	}
	x.after = append(x.after, func(t *server.Turn) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, payload)
	})
	for len(r.waiting) > 0 && r.trial == nil {
		w := r.waiting[0]
		r.waiting[0] = waiting{}
		r.waiting = r.waiting[1:]
		r.waitingBytes -= len(w.q.Stanza.Raw)
		w.q.Turn = t
		var err error = stanza.ItemNotFound("there is no such room")
		if !r.gone {
			err = r.try(x, w.q, w.h)
		}
		if err != nil && err != server.Pending {
			x.after = append(x.after, func(t *server.Turn) { w.q.Fail(t, err) })
		}
	}
	if len(r.waiting) == 0 {
		r.waiting = nil
	}
	r.mu.Unlock()
	x.end()
}

// undo takes a trial back, and tells those who are in the room: it is as if somebody
// had changed everything back. Whom it has put out stays out, and may enter again.
func (r *room) undo(x *exchange, tr *trial) {
	was := r.config
	hats := !slices.Equal(r.extras.Hats, tr.extras.Hats)
	extrasBack := r.extras.differs(&tr.extras)
	r.config, r.locked, r.extras, r.ending = tr.config, tr.locked, tr.extras, false
	for _, oc := range r.nicks {
		oc.cached = [2][]byte{}
	}
	codes := differences(&was, &r.config)
	if extrasBack && !slices.Contains(codes, statusConfigChanged) {
		codes = append(codes, statusConfigChanged)
	}
	if len(codes) > 0 {
		r.announce(x, codes...)
		r.expel(x, &was)
		if was.Moderated != r.config.Moderated {
			r.moderate(x)
		}
		r.reveal(x, &was)
	}
	for _, bare := range slices.Sorted(maps.Keys(tr.affs)) {
		j, err := stanza.ParseJID(bare)
		if err != nil {
			continue
		}
		st, from := tr.affs[bare], r.affiliation(j)
		hats = hats || !slices.Equal(st.Hats, r.standing(bare).Hats)
		r.setStanding(bare, st)
		r.affect(x, demand{bare: j, aff: st.Affiliation}, from, "")
	}
	if hats {
		for _, oc := range slices.Collect(r.everybody()) {
			r.tell(x, oc, &change{})
		}
	}
	r.owed = true // the versions have gone on
	r.emptied(x)
}

// setStanding replaces what the room keeps of a bare JID. It is stored with the room's
// document.
func (r *room) setStanding(bare string, st standing) {
	was := r.standing(bare)
	if r.trial != nil && !r.trial.flying {
		if _, noted := r.trial.affs[bare]; !noted {
			r.trial.affs[bare] = was
		}
	}
	if key := nickKey(was.Nick); r.reserve[key] == bare {
		delete(r.reserve, key)
	}
	if st.Since = was.Since; st.empty() {
		delete(r.affs, bare)
		if st.Since > 0 {
			r.removed[bare] = st.Since
		}
	} else {
		r.affs[bare] = st
		delete(r.removed, bare)
		if st.Nick != "" {
			r.reserve[nickKey(st.Nick)] = bare
		}
	}
	r.unsaved[bare] = true
}

package store

import (
	"cmp"
	"slices"
)

// write executes what the group does to the Log and the spool.
func (p *logPlan) write() error {
	if p.empty() {
		return nil
	}
	if err := p.writeOwners(); err != nil {
		return err
	}
	slices.SortFunc(p.order, func(a, b *pending) int { return cmp.Compare(a.id, b.id) })
	removed := false
	for _, e := range p.order {
		if e.gone {
			removed = true
			if err := p.delete(e); err != nil {
				return err
			}
		}
		if e.replaced != nil {
			if err := p.replace(e); err != nil {
				return err
			}
		}
		if e.rec != nil {
			if err := p.insert(e); err != nil {
				return err
			}
		}
		if err := p.writeSpool(e); err != nil {
			return err
		}
	}
	return p.writeFloors(removed)
}

// writeOwners detaches the owners that went and adds the new ones, in that
// order: a new owner may have the JID of one that went.
func (p *logPlan) writeOwners() error {
	for _, id := range p.dead {
		// One that was created in this group is not there yet.
		err := p.c.prep(`INSERT INTO owners(id, jid, dirty) VALUES(?, NULL, 1)
			ON CONFLICT(id) DO UPDATE SET jid = NULL, dirty = 1`).int(id).run()
		if err != nil {
			return err
		}
	}
	for jid, id := range p.newOwners {
		if err := p.c.prep(`INSERT INTO owners(id, jid) VALUES(?, ?)`).int(id).text(jid).run(); err != nil {
			return err
		}
	}
	return nil
}

// delete removes a record and its index rows.
func (p *logPlan) delete(e *pending) error {
	id, owners := e.id, e.oldOwners
	if err := p.c.prep(`DELETE FROM log WHERE id = ?`).id(id).run(); err != nil {
		return err
	}
	if e.worded {
		if err := p.s.w.words.remove(p.c, id); err != nil {
			return err
		}
	}
	for i, o := range owners {
		if o != 0 && (i == 0 || o != owners[0]) {
			if err := unindex(p.c, o, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace changes a stored record, and its words if they are indexed.
func (p *logPlan) replace(e *pending) error {
	o, w := e.replaced, &p.s.w.words
	err := p.c.prep(`UPDATE log SET stanza = ?, body = ? WHERE id = ?`).blob(o.stanza).text(o.a).id(e.id).run()
	if err == nil {
		err = p.c.prep(`UPDATE spool SET size = ? WHERE id = ?`).int(e.size).id(e.id).run()
	}
	if err != nil || e.id > w.now {
		return err
	}
	if err := w.remove(p.c, e.id); err != nil || o.a == "" || e.flags&FlagTransient != 0 {
		return err
	}
	r, ok, err := record(p.c, e.id, func(*stmt) bool { return true })
	if !ok {
		return err
	}
	return w.insert(p.c, e.id, e.owners, &r)
}

// unindex removes an index row, if it is there already.
func unindex(c *conn, owner int64, id uint64) error {
	if err := c.prep(`DELETE FROM log_owner WHERE owner = ? AND id = ?`).int(owner).id(id).run(); err != nil {
		return err
	}
	if n := c.changes(); n > 0 {
		return c.prep(`UPDATE owners SET n = n - ? WHERE id = ?`).int(n).int(owner).run()
	}
	return nil
}

func (p *logPlan) insert(e *pending) error {
	r := e.rec
	err := p.c.prep(`INSERT INTO log(id, o0, o1, kind, flags, sender, recipient, stanza, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)`).
		id(e.id).int(e.owners[0]).int(e.owners[1]).int(int64(r.Kind)).int(int64(e.flags)).
		text(r.From).text(r.To).blob(r.Stanza).text(r.Text).run()
	if err != nil {
		return err
	}
	if e.flags&FlagTransient != 0 {
		return nil // not indexed
	}
	if w := &p.s.w.words; e.id <= w.now {
		if err := w.insert(p.c, e.id, e.owners, r); err != nil {
			return err
		}
	}
	if e.id > p.s.tail.bound() {
		return nil // in its time
	}
	// Behind the watermark: the index counts as complete there.
	for i, o := range e.owners {
		if o == 0 || i == 1 && o == e.owners[0] {
			continue
		}
		t := e.entry(i)
		if err := insertIndex(p.c, o, &t); err != nil {
			return err
		}
		if err := p.c.prep(`UPDATE owners SET n = n + 1 WHERE id = ?`).int(o).run(); err != nil {
			return err
		}
	}
	return nil
}

// entry is the index row of a new record for its i-th owner.
func (e *pending) entry(i int) tailEntry {
	t := tailEntry{id: e.id}
	t.peer, t.res = hashPeer(e.rec.peer(i))
	if e.owners[0] == e.owners[1] {
		t.res = 0 // to oneself: either address is the peer
	}
	return t
}

// writeSpool writes the difference between the spool rows there were and those
// there are.
func (p *logPlan) writeSpool(e *pending) error {
	for _, old := range e.oldSpool {
		if !slices.ContainsFunc(e.spool, func(r spoolRow) bool { return r.owner == old.owner && r.session == old.session }) {
			err := p.c.prep(`DELETE FROM spool WHERE owner = ? AND id = ? AND session = ?`).
				int(old.owner).id(e.id).text(old.session).run()
			if err != nil {
				return err
			}
		}
	}
	for _, r := range e.spool {
		r.flags = e.flags & FlagTransient
		if slices.Contains(e.oldSpool, r) {
			continue
		}
		done := int64(0)
		if r.done {
			done = 1
		}
		err := p.c.prep(`INSERT OR REPLACE INTO spool(owner, id, session, seq, done, flags, size) VALUES(?, ?, ?, ?, ?, ?, ?)`).
			int(r.owner).id(e.id).text(r.session).int(int64(r.seq)).int(done).int(int64(r.flags)).int(e.size).run()
		if err != nil {
			return err
		}
	}
	return nil
}

// writeFloors notes what is to be swept.
func (p *logPlan) writeFloors(removed bool) error {
	for o, id := range p.floors {
		err := p.c.prep(`UPDATE owners SET floor = max(floor, ?), dirty = 1 WHERE id = ?`).id(id).int(o).run()
		if err != nil {
			return err
		}
	}
	if p.floor > 0 {
		old, err := p.c.meta(metaFloor)
		if err != nil {
			return err
		}
		if err := p.c.setMeta(metaFloor, max(old, p.floor)); err != nil {
			return err
		}
	}
	if len(p.floors) > 0 || p.floor > 0 || len(p.dead) > 0 {
		p.s.w.sweep.pending = true
		removed = true
	}
	if removed {
		// The highest id may go with its record, but not be given out again.
		return p.c.setMeta(metaLastID, p.s.lastID.Load())
	}
	return nil
}

// publish tells the index's tail, after the commit, what came and went.
func (p *logPlan) publish() {
	if len(p.order) == 0 {
		return
	}
	t := &p.s.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range p.order {
		p.s.w.hot.put(e)
		if e.gone {
			for _, o := range e.oldOwners {
				t.remove(o, e.id)
			}
		}
		if e.rec == nil {
			continue
		}
		p.s.w.maxStored = max(p.s.w.maxStored, e.id)
		if e.flags&FlagTransient != 0 || e.id <= t.bound() {
			continue
		}
		t.grown++
		for i, o := range e.owners {
			if o != 0 && (i == 0 || o != e.owners[0]) {
				t.add(o, e.entry(i))
			}
		}
	}
}

package store

// Cutting a large archive takes longer than a commit may. So DeleteOwner, Trim
// and DeleteBefore only note what is cut, which reads obey at once, and the
// sweeper removes the rows a few hundred at a time, in the transactions of
// other batches and in idle time. What is noted survives a restart.

// sweeper removes what is cut.
type sweeper struct {
	pending bool   // there may be something to do
	cursor  uint64 // below this id nothing more goes by the floor of all

	c       *conn
	words   *words
	touched []uint64 // records changed in the current transaction
	budget  int
	waiting bool // the rest is in the tail, to be indexed first
	next    uint64
	left    bool
}

func (w *sweeper) load(c *conn) error {
	floor, err := c.meta(metaFloor)
	if err != nil {
		return err
	}
	_, dirty, err := c.queryInt(`SELECT id FROM owners WHERE dirty <> 0 LIMIT 1`)
	w.pending = dirty || floor > 0
	return err
}

// step removes some of what is cut, in the group's transaction.
func (w *sweeper) step(s *Store, g *group, idle bool) error {
	if !w.pending {
		return nil
	}
	w.words = &s.w.words
	w.c, w.budget, w.waiting, w.left, w.next = g.c, s.opt.tune.sweepRows, false, false, w.cursor
	if idle {
		w.budget *= 5
	}
	w.touched = w.touched[:0]
	floor, err := g.c.meta(metaFloor)
	if err != nil {
		return err
	}
	if floor == 0 {
		w.next = 0
	}
	if err := g.start(); err != nil {
		return err
	}
	if floor > 0 {
		if g.log.appendsBelow(floor) {
			w.left = true // they are in no tail yet
		} else if err := w.all(&s.tail, floor); err != nil {
			return err
		}
	}
	return w.owners(s, g)
}

// publish takes the step's outcome over after the commit, and after the
// group's own publish, which knows the records as they were before the step.
func (w *sweeper) publish(s *Store) {
	if !w.pending || w.c == nil {
		return
	}
	w.cursor, w.pending, w.c = w.next, w.left, nil
	for _, id := range w.touched {
		s.w.hot.forget(id)
	}
	s.w.index.hurry = w.waiting
}

func (w *sweeper) abort() { w.c = nil }

// all removes records below the floor of all.
func (w *sweeper) all(t *tail, floor uint64) error {
	top := floor
	if !t.empty() {
		top = min(floor, t.watermark+1) // what the tail has is indexed first
	}
	type row struct {
		id     uint64
		owners [2]int64
	}
	var rows []row
	q := w.c.prep(`SELECT id, o0, o1 FROM log WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`).id(w.next).id(top).int(int64(w.budget))
	for {
		ok, err := q.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		rows = append(rows, row{q.colID(0), [2]int64{q.colInt(1), q.colInt(2)}})
	}
	for _, r := range rows {
		for i, o := range r.owners {
			if o != 0 && (i == 0 || o != r.owners[0]) {
				if err := unindex(w.c, o, r.id); err != nil {
					return err
				}
			}
		}
		if err := w.orphan(r.id); err != nil {
			return err
		}
		w.next = r.id + 1
	}
	if w.budget -= len(rows); w.budget <= 0 {
		w.left = true
		return nil
	}
	if top < floor {
		w.left, w.waiting = true, true
		return nil
	}
	w.next = 0
	return w.c.setMeta(metaFloor, 0)
}

// orphan deals with a record that no archive has any more: it goes, or lives
// on as a transient one while somebody waits for it.
func (w *sweeper) orphan(id uint64) error {
	w.touched = append(w.touched, id)
	if err := w.words.remove(w.c, id); err != nil {
		return err
	}
	q := w.c.prep(`SELECT 1 FROM spool WHERE id = ? LIMIT 1`).id(id)
	waited, err := q.next()
	if err != nil {
		return err
	}
	if !waited {
		return w.c.prep(`DELETE FROM log WHERE id = ?`).id(id).run()
	}
	q.reset()
	err = w.c.prep(`UPDATE log SET o0 = 0, o1 = 0, flags = flags | ? WHERE id = ?`).int(int64(FlagTransient)).id(id).run()
	if err != nil {
		return err
	}
	return w.c.prep(`UPDATE spool SET flags = ? WHERE id = ?`).int(int64(FlagTransient)).id(id).run()
}

// owners removes what accounts that went and cut archives leave.
func (w *sweeper) owners(s *Store, g *group) error {
	after := int64(0)
	for w.budget > 0 {
		q := w.c.prep(`SELECT id, jid IS NULL, floor FROM owners WHERE dirty <> 0 AND id > ? ORDER BY id LIMIT 1`).int(after)
		ok, err := q.next()
		if err != nil || !ok {
			return err
		}
		owner, dead, floor := q.colInt(0), q.colInt(1) != 0, q.colID(2)
		q.reset()
		if dead {
			floor = maxID
		} else if g.log.appendsBelow(floor) {
			w.left, after = true, owner // they are in no tail yet
			continue
		}
		if err := w.owner(&s.tail, owner, dead, floor); err != nil {
			return err
		}
		after = owner
	}
	w.left = true
	return nil
}

// owner removes up to budget records of an owner below floor.
func (w *sweeper) owner(t *tail, owner int64, dead bool, floor uint64) error {
	ids, err := w.ids(`SELECT id FROM log_owner WHERE owner = ? AND id < ? ORDER BY id LIMIT ?`, owner, floor)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.unlink(owner, id); err != nil {
			return err
		}
	}
	if dead && w.budget > 0 {
		ids, err := w.ids(`SELECT id FROM spool WHERE owner = ? AND id < ? LIMIT ?`, owner, floor)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := w.unspool(owner, id); err != nil {
				return err
			}
		}
	}
	switch {
	case w.budget <= 0:
		w.left = true
		return nil
	case t.below(owner, floor):
		w.left, w.waiting = true, true
		return nil
	case dead:
		return w.c.prep(`DELETE FROM owners WHERE id = ?`).int(owner).run()
	}
	return w.c.prep(`UPDATE owners SET floor = 0, dirty = 0 WHERE id = ?`).int(owner).run()
}

// ids runs a query that yields ids and takes them from the budget.
func (w *sweeper) ids(sql string, owner int64, floor uint64) ([]uint64, error) {
	var ids []uint64
	q := w.c.prep(sql).int(owner).id(floor).int(int64(w.budget))
	for {
		ok, err := q.next()
		if !ok {
			w.budget -= len(ids)
			return ids, err
		}
		ids = append(ids, q.colID(0))
	}
}

// unlink takes a record out of an owner's archive.
func (w *sweeper) unlink(owner int64, id uint64) error {
	w.touched = append(w.touched, id)
	if err := unindex(w.c, owner, id); err != nil {
		return err
	}
	err := w.c.prep(`UPDATE log SET o0 = iif(o0 = ?1, 0, o0), o1 = iif(o1 = ?1, 0, o1) WHERE id = ?2`).int(owner).id(id).run()
	if err != nil {
		return err
	}
	q := w.c.prep(`SELECT o0 = 0 AND o1 = 0 FROM log WHERE id = ?`).id(id)
	ok, err := q.next()
	if !ok {
		return err
	}
	none := q.colInt(0) != 0
	q.reset()
	if none {
		return w.orphan(id)
	}
	return nil
}

// unspool removes an owner's spool rows of a record, and a transient record
// with the last of them.
func (w *sweeper) unspool(owner int64, id uint64) error {
	w.touched = append(w.touched, id)
	if err := w.c.prep(`DELETE FROM spool WHERE owner = ? AND id = ?`).int(owner).id(id).run(); err != nil {
		return err
	}
	return w.c.prep(`DELETE FROM log WHERE id = ?1 AND (flags & ?2) <> 0 AND NOT EXISTS (SELECT 1 FROM spool WHERE id = ?1)`).
		id(id).int(int64(FlagTransient)).run()
}

// below tells whether the tail has entries of the owner below an id.
func (t *tail) below(owner int64, id uint64) bool {
	for _, list := range [][]tailEntry{t.frozen[owner], t.young[owner]} {
		if len(list) > 0 && list[0].id < id {
			return true
		}
	}
	return false
}

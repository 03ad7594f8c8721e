package store

import (
	"slices"
	"strings"
)

// logPlan is the Log's and the spool's part of a group.
type logPlan struct {
	s     *Store
	c     *conn
	recs  map[uint64]*pending
	order []*pending // in the order of first touch; by id when written
	free  []*pending // for reuse

	newOwners map[string]int64 // created by this group
	dead      []int64          // owners whose account went
	floors    map[int64]uint64 // archives cut below an id
	floor     uint64           // every archive cut below an id
}

// pending is a record that the group touches: as the database has it, and as
// the group leaves it.
type pending struct {
	id uint64

	asked     bool // the old fields were read
	stored    bool
	worded    bool // it may be in the index of words
	oldOwners [2]int64
	oldSpool  []spoolRow

	gone   bool    // removed by the group
	rec    *Record // appended by the group
	owners [2]int64
	flags  uint32
	size   int64
	spool  []spoolRow

	reserved bool   // the batch being planned appends it
	replaced *logOp // by the group, the record being stored already
}

type spoolRow struct {
	owner   int64
	session string
	seq     uint32
	done    bool
	flags   uint32 // of the record, when the row was last written
}

func (p *logPlan) reset(s *Store, c *conn) {
	p.s, p.c = s, c
	if p.recs == nil {
		p.recs = make(map[uint64]*pending)
		p.newOwners = make(map[string]int64)
		p.floors = make(map[int64]uint64)
	}
	for _, e := range p.order {
		*e = pending{oldSpool: e.oldSpool[:0], spool: e.spool[:0]}
		p.free = append(p.free, e)
	}
	p.order = p.order[:0]
	clear(p.recs)
	clear(p.newOwners)
	clear(p.floors)
	p.dead = p.dead[:0]
	p.floor = 0
}

func (p *logPlan) empty() bool {
	return len(p.order) == 0 && len(p.dead) == 0 && len(p.floors) == 0 && p.floor == 0 && len(p.newOwners) == 0
}

// reserve claims the ids that the batch appends, or claims none and returns
// ErrExists.
func (p *logPlan) reserve(b *Batch) error {
	for i := range b.recs {
		r := &b.recs[i]
		e, err := p.touch(r.ID, r.ID > p.s.w.maxStored)
		if err != nil {
			return err
		}
		if e.reserved || e.exists() {
			p.unreserve(b.recs[:i])
			return ErrExists
		}
		e.reserved = true
	}
	return nil
}

func (p *logPlan) unreserve(recs []Record) {
	for i := range recs {
		p.recs[recs[i].ID].reserved = false
	}
}

// touch returns the group's state of a record, which it reads from the
// database unless the record is known to be new.
func (p *logPlan) touch(id uint64, isNew bool) (*pending, error) {
	e := p.recs[id]
	if e == nil {
		if n := len(p.free); n > 0 {
			e, p.free = p.free[n-1], p.free[:n-1]
		} else {
			e = new(pending)
		}
		e.id = id
		p.recs[id] = e
		p.order = append(p.order, e)
	}
	if e.asked {
		return e, nil
	}
	e.asked = true
	if isNew || p.s.w.hot.get(e) {
		return e, nil
	}
	q := p.c.prep(`SELECT o0, o1, flags, length(stanza) FROM log WHERE id = ?`).id(id)
	ok, err := q.next()
	if !ok {
		return e, err
	}
	e.stored = true
	e.oldOwners = [2]int64{q.colInt(0), q.colInt(1)}
	e.owners = e.oldOwners
	e.flags, e.size = uint32(q.colInt(2)), q.colInt(3)
	e.worded = e.flags&FlagTransient == 0
	q.reset()
	q = p.c.prep(`SELECT owner, session, seq, done, flags FROM spool WHERE id = ?`).id(id)
	for {
		ok, err := q.next()
		if !ok {
			e.spool = append(e.spool, e.oldSpool...)
			return e, err
		}
		e.oldSpool = append(e.oldSpool, spoolRow{
			owner: q.colInt(0), session: q.colText(1), seq: uint32(q.colInt(2)), done: q.colInt(3) != 0, flags: uint32(q.colInt(4)),
		})
	}
}

// plan applies a batch's operations on the Log, whose ids are reserved.
func (p *logPlan) plan(b *Batch) error {
	for i := range b.log {
		if err := p.one(b, &b.log[i]); err != nil {
			return err
		}
	}
	for i := range b.recs {
		e := p.recs[b.recs[i].ID]
		if e.rec != nil && e.flags&FlagTransient != 0 && len(e.spool) == 0 {
			e.remove() // nobody waits for it
		}
	}
	return nil
}

// appendsBelow tells whether the group appends a record below an id.
func (p *logPlan) appendsBelow(id uint64) bool {
	return slices.ContainsFunc(p.order, func(e *pending) bool { return e.rec != nil && e.id < id })
}

func (p *logPlan) one(b *Batch, o *logOp) error {
	switch o.op {
	case logAppend:
		return p.append(&b.recs[o.n])
	case logDeleteBefore:
		p.floor = max(p.floor, o.id)
		return nil
	case logDeleteOwner:
		return p.deleteOwner(o.owner)
	case logTrim:
		return p.trim(o.owner, o.n)
	case spoolDrop:
		return p.dropSession(o.owner, o.a)
	}
	e, err := p.touch(o.id, false)
	if err != nil || !e.exists() {
		return err
	}
	switch o.op {
	case logRemove:
		e.remove()
		return nil
	case logReplace:
		e.replace(o)
		return nil
	}
	owner, err := p.owner(o.owner, o.op == spoolAdd)
	if err != nil || owner == 0 {
		return err
	}
	switch o.op {
	case spoolAdd:
		e.put(spoolRow{owner: owner, session: o.a, seq: o.seq, done: o.n != 0})
	case spoolConfirm:
		e.confirm(owner, o.a)
	case spoolMove:
		e.move(owner, o.a, o.b, o.seq)
	}
	return nil
}

func (p *logPlan) append(r *Record) error {
	e := p.recs[r.ID]
	e.rec, e.reserved = r, false
	e.gone = e.stored // the stored one was removed before, or there is none
	e.flags, e.size = r.Flags, int64(len(r.Stanza))
	e.owners = [2]int64{}
	for i, jid := range r.Owners {
		if jid == "" {
			continue
		}
		id, err := p.owner(jid, true)
		if err != nil {
			return err
		}
		e.owners[i] = id
	}
	p.s.raiseID(r.ID)
	return nil
}

// exists tells whether the record is there at this point of the group.
func (e *pending) exists() bool { return e.rec != nil || e.stored && !e.gone }

func (e *pending) remove() {
	e.rec, e.replaced, e.gone, e.spool = nil, nil, e.stored, e.spool[:0]
}

// replace changes what a record holds.
func (e *pending) replace(o *logOp) {
	e.size = int64(len(o.stanza))
	if e.rec == nil {
		e.replaced = o
		return
	}
	r := *e.rec // the batch's own stays as it is, should the group be written again
	r.Stanza, r.Text = o.stanza, o.a
	e.rec = &r
}

// swept removes a record for which nobody waits any more, if it is transient.
func (e *pending) swept() {
	if e.flags&FlagTransient != 0 && len(e.spool) == 0 {
		e.remove()
	}
}

func (e *pending) put(r spoolRow) {
	for i := range e.spool {
		if e.spool[i].owner == r.owner && e.spool[i].session == r.session {
			e.spool[i] = r
			return
		}
	}
	e.spool = append(e.spool, r)
}

func (e *pending) confirm(owner int64, session string) {
	kept := e.spool[:0]
	for _, r := range e.spool {
		if r.owner == owner {
			if r.session == session || r.session == "" {
				continue
			}
			r.done = true
		}
		kept = append(kept, r)
	}
	e.spool = kept
	e.swept()
}

func (e *pending) move(owner int64, from, to string, seq uint32) {
	i := slices.IndexFunc(e.spool, func(r spoolRow) bool { return r.owner == owner && r.session == from })
	if i < 0 {
		return
	}
	r := e.spool[i]
	if from != to {
		e.spool = slices.Delete(e.spool, i, i+1)
	}
	if !r.done || from == to {
		r.session, r.seq = to, seq
		e.put(r)
	}
	e.swept()
}

func (e *pending) drop(match func(r spoolRow) bool) {
	n := len(e.spool)
	e.spool = slices.DeleteFunc(e.spool, match)
	if len(e.spool) < n {
		e.swept()
	}
}

func (p *logPlan) dropSession(jid, session string) error {
	owner, err := p.owner(jid, false)
	if err != nil || owner == 0 {
		return err
	}
	var ids []uint64
	q := p.c.prep(`SELECT id FROM spool WHERE owner = ? AND session = ?`).int(owner).text(session)
	for {
		ok, err := q.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		ids = append(ids, q.colID(0))
	}
	for _, id := range ids {
		if _, err := p.touch(id, false); err != nil {
			return err
		}
	}
	for _, e := range p.order {
		e.drop(func(r spoolRow) bool { return r.owner == owner && r.session == session })
	}
	return nil
}

// deleteOwner lets an account go: its number is detached from its JID, so that
// nothing finds it any more, and what is left under the number is swept later.
// Only records of this group are dealt with here.
func (p *logPlan) deleteOwner(jid string) error {
	owner, err := p.owner(jid, false)
	if err != nil || owner == 0 {
		return err
	}
	delete(p.s.w.owners, jid)
	delete(p.newOwners, jid)
	p.dead = append(p.dead, owner)
	for _, e := range p.order {
		if e.rec == nil {
			e.drop(func(r spoolRow) bool { return r.owner == owner })
			continue
		}
		had := e.owners
		for i := range e.owners {
			if e.owners[i] == owner {
				e.owners[i] = 0
			}
		}
		if had != e.owners && e.owners == [2]int64{} {
			e.flags |= FlagTransient
		}
		e.spool = slices.DeleteFunc(e.spool, func(r spoolRow) bool { return r.owner == owner })
		e.swept()
	}
	return nil
}

// trim finds the id below which the owner's archive is cut.
func (p *logPlan) trim(jid string, keep int) error {
	owner, err := p.owner(jid, false)
	if err != nil || owner == 0 {
		return err
	}
	var ids []uint64 // of this group and of the index's tail
	gone := make(map[uint64]bool)
	for _, e := range p.order {
		if e.gone {
			gone[e.id] = true
		}
		if e.rec != nil && e.flags&FlagTransient == 0 && (e.owners[0] == owner || e.owners[1] == owner) {
			ids = append(ids, e.id)
		}
	}
	ids = p.s.tail.ids(owner, ids)
	if n, err := p.indexed(owner); err != nil || n+len(ids) <= keep {
		return err
	}
	q := p.c.prep(`SELECT id FROM log_owner WHERE owner = ? ORDER BY id DESC LIMIT ?`).int(owner).int(int64(keep + len(gone) + 1))
	for {
		ok, err := q.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		ids = append(ids, q.colID(0))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	ids = slices.DeleteFunc(ids, func(id uint64) bool { return gone[id] && p.recs[id].rec == nil })
	if n := len(ids); n > keep {
		floor := ids[n-1] + 1
		if keep > 0 {
			floor = ids[n-keep]
		}
		p.floors[owner] = max(p.floors[owner], floor)
	}
	return nil
}

// indexed is the number of index rows an owner has.
func (p *logPlan) indexed(owner int64) (int, error) {
	q := p.c.prep(`SELECT n FROM owners WHERE id = ?`).int(owner)
	ok, err := q.next()
	if !ok {
		return 0, err
	}
	defer q.reset()
	return int(q.colInt(0)), nil
}

// owner returns an owner's number; 0 if there is none and it is not to be
// created.
func (p *logPlan) owner(jid string, create bool) (int64, error) {
	w := &p.s.w
	if id := w.owners[jid]; id != 0 {
		return id, nil
	}
	q := p.c.prep(`SELECT id FROM owners WHERE jid = ?`).text(jid)
	ok, err := q.next()
	if err != nil {
		return 0, err
	}
	var id int64
	if ok {
		id = q.colInt(0)
		q.reset()
		if slices.Contains(p.dead, id) {
			id = 0
		}
	}
	if id == 0 {
		if !create {
			return 0, nil
		}
		id = w.nextOwner
		w.nextOwner++
		jid = strings.Clone(jid)
		p.newOwners[jid] = id
	}
	if len(w.owners) >= p.s.opt.tune.maxOwners {
		clear(w.owners)
		for jid, id := range p.newOwners {
			w.owners[jid] = id
		}
	}
	w.owners[jid] = id
	return id, nil
}

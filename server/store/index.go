package store

import (
	"slices"
)

// The per-owner index is what makes an archive expensive: each message dirties
// a page for each owner, wherever in the file that lies. So index rows are not
// written with their record but by the thousand, sorted, which puts many rows
// into each page written; in slices, so that no commit waits for long.

// tuning holds the sizes of what is done in steps. The defaults are measured;
// tests make them small.
type tuning struct {
	freezeAt  int // records in the tail before they are indexed
	minSlice  int // entries written at least with a group
	maxSlice  int // and at most
	idleSlice int // entries written in a transaction of its own
	sweepRows int // records that the sweeper removes in one transaction
	maxHot    int // records that hotSpool remembers
	maxOwners int // owners' numbers that the committer remembers
}

var defaultTuning = tuning{
	freezeAt: 16384, minSlice: 256, maxSlice: 4000, idleSlice: 2000,
	sweepRows: 200, maxHot: 16384, maxOwners: 65536,
}

// indexer writes the tail's frozen entries.
type indexer struct {
	order []int64 // owners, sorted
	pos   place   // what comes next
	now   place   // the same after the current transaction
	done  bool    // the current transaction writes the last of it

	hurry   bool // write what there is, the sweeper waits for it
	closing bool // the same, the store closes
}

// place is a place in the frozen entries: the owner's index in order, and how
// many entries of that owner are written.
type place struct{ owner, entry int }

// step writes a slice in the group's transaction.
func (x *indexer) step(s *Store, g *group, idle bool) error {
	t := &s.tail
	x.now, x.done = x.pos, false
	if t.frozen == nil && idle && (x.hurry || x.closing) && len(t.young) > 0 {
		x.freeze(s)
	}
	if t.frozen == nil {
		return nil
	}
	if err := g.start(); err != nil {
		return err
	}
	tune := &s.opt.tune
	budget := tune.idleSlice
	if !idle {
		budget = min(max(3*len(g.log.order), tune.minSlice), tune.maxSlice)
	}
	for budget > 0 && x.now.owner < len(x.order) {
		n, err := x.slice(t, g.c, budget)
		if err != nil {
			return err
		}
		budget -= n + 1
	}
	if x.now.owner == len(x.order) {
		x.done = true
		return g.c.setMeta(metaWatermark, t.top)
	}
	return nil
}

func (x *indexer) freeze(s *Store) {
	s.tail.freeze(max(s.tail.watermark, s.w.maxStored))
	x.order = x.order[:0]
	for o := range s.tail.frozen {
		x.order = append(x.order, o)
	}
	slices.Sort(x.order)
	x.pos, x.now = place{}, place{}
}

// slice writes up to max entries of the owner at x.now.
func (x *indexer) slice(t *tail, c *conn, max int) (int, error) {
	owner := x.order[x.now.owner]
	list := t.frozen[owner]
	end := min(len(list), x.now.entry+max)
	added := int64(0)
	for i := x.now.entry; i < end; i++ {
		e := &list[i]
		if e.dead || e.indexed {
			continue
		}
		if err := insertIndex(c, owner, e); err != nil {
			return 0, err
		}
		added += c.changes()
	}
	upto := t.top
	if end < len(list) {
		upto = list[end-1].id
	}
	err := c.prep(`UPDATE owners SET n = n + ?, upto = ? WHERE id = ?`).int(added).id(upto).int(owner).run()
	n := end - x.now.entry
	if x.now.entry = end; end == len(list) {
		x.now = place{owner: x.now.owner + 1}
	}
	return n, err
}

func insertIndex(c *conn, owner int64, e *tailEntry) error {
	return c.prep(`INSERT OR IGNORE INTO log_owner(owner, id, peer, res) VALUES(?, ?, ?, ?)`).
		int(owner).id(e.id).int(e.peer).int(int64(e.res)).run()
}

// publish moves on after the commit.
func (x *indexer) publish(s *Store) {
	x.pos = x.now
	if x.done {
		s.tail.thaw()
		x.pos, x.now, x.done = place{}, place{}, false
	}
	if s.tail.frozen == nil && s.tail.grown >= s.opt.tune.freezeAt {
		x.freeze(s)
	}
}

// abort forgets the current transaction.
func (x *indexer) abort() { x.now, x.done = x.pos, false }

// hashPeer hashes a peer's address for the index: the bare JID to 47 bits,
// which SQLite stores in six bytes, and the resource to 23 bits that are never
// 0. Matches are confirmed by the record's addresses.
func hashPeer(jid string) (bare int64, res uint32) {
	b, r := splitJID(jid)
	return int64(fnv(b) >> 17), uint32(fnv(r)>>41) | 1
}

// splitJID cuts a JID at its first slash, RFC 7622 §3.1.
func splitJID(jid string) (bare, resource string) {
	for i := range len(jid) {
		if jid[i] == '/' {
			return jid[:i], jid[i+1:]
		}
	}
	return jid, ""
}

// fnv is the 64-bit FNV-1a hash.
func fnv(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

package store

import (
	"cmp"
	"slices"
	"sync"
)

// tail is the part of the index that is not in the database yet: which owners
// the records above the watermark have. Reads look here and in the database
// and take what they find in either, so that it does not matter how far the
// index has come. After a crash the tail is rebuilt from the records above the
// watermark.
//
// Entries gather in young. When there are enough, young becomes frozen, and
// the committer writes that owner by owner (indexer). The committer alone
// changes a tail, under mu when reads may see it.
type tail struct {
	mu        sync.RWMutex
	watermark uint64 // up to this id the index is complete for every owner
	young     map[int64][]tailEntry
	frozen    map[int64][]tailEntry // nil when nothing is being written
	top       uint64                // highest id in frozen, once it is there
	grown     int                   // records in young
}

// tailEntry says that an owner has a record in the archive.
type tailEntry struct {
	id      uint64
	peer    int64  // hashPeer of the other side
	res     uint32 // 0 stands for any
	dead    bool   // removed since
	indexed bool   // in the database already, found there after a crash
}

// bound is the id up to which new entries go straight to the database.
func (t *tail) bound() uint64 {
	if t.frozen != nil {
		return t.top
	}
	return t.watermark
}

func (t *tail) empty() bool { return t.frozen == nil && len(t.young) == 0 }

// add notes an entry above bound.
func (t *tail) add(owner int64, e tailEntry) {
	list := t.young[owner]
	if n := len(list); n == 0 || list[n-1].id < e.id {
		t.young[owner] = append(list, e)
		return
	}
	i, _ := slices.BinarySearchFunc(list, e.id, compareEntry)
	t.young[owner] = slices.Insert(list, i, e)
}

func compareEntry(e tailEntry, id uint64) int { return cmp.Compare(e.id, id) }

// remove marks an entry as removed.
func (t *tail) remove(owner int64, id uint64) {
	for _, list := range [][]tailEntry{t.frozen[owner], t.young[owner]} {
		if i, ok := slices.BinarySearchFunc(list, id, compareEntry); ok {
			list[i].dead = true
		}
	}
}

// freeze makes the young entries those to be written.
func (t *tail) freeze(top uint64) {
	t.mu.Lock()
	t.frozen, t.young, t.grown, t.top = t.young, make(map[int64][]tailEntry), 0, top
	t.mu.Unlock()
}

// thaw forgets the frozen entries, which the database has now.
func (t *tail) thaw() {
	t.mu.Lock()
	t.frozen, t.watermark = nil, t.top
	t.mu.Unlock()
}

// find appends to buf the first n entries of the owner, or the last if
// reverse, with after < id < before that match.
func (t *tail) find(buf []tailEntry, owner int64, after, before uint64, n int, reverse bool, match func(*tailEntry) bool) []tailEntry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	parts := [2][]tailEntry{t.frozen[owner], t.young[owner]}
	if reverse {
		parts[0], parts[1] = parts[1], parts[0]
	}
	for _, list := range parts {
		lo, _ := slices.BinarySearchFunc(list, after+1, compareEntry)
		hi, _ := slices.BinarySearchFunc(list, before, compareEntry)
		if hi <= lo {
			continue
		}
		list = list[lo:hi]
		for i := range list {
			e := &list[i]
			if reverse {
				e = &list[len(list)-1-i]
			}
			if e.dead || !match(e) {
				continue
			}
			if len(buf) == n {
				return buf
			}
			buf = append(buf, *e)
		}
	}
	return buf
}

// ids appends the ids of an owner's entries.
func (t *tail) ids(owner int64, buf []uint64) []uint64 {
	for _, list := range [][]tailEntry{t.frozen[owner], t.young[owner]} {
		for i := range list {
			if !list[i].dead {
				buf = append(buf, list[i].id)
			}
		}
	}
	return buf
}

// load rebuilds the tail from the records above the watermark.
func (t *tail) load(c *conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.young, t.frozen, t.grown = make(map[int64][]tailEntry), nil, 0
	w, err := c.meta(metaWatermark)
	if err != nil {
		return err
	}
	t.watermark = w
	q := c.prep(`SELECT id, o0, o1, flags, sender, recipient FROM log WHERE id > ? ORDER BY id`).id(w)
	for {
		ok, err := q.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if uint32(q.colInt(3))&FlagTransient != 0 {
			continue
		}
		t.grown++
		e := pending{id: q.colID(0), owners: [2]int64{q.colInt(1), q.colInt(2)},
			rec: &Record{From: q.colText(4), To: q.colText(5)}}
		for i, o := range e.owners {
			if o != 0 && (i == 0 || o != e.owners[0]) {
				t.add(o, e.entry(i))
			}
		}
	}
	if len(t.young) == 0 {
		return nil
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := t.markIndexed(c); err != nil {
		c.exec("ROLLBACK")
		return err
	}
	return c.exec("COMMIT")
}

// markIndexed finds the entries that the database has already: a part of the
// index was written when the process ended. That part is as far as each owner
// is concerned no longer complete up to any id above the watermark, since
// entries between may yet come.
func (t *tail) markIndexed(c *conn) error {
	for o, list := range t.young {
		q := c.prep(`SELECT id FROM log_owner WHERE owner = ? AND id >= ?`).int(o).id(list[0].id)
		for {
			ok, err := q.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if i, ok := slices.BinarySearchFunc(list, q.colID(0), compareEntry); ok {
				list[i].indexed = true
			}
		}
		if err := c.prep(`UPDATE owners SET upto = 0 WHERE id = ? AND upto > ?`).int(o).id(t.watermark).run(); err != nil {
			return err
		}
	}
	return nil
}

package store

import (
	"cmp"
	"context"
	"math"
	"slices"
)

const recordColumns = `log.id, o0, o1, kind, log.flags, sender, recipient, stanza, body,
	(SELECT jid FROM owners WHERE owners.id = o0 AND floor <= log.id), (SELECT jid FROM owners WHERE owners.id = o1 AND floor <= log.id)`

// scanRecord reads recordColumns from column i on.
func scanRecord(q *stmt, i int32) (r Record, owners [2]int64) {
	return Record{
		ID: q.colID(i), Kind: uint8(q.colInt(i + 3)), Flags: uint32(q.colInt(i + 4)),
		From: q.colText(i + 5), To: q.colText(i + 6), Stanza: q.colBlob(i + 7), Text: q.colText(i + 8),
		Owners: [2]string{q.colText(i + 9), q.colText(i + 10)},
	}, [2]int64{q.colInt(i + 1), q.colInt(i + 2)}
}

// Range reads records of an owner's archive in the order of their ids, or the
// other way round if q.Reverse.
func (s *Store) Range(ctx context.Context, owner string, q RangeQuery) (list []Record, err error) {
	r := newRanger(q)
	if r.after+1 >= r.before {
		return nil, nil
	}
	err = s.read(ctx, func(c *conn) error {
		for len(list) < r.n {
			more, err := r.batch(s, c, owner, &list)
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// ranger is a Range in progress.
type ranger struct {
	after, before uint64 // ids strictly between
	with          string
	peer          int64  // of with, if that is set
	res           uint32 // of with, if that is a full JID, else 0
	n             int
	bytes         int // what is left of RangeQuery.Bytes; math.MaxInt for no bound
	reverse       bool

	tail []tailEntry
	ids  []uint64
}

func newRanger(q RangeQuery) *ranger {
	r := &ranger{after: min(q.AfterID, maxID), before: maxID, with: q.With, n: int(page(q.N)), bytes: q.Bytes, reverse: q.Reverse}
	if r.bytes <= 0 {
		r.bytes = math.MaxInt
	}
	if q.BeforeID != 0 {
		r.before = min(r.before, q.BeforeID)
	}
	if !q.Start.IsZero() {
		r.after = max(r.after, idAt(q.Start)-1)
	}
	if !q.End.IsZero() {
		r.before = min(r.before, idAt(q.End)+1<<idShift)
	}
	if q.With != "" {
		r.peer, r.res = hashPeer(q.With)
		if _, res := splitJID(q.With); res == "" {
			r.res = 0
		}
	}
	return r
}

// batch appends the next records to list; more is false when there are no
// more.
func (r *ranger) batch(s *Store, c *conn, owner string, list *[]Record) (more bool, err error) {
	id, floor, err := ownerRow(c, owner)
	if err != nil || id == 0 {
		return false, err
	}
	if floor > 0 {
		r.after = max(r.after, floor-1)
	}
	want := r.n - len(*list)
	// First the tail, then the database, which can only be ahead of it: what
	// moved from one to the other in between is found in both.
	r.tail = s.tail.find(r.tail[:0], id, r.after, r.before, want, r.reverse, r.match)
	r.ids = r.ids[:0]
	for i := range r.tail {
		r.ids = append(r.ids, r.tail[i].id)
	}
	if err := r.indexed(c, id, want); err != nil {
		return false, err
	}
	slices.SortFunc(r.ids, func(a, b uint64) int {
		if r.reverse {
			a, b = b, a
		}
		return cmp.Compare(a, b)
	})
	r.ids = slices.Compact(r.ids)
	if len(r.ids) > want {
		r.ids = r.ids[:want]
	}
	for _, rid := range r.ids {
		rec, ok, err := record(c, rid, func(q *stmt) bool { return q.colInt(1) == id || q.colInt(2) == id })
		if err != nil {
			return false, err
		}
		if ok && r.matchRecord(owner, &rec) {
			*list = append(*list, rec)
			if r.bytes -= len(rec.Stanza); r.bytes <= 0 {
				return false, nil
			}
		}
		if r.reverse {
			r.before = rid
		} else {
			r.after = rid
		}
	}
	return len(r.ids) == want, nil
}

// match is the filter by what the index has.
func (r *ranger) match(e *tailEntry) bool {
	return r.with == "" || e.peer == r.peer && (r.res == 0 || e.res == 0 || e.res == r.res)
}

// matchRecord is the filter by the record.
func (r *ranger) matchRecord(owner string, rec *Record) bool {
	if rec.Flags&FlagTransient != 0 {
		return false
	}
	if r.with == "" {
		return true
	}
	for i, o := range rec.Owners {
		if o != owner {
			continue
		}
		peer := rec.peer(i)
		if r.res == 0 {
			peer, _ = splitJID(peer)
		}
		if peer == r.with {
			return true
		}
	}
	return false
}

// indexed appends the first ids that the database's index has.
func (r *ranger) indexed(c *conn, owner int64, n int) error {
	sql := `SELECT id FROM log_owner WHERE owner = ?1 AND id > ?2 AND id < ?3`
	if r.with != "" {
		sql = `SELECT id FROM log_owner INDEXED BY log_peer WHERE owner = ?1 AND peer = ?5 AND id > ?2 AND id < ?3`
	}
	if r.res != 0 {
		sql += ` AND res IN (0, ?6)`
	}
	sql += ` ORDER BY id`
	if r.reverse {
		sql += ` DESC`
	}
	q := c.prep(sql + ` LIMIT ?4`).int(owner).id(r.after).id(r.before).int(int64(n))
	if r.with != "" {
		q.int(r.peer)
	}
	if r.res != 0 {
		q.int(int64(r.res))
	}
	for {
		ok, err := q.next()
		if !ok {
			return err
		}
		r.ids = append(r.ids, q.colID(0))
	}
}

// ownerRow reads an owner's number and the id below which nothing of the
// archive is left.
func ownerRow(c *conn, jid string) (id int64, floor uint64, err error) {
	q := c.prep(`SELECT id, max(floor, ifnull((SELECT value FROM meta WHERE key = '` + metaFloor + `'), 0)) FROM owners WHERE jid = ?`).text(jid)
	ok, err := q.next()
	if !ok {
		return 0, 0, err
	}
	defer q.reset()
	return q.colInt(0), q.colID(1), nil
}

// record reads one record, if keep agrees.
func record(c *conn, id uint64, keep func(q *stmt) bool) (r Record, ok bool, err error) {
	q := c.prep(`SELECT ` + recordColumns + ` FROM log WHERE id = ?`).id(id)
	if ok, err = q.next(); !ok {
		return r, false, err
	}
	defer q.reset()
	if !keep(q) {
		return r, false, nil
	}
	r, _ = scanRecord(q, 0)
	return r, true, nil
}

// GetRecord reads a record; ok is false when there is none.
func (s *Store) GetRecord(ctx context.Context, id uint64) (r Record, ok bool, err error) {
	err = s.read(ctx, func(c *conn) error {
		r, ok, err = record(c, id, func(*stmt) bool { return true })
		return err
	})
	return r, ok, err
}

// Count is the number of records in an owner's archive. It is kept, not
// counted: what it costs does not depend on the archive, but for the time in
// which records that were cut are being removed.
func (s *Store) Count(ctx context.Context, owner string) (n int, err error) {
	err = s.read(ctx, func(c *conn) error {
		id, _, err := ownerRow(c, owner)
		if err != nil || id == 0 {
			return err
		}
		// The tail first, then all of the rest in one statement, which is one
		// state of the database.
		entries := s.tail.find(nil, id, 0, maxID, 1<<30, false, func(e *tailEntry) bool { return !e.indexed })
		q := c.prep(`WITH o AS (SELECT n, max(upto, ifnull((SELECT value FROM meta WHERE key = '` + metaWatermark + `'), 0)) AS upto,
			max(floor, ifnull((SELECT value FROM meta WHERE key = '` + metaFloor + `'), 0)) AS floor FROM owners WHERE id = ?1)
			SELECT n, upto, floor, (SELECT count(*) FROM log_owner WHERE owner = ?1 AND id < o.floor) FROM o`).int(id)
		ok, err := q.next()
		if !ok {
			return err
		}
		defer q.reset()
		n = int(q.colInt(0) - q.colInt(3))
		upto, floor := q.colID(1), q.colID(2)
		for i := range entries {
			if entries[i].id > upto && entries[i].id >= floor {
				n++
			}
		}
		return nil
	})
	return n, err
}

// OwnersOver lists the owners whose archives have more than n records in the index,
// in order, up to max of them above after. Records that are new may not be counted
// yet.
func (s *Store) OwnersOver(ctx context.Context, n int, after string, max int) ([]string, error) {
	return s.texts(ctx, func(c *conn) *stmt {
		return c.prep(`SELECT jid FROM owners WHERE n > ? AND jid > ? ORDER BY jid LIMIT ?`).int(int64(n)).text(after).int(page(max))
	})
}

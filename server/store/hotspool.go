package store

// hotSpool remembers records that are in somebody's spool, as the database has
// them, so that the confirmation that usually follows soon need not read them.
// It is the committer's own, and exact: only what was committed goes in, and
// whatever changes a record or its spool rows forgets or replaces it.
type hotSpool struct {
	recs map[uint64]*hotRecord
	max  int
}

type hotRecord struct {
	owners [2]int64
	flags  uint32
	size   int64
	spool  []spoolRow
}

// get fills in what the database has of a record, if that is known.
func (h *hotSpool) get(e *pending) bool {
	r := h.recs[e.id]
	if r == nil {
		return false
	}
	e.stored, e.oldOwners, e.owners, e.flags, e.size = true, r.owners, r.owners, r.flags, r.size
	e.worded = r.flags&FlagTransient == 0
	e.oldSpool = append(e.oldSpool, r.spool...)
	e.spool = append(e.spool, r.spool...)
	return true
}

// put takes over how a committed group left a record.
func (h *hotSpool) put(e *pending) {
	r := h.recs[e.id]
	if !e.exists() || len(e.spool) == 0 {
		if r != nil {
			delete(h.recs, e.id)
		}
		return
	}
	if r == nil {
		if len(h.recs) >= h.max {
			for id := range h.recs {
				delete(h.recs, id) // any one will do
				break
			}
		}
		r = new(hotRecord)
		h.recs[e.id] = r
	}
	r.owners, r.flags, r.size = e.owners, e.flags, e.size
	r.spool = append(r.spool[:0], e.spool...)
	for i := range r.spool {
		r.spool[i].flags = e.flags & FlagTransient // as written
	}
}

func (h *hotSpool) forget(id uint64) { delete(h.recs, id) }

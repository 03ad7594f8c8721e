package storetest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"natter/server/store"
)

// model is a store as plain maps and loops: what package store promises,
// without a thought to how fast it is.
type model struct {
	docs  map[store.Key]store.Doc
	recs  map[uint64]*store.Record
	spool map[spoolKey]store.Spool
}

type spoolKey struct {
	owner, session string
	id             uint64
}

func newModel() *model {
	return &model{
		docs: make(map[store.Key]store.Doc), recs: make(map[uint64]*store.Record), spool: make(map[spoolKey]store.Spool),
	}
}

// op is one operation, done to a batch and to the model alike.
type op struct {
	name  string
	batch func(b *store.Batch)
	check func(m *model) error // set for operations on documents: their condition
	model func(m *model)

	appends uint64 // the id of the record that is appended, if one is
}

// apply does what a batch of the operations does: first the documents, then,
// if no condition and no id stand against it, the Log.
func (m *model) apply(ops []op) error {
	before := maps.Clone(m.docs)
	if err := m.prepare(ops); err != nil {
		m.docs = before
		return err
	}
	for _, o := range ops {
		if o.check == nil {
			o.model(m)
		}
	}
	for _, o := range ops {
		if o.appends != 0 {
			m.lapse(o.appends)
		}
	}
	return nil
}

func (m *model) prepare(ops []op) error {
	for _, o := range ops {
		if o.check == nil {
			continue
		}
		if err := o.check(m); err != nil {
			return err
		}
		o.model(m)
	}
	new := make(map[uint64]bool)
	for _, o := range ops {
		if id := o.appends; id != 0 {
			if m.recs[id] != nil || new[id] {
				return store.ErrExists
			}
			new[id] = true
		}
	}
	return nil
}

func (m *model) put(d store.Doc) {
	if d.Version == 0 {
		d.Version = m.docs[d.Key].Version + 1
	}
	m.docs[d.Key] = d
}

func (m *model) deleteAll(host, account string) {
	maps.DeleteFunc(m.docs, func(k store.Key, _ store.Doc) bool { return k.Host == host && k.Account == account })
}

// waiting counts the spool rows of a record.
func (m *model) waiting(id uint64) (n int) {
	for k := range m.spool {
		if k.id == id {
			n++
		}
	}
	return n
}

// lapse removes a transient record that nobody waits for.
func (m *model) lapse(id uint64) {
	if r := m.recs[id]; r != nil && r.Flags&store.FlagTransient != 0 && m.waiting(id) == 0 {
		delete(m.recs, id)
	}
}

func (m *model) remove(id uint64) {
	delete(m.recs, id)
	m.dropRows(func(k spoolKey) bool { return k.id == id })
}

func (m *model) dropRows(match func(k spoolKey) bool) {
	var ids []uint64
	for k := range m.spool {
		if match(k) {
			ids = append(ids, k.id)
			delete(m.spool, k)
		}
	}
	for _, id := range ids {
		m.lapse(id)
	}
}

func (m *model) spoolAdd(r store.Spool) {
	if m.recs[r.ID] != nil {
		m.spool[spoolKey{r.Owner, r.Session, r.ID}] = r
	}
}

func (m *model) confirm(owner string, id uint64, session string) {
	for k, r := range m.spool {
		if k.owner == owner && k.id == id {
			r.Done = true
			m.spool[k] = r
		}
	}
	m.dropRows(func(k spoolKey) bool {
		return k.owner == owner && k.id == id && (k.session == session || k.session == "")
	})
}

func (m *model) move(owner string, id uint64, from, to string, seq uint32) {
	k := spoolKey{owner, from, id}
	r, ok := m.spool[k]
	if !ok {
		return
	}
	delete(m.spool, k)
	if !r.Done || from == to {
		r.Session, r.Seq = to, seq
		m.spool[spoolKey{owner, to, id}] = r
	}
	m.lapse(id)
}

// cut takes records out of an owner's archive, or of all for "".
func (m *model) cut(owner string, match func(r *store.Record) bool) {
	for id, r := range m.recs {
		if !match(r) {
			continue
		}
		had := r.Owners
		for i := range r.Owners {
			if owner == "" || r.Owners[i] == owner {
				r.Owners[i] = ""
			}
		}
		if r.Owners == [2]string{} && (owner == "" || had != r.Owners) {
			r.Flags |= store.FlagTransient
			m.lapse(id)
		}
	}
}

func (m *model) deleteOwner(owner string) {
	m.cut(owner, func(*store.Record) bool { return true })
	m.dropRows(func(k spoolKey) bool { return k.owner == owner })
}

func (m *model) trim(owner string, keep int) {
	list := m.archive(owner)
	if len(list) > keep {
		floor := list[len(list)-keep-1].ID
		m.cut(owner, func(r *store.Record) bool { return r.ID <= floor && r.Flags&store.FlagTransient == 0 })
	}
}

// archive is an owner's archive in order.
func (m *model) archive(owner string) (list []*store.Record) {
	for _, r := range m.recs {
		if r.Flags&store.FlagTransient == 0 && (r.Owners[0] == owner || r.Owners[1] == owner) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *store.Record) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// find is Range.
func (m *model) find(owner string, q store.RangeQuery) (list []store.Record) {
	all := m.archive(owner)
	if q.Reverse {
		slices.Reverse(all)
	}
	for _, r := range all {
		if len(list) == store.MaxPage || q.N > 0 && len(list) == q.N {
			break
		}
		if matches(owner, r, q) {
			list = append(list, *r)
		}
	}
	return list
}

func matches(owner string, r *store.Record, q store.RangeQuery) bool {
	at := store.TimeOf(r.ID)
	peer := func(i int) bool {
		jid := [2]string{r.To, r.From}[i]
		bare, _, _ := strings.Cut(jid, "/")
		return r.Owners[i] == owner && (jid == q.With || bare == q.With)
	}
	return (q.AfterID == 0 || r.ID > q.AfterID) && (q.BeforeID == 0 || r.ID < q.BeforeID) &&
		(q.Start.IsZero() || !at.Before(q.Start.Truncate(time.Millisecond))) && (q.End.IsZero() || !at.After(q.End)) &&
		(q.With == "" || peer(0) || peer(1))
}

// rows is SpoolPage of a session, or of any.
func (m *model) rows(owner, session string) (list []store.Spool) {
	for k, r := range m.spool {
		if k.owner == owner && (session == store.AnySession || k.session == session) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b store.Spool) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Session, b.Session))
	})
	return list
}

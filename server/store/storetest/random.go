package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"natter/server/store"
)

// random commits random batches, many at a time, and compares every read with
// the model after each round. A failure names the seed.
func random(t *testing.T, s *store.Store) {
	Random(t, s, 1, 25)
	Random(t, s, rand.Uint64(), 25)
}

// Random is the model test as such: rounds of random batches, from that seed.
// The store may hold data of other names.
func Random(t *testing.T, s *store.Store, seed uint64, rounds int) {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0)), s: s, m: newModel(), prefix: fmt.Sprintf("%x-", seed)}
	for range 4 {
		g.owners = append(g.owners, fmt.Sprintf("%suser%d@localhost", g.prefix, len(g.owners)))
	}
	for round := range rounds {
		g.cuts = round%3 == 2
		done := g.round(t)
		g.compare(t)
		settle(t, s)
		g.compare(t)
		g.compareRecords(t)
		if t.Failed() {
			t.Fatalf("seed %d, round %d:\n%s", seed, round, strings.Join(done, "\n"))
		}
	}
}

type generator struct {
	rng    *rand.Rand
	s      *store.Store
	m      *model
	prefix string
	owners []string
	ids    []uint64 // given out, used or not
	cuts   bool     // whether the round cuts archives; records of old ids come in others only
}

func (g *generator) one(list ...string) string { return list[g.rng.IntN(len(list))] }
func (g *generator) owner() string             { return g.owners[g.rng.IntN(len(g.owners))] }
func (g *generator) session() string           { return g.one("", "", "s1", "s2", "s3") }

func (g *generator) id() uint64 {
	if len(g.ids) == 0 {
		return 1
	}
	// The newest most often.
	back := min(int(g.rng.ExpFloat64()*15), len(g.ids)-1)
	return g.ids[len(g.ids)-1-back]
}

func (g *generator) newID() uint64 {
	id := g.s.NextID()
	g.ids = append(g.ids, id)
	return id
}

// round commits some batches without waiting in between and checks that each
// comes out as the model says.
func (g *generator) round(t *testing.T) (done []string) {
	for range g.rng.IntN(20) {
		var ops []op
		for range 1 + g.rng.IntN(6) {
			ops = append(ops, g.op())
		}
		b := new(store.Batch)
		for _, o := range ops {
			o.batch(b)
		}
		want := g.m.apply(ops)
		done = append(done, fmt.Sprintf("batch, result %v", want))
		for _, o := range ops {
			done = append(done, "  "+o.name)
		}
		b.Then = func(err error) {
			if !errors.Is(err, want) || want == nil && err != nil {
				t.Errorf("batch: %v, want %v", err, want)
			}
		}
		if err := g.s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	settle1(t, g.s)
	return done
}

// settle1 waits until what was enqueued is durable.
func settle1(t *testing.T, s *store.Store) {
	done := make(chan error, 1)
	s.Barrier(func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func (g *generator) op() op {
	if g.rng.IntN(4) == 0 {
		return g.docOp()
	}
	return g.logOp()
}

func (g *generator) docOp() op {
	k := store.Key{Host: g.prefix, Account: g.one("a", "b"), Kind: g.one("k", "l"), Key: g.one("", "x", "x/y", "z")}
	d := store.Doc{Key: k, Index: [2]string{g.one("", "red", "blue"), g.one("", "red")}, Data: fmt.Append(nil, g.rng.IntN(1000))}
	if g.rng.IntN(3) == 0 {
		d.Version = 1 + g.rng.Uint64N(9)
	}
	yes := func(*model) error { return nil }
	switch n := g.rng.IntN(20); {
	case n < 9:
		return op{name: fmt.Sprintf("put %+v", d), batch: func(b *store.Batch) { b.Put(d) }, check: yes, model: func(m *model) { m.put(d) }}
	case n < 12:
		return op{name: fmt.Sprintf("put new %+v", d), batch: func(b *store.Batch) { b.PutNew(d) }, check: func(m *model) error {
			if m.docs[k].Version != 0 {
				return store.ErrExists
			}
			return nil
		}, model: func(m *model) { m.put(d) }}
	case n < 15:
		want := g.rng.Uint64N(5)
		return op{name: fmt.Sprintf("put %+v if at %d", d, want), batch: func(b *store.Batch) { b.PutIf(d, want) }, check: func(m *model) error {
			if m.docs[k].Version != want {
				return store.ErrConflict
			}
			return nil
		}, model: func(m *model) { m.put(d) }}
	case n < 18:
		return op{name: fmt.Sprintf("delete %v", k), batch: func(b *store.Batch) { b.Delete(k) }, check: yes, model: func(m *model) { delete(m.docs, k) }}
	default:
		return op{name: fmt.Sprintf("delete all of %s", k.Account), batch: func(b *store.Batch) { b.DeleteAll(k.Host, k.Account) }, check: yes, model: func(m *model) { m.deleteAll(k.Host, k.Account) }}
	}
}

func (g *generator) record() store.Record {
	from, to := g.owner(), g.owner()
	r := store.Record{
		ID: g.newID(), Owners: [2]string{from, to}, From: from + g.one("", "/1", "/2"), To: to + g.one("", "/1", "/2"),
		Kind: uint8(g.rng.IntN(4)), Flags: uint32(g.rng.IntN(4)), Text: g.one(texts...),
	}
	r.Stanza = fmt.Appendf(nil, "<message id='%d'/>", r.ID)
	switch g.rng.IntN(8) {
	case 0:
		r.Owners[0] = ""
	case 1:
		r.Owners[1] = ""
	case 2:
		r.Owners = [2]string{}
	}
	if g.rng.IntN(3) == 0 {
		r.Flags |= store.FlagTransient
	}
	if g.rng.IntN(5) == 0 {
		// Given an id now, and appended later: out of order.
		g.newID()
	}
	if !g.cuts && g.rng.IntN(4) == 0 {
		r.ID = g.id()
		r.Stanza = fmt.Appendf(nil, "<message id='%d'/>", r.ID)
	}
	return r
}

// texts are what records say, and searches what each of them is found by.
var (
	texts    = []string{"", "text", "two words", "Größe über alles", "你好世界, text", "1.2.3"}
	searches = map[string][]int{
		"text": {1, 4}, "TEXT two": nil, "words two": {2}, `"two words"`: {2}, `"words two"`: nil, "wor*": {2}, "wor": nil,
		"große": {3}, "GRÖ*": {3}, "uber": {3}, "世": {4}, "好世": {4}, "世好": nil, "你好 text": {4}, "2.3": {5}, "3.2": nil, "-,.": nil, "": nil,
		`o1 OR body : text"`: nil,
	}
)

func (g *generator) logOp() op {
	owner, id, session := g.owner(), g.id(), g.session()
	if g.rng.IntN(12) == 0 {
		text := g.one(texts...)
		stanza := fmt.Appendf(nil, "<message id='%d' again='%d'/>", id, g.rng.IntN(100))
		return op{name: fmt.Sprintf("replace %d with %s %q", id, stanza, text), batch: func(b *store.Batch) { b.Replace(id, stanza, text) }, model: func(m *model) {
			if r := m.recs[id]; r != nil {
				r.Stanza, r.Text = stanza, text
			}
		}}
	}
	switch n := g.rng.IntN(40); {
	case n < 16:
		return g.appendOp()
	case n < 20 && !g.cuts: // what is being cut may still be found until it is gone
		r := store.Spool{Owner: owner, ID: id, Session: session, Seq: g.rng.Uint32N(100), Done: g.rng.IntN(5) == 0}
		return op{name: fmt.Sprintf("spool %+v", r), batch: func(b *store.Batch) { b.SpoolAdd(r) }, model: func(m *model) { m.spoolAdd(r) }}
	case n < 30:
		return op{name: fmt.Sprintf("confirm %s %d %q", owner, id, session), batch: func(b *store.Batch) { b.SpoolConfirm(owner, id, session) }, model: func(m *model) { m.confirm(owner, id, session) }}
	case n < 34:
		to, seq := g.session(), g.rng.Uint32N(100)
		return op{name: fmt.Sprintf("move %s %d %q %q %d", owner, id, session, to, seq), batch: func(b *store.Batch) { b.SpoolMove(owner, id, session, to, seq) }, model: func(m *model) { m.move(owner, id, session, to, seq) }}
	case n < 36:
		return op{name: fmt.Sprintf("drop %s %q", owner, session), batch: func(b *store.Batch) { b.SpoolDropSession(owner, session) }, model: func(m *model) {
			m.dropRows(func(k spoolKey) bool { return k.owner == owner && k.session == session })
		}}
	case n < 38 || !g.cuts:
		return op{name: fmt.Sprintf("remove %d", id), batch: func(b *store.Batch) { b.Remove(id) }, model: func(m *model) { m.remove(id) }}
	}
	switch g.rng.IntN(3) {
	case 0:
		return op{name: fmt.Sprintf("delete owner %s", owner), batch: func(b *store.Batch) { b.DeleteOwner(owner) }, model: func(m *model) { m.deleteOwner(owner) }}
	case 1:
		keep := g.rng.IntN(20)
		return op{name: fmt.Sprintf("trim %s to %d", owner, keep), batch: func(b *store.Batch) { b.Trim(owner, keep) }, model: func(m *model) { m.trim(owner, keep) }}
	}
	before := store.TimeOf(id)
	floor := store.IDAt(before)
	return op{name: fmt.Sprintf("delete before %d", floor), batch: func(b *store.Batch) { b.DeleteBefore(before) }, model: func(m *model) {
		m.cut("", func(r *store.Record) bool { return r.ID < floor })
	}}
}

// appendOp appends a record, and mostly puts it in spools.
func (g *generator) appendOp() op {
	r := g.record()
	var rows []store.Spool
	for range g.rng.IntN(4) {
		rows = append(rows, store.Spool{Owner: g.owner(), ID: r.ID, Session: g.session(), Seq: g.rng.Uint32N(100)})
	}
	return op{
		name: fmt.Sprintf("append %+v, spool %+v", r, rows),
		batch: func(b *store.Batch) {
			b.Append(r)
			for _, row := range rows {
				b.SpoolAdd(row)
			}
		},
		model: func(m *model) {
			c := r
			m.recs[r.ID] = &c
			for _, row := range rows {
				m.spoolAdd(row)
			}
		},
		appends: r.ID,
	}
}

func (g *generator) compare(t *testing.T) {
	for _, owner := range append(slices.Clone(g.owners), g.prefix+"nobody@localhost") {
		if n, err := g.s.Count(ctx(), owner); err != nil || n != len(g.m.archive(owner)) {
			t.Errorf("count of %s: %d %v, want %d", owner, n, err, len(g.m.archive(owner)))
		}
		for range 12 {
			q := g.query()
			got, err := g.s.Range(ctx(), owner, q)
			if want := g.m.find(owner, q); err != nil || !sameRecords(got, want) {
				t.Errorf("range %+v of %s: %s %v, want %s", q, owner, show(got), err, show(want))
			}
		}
		g.compareSpool(t, owner)
	}
	g.compareSearch(t, g.owner())
	g.compareDocs(t)
}

// compareSearch searches with and without an index of words that is complete.
func (g *generator) compareSearch(t *testing.T, owner string) {
	if _, err := g.s.IndexWords(ctx(), g.rng.IntN(40)); err != nil {
		t.Errorf("indexing words: %v", err)
	}
	for text, found := range searches {
		if g.rng.IntN(4) > 0 { // some of them
			continue
		}
		q := g.query()
		got, err := g.s.Search(ctx(), owner, text, q)
		n := q.N
		q.N = 0
		var want []store.Record
		for _, r := range g.m.find(owner, q) {
			if slices.ContainsFunc(found, func(i int) bool { return r.Text == texts[i] }) && (n == 0 || len(want) < n) {
				want = append(want, r)
			}
		}
		if err != nil || !sameRecords(got, want) {
			t.Errorf("search %q %+v of %s: %s %v, want %s", text, q, owner, show(got), err, show(want))
		}
	}
}

// query is any combination of filters, each with values that matter.
func (g *generator) query() (q store.RangeQuery) {
	if g.rng.IntN(2) == 0 {
		q.With = g.owner() + g.one("", "", "/1", "/2", "/none")
	}
	if g.rng.IntN(4) == 0 {
		q.Start = store.TimeOf(g.id())
	}
	if g.rng.IntN(4) == 0 {
		q.End = store.TimeOf(g.id())
	}
	if g.rng.IntN(4) == 0 {
		q.AfterID = g.id()
	}
	if g.rng.IntN(4) == 0 {
		q.BeforeID = g.id()
	}
	if g.rng.IntN(2) == 0 {
		q.N = 1 + g.rng.IntN(10)
	}
	q.Reverse = g.rng.IntN(2) == 0
	return q
}

func sameRecords(a, b []store.Record) bool {
	return slices.EqualFunc(a, b, func(a, b store.Record) bool { return reflect.DeepEqual(a, b) })
}

func show(list []store.Record) string {
	s := ""
	for _, r := range list {
		s += fmt.Sprintf(" %d(%s>%s %q %x)", r.ID, r.From, r.To, r.Owners, r.Flags)
	}
	return "[" + s + " ]"
}

func (g *generator) compareSpool(t *testing.T, owner string) {
	waiting := make(map[uint64]bool)
	bytes := int64(0)
	for _, r := range g.m.rows(owner, store.AnySession) {
		if !r.Done && !waiting[r.ID] {
			waiting[r.ID] = true
			bytes += int64(len(g.m.recs[r.ID].Stanza))
		}
	}
	if n, size, err := g.s.SpoolStats(ctx(), owner); n != len(waiting) || size != bytes || err != nil {
		t.Errorf("spool of %s: %d records, %d bytes, %v; want %d, %d", owner, n, size, err, len(waiting), bytes)
	}
	for _, session := range []string{store.AnySession, "", "s1"} {
		list, err := g.s.SpoolPage(ctx(), owner, 0, 0, session)
		var got []store.Spool
		for _, r := range list {
			got = append(got, r.Spool)
			if want := g.m.recs[r.ID]; want == nil || string(want.Stanza) != string(r.Record.Stanza) {
				t.Errorf("record %+v of a spool row, want %+v", r.Record, want)
			}
		}
		if want := g.m.rows(owner, session); err != nil || !slices.Equal(got, want) {
			t.Errorf("spool of %s, session %q: %v %v, want %v", owner, session, got, err, want)
		}
	}
}

// compareRecords compares every record by id, which is exact once the
// background work is done.
func (g *generator) compareRecords(t *testing.T) {
	for _, id := range g.ids {
		got, ok, err := g.s.GetRecord(ctx(), id)
		want := g.m.recs[id]
		if err != nil || ok != (want != nil) || ok && !reflect.DeepEqual(got, *want) {
			wanted := "none"
			if want != nil {
				wanted = show([]store.Record{*want})
			}
			t.Errorf("record %d: %v %s %v, want %s", id, ok, show([]store.Record{got}), err, wanted)
		}
	}
}

func (g *generator) compareDocs(t *testing.T) {
	n := 0
	for _, account := range []string{"a", "b"} {
		for _, kind := range []string{"k", "l"} {
			list, err := g.s.List(ctx(), g.prefix, account, kind, "", "", 0)
			if err != nil {
				t.Error(err)
			}
			for _, d := range list {
				n++
				if want := g.m.docs[d.Key]; !reflect.DeepEqual(d, want) {
					t.Errorf("document %+v, want %+v", d, want)
				}
			}
		}
	}
	if n != len(g.m.docs) {
		t.Errorf("%d documents, want %d", n, len(g.m.docs))
	}
	for i, value := range []string{"red", "blue"} {
		found, err := g.s.FindIndex(ctx(), g.prefix, "k", i, value, 0)
		want := 0
		for _, d := range g.m.docs {
			if d.Kind == "k" && d.Index[i] == value {
				want++
			}
		}
		if err != nil || len(found) != want {
			t.Errorf("index %d %q: %d documents, %v; want %d", i, value, len(found), err, want)
		}
	}
}

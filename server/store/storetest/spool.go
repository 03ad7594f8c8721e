package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"natter/server/store"
)

const (
	juliet = "juliet@localhost"
	romeo  = "romeo@localhost"
	nurse  = "nurse@localhost"
)

// message is a record from Juliet to Romeo.
func message(id uint64, flags uint32) store.Record {
	return store.Record{
		ID: id, Owners: [2]string{juliet, romeo}, From: juliet + "/balcony", To: romeo + "/garden",
		Kind: 1, Flags: flags, Stanza: fmt.Appendf(nil, "<message id='%d'/>", id), Text: "wherefore",
	}
}

// append1 appends a message and puts it in Romeo's spool for the sessions.
func append1(t *testing.T, s *store.Store, flags uint32, sessions ...string) uint64 {
	t.Helper()
	id := s.NextID()
	commit(t, s, func(b *store.Batch) {
		b.Append(message(id, flags))
		for i, session := range sessions {
			b.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: session, Seq: uint32(i + 1)})
		}
	})
	return id
}

// wantSpool compares an owner's spool with rows such as "s1:3" (session and
// number), "s1:3!" for one that is done, ":0" for offline; ids in order.
func wantSpool(t *testing.T, s *store.Store, owner string, want ...string) {
	t.Helper()
	list, err := s.SpoolPage(ctx(), owner, 0, 0, store.AnySession)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		row := fmt.Sprintf("%s:%d", r.Session, r.Seq)
		if r.Done {
			row += "!"
		}
		if r.Owner != owner || r.ID == 0 || r.Record.ID != r.ID {
			t.Errorf("spool row %+v of %s", r.Spool, owner)
		}
		got = append(got, row)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("spool of %s: %v, want %v", owner, got, want)
	}
}

// wantRecord tells whether a record is there.
func wantRecord(t *testing.T, s *store.Store, id uint64, want bool) {
	t.Helper()
	if _, ok, err := s.GetRecord(ctx(), id); ok != want || err != nil {
		t.Errorf("record there: %v %v, want %v", ok, err, want)
	}
}

func confirm(t *testing.T, s *store.Store) {
	a := append1(t, s, 0, "")
	b := append1(t, s, 0, "s1")
	wantSpool(t, s, romeo, ":1", "s1:1")
	list, err := s.SpoolPage(ctx(), romeo, 0, 0, "")
	if want := message(a, 0); err != nil || len(list) != 1 || !reflect.DeepEqual(list[0].Record, want) {
		t.Errorf("offline page: %+v %v, want %+v", list, err, want)
	}
	commit(t, s, func(x *store.Batch) { x.SpoolConfirm(romeo, a, "s1") })
	wantSpool(t, s, romeo, "s1:1")
	commit(t, s, func(x *store.Batch) {
		x.SpoolConfirm(juliet, b, "s1") // somebody else's
		x.SpoolConfirm(romeo, b+1, "s1")
		x.SpoolConfirm("nobody@localhost", b, "s1")
	})
	wantSpool(t, s, romeo, "s1:1")
	commit(t, s, func(x *store.Batch) { x.SpoolConfirm(romeo, b, "s1"); x.SpoolConfirm(romeo, b, "s1") })
	wantSpool(t, s, romeo)
	wantRecord(t, s, a, true)
	wantRecord(t, s, b, true)

	// In the batch of the record, and in one beside it.
	id := s.NextID()
	commit(t, s, func(x *store.Batch) {
		x.Append(message(id, 0))
		x.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: "s1"})
		x.SpoolConfirm(romeo, id, "s1")
	})
	wantSpool(t, s, romeo)
	wantRecord(t, s, id, true)

	// A row for a record that is not there is none.
	commit(t, s, func(x *store.Batch) { x.SpoolAdd(store.Spool{Owner: romeo, ID: s.NextID()}) })
	wantSpool(t, s, romeo)
	// A row put again is replaced.
	commit(t, s, func(x *store.Batch) {
		x.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: "s1", Seq: 5})
		x.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: "s1", Seq: 6})
	})
	wantSpool(t, s, romeo, "s1:6")
}

func confirmOthers(t *testing.T, s *store.Store) {
	id := append1(t, s, 0, "s1", "s2", "s3", "")
	commit(t, s, func(b *store.Batch) {
		b.SpoolAdd(store.Spool{Owner: nurse, ID: id, Session: "s1", Seq: 9})
	})
	wantSpool(t, s, romeo, ":4", "s1:1", "s2:2", "s3:3")
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, id, "s2") })
	wantSpool(t, s, romeo, "s1:1!", "s3:3!")
	wantSpool(t, s, nurse, "s1:9")
	if n, _, err := s.SpoolStats(ctx(), romeo); n != 0 || err != nil {
		t.Errorf("%d records wait though one session has them, %v", n, err)
	}
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, id, "s1") })
	wantSpool(t, s, romeo, "s3:3!")
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, id, "s3") })
	wantSpool(t, s, romeo)
}

func move(t *testing.T, s *store.Store) {
	id := append1(t, s, 0, "")
	step := func(from, to string, seq uint32, want ...string) {
		t.Helper()
		commit(t, s, func(b *store.Batch) { b.SpoolMove(romeo, id, from, to, seq) })
		wantSpool(t, s, romeo, want...)
	}
	step("", "s1", 4, "s1:4")
	step("s2", "s3", 1, "s1:4")
	step("s1", "s1", 5, "s1:5")
	step("s1", "", 0, ":0")
	step("", "s2", 1, "s2:1")
	commit(t, s, func(b *store.Batch) { b.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: "s3", Seq: 7}) })
	step("s2", "s3", 8, "s3:8") // takes the place of the row there
	commit(t, s, func(b *store.Batch) {
		b.SpoolAdd(store.Spool{Owner: romeo, ID: id, Session: "s4", Seq: 2})
		b.SpoolConfirm(romeo, id, "s3")
	})
	wantSpool(t, s, romeo, "s4:2!")
	step("s4", "", 0) // done: nobody else needs it
}

func dropSession(t *testing.T, s *store.Store) {
	a := append1(t, s, 0, "s1", "s2")
	b := append1(t, s, store.FlagTransient, "s1")
	c := append1(t, s, store.FlagTransient, "s1", "")
	var d uint64
	commit(t, s, func(x *store.Batch) {
		d = s.NextID()
		x.Append(message(d, store.FlagTransient))
		x.SpoolAdd(store.Spool{Owner: romeo, ID: d, Session: "s1"})
		x.SpoolDropSession(romeo, "s1")
		x.SpoolDropSession(nurse, "s2")
	})
	wantSpool(t, s, romeo, "s2:2", ":2")
	wantRecord(t, s, a, true)
	wantRecord(t, s, b, false)
	wantRecord(t, s, c, true)
	wantRecord(t, s, d, false)
}

func transient(t *testing.T, s *store.Store) {
	id := append1(t, s, store.FlagTransient|5, "", "s1")
	wantSpool(t, s, romeo, ":1", "s1:2")
	if list, err := s.Range(ctx(), romeo, store.RangeQuery{}); len(list) != 0 || err != nil {
		t.Errorf("a transient record is archived: %v %v", list, err)
	}
	if n, err := s.Count(ctx(), romeo); n != 0 || err != nil {
		t.Errorf("a transient record counts: %d %v", n, err)
	}
	if r, ok, err := s.GetRecord(ctx(), id); !ok || err != nil || r.Flags != store.FlagTransient|5 {
		t.Errorf("transient record: %+v %v %v", r, ok, err)
	}
	commit(t, s, func(b *store.Batch) { b.SpoolAdd(store.Spool{Owner: nurse, ID: id, Session: "n", Seq: 1}) })
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, id, "s2") })
	wantSpool(t, s, romeo, "s1:2!")
	wantRecord(t, s, id, true)
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, id, "s1") })
	wantRecord(t, s, id, true)
	commit(t, s, func(b *store.Batch) { b.SpoolMove(nurse, id, "n", "", 0) })
	wantRecord(t, s, id, true)
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(nurse, id, "") })
	wantRecord(t, s, id, false)

	id = append1(t, s, store.FlagTransient) // in no spool
	wantRecord(t, s, id, false)

	id = append1(t, s, store.FlagTransient, "s1", "s2")
	commit(t, s, func(b *store.Batch) { b.SpoolConfirm(romeo, id, "s1") })
	commit(t, s, func(b *store.Batch) { b.SpoolMove(romeo, id, "s2", "", 0) })
	wantRecord(t, s, id, false)
}

func spoolPages(t *testing.T, s *store.Store) {
	var ids []uint64
	for range 5 {
		ids = append(ids, append1(t, s, 0, "a", "b", ""))
	}
	var got []uint64
	after := uint64(0)
	for {
		list, err := s.SpoolPage(ctx(), romeo, after, 4, store.AnySession)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		if len(list)%3 != 0 {
			t.Errorf("a page of %d parts an id", len(list))
		}
		for _, r := range list {
			got = append(got, r.ID)
		}
		after = list[len(list)-1].ID
	}
	if len(got) != 15 || got[0] != ids[0] || got[14] != ids[4] {
		t.Errorf("pages of ids %v", got)
	}
	list, err := s.SpoolPage(ctx(), romeo, ids[1], 2, "b")
	if err != nil || len(list) != 2 || list[0].ID != ids[2] || list[1].ID != ids[3] || list[0].Session != "b" || list[0].Seq != 2 {
		t.Errorf("page of one session: %+v %v", list, err)
	}
	if list, err := s.SpoolPage(ctx(), nurse, 0, 0, store.AnySession); len(list) != 0 || err != nil {
		t.Errorf("spool of one who has none: %+v %v", list, err)
	}
}

func spoolSums(t *testing.T, s *store.Store) {
	a := append1(t, s, 0, "s1", "s2")
	append1(t, s, 0, "")
	size := int64(len(message(a, 0).Stanza))
	n, bytes, err := s.SpoolStats(ctx(), romeo)
	if n != 2 || bytes != 2*size || err != nil {
		t.Errorf("stats: %d records of %d bytes, %v; want 2 of %d", n, bytes, err, 2*size)
	}
	got, err := s.SpoolSessions(ctx(), romeo)
	want := []store.SpoolSession{{Session: "", Count: 1, Bytes: size}, {Session: "s1", Count: 1, Bytes: size}, {Session: "s2", Count: 1, Bytes: size}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("sessions: %+v %v, want %+v", got, err, want)
	}
	commit(t, s, func(b *store.Batch) { b.SpoolAdd(store.Spool{Owner: nurse, ID: a}) })
	owners, err := s.SpoolOwners(ctx(), "", 0)
	if err != nil || !reflect.DeepEqual(owners, []string{nurse, romeo}) {
		t.Errorf("owners: %v %v", owners, err)
	}
	owners, err = s.SpoolOwners(ctx(), nurse, 5)
	if err != nil || !reflect.DeepEqual(owners, []string{romeo}) {
		t.Errorf("owners after the nurse: %v %v", owners, err)
	}
	if n, bytes, err := s.SpoolStats(ctx(), "nobody@localhost"); n != 0 || bytes != 0 || err != nil {
		t.Errorf("stats of nobody: %d %d %v", n, bytes, err)
	}
}

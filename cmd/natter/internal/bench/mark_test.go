package bench

import (
	"bytes"
	"encoding/xml"
	"testing"
)

func TestTemplateCarriesItsMark(t *testing.T) {
	const size = 254
	tmpl := newTemplate(42, "user43@localhost/bench", "chat", size)
	msg := tmpl.append(nil, 123456, 987654321)
	if len(msg) != size {
		t.Errorf("the message is %d bytes long, want %d", len(msg), size)
	}
	m, ok := readMark(msg)
	if want := (mark{link: 42, seq: 123456, at: 987654321}); !ok || m != want {
		t.Errorf("read %+v, %v; want %+v", m, ok, want)
	}
	var parsed struct {
		ID   string `xml:"id,attr"`
		To   string `xml:"to,attr"`
		Body string `xml:"body"`
	}
	if err := xml.Unmarshal(msg, &parsed); err != nil {
		t.Fatal(err)
	}
	if parsed.ID != "m000042q000000123456" || parsed.To != "user43@localhost/bench" {
		t.Errorf("id %q, to %q", parsed.ID, parsed.To)
	}
}

func TestAppendingToABatchAllocatesNothing(t *testing.T) {
	tmpl := newTemplate(1, "user2@localhost", "chat", 254)
	batch := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		batch = tmpl.append(tmpl.append(batch[:0], 1, 2), 3, 4)
		if _, ok := readMark(batch); !ok {
			t.Fatal("no mark")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestReadMarkRefusesForeignBodies(t *testing.T) {
	good := newTemplate(1, "a@b", "chat", 254).append(nil, 1, 1)
	for name, msg := range map[string][]byte{
		"no body":             []byte("<message/>"),
		"another text":        []byte("<message><body>hello</body></message>"),
		"cut off in the mark": good[:bytes.Index(good, bodyStart)+20],
		"a letter for digit":  bytes.Replace(good, []byte("<body>m0"), []byte("<body>mx"), 1),
		"nothing":             nil,
	} {
		if m, ok := readMark(msg); ok {
			t.Errorf("%s: read %+v", name, m)
		}
	}
}

func TestTrackerTellsWhatHappened(t *testing.T) {
	for _, row := range []struct {
		name                    string
		seen                    []int64
		sent                    int64
		lost, doubled, reorderd int64
	}{
		{"everything in order", []int64{0, 1, 2, 3}, 4, 0, 0, 0},
		{"nothing came", nil, 3, 3, 0, 0},
		{"the last is missing", []int64{0, 1}, 3, 1, 0, 0},
		{"one in the middle is missing", []int64{0, 2, 3}, 4, 1, 0, 0},
		{"two changed places", []int64{0, 2, 1, 3}, 4, 0, 0, 1},
		{"one came twice", []int64{0, 1, 1, 2}, 3, 0, 1, 0},
		{"a late one came twice", []int64{0, 2, 1, 1}, 3, 0, 1, 1},
		{"the first came last", []int64{1, 2, 0}, 3, 0, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			var tr tracker
			fresh := int64(0)
			for _, seq := range row.seen {
				if tr.see(seq) {
					fresh++
				}
			}
			if got := tr.lost(row.sent); got != row.lost || tr.doubled != row.doubled || tr.reordered != row.reorderd {
				t.Errorf("lost %d, doubled %d, reordered %d", got, tr.doubled, tr.reordered)
			}
			if fresh != row.sent-row.lost {
				t.Errorf("%d counted as new, want %d", fresh, row.sent-row.lost)
			}
		})
	}
}

func TestTrackerIsBounded(t *testing.T) {
	var tr tracker
	if tr.see(1 << 40) {
		t.Error("a sequence number out of this world counts as arrived")
	}
	if len(tr.holes) != 0 || tr.absurd != 1 {
		t.Errorf("%d holes kept, %d counted as absurd", len(tr.holes), tr.absurd)
	}
}

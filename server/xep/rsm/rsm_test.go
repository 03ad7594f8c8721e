package rsm

import (
	"strings"
	"testing"

	"natter/stanza"
)

func query(t *testing.T, set string) (Query, error) {
	t.Helper()
	st, err := stanza.Parse([]byte("<q><set xmlns='"+NS+"'>"+set+"</set></q>"), stanza.AfterLogin)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(st, st.ChildAt(0))
}

func TestPage(t *testing.T) {
	for _, row := range []struct{ name, set, want string }{
		{"everything, up to the bound", "", "a b c d"},
		{"the first page", "<max>2</max>", "a b"},
		{"the page after an item", "<max>2</max><after>b</after>", "c d"},
		{"the page after the last item is empty", "<after>f</after>", ""},
		{"the last page", "<max>2</max><before/>", "e f"},
		{"the page before an item", "<max>2</max><before>d</before>", "b c"},
		{"the page before the first item is empty", "<before>a</before>", ""},
		{"the count alone", "<max>0</max>", ""},
		{"from an index", "<max>2</max><index>3</index>", "d e"},
		{"from an index beyond the end", "<index>9</index>", ""},
		{"from an index that is not before an item", "<index>5</index><before>b</before>", ""},
		{"between two items", "<after>a</after><before>d</before>", "b c"},
	} {
		q, err := query(t, row.set)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		ids := strings.Fields("a b c d e f")
		from, to, r, err := Page(q, ids, 4)
		if got := strings.Join(ids[from:to], " "); got != row.want || err != nil || r.Count != 6 {
			t.Errorf("%s: got %q, %+v, %v", row.name, got, r, err)
		}
	}
}

func TestBadQueries(t *testing.T) {
	for _, set := range []string{"<max>-1</max>", "<max>many</max>", "<max/>", "<index>1.5</index>", "<max>99999999999999999999</max>"} {
		if q, err := query(t, set); err == nil {
			t.Errorf("%s is read as %+v", set, q)
		}
	}
	if _, _, _, err := Page(Query{HasAfter: true, After: "x", Max: -1, Index: -1}, []string{"a"}, 10); err == nil {
		t.Error("a page after an item that is not there")
	}
}

// FuzzPage reads any query and applies it: what comes of it is a part of the list, no
// longer than may be, and what is said of it is true.
func FuzzPage(f *testing.F) {
	for _, s := range []string{"", "<max>2</max>", "<max>2</max><after>b</after>", "<before/>", "<max>0</max>", "<index>9</index>", "<after>c</after><before>a</before>", "<max>-1</max>", "<index>5</index><before>b</before>"} {
		f.Add(s)
	}
	ids := strings.Fields("a b c d e f")
	f.Fuzz(func(t *testing.T, set string) {
		st, err := stanza.Parse([]byte("<q><set xmlns='"+NS+"'>"+set+"</set></q>"), stanza.AfterLogin)
		if err != nil || st.NumChildren() != 1 {
			return
		}
		q, err := Parse(st, st.ChildAt(0))
		if err != nil {
			return
		}
		from, to, r, err := Page(q, ids, 4)
		if err != nil {
			return
		}
		if from < 0 || to < from || to > len(ids) || to-from > 4 || q.Max >= 0 && to-from > q.Max {
			t.Fatalf("%q gives %d to %d", set, from, to)
		}
		if to > from && (r.First != ids[from] || r.Last != ids[to-1] || r.Index != from) || r.Count != len(ids) {
			t.Errorf("%q says %+v of %d to %d", set, r, from, to)
		}
	})
}

// Package rsm implements the responder's side of XEP-0059 Result Set Management,
// version 1.0.1: which page of a list a client asks for, and what to say of the
// page it gets.
package rsm

import (
	"fmt"
	"strconv"

	"natter/stanza"
)

// NS is the namespace of result sets.
const NS = "http://jabber.org/protocol/rsm"

// Query is the page that was asked for. The zero value asks for all.
type Query struct {
	Present bool   // there was a <set/>
	Max     int    // -1 when not given; 0 asks for the count alone (§2.5)
	After   string // the page after this item (§2.2)
	Before  string // … before this one, "" with Last for the last page (§2.3, §2.4)
	// HasBefore and HasAfter tell the empty element from none.
	HasBefore, HasAfter bool
	Index               int // of the first item (§2.6), -1 when not given
}

// Last reports whether the last page was asked for: an empty <before/> (§2.5).
func (q *Query) Last() bool { return q.HasBefore && q.Before == "" }

// Backward reports whether the page is counted from its end.
func (q *Query) Backward() bool { return q.HasBefore }

// Size returns how many items the page holds at the most: what was asked for, up
// to most, which is also what is taken where nothing was said.
func (q *Query) Size(most int) int {
	if q.Max < 0 || q.Max > most {
		return most
	}
	return q.Max
}

// In reads the <set/> among the children of an element. The error is a
// bad-request.
func In(st *stanza.Stanza, parent stanza.Child) (Query, error) {
	for c := range st.Children(parent) {
		if st.ChildIs(c, NS, "set") {
			return Parse(st, c)
		}
	}
	return Query{Max: -1, Index: -1}, nil
}

// Parse reads a <set/>. The error is a bad-request.
func Parse(st *stanza.Stanza, set stanza.Child) (Query, error) {
	q := Query{Present: true, Max: -1, Index: -1}
	for c := range st.Children(set) {
		if string(st.Space(c)) != NS {
			continue
		}
		var err error
		switch string(st.Local(c)) {
		case "max":
			q.Max, err = number("max", st.Text(c))
		case "index":
			q.Index, err = number("index", st.Text(c))
		case "after":
			q.After, q.HasAfter = st.Text(c), true
		case "before":
			q.Before, q.HasBefore = st.Text(c), true
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

func number(name, s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, stanza.BadRequest(fmt.Sprintf("%s is a number of items, not %q", name, s))
	}
	return int(n), nil
}

// Result is what is said of a page: the ids of its first and last item, "" for an
// empty page; the index of the first and the count of all, -1 where not known.
type Result struct {
	First, Last  string
	Index, Count int
}

// AppendTo appends the <set/> (§2.1, §2.6).
func (r Result) AppendTo(b []byte) []byte {
	b = stanza.AppendOpen(b, "set", "xmlns", NS)
	if r.First != "" {
		index := ""
		if r.Index >= 0 {
			index = strconv.Itoa(r.Index)
		}
		b = stanza.AppendElement(b, "first", r.First, "index", index)
		b = stanza.AppendElement(b, "last", r.Last)
	}
	if r.Count >= 0 {
		b = stanza.AppendElement(b, "count", strconv.Itoa(r.Count))
	}
	return stanza.AppendClose(b, "set")
}

// Page applies a query to a list that is at hand: it returns the bounds of the page
// in ids, at most most items, and the result to say of it. The error is
// item-not-found for an item to go on from that is not there (§2.2).
func Page(q Query, ids []string, most int) (from, to int, r Result, err error) {
	n := len(ids)
	from, to = 0, n
	find := func(id string) (int, error) {
		for i := range ids {
			if ids[i] == id {
				return i, nil
			}
		}
		return 0, stanza.ItemNotFound("there is no item " + strconv.Quote(id) + " to go on from")
	}
	if q.HasAfter && q.After != "" {
		i, err := find(q.After)
		if err != nil {
			return 0, 0, Result{}, err
		}
		from = i + 1
	}
	if q.HasBefore && q.Before != "" {
		i, err := find(q.Before)
		if err != nil {
			return 0, 0, Result{}, err
		}
		to = max(i, from)
	}
	if q.Index >= 0 {
		from = min(q.Index, to)
	}
	if size := q.Size(most); to-from > size {
		if q.Backward() {
			from = to - size
		} else {
			to = from + size
		}
	}
	r = Result{Count: n, Index: -1}
	if to > from {
		r.First, r.Last, r.Index = ids[from], ids[to-1], from
	}
	return from, to, r, nil
}

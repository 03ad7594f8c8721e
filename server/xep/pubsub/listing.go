package pubsub

import (
	"natter/server/xep/rsm"
	"natter/stanza"
)

// Answers and events are cut to what a session's queue takes with ease: names can be
// long, and longer where they are escaped, and who has chosen them need not be who
// asks.

// most is how many bytes of one answer or event hold lists.
func (s *Service) most() int { return s.Host.Server.Config.QueueBytes / 4 }

// escaped is about how many bytes a name takes in an attribute.
func escaped(name string) int {
	n := len(name)
	for i := range len(name) {
		switch name[i] {
		case '&', '<', '>', '\'', '"', '\n', '\t', '\r':
			n += 5
		}
	}
	return n
}

// listed returns which of names an answer of about so many bytes holds, where beside
// says how many more bytes go with one: the page that is asked for, cut to what fits, at least one; and
// what is to be said of it (XEP-0059), nil where all of them are there.
func listed(names []string, beside func(name string) int, page rsm.Query, most int) (some []string, set []byte, err error) {
	from, to, r, err := rsm.Page(page, names, maxMost(page))
	if err != nil {
		return nil, nil, err
	}
	some = names[from:to]
	size := 0
	for k := range some {
		i := k
		if page.Backward() {
			i = len(some) - 1 - k
		}
		if size += escaped(some[i]) + beside(some[i]); size <= most || k == 0 {
			continue
		}
		if page.Backward() {
			some, r.Index = some[i+1:], r.Index+i+1
		} else {
			some = some[:k]
		}
		r.First, r.Last = some[0], some[len(some)-1]
		page.Present = true
		break
	}
	if page.Present {
		set = r.AppendTo(nil)
	}
	return some, set, nil
}

// list is a list of an answer, which takes entries as long as there is room for them.
type list struct {
	b         []byte
	most      int
	all, kept int
}

// add adds an entry made of a name and attributes and their values.
func (l *list) add(name string, attrs ...string) {
	l.all++
	if len(l.b) > l.most {
		return
	}
	l.kept++
	l.b = stanza.AppendEmpty(l.b, name, attrs...)
}

// close returns the list, and what is to be said of one that is not whole.
func (l *list) close(name string) []byte {
	b := stanza.AppendClose(l.b, name)
	if l.kept < l.all {
		b = rsm.Result{Index: -1, Count: l.all}.AppendTo(b)
	}
	return b
}

// pieces makes elements <items/> of a node, as many as it takes for none to be much
// longer than most: start opens one, next appends the i-th piece of n.
func pieces(node string, n, most int, next func(b []byte, i int) []byte) [][]byte {
	var all [][]byte
	b := stanza.AppendOpen(nil, "items", "node", node)
	empty := len(b)
	for i := range n {
		piece := next(nil, i)
		if len(b) > empty && len(b)+len(piece) > most {
			all = append(all, stanza.AppendClose(b, "items"))
			b = stanza.AppendOpen(nil, "items", "node", node)
		}
		b = append(b, piece...)
	}
	return append(all, stanza.AppendClose(b, "items"))
}

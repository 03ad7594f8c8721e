package store

import (
	"context"
	"slices"
	"strings"
)

const (
	maxTerms  = 16   // of a search; more are left out
	maxGap    = 2000 // records of an owner that are searched without the index
	catchUp   = 2000 // records that are indexed in a step before a search
	hitsAsked = 100  // hits asked of the index at once, at least
)

// term is a run of words that follow each other; with prefix, the last one may go on.
type term struct {
	words  []string
	prefix bool
}

// parseTerms reads what is searched for: words, all of which must be in the text;
// words in double quotes that must follow each other there; a word ending in * for
// all that begin so. What has other signs within it, a name such as a.b or some
// Chinese, is found in that order too.
func parseTerms(s string) []term {
	var list []term
	add := func(part string) {
		words := strings.Fields(string(tokenize(nil, part, maxTerms)))
		if len(words) > 0 && len(list) < maxTerms {
			list = append(list, term{words, strings.HasSuffix(strings.TrimSpace(part), "*")})
		}
	}
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			add(part)
			continue
		}
		for _, word := range strings.Fields(part) {
			add(word)
		}
	}
	return list
}

// in reports whether the term is in a text that tokenize has made words of.
func (t term) in(words []string) bool {
	for i := 0; i+len(t.words) <= len(words); i++ {
		last := len(t.words) - 1
		if slices.Equal(words[i:i+last], t.words[:last]) &&
			(words[i+last] == t.words[last] || t.prefix && strings.HasPrefix(words[i+last], t.words[last])) {
			return true
		}
	}
	return false
}

func inAll(terms []term, text string) bool {
	words := strings.Fields(string(tokenize(nil, text, maxWords)))
	return !slices.ContainsFunc(terms, func(t term) bool { return !t.in(words) })
}

// expression is the search in the language of FTS5, https://sqlite.org/fts5.html §3,
// for records with one owner word.
func expression(owner string, terms []term) string {
	var b strings.Builder
	b.WriteString("owner : " + owner)
	for _, t := range terms {
		b.WriteString(` AND body : "` + strings.Join(t.words, " ") + `"`)
		if t.prefix {
			b.WriteString(" *")
		}
	}
	return b.String()
}

// Search is Range for the records whose texts match what is searched for: see
// parseTerms. It finds nothing where there are no words in that. What is not indexed
// yet is indexed first when the owner has much of it; ErrBehind when that is not done
// in time.
func (s *Store) Search(ctx context.Context, owner, text string, q RangeQuery) ([]Record, error) {
	terms := parseTerms(text)
	if len(terms) == 0 {
		return nil, nil
	}
	for {
		list, behind, err := s.search(ctx, owner, terms, q)
		if !behind || err != nil {
			return list, err
		}
		for more := true; more; {
			if more, err = s.IndexWords(ctx, catchUp); err != nil {
				return nil, err
			}
		}
		if s.WordsBehind() { // no progress: the disk is full
			return nil, ErrBehind
		}
	}
}

// search searches the index up to its mark and the records above it one by one,
// unless these are too many.
func (s *Store) search(ctx context.Context, owner string, terms []term, q RangeQuery) (list []Record, behind bool, err error) {
	mark := s.w.words.done.Load()
	indexed, above := q, q
	if mark < maxID && (q.BeforeID == 0 || q.BeforeID > mark+1) {
		indexed.BeforeID = mark + 1
	}
	above.AfterID = max(q.AfterID, mark)
	parts := []func() error{
		func() error { return s.searchIndex(ctx, owner, terms, indexed, &list) },
		func() error { behind, err = s.searchAbove(ctx, owner, terms, above, &list); return err },
	}
	if q.Reverse {
		slices.Reverse(parts)
	}
	n := int(page(q.N))
	for _, part := range parts {
		if err := part(); err != nil || behind {
			return nil, behind, err
		}
		if len(list) >= n || q.Bytes > 0 && size(list) >= q.Bytes {
			break
		}
	}
	return list, false, nil
}

func size(list []Record) (n int) {
	for i := range list {
		n += len(list[i].Stanza)
	}
	return n
}

// searchAbove looks through the records that are not indexed.
func (s *Store) searchAbove(ctx context.Context, owner string, terms []term, q RangeQuery, list *[]Record) (behind bool, err error) {
	n := int(page(q.N))
	bytes := q.Bytes
	for seen := 0; ; {
		q.N, q.Bytes = 200, 1<<20
		page, err := s.Range(ctx, owner, q)
		if err != nil || len(page) == 0 {
			return false, err
		}
		if seen += len(page); seen > maxGap {
			return true, nil
		}
		for i := range page {
			if q.Reverse {
				q.BeforeID = page[i].ID
			} else {
				q.AfterID = page[i].ID
			}
			if page[i].Text == "" || !inAll(terms, page[i].Text) {
				continue
			}
			*list = append(*list, page[i])
			if len(*list) >= n || bytes > 0 && size(*list) >= bytes {
				return false, nil
			}
		}
	}
}

// searchIndex asks the index.
func (s *Store) searchIndex(ctx context.Context, owner string, terms []term, q RangeQuery, list *[]Record) error {
	n := int(page(q.N)) - len(*list)
	if q.Bytes > 0 {
		q.Bytes = max(1, q.Bytes-size(*list))
	}
	r := newRanger(q)
	return s.read(ctx, func(c *conn) error {
		id, floor, err := ownerRow(c, owner)
		if err != nil || id == 0 {
			return err
		}
		r.after = max(r.after, max(floor, 1)-1)
		word := string(appendOwner(nil, id))
		if r.with != "" {
			word = string(appendPeer(nil, id, r.peer))
		}
		match := expression(word, terms)
		for n > 0 && r.after+1 < r.before {
			ids, err := r.hits(c, match, max(n, hitsAsked))
			if err != nil {
				return err
			}
			for _, rid := range ids {
				rec, ok, err := record(c, rid, func(q *stmt) bool { return q.colInt(1) == id || q.colInt(2) == id })
				if err != nil {
					return err
				}
				if r.reverse {
					r.before = rid
				} else {
					r.after = rid
				}
				if !ok || !r.matchRecord(owner, &rec) {
					continue
				}
				*list = append(*list, rec)
				if n--; n == 0 {
					return nil
				}
				if r.bytes -= len(rec.Stanza); r.bytes <= 0 {
					return nil
				}
			}
			if len(ids) < max(n, hitsAsked) {
				return nil
			}
		}
		return nil
	})
}

// hits returns the next ids that the index has.
func (r *ranger) hits(c *conn, match string, n int) ([]uint64, error) {
	sql := `SELECT rowid FROM words WHERE words MATCH ?1 AND rowid > ?2 AND rowid < ?3 ORDER BY rowid LIMIT ?4`
	if r.reverse {
		sql = `SELECT rowid FROM words WHERE words MATCH ?1 AND rowid > ?2 AND rowid < ?3 ORDER BY rowid DESC LIMIT ?4`
	}
	q := c.prep(sql).text(match).id(r.after).id(r.before).int(int64(n))
	var ids []uint64
	for {
		ok, err := q.next()
		if !ok {
			return ids, err
		}
		ids = append(ids, q.colID(0))
	}
}

package store

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
)

// The index of words serves full-text search. It is an FTS5 table without contents:
// under a record's id, the words of its text as tokenize makes them, and as words of
// their own the numbers of its owners, alone and with the peer. So a search goes
// through the records of its owner only, and each hit is confirmed against the
// record before it is shown.
//
// Records are not indexed with their commit, which would cost more than the commit,
// but by IndexWords, some time later. Up to the id mark the index is complete; what
// an owner has above it is few, or is indexed first (search.go).

// maxWords bounds how many words of one text are indexed.
const maxWords = 2000

// words is the committer's side of the index.
type words struct {
	mark uint64        // up to this id the index is complete, as committed
	now  uint64        // the same after the current transaction
	top  atomic.Uint64 // highest id of the log that is known
	done atomic.Uint64 // mark, for readers
}

// ErrBehind says that a search cannot be answered as the index of words lacks too
// many of the owner's records.
var ErrBehind = errors.New("store: the index of words is behind")

func (w *words) load(c *conn, top uint64) error {
	mark, err := c.meta(metaWords)
	w.mark, w.now = mark, mark
	w.done.Store(mark)
	w.top.Store(max(top, mark))
	return err
}

// publish moves on after the commit.
func (w *words) publish(maxStored uint64) {
	w.mark = w.now
	w.done.Store(w.mark)
	w.top.Store(max(maxStored, w.mark))
}

func (w *words) abort() { w.now = w.mark }

// stepBytes bounds the texts that are indexed in one transaction, but for the last.
const stepBytes = 1 << 20

// step indexes up to n records above the mark, in the group's transaction.
func (w *words) step(g *group, n int) error {
	if err := g.start(); err != nil {
		return err
	}
	type row struct {
		id     uint64
		owners [2]int64
		r      Record
	}
	rows := make([]row, 0, n)
	last, size := uint64(0), 0
	q := g.c.prep(`SELECT id, o0, o1, flags, sender, recipient, body FROM log WHERE id > ? ORDER BY id LIMIT ?`).id(w.now).int(int64(n))
	for {
		ok, err := q.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if size > stepBytes {
			q.reset()
			break
		}
		last = q.colID(0)
		if uint32(q.colInt(3))&FlagTransient != 0 {
			continue
		}
		rows = append(rows, row{last, [2]int64{q.colInt(1), q.colInt(2)},
			Record{From: q.colText(4), To: q.colText(5), Text: q.colText(6)}})
		size += len(rows[len(rows)-1].r.Text)
	}
	for i := range rows {
		if err := w.insert(g.c, rows[i].id, rows[i].owners, &rows[i].r); err != nil {
			return err
		}
	}
	if last > 0 {
		w.now = last
		return g.c.setMeta(metaWords, last)
	}
	return nil
}

// insert indexes a record, if there is something to find in it.
func (w *words) insert(c *conn, id uint64, owners [2]int64, r *Record) error {
	text := tokenize(make([]byte, 0, len(r.Text)+16), r.Text, maxWords)
	if len(text) == 0 {
		return nil
	}
	b := make([]byte, 0, 96)
	for i, o := range owners {
		if o == 0 {
			continue
		}
		peer, _ := hashPeer(r.peer(i))
		b = append(appendOwner(b, o), ' ')
		b = append(appendPeer(b, o, peer), ' ')
	}
	return c.prep(`INSERT INTO words(rowid, owner, body) VALUES(?, ?, ?)`).id(id).text(string(b)).text(string(text)).run()
}

// remove takes a record out of the index, if it may be there.
func (w *words) remove(c *conn, id uint64) error {
	if id > w.now {
		return nil
	}
	return c.prep(`DELETE FROM words WHERE rowid = ?`).id(id).run()
}

// appendOwner appends the word that an owner's records have, and appendPeer the one
// of those with one peer.
func appendOwner(b []byte, owner int64) []byte {
	return strconv.AppendInt(append(b, 'o'), owner, 36)
}

func appendPeer(b []byte, owner, peer int64) []byte {
	b = strconv.AppendInt(append(b, 'p'), owner, 36)
	return strconv.AppendInt(append(b, 'x'), peer, 16)
}

// WordsBehind tells whether IndexWords has something to do.
func (s *Store) WordsBehind() bool { return s.w.words.done.Load() < s.w.words.top.Load() }

// IndexWords indexes the texts of up to n records, the oldest that are not yet, for
// Search, and reports whether there are more. It waits for the transaction. What it
// costs is felt by the batches that are committed with it, so it is called by small
// steps, or when there is nothing else to do. A disk that is full is no error: then
// there is no progress.
func (s *Store) IndexWords(ctx context.Context, n int) (more bool, err error) {
	if !s.WordsBehind() {
		return false, nil
	}
	before := s.w.words.done.Load()
	done := make(chan error, 1)
	if err := s.Commit(&Batch{words: n, Then: func(err error) { done <- err }}); err != nil {
		return false, err
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return err == nil && s.w.words.done.Load() > before && s.WordsBehind(), err
}

package store

import (
	"fmt"
	"math"
	"time"
)

// Batch is a set of changes that are made together or not at all. The zero
// value is ready for use. Its methods only note the change; they keep the
// slices and strings they are given, which must not be modified until the
// batch is done. A batch is built by one goroutine, belongs to the store from
// Commit until Then has been called, and may then be Reset and filled again.
//
// Changes apply in the order they were added, documents apart from the Log:
// what a batch does to the Log never depends on its documents, except that a
// failed condition fails all of it.
type Batch struct {
	// Then, if set, is called exactly once for a batch that Commit accepted:
	// with nil when its changes are durable and reads see them, else with the
	// reason why none of them was made. (If the disk failed in the very last
	// step of a commit and the process dies right after, they may yet be there.)
	// It runs on the committer's goroutine, in the order of the Commit calls,
	// and must not block; it may call Commit.
	Then func(err error)

	docs  []docOp
	log   []logOp
	recs  []Record
	bytes int64
	words int // records to index the words of
	bad   error
	err   error
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.docs)
	clear(b.log)
	clear(b.recs)
	*b = Batch{docs: b.docs[:0], log: b.log[:0], recs: b.recs[:0]}
}

// Empty tells whether the batch changes nothing.
func (b *Batch) Empty() bool { return len(b.docs) == 0 && len(b.log) == 0 }

// Bytes is about how much of the queue's bound the batch takes.
func (b *Batch) Bytes() int64 { return b.bytes + batchOverhead }

const batchOverhead = 128

type docOp struct {
	op   uint8
	doc  Doc
	want uint64 // docPutIf
}

const (
	docPut uint8 = iota
	docPutNew
	docPutIf
	docDelete
	docDeleteAll // doc.Host, doc.Account
)

type logOp struct {
	op    uint8
	seq   uint32
	id    uint64
	owner string // a bare JID
	a, b  string // sessions; logReplace: a is the text

	stanza []byte // logReplace
	n      int    // index in recs, or how many to keep
}

const (
	logAppend uint8 = iota
	logRemove
	logReplace
	logDeleteOwner
	logDeleteBefore
	logTrim
	spoolAdd
	spoolConfirm
	spoolMove
	spoolDrop
)

// Put writes a document, new or not.
func (b *Batch) Put(d Doc) { b.doc(docPut, d, 0) }

// PutNew writes a document; the batch fails with ErrExists if there is one
// under its key.
func (b *Batch) PutNew(d Doc) { b.doc(docPutNew, d, 0) }

// PutIf writes a document; the batch fails with ErrConflict unless the stored
// one has that version. Version 0 means that there must be none.
func (b *Batch) PutIf(d Doc, version uint64) { b.doc(docPutIf, d, version) }

// Delete removes a document, if there is one.
func (b *Batch) Delete(k Key) { b.doc(docDelete, Doc{Key: k}, 0) }

// DeleteAll removes every document of an account.
func (b *Batch) DeleteAll(host, account string) {
	b.doc(docDeleteAll, Doc{Key: Key{Host: host, Account: account}}, 0)
}

func (b *Batch) doc(op uint8, d Doc, want uint64) {
	if d.Kind == "" && op != docDeleteAll {
		b.invalid("document without a kind")
	}
	if d.Version > math.MaxInt64 {
		b.invalid("document version over 63 bits")
	}
	b.docs = append(b.docs, docOp{op: op, doc: d, want: want})
	b.bytes += int64(len(d.Data)+len(d.Host)+len(d.Account)+len(d.Kind)+len(d.Key.Key)+len(d.Index[0])+len(d.Index[1])) + 64
}

// Append adds a record to the Log. The batch fails with ErrExists if there is
// one of that id when the batch's turn comes. A transient record that is in no
// spool at the end of its batch is not kept.
func (b *Batch) Append(r Record) {
	b.logID(logOp{op: logAppend, id: r.ID, n: len(b.recs)})
	b.recs = append(b.recs, r)
	b.bytes += int64(len(r.Stanza)+len(r.Text)+len(r.From)+len(r.To)+len(r.Owners[0])+len(r.Owners[1])) + 128
}

// Remove deletes a record, from every archive and spool.
func (b *Batch) Remove(id uint64) { b.logID(logOp{op: logRemove, id: id}) }

// Replace puts another stanza and another text in the place of a record's, in every
// archive and spool, if there is such a record. Its id and its addresses stay.
func (b *Batch) Replace(id uint64, stanza []byte, text string) {
	b.logID(logOp{op: logReplace, id: id, a: text, stanza: stanza})
	b.bytes += int64(len(stanza))
}

// DeleteOwner removes an account from the Log: its archive and its spool. A
// record that no other owner has goes with it, unless somebody waits for it:
// then it lives on as a transient one. The owner's archive and spool are empty
// at once, also for one who registers that name anew; rows are removed in the
// background, until when GetRecord may still find a record.
func (b *Batch) DeleteOwner(owner string) { b.logOwner(logOp{op: logDeleteOwner, owner: owner}) }

// DeleteBefore removes the records made before t from every archive, at once
// and in the background as DeleteOwner does. What somebody still waits for
// stays, as a transient record. A record of such an age that is appended while
// the background work goes on (Stats.Sweeping) may go as well.
func (b *Batch) DeleteBefore(t time.Time) { b.logID(logOp{op: logDeleteBefore, id: IDAt(t)}) }

// Trim keeps the owner's newest records, at most that many, and removes the
// others from that archive, with what DeleteBefore says about the rest.
func (b *Batch) Trim(owner string, keep int) {
	if keep < 0 {
		b.invalid("trim to a negative count")
	}
	b.logOwner(logOp{op: logTrim, owner: owner, n: keep})
}

// SpoolAdd notes that the record waits for the owner; a row of the same owner,
// id and session is replaced. It does nothing when there is no such record.
func (b *Batch) SpoolAdd(r Spool) {
	n := 0
	if r.Done {
		n = 1
	}
	b.logSpool(logOp{op: spoolAdd, id: r.ID, owner: r.Owner, a: r.Session, seq: r.Seq, n: n})
}

// SpoolConfirm notes that a session of the owner has the record: its row and
// the offline row go, those of other sessions become Done.
func (b *Batch) SpoolConfirm(owner string, id uint64, session string) {
	b.logSpool(logOp{op: spoolConfirm, id: id, owner: owner, a: session})
}

// SpoolMove gives a spool row to another session ("" is offline) under a new
// number. It does nothing when the row is not there; a row that is Done is
// dropped, since only its own session had a use for it.
func (b *Batch) SpoolMove(owner string, id uint64, from, to string, seq uint32) {
	b.logSpool(logOp{op: spoolMove, id: id, owner: owner, a: from, b: to, seq: seq})
}

// SpoolDropSession removes every spool row of a session of the owner.
func (b *Batch) SpoolDropSession(owner, session string) {
	b.logOwner(logOp{op: spoolDrop, owner: owner, a: session})
}

func (b *Batch) logID(o logOp) {
	if o.id == 0 || o.id > maxID {
		b.invalid("id 0 or over 63 bits")
	}
	b.addLog(o)
}

func (b *Batch) logSpool(o logOp) {
	if o.owner == "" || o.a == AnySession || o.b == AnySession {
		b.invalid("spool row without an owner, or of the session *")
	}
	b.logID(o)
}

func (b *Batch) logOwner(o logOp) {
	if o.owner == "" {
		b.invalid("no owner")
	}
	b.addLog(o)
}

func (b *Batch) addLog(o logOp) {
	b.log = append(b.log, o)
	b.bytes += int64(len(o.owner)+len(o.a)+len(o.b)) + 64
}

func (b *Batch) invalid(what string) {
	if b.bad == nil {
		b.bad = fmt.Errorf("%w: %s", ErrInvalid, what)
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// This file is the whole of our binding to SQLite: a connection, a prepared
// statement, values in and out. It calls the translated library directly
// rather than through database/sql, whose driver spends more time in binding a
// row's values than SQLite does in storing them, and starts a goroutine for
// each query that has a deadline.

// sqlError is a result code of SQLite with its message.
type sqlError struct {
	code int32 // extended result code, https://sqlite.org/rescode.html
	msg  string
}

func (e *sqlError) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.msg, e.code) }

// codeOf returns the primary result code behind err, 0 when there is none.
func codeOf(err error) int32 {
	var e *sqlError
	if errors.As(err, &e) {
		return e.code & 0xff
	}
	return 0
}

// conn is one SQLite connection with its prepared statements. One goroutine
// uses it at a time; interrupt alone may come from another.
type conn struct {
	tls   *libc.TLS
	h     uintptr // sqlite3*
	stmts map[string]*stmt
}

// patchOnce applies the library's own fix for some kernels on arm64.
var patchOnce sync.Once

// freeFn is the C function pointer by which SQLite frees a bound value.
var freeFn = *(*uintptr)(unsafe.Pointer(&struct {
	f func(*libc.TLS, uintptr)
}{libc.Xfree}))

// pointer and memory give Go's view of memory that the library allocated,
// which is outside Go's heap: it does not move, and nothing but SQLite frees it.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func memory(p uintptr, n int32) []byte { return unsafe.Slice((*byte)(pointer(p)), n) }

// openConn opens the database file at path, or a private one in memory.
func openConn(path string) (*conn, error) {
	patchOnce.Do(sqlite3.PatchIssue199)
	if path == "" {
		path = ":memory:"
	}
	c := &conn{tls: libc.NewTLS(), stmts: make(map[string]*stmt)}
	name, err := libc.CString(path)
	if err != nil {
		c.tls.Close()
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	pp := libc.Xcalloc(c.tls, 1, types.Size_t(unsafe.Sizeof(uintptr(0))))
	if pp == 0 {
		c.tls.Close()
		return nil, errors.New("sqlite: out of memory")
	}
	defer libc.Xfree(c.tls, pp)
	// No mutex of SQLite's own: a conn is never used by two goroutines at once.
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, pp,
		sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_CREATE|sqlite3.SQLITE_OPEN_NOMUTEX, 0)
	c.h = *(*uintptr)(pointer(pp))
	if rc != sqlite3.SQLITE_OK {
		err := &sqlError{code: rc, msg: libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))}
		c.close()
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.h, 1)
	return c, nil
}

func (c *conn) close() {
	for _, s := range c.stmts {
		sqlite3.Xsqlite3_finalize(c.tls, s.p)
	}
	c.stmts = nil
	if c.h != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.h)
		c.h = 0
	}
	c.tls.Close()
}

func (c *conn) err(rc int32) error {
	return &sqlError{code: rc, msg: libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.h))}
}

// exec runs a script of statements without parameters and drops their rows.
func (c *conn) exec(script string) error {
	p, err := libc.CString(script)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, p)
	if rc := sqlite3.Xsqlite3_exec(c.tls, c.h, p, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return c.err(rc)
	}
	return nil
}

// inTx tells whether a transaction is open on c.
func (c *conn) inTx() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.h) == 0 }

// changes is the number of rows the last statement wrote.
func (c *conn) changes() int64 { return sqlite3.Xsqlite3_changes64(c.tls, c.h) }

// written is the number of pages that c has written so far.
func (c *conn) written() int64 {
	cur, high := c.out()
	defer libc.Xfree(c.tls, cur)
	if cur == 0 || sqlite3.Xsqlite3_db_status(c.tls, c.h, sqlite3.SQLITE_DBSTATUS_CACHE_WRITE, cur, high, 0) != sqlite3.SQLITE_OK {
		return 0
	}
	return int64(*(*int32)(pointer(cur)))
}

// checkpoint copies what it can from the write-ahead log to the database,
// without waiting for anybody; all tells whether that was the whole log.
func (c *conn) checkpoint() (all bool, err error) {
	frames, copied := c.out()
	defer libc.Xfree(c.tls, frames)
	if frames == 0 {
		return false, errors.New("sqlite: out of memory")
	}
	rc := sqlite3.Xsqlite3_wal_checkpoint_v2(c.tls, c.h, 0, sqlite3.SQLITE_CHECKPOINT_PASSIVE, frames, copied)
	if rc != sqlite3.SQLITE_OK {
		return false, c.err(rc)
	}
	return *(*int32)(pointer(frames)) == *(*int32)(pointer(copied)), nil
}

// out allocates two C ints; the caller frees the first.
func (c *conn) out() (a, b uintptr) {
	a = libc.Xcalloc(c.tls, 2, 4)
	return a, a + 4
}

// watch interrupts what runs on c when ctx ends. The caller calls the returned
// function when it is done; after that no late interrupt can come.
func (c *conn) watch(ctx context.Context) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		tls := libc.NewTLS()
		sqlite3.Xsqlite3_interrupt(tls, c.h)
		tls.Close()
		close(done)
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// stmt is a prepared statement, kept by its conn for the life of the
// connection. Use: values are bound in order by int, text and blob, then run
// (no rows) or next (rows) is called, and reset before the next use.
type stmt struct {
	c   *conn
	p   uintptr // sqlite3_stmt*
	at  int32   // last bound parameter
	err error   // first error while binding
}

// prep returns the statement of that text, prepared on its first use, ready to
// be bound. An error shows at run or next.
func (c *conn) prep(sql string) *stmt {
	s := c.stmts[sql]
	if s == nil {
		s = &stmt{c: c}
		s.p, s.err = c.prepare(sql)
		if s.err != nil {
			return s
		}
		c.stmts[sql] = s
	}
	s.at = 0
	return s
}

func (c *conn) prepare(sql string) (uintptr, error) {
	text, err := libc.CString(sql)
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(c.tls, text)
	pp := libc.Xcalloc(c.tls, 1, types.Size_t(unsafe.Sizeof(uintptr(0))))
	if pp == 0 {
		return 0, errors.New("sqlite: out of memory")
	}
	defer libc.Xfree(c.tls, pp)
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.h, text, int32(len(sql)), sqlite3.SQLITE_PREPARE_PERSISTENT, pp, 0)
	if rc != sqlite3.SQLITE_OK {
		return 0, c.err(rc)
	}
	return *(*uintptr)(pointer(pp)), nil
}

func (s *stmt) bound(rc int32) *stmt {
	if rc != sqlite3.SQLITE_OK && s.err == nil {
		s.err = s.c.err(rc)
	}
	return s
}

func (s *stmt) int(v int64) *stmt {
	s.at++
	if s.p == 0 {
		return s
	}
	return s.bound(sqlite3.Xsqlite3_bind_int64(s.c.tls, s.p, s.at, v))
}

func (s *stmt) id(v uint64) *stmt { return s.int(int64(v)) }

func (s *stmt) text(v string) *stmt {
	s.at++
	if s.p == 0 {
		return s
	}
	p := s.copy(unsafe.Slice(unsafe.StringData(v), len(v)))
	if p == 0 {
		return s
	}
	return s.bound(sqlite3.Xsqlite3_bind_text(s.c.tls, s.p, s.at, p, int32(len(v)), freeFn))
}

func (s *stmt) blob(v []byte) *stmt {
	s.at++
	if s.p == 0 {
		return s
	}
	p := s.copy(v)
	if p == 0 {
		return s
	}
	return s.bound(sqlite3.Xsqlite3_bind_blob(s.c.tls, s.p, s.at, p, int32(len(v)), freeFn))
}

// copy moves v to memory that SQLite frees.
func (s *stmt) copy(v []byte) uintptr {
	p := libc.Xmalloc(s.c.tls, types.Size_t(len(v)+1))
	if p == 0 {
		if s.err == nil {
			s.err = errors.New("sqlite: out of memory")
		}
		return 0
	}
	copy(memory(p, int32(len(v))), v)
	return p
}

// next advances to the next row; false at the end or on an error, after which
// the statement is reset.
func (s *stmt) next() (bool, error) {
	if s.err != nil {
		err := s.err
		if s.p != 0 {
			s.err = nil
			s.reset()
		}
		return false, err
	}
	switch rc := sqlite3.Xsqlite3_step(s.c.tls, s.p); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		s.reset()
		return false, nil
	default:
		err := s.c.err(rc)
		s.reset()
		return false, err
	}
}

// run executes a statement whose rows, if any, do not matter.
func (s *stmt) run() error {
	for {
		row, err := s.next()
		if !row {
			return err
		}
	}
}

// reset ends the use of the statement before its last row.
func (s *stmt) reset() {
	if s.p != 0 {
		sqlite3.Xsqlite3_reset(s.c.tls, s.p)
	}
}

func (s *stmt) colInt(i int32) int64 { return sqlite3.Xsqlite3_column_int64(s.c.tls, s.p, i) }
func (s *stmt) colID(i int32) uint64 { return uint64(s.colInt(i)) }

func (s *stmt) colText(i int32) string {
	p := sqlite3.Xsqlite3_column_text(s.c.tls, s.p, i)
	n := sqlite3.Xsqlite3_column_bytes(s.c.tls, s.p, i)
	if p == 0 || n == 0 {
		return ""
	}
	return string(memory(p, n))
}

// colView is colBlob without the copy: it is valid until the next row.
func (s *stmt) colView(i int32) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.c.tls, s.p, i)
	n := sqlite3.Xsqlite3_column_bytes(s.c.tls, s.p, i)
	if p == 0 || n == 0 {
		return nil
	}
	return memory(p, n)
}

func (s *stmt) colBlob(i int32) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.c.tls, s.p, i)
	n := sqlite3.Xsqlite3_column_bytes(s.c.tls, s.p, i)
	if p == 0 || n == 0 {
		return nil
	}
	return append([]byte(nil), memory(p, n)...)
}

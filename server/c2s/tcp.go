package c2s

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// tcp is a Transport over a TCP connection (or any other connection with a
// descriptor). Reads happen inside one RawConn.Read callback: a buffer is taken
// when the descriptor is readable and not before. Writes are single
// non-blocking system calls within RawConn.Write, so that Close cannot let them
// reach a descriptor that was given to another connection.
type tcp struct {
	conn net.Conn
	raw  syscall.RawConn

	// The callbacks are made once, so that a read or a write allocates nothing;
	// their arguments and results pass through these fields.
	readFn  func(fd uintptr) bool
	take    func(*Buffer) error // Serve's
	buf     *Buffer
	readErr error

	tells  bool // reads tell whether there is more
	resets *resets
	listed atomic.Bool // there

	writeFn  func(fd uintptr) bool
	out      []byte
	wrote    int
	writeErr error
}

func newTCP(c net.Conn, r *resets) (*tcp, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection has no descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	t := &tcp{conn: c, raw: raw, resets: r}
	t.readFn, t.writeFn = t.read, t.write
	raw.Control(func(fd uintptr) { t.tells = tellMore(fd) })
	return t, nil
}

func (t *tcp) Read() (*Buffer, error) {
	t.buf, t.readErr = nil, nil
	if err := t.raw.Read(t.readFn); err != nil {
		return nil, err
	}
	b := t.buf
	t.buf = nil
	return b, t.readErr
}

func (t *tcp) read(fd uintptr) bool {
	if t.take != nil {
		return t.serve(fd)
	}
	t.buf, _, t.readErr = t.fill(fd)
	return t.buf != nil || t.readErr != nil
}

// Serve stays within one RawConn.Read for as long as the socket is drained in
// time: what arrives between two calls of its function is not missed there, so
// that, when a read has told that nothing is left, the next thing is to wait and
// not to try to read.
func (t *tcp) Serve(f func(*Buffer) error) error {
	t.take, t.readErr = f, nil
	defer func() { t.take = nil }()
	for t.readErr == nil {
		if err := t.raw.Read(t.readFn); err != nil {
			return err
		}
	}
	return t.readErr
}

func (t *tcp) serve(fd uintptr) bool {
	b, more, err := t.fill(fd)
	switch {
	case b != nil:
		err = t.take(b)
	case err == nil:
		return false // nothing has come
	}
	if err != nil {
		t.readErr = err
		return true
	}
	if more {
		return true // to a new RawConn.Read, which looks at the deadline
	}
	t.resets.add(t)
	return false
}

// fill reads once: into a buffer, nil when nothing has come. more is false when
// it is known that nothing is left, not even the end.
func (t *tcp) fill(fd uintptr) (b *Buffer, more bool, err error) {
	b = newBuffer()
	for {
		n, more, err := b.read(fd, t.tells)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			b.Free()
			return nil, false, nil
		case err == nil && n == 0:
			err = io.EOF
		}
		if err != nil {
			b.Free()
			return nil, false, err
		}
		b.N = n
		return b, more, nil
	}
}

func (t *tcp) TryWrite(p []byte) (n, held int, err error) {
	t.out, t.wrote, t.writeErr = p, 0, nil
	err = t.raw.Write(t.writeFn)
	t.out = nil
	if err == nil {
		err = t.writeErr
	}
	return t.wrote, 0, err
}

func (t *tcp) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), t.out)
		if err == syscall.EINTR {
			continue
		}
		if err != nil && err != syscall.EAGAIN {
			t.writeErr = err
		}
		t.wrote = max(n, 0)
		return true
	}
}

func (t *tcp) WriteAll(p []byte) (n, held int, err error) {
	n, err = t.conn.Write(p)
	return n, 0, err
}

func (t *tcp) CloseWrite() error {
	if c, ok := t.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

func (t *tcp) Pending() bool                 { return false }
func (t *tcp) SetDeadline(d time.Time) error { return t.conn.SetDeadline(d) }
func (t *tcp) Net() net.Conn                 { return t.conn }
func (t *tcp) Close() error                  { return t.conn.Close() }

package c2s

import (
	"errors"
	"io"
	"net"
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
	buf     *Buffer
	readErr error

	writeFn  func(fd uintptr) bool
	out      []byte
	wrote    int
	writeErr error
}

func newTCP(c net.Conn) (*tcp, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection has no descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	t := &tcp{conn: c, raw: raw}
	t.readFn, t.writeFn = t.read, t.write
	return t, nil
}

func (t *tcp) Read() (*Buffer, error) {
	t.buf, t.readErr = nil, nil
	if err := t.raw.Read(t.readFn); err != nil {
		t.drop()
		return nil, err
	}
	if t.readErr != nil {
		t.drop()
		return nil, t.readErr
	}
	b := t.buf
	t.buf = nil
	return b, nil
}

func (t *tcp) drop() {
	if t.buf != nil {
		t.buf.Free()
		t.buf = nil
	}
}

func (t *tcp) read(fd uintptr) bool {
	b := newBuffer()
	for {
		n, err := syscall.Read(int(fd), b.B[:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			b.Free()
			return false
		case err != nil:
			t.readErr = err
		case n == 0:
			t.readErr = io.EOF
		}
		b.N = max(n, 0)
		t.buf = b
		return true
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

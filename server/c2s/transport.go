package c2s

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Transport carries the bytes of one stream. One goroutine reads; one at a
// time, the holder of the stream's writing flag, writes. Close may be called by
// anybody at any time.
type Transport interface {
	// Read waits until there is input and only then takes a buffer from the
	// pool and fills it, so that an idle connection holds none. The caller
	// gives the buffer back with Free.
	Read() (*Buffer, error)
	// Serve calls f with each input, until f returns an error, which Serve returns,
	// or reading does. It waits as Read does, and the buffer is f's to give back. Of
	// a socket it asks for less than Read over and over. The connection must not be
	// closed from within f: that waits for f.
	Serve(f func(*Buffer) error) error
	// TryWrite takes as much of p as it can without blocking: the first n bytes.
	// The last held of all bytes taken so far are not on their way yet (TLS):
	// another write has to follow, be it of nothing.
	TryWrite(p []byte) (n, held int, err error)
	// Pending reports whether bytes are held that nobody has written yet.
	Pending() bool
	// WriteAll writes what is held and p, and waits for it. n and held are as
	// with TryWrite; without an error they are len(p) and 0.
	WriteAll(p []byte) (n, held int, err error)
	// SetDeadline bounds blocked reads and writes; the zero time lifts it.
	SetDeadline(time.Time) error
	// Net is the connection below, for crypto/tls and for addresses.
	Net() net.Conn
	// CloseWrite ends the output in order; the input stays open.
	CloseWrite() error
	Close() error
}

// serveReads is Serve by way of Read.
func serveReads(tr Transport, f func(*Buffer) error) error {
	for {
		b, err := tr.Read()
		if err == nil {
			err = f(b)
		}
		if err != nil {
			return err
		}
	}
}

// bufferSize holds a read batch: some tens of chat messages.
const bufferSize = 16 << 10

// Buffer is a pooled read buffer: B[:N] is input.
type Buffer struct {
	B       [bufferSize]byte
	N       int
	receive receive
}

// Bytes returns the input.
func (b *Buffer) Bytes() []byte { return b.B[:b.N] }

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

func newBuffer() *Buffer { return buffers.Get().(*Buffer) }

// Free gives b back; the bytes must not be used after.
func (b *Buffer) Free() {
	b.N = 0
	buffers.Put(b)
}

// queueBytes is the size of a pooled output buffer; it fits a batch.
const queueBytes = 4 << 10

var queues = sync.Pool{New: func() any { return new([queueBytes]byte) }}

func getQueue() []byte { return queues.Get().(*[queueBytes]byte)[:0] }

// longBytes is the size of what takes the place of an output buffer that is too
// small: a room in which several talk at once fills one in a batch.
const longBytes = 16 << 10

var longQueues = sync.Pool{New: func() any { return new([longBytes]byte) }}

// widen returns b, a buffer of getQueue's, with room for n more bytes where a
// longer buffer has it; beyond that append sees to it.
func widen(b []byte, n int) []byte {
	if cap(b) != queueBytes || len(b)+n <= queueBytes || len(b)+n > longBytes {
		return b
	}
	long := append(longQueues.Get().(*[longBytes]byte)[:0], b...)
	putQueue(b)
	return long
}

// putQueue gives back a buffer of getQueue's or widen's; one that has grown
// otherwise, or lost its front, is left to the garbage collector.
func putQueue(b []byte) {
	switch cap(b) {
	case queueBytes:
		queues.Put((*[queueBytes]byte)(b[:queueBytes]))
	case longBytes:
		longQueues.Put((*[longBytes]byte)(b[:longBytes]))
	}
}

// errClosed is returned by a transport that was closed on this side.
var errClosed = errors.New("connection closed")

package c2s

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"natter/server/cert"
)

// secured is a Transport of TLS over another one. The handshake blocks; after
// it crypto/tls runs over a wire that never does: reads hand out ciphertext that
// the transport below has delivered, writes append ciphertext that the flusher
// takes from there.
type secured struct {
	below Transport
	conn  *tls.Conn
	wire  *wire
	held  int               // bytes taken for writing whose ciphertext is in wire; the writer's
	input *Buffer           // ciphertext being decrypted; wire.in is its rest
	leaf  *x509.Certificate // what this connection was shown
}

// wire is the net.Conn under crypto/tls.
type wire struct {
	net.Conn
	in   []byte // ciphertext not yet read; before push, read ahead of the socket
	push bool   // the handshake is over
	at   record // where in a record the next byte is

	mu     sync.Mutex
	out    []byte      // ciphertext not yet handed to the transport below
	filled atomic.Bool // there is some
}

// errAgain tells crypto/tls that there is nothing to read now; it retries on
// errors that are temporary.
type errAgain struct{}

func (errAgain) Error() string   { return "no input yet" }
func (errAgain) Timeout() bool   { return true }
func (errAgain) Temporary() bool { return true }

func (w *wire) Read(p []byte) (int, error) {
	switch {
	case len(w.in) > 0:
		if w.push {
			p = p[:w.at.rest(w.in, len(p))]
		}
		n := copy(p, w.in)
		w.at.pass(p[:n])
		w.in = w.in[n:]
		return n, nil
	case w.push:
		return 0, errAgain{}
	}
	n, err := w.Conn.Read(p)
	w.at.pass(p[:n])
	return n, err
}

// record follows the records in ciphertext (RFC 8446 §5.1): a header of five
// bytes, the last two of which are the length of what follows. After the handshake
// crypto/tls is handed the bytes of one record at a time, so that it holds nothing
// more when it has returned what is in it.
type record struct {
	head int // bytes of the header that are through
	size int // bytes left in the body, or what is known of the length
}

const recordHeader = 5

// header takes what b begins with of a header, and returns how many bytes that is.
func (r *record) header(b []byte) int {
	n := 0
	for ; r.head < recordHeader && n < len(b); n++ {
		if r.head >= 3 {
			r.size = r.size<<8 | int(b[n])
		}
		r.head++
	}
	return n
}

// pass notes that b is through.
func (r *record) pass(b []byte) {
	for len(b) > 0 {
		b = b[r.header(b):]
		if r.head < recordHeader {
			return
		}
		n := min(r.size, len(b))
		r.size -= n
		b = b[n:]
		if r.size == 0 {
			r.head = 0
		}
	}
}

// rest returns how many bytes of b, max at most, are of the record in hand.
func (r record) rest(b []byte, max int) int {
	n := r.header(b)
	if r.head == recordHeader {
		n += r.size
	}
	return min(n, len(b), max)
}

func (w *wire) Write(p []byte) (int, error) {
	if !w.push {
		return w.Conn.Write(p)
	}
	w.mu.Lock()
	if w.out == nil {
		w.out = getQueue()
	}
	w.out = append(w.out, p...)
	w.filled.Store(true)
	w.mu.Unlock()
	return len(p), nil
}

// SetWriteDeadline is called by crypto/tls around its closing alert; there is
// nothing to bound, as writes only append.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.push {
		return nil
	}
	return w.Conn.SetWriteDeadline(t)
}

// take returns the ciphertext to send; give brings back what was not sent.
func (w *wire) take() []byte {
	if !w.filled.Load() {
		return nil
	}
	w.mu.Lock()
	b := w.out
	w.out = nil
	w.filled.Store(false)
	w.mu.Unlock()
	return b
}

func (w *wire) give(b []byte) {
	w.mu.Lock()
	w.out = append(b, w.out...)
	w.filled.Store(true)
	w.mu.Unlock()
}

// secure performs the server side of a TLS handshake over below; ahead holds
// bytes of the ClientHello that were read already.
func secure(ctx context.Context, below Transport, cfg *tls.Config, ahead []byte) (*secured, error) {
	w := &wire{Conn: below.Net(), in: ahead}
	conn := tls.Server(w, cfg)
	ctx, shown := cert.WithShown(ctx)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	w.push = true
	return &secured{below: below, conn: conn, wire: w, leaf: shown.Leaf()}, nil
}

func (s *secured) Read() (*Buffer, error) {
	for {
		b, err := s.decrypt()
		if b != nil || err != nil {
			return b, err
		}
		if len(s.wire.in) > 0 {
			continue
		}
		s.release()
		if s.input, err = s.below.Read(); err != nil {
			s.input = nil
			return nil, err
		}
		s.wire.in = s.input.Bytes()
	}
}

func (s *secured) Serve(f func(*Buffer) error) error {
	for { // what was read with the handshake
		b, err := s.decrypt()
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		if err := f(b); err != nil {
			return err
		}
	}
	s.release()
	return s.below.Serve(func(in *Buffer) error {
		s.input, s.wire.in = in, in.Bytes()
		for len(s.wire.in) > 0 {
			b, err := s.decrypt()
			if b != nil {
				err = f(b)
			}
			if err != nil {
				return err // the rest is for Read: who ends the stream reads on until the peer has closed
			}
		}
		s.release()
		return nil
	})
}

// decrypt returns what is in the next record, nil when it is not whole or not
// for us.
func (s *secured) decrypt() (*Buffer, error) {
	b := newBuffer()
	n, err := s.conn.Read(b.B[:])
	if n > 0 {
		b.N = n
		return b, nil
	}
	b.Free()
	if _, again := err.(errAgain); again {
		return nil, nil
	}
	if err != nil {
		s.release()
	}
	return nil, err
}

func (s *secured) release() {
	if s.input != nil {
		s.input.Free()
		s.input, s.wire.in = nil, nil
	}
}

func (s *secured) Pending() bool { return s.wire.filled.Load() }

// piece is how much is encrypted at once: what a record holds at most. No more
// than that has an uncertain fate when the connection breaks.
const piece = 16 << 10

func (s *secured) TryWrite(p []byte) (n, held int, err error) {
	for {
		if err := s.push(); err != nil || n == len(p) || s.Pending() {
			return n, s.held, err
		}
		if n, err = s.encrypt(p, n); err != nil {
			return n, s.held, err
		}
	}
}

// push hands ciphertext to the transport below, as much as goes.
func (s *secured) push() error {
	out := s.wire.take()
	if len(out) > 0 {
		n, _, err := s.below.TryWrite(out)
		if err != nil {
			return err
		}
		if n < len(out) {
			s.wire.give(out[n:])
			return nil
		}
	}
	putQueue(out)
	s.held = 0
	return nil
}

// encrypt takes the next piece of p, of which n bytes are taken, and returns how
// many are then.
func (s *secured) encrypt(p []byte, n int) (int, error) {
	k := min(len(p)-n, piece)
	if _, err := s.conn.Write(p[n : n+k]); err != nil {
		return n, err
	}
	s.held += k
	return n + k, nil
}

func (s *secured) WriteAll(p []byte) (n, held int, err error) {
	for {
		if out := s.wire.take(); len(out) > 0 {
			if _, _, err := s.below.WriteAll(out); err != nil {
				return n, s.held, err
			}
			putQueue(out)
		}
		s.held = 0
		if n == len(p) {
			return n, 0, nil
		}
		if n, err = s.encrypt(p, n); err != nil {
			return n, s.held, err
		}
	}
}

func (s *secured) CloseWrite() error {
	if err := s.conn.CloseWrite(); err != nil {
		return err
	}
	if _, _, err := s.TryWrite(nil); err != nil {
		return err
	}
	if s.Pending() {
		return nil // the peer does not read: the deadline ends it
	}
	return s.below.CloseWrite()
}

func (s *secured) SetDeadline(t time.Time) error { return s.below.SetDeadline(t) }
func (s *secured) Net() net.Conn                 { return s.below.Net() }
func (s *secured) Close() error                  { return s.below.Close() }

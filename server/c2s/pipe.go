package c2s

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Pipe returns the two ends of a buffered in-memory connection: a net.Conn for a
// client and one to hand to Server.Serve. Unlike net.Pipe's, a write does not
// wait for the reader until pipeBytes are under way, so that two sides may write
// at once. It waits on channels only, and so works in testing/synctest bubbles.
func Pipe() (client, server net.Conn) {
	a, b := newHalf(), newHalf()
	return &pipe{r: a, w: b, addr: "client"}, &pipe{r: b, w: a, addr: "server"}
}

// pipeBytes bounds what is under way in one direction, as a socket's buffer does.
const pipeBytes = 256 << 10

// half is one direction.
type half struct {
	mu      sync.Mutex
	buf     []byte
	closed  bool // no more writes; a reader drains what is there
	broken  bool // the reader has gone
	changed chan struct{}
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

// wake tells everybody who waits that something changed; h.mu must be held.
func (h *half) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// take reads into p without waiting; wait is closed at the next change when
// nothing was there.
func (h *half) take(p []byte) (n int, wait <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.broken:
		return 0, nil, errClosed
	case len(h.buf) > 0:
		n = copy(p, h.buf)
		if h.buf = h.buf[n:]; len(h.buf) == 0 {
			h.buf = nil
		}
		h.wake()
		return n, nil, nil
	case h.closed:
		return 0, nil, io.EOF
	}
	return 0, h.changed, nil
}

// put writes as much of p as there is room for.
func (h *half) put(p []byte) (n int, wait <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.broken {
		return 0, nil, io.ErrClosedPipe
	}
	if n = min(len(p), pipeBytes-len(h.buf)); n > 0 {
		h.buf = append(h.buf, p[:n]...)
		h.wake()
	}
	return n, h.changed, nil
}

func (h *half) close(broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	if broken {
		h.broken, h.buf = true, nil
	}
	h.wake()
}

type pipe struct {
	r, w *half
	addr string

	mu                sync.Mutex
	readDead, wrtDead *deadline
}

// deadline is a channel that closes at a time.
type deadline struct {
	at    time.Time
	c     chan struct{}
	timer *time.Timer
}

func newDeadline(at time.Time) *deadline {
	if at.IsZero() {
		return nil
	}
	d := &deadline{at: at, c: make(chan struct{})}
	if wait := time.Until(at); wait <= 0 {
		close(d.c)
	} else {
		d.timer = time.AfterFunc(wait, func() { close(d.c) })
	}
	return d
}

func (d *deadline) stop() {
	if d != nil && d.timer != nil {
		d.timer.Stop()
	}
}

func (d *deadline) done() <-chan struct{} {
	if d == nil {
		return nil
	}
	return d.c
}

func (p *pipe) dead(read bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if read {
		return p.readDead.done()
	}
	return p.wrtDead.done()
}

func (p *pipe) Read(b []byte) (int, error) {
	for {
		n, wait, err := p.r.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-wait:
		case <-p.dead(true):
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (p *pipe) Write(b []byte) (int, error) {
	total := 0
	for {
		n, wait, err := p.w.put(b[total:])
		total += n
		if err != nil || total == len(b) {
			return total, err
		}
		select {
		case <-wait:
		case <-p.dead(false):
			return total, os.ErrDeadlineExceeded
		}
	}
}

func (p *pipe) tryWrite(b []byte) (int, error) {
	n, _, err := p.w.put(b)
	return n, err
}

// wait returns when there is input, the other side has closed, or the deadline
// has passed.
func (p *pipe) wait() error {
	for {
		p.r.mu.Lock()
		ready, changed := len(p.r.buf) > 0 || p.r.closed || p.r.broken, p.r.changed
		p.r.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-changed:
		case <-p.dead(true):
			return os.ErrDeadlineExceeded
		}
	}
}

func (p *pipe) Close() error {
	p.r.close(true)
	p.w.close(false)
	p.SetDeadline(time.Time{})
	return nil
}

func (p *pipe) SetDeadline(t time.Time) error {
	p.SetReadDeadline(t)
	return p.SetWriteDeadline(t)
}

func (p *pipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	p.readDead.stop()
	p.readDead = newDeadline(t)
	p.mu.Unlock()
	p.r.mu.Lock()
	p.r.wake() // whoever waits looks at the new deadline
	p.r.mu.Unlock()
	return nil
}

func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	p.wrtDead.stop()
	p.wrtDead = newDeadline(t)
	p.mu.Unlock()
	p.w.mu.Lock()
	p.w.wake()
	p.w.mu.Unlock()
	return nil
}

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

func (p *pipe) LocalAddr() net.Addr  { return pipeAddr(p.addr) }
func (p *pipe) RemoteAddr() net.Addr { return pipeAddr("pipe") }

// memory is the Transport over a pipe's end.
type memory struct{ *pipe }

func (m memory) Read() (*Buffer, error) {
	if err := m.wait(); err != nil {
		return nil, err
	}
	b := newBuffer()
	n, err := m.pipe.Read(b.B[:])
	if err != nil {
		b.Free()
		return nil, err
	}
	b.N = n
	return b, nil
}

func (m memory) Serve(f func(*Buffer) error) error { return serveReads(m, f) }

func (m memory) TryWrite(p []byte) (n, held int, err error) {
	n, err = m.tryWrite(p)
	return n, 0, err
}

func (m memory) WriteAll(p []byte) (n, held int, err error) {
	n, err = m.pipe.Write(p)
	return n, 0, err
}

func (m memory) CloseWrite() error {
	m.w.close(false)
	return nil
}

func (m memory) Net() net.Conn { return m.pipe }
func (m memory) Pending() bool { return false }

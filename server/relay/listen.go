package relay

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

const (
	maxStreams = 1000             // TCP connections
	perAddress = 20               // those from one address
	firstWord  = 20 * time.Second // for the first request
	quiet      = 12 * time.Minute // an allocation is refreshed within ten
	slow       = 5 * time.Second  // so long a client may not read
	maxFrame   = 1500             // of what comes over TCP
)

// streams is a listener whose connections hand out one frame at a time (RFC 8656
// §3.1) and end when nothing comes of them.
type streams struct {
	net.Listener
	mu   sync.Mutex
	from map[netip.Addr]int
}

func newStreams(l net.Listener) *streams {
	return &streams{Listener: netutil.LimitListener(l, maxStreams), from: make(map[netip.Addr]int)}
}

// Accept implements net.Listener.
func (s *streams) Accept() (net.Conn, error) {
	for {
		c, err := s.Listener.Accept()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && !errors.Is(err, net.ErrClosed) {
				time.Sleep(10 * time.Millisecond) // out of file descriptors: it will pass
				continue
			}
			return nil, err
		}
		at := netip.Addr{}
		if t, ok := c.RemoteAddr().(*net.TCPAddr); ok {
			at = t.AddrPort().Addr().Unmap()
		}
		s.mu.Lock()
		many := s.from[at] >= perAddress
		if !many {
			s.from[at]++
		}
		s.mu.Unlock()
		if many {
			c.Close()
			continue
		}
		return &stream{Conn: c, left: func() { s.leave(at) }, wait: firstWord}, nil
	}
}

func (s *streams) leave(at netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from[at]--; s.from[at] == 0 {
		delete(s.from, at)
	}
}

// stream is a client's connection. It is read by one goroutine.
type stream struct {
	net.Conn
	left func()
	once sync.Once
	wait time.Duration
}

var errFrame = errors.New("neither STUN nor data of a channel")

// Read implements net.Conn: one whole frame a call.
func (s *stream) Read(b []byte) (int, error) {
	if len(b) < maxFrame {
		return 0, io.ErrShortBuffer
	}
	s.Conn.SetReadDeadline(time.Now().Add(s.wait))
	s.wait = quiet
	if _, err := io.ReadFull(s.Conn, b[:4]); err != nil {
		return 0, err
	}
	n, err := frame([4]byte(b[:4]))
	if err != nil {
		return 0, err
	}
	s.Conn.SetReadDeadline(time.Now().Add(firstWord)) // the rest of it
	_, err = io.ReadFull(s.Conn, b[4:n])
	return n, err
}

// frame returns the length of a frame by its first bytes: a STUN message (RFC 8489
// §5) or data of a channel, padded (RFC 8656 §12.5).
func frame(head [4]byte) (int, error) {
	n := int(binary.BigEndian.Uint16(head[2:]))
	switch head[0] >> 6 {
	case 0:
		n += 20
	case 1:
		n = (n+3)&^3 + 4
	default:
		return 0, errFrame
	}
	if n > maxFrame {
		return 0, errFrame
	}
	return n, nil
}

// Write implements net.Conn.
func (s *stream) Write(b []byte) (int, error) {
	s.Conn.SetWriteDeadline(time.Now().Add(slow))
	n, err := s.Conn.Write(b)
	if err != nil {
		s.Close() // half a frame may be out
	}
	return n, err
}

// Close implements net.Conn.
func (s *stream) Close() error {
	s.once.Do(s.left)
	return s.Conn.Close()
}

// guarded is the UDP socket. Errors that ask for credentials are larger than what
// they answer, whose sender may be forged: an address gets a few of them a second.
type guarded struct {
	net.PacketConn
	mu     sync.Mutex
	second int64
	sent   map[netip.Addr]int
}

const (
	refusals  = 20     // a second and address
	addresses = 10_000 // that get some in one second
)

func newGuarded(c net.PacketConn) *guarded {
	return &guarded{PacketConn: c, sent: make(map[netip.Addr]int)}
}

// ReadFrom implements net.PacketConn. An error of one datagram, as an answer of ICMP to
// another, does not end the relay.
func (g *guarded) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := g.PacketConn.ReadFrom(b)
		if err == nil || errors.Is(err, net.ErrClosed) {
			return n, from, err
		}
		time.Sleep(time.Millisecond)
	}
}

// WriteTo implements net.PacketConn.
func (g *guarded) WriteTo(b []byte, to net.Addr) (int, error) {
	if len(b) > 2 && b[0]>>6 == 0 && binary.BigEndian.Uint16(b)&0x0110 == 0x0110 && !g.mayRefuse(to) { // RFC 8489 §5
		return len(b), nil
	}
	return g.PacketConn.WriteTo(b, to)
}

func (g *guarded) mayRefuse(to net.Addr) bool {
	at, ok := addrPort(to)
	if !ok {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now().Unix(); now != g.second {
		g.second = now
		clear(g.sent)
	}
	n, known := g.sent[at.Addr()]
	if n >= refusals || !known && len(g.sent) >= addresses {
		return false
	}
	g.sent[at.Addr()] = n + 1
	return true
}

package relay

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// wire is a UDP socket in memory.
type wire struct {
	in     chan []byte
	idle   chan struct{} // the reader asks for more
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	last []byte // that was sent
}

func newWire() *wire {
	return &wire{in: make(chan []byte), idle: make(chan struct{}), closed: make(chan struct{})}
}

var wireAddr = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		select {
		case p := <-w.in:
			return copy(b, p), wireAddr, nil
		case w.idle <- struct{}{}:
		case <-w.closed:
			return 0, nil, net.ErrClosed
		}
	}
}

func (w *wire) WriteTo(b []byte, _ net.Addr) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = append([]byte(nil), b...)
	return len(b), nil
}

func (w *wire) Close() error                     { w.once.Do(func() { close(w.closed) }); return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3478} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// ask hands the relay a datagram, waits until it is done with it, and returns what it
// sent last.
func (w *wire) ask(p []byte) []byte {
	w.in <- p
	<-w.idle
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// FuzzDatagrams feeds the relay with datagrams, of which those that look like a request
// are signed as a user's are, after an allocation was made.
func FuzzDatagrams(f *testing.F) {
	peer := []byte{0, 0x12, 0, 8, 0, 1, 0x21, 0x13, 0x5e, 0x12, 0xa4, 0x43}
	for _, m := range []stun.Method{stun.MethodAllocate, stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind, stun.MethodConnect, stun.MethodConnectionBind, stun.MethodSend, stun.MethodBinding} {
		f.Add(uint16(m), []byte{}, []byte{})
		f.Add(uint16(m), peer, []byte{0x40, 0, 0, 1, 'x'})
		f.Add(uint16(m), append(append([]byte{}, peer...), 0, 0x0c, 0, 4, 0x40, 0, 0, 0), []byte{0x40, 0, 0, 4, 'a', 'b', 'c', 'd'})
		f.Add(uint16(m), []byte{0, 0x19, 0, 4, 17, 0, 0, 0, 0, 0x18, 0, 1, 0x80, 0, 0, 0}, []byte{0, 1, 0, 0})
	}
	f.Fuzz(func(t *testing.T, method uint16, attrs, raw []byte) {
		if len(attrs) > 1000 || len(raw) > 1500 {
			return
		}
		w := newWire()
		s, err := New(Config{
			Secret: make([]byte, 16), Realm: realm, Local: true, Rate: 1000,
			Bind: netip.MustParseAddr("127.0.0.1"), Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		}, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		<-w.idle
		name, password, _ := s.Credentials("romeo@example.org", time.Now())
		key := stun.MessageIntegrity(turn.GenerateAuthKey(name, realm, password))
		udp := stun.RawAttribute{Type: stun.AttrRequestedTransport, Value: []byte{17, 0, 0, 0}}
		first := stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udp)
		answer := &stun.Message{Raw: w.ask(first.Raw)}
		var nonce stun.Nonce
		if err := answer.Decode(); err != nil || nonce.GetFrom(answer) != nil {
			t.Fatalf("no nonce: %v", err)
		}
		w.ask(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udp,
			stun.NewUsername(name), stun.NewRealm(realm), nonce, key).Raw)
		if s.Allocations() != 1 {
			t.Fatal("nothing was allocated")
		}
		request := stun.MustBuild(stun.TransactionID, stun.NewType(stun.Method(method&0xfff), stun.ClassRequest),
			stun.NewUsername(name), stun.NewRealm(realm), nonce)
		for b := attrs; len(b) >= 4; {
			n := min(int(b[2])<<8|int(b[3]), len(b)-4)
			request.Add(stun.AttrType(uint16(b[0])<<8|uint16(b[1])), b[4:4+n])
			b = b[4+n:]
		}
		if key.AddTo(request) == nil {
			w.ask(request.Raw)
		}
		w.ask(raw)
		w.ask(append([]byte{byte(method >> 8), byte(method), 0, byte(len(attrs)), 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, attrs...))
	})
}

// FuzzFrame checks that a frame has a length that fits.
func FuzzFrame(f *testing.F) {
	f.Add(byte(0), byte(1), byte(0), byte(0))
	f.Add(byte(0x40), byte(0), byte(0xff), byte(0xff))
	f.Fuzz(func(t *testing.T, a, b, c, d byte) {
		if n, err := frame([4]byte{a, b, c, d}); err == nil && (n < 4 || n > maxFrame || n%4 != 0 && a>>6 == 1) {
			t.Errorf("%d bytes", n)
		}
	})
}

// FuzzName checks that a name that is taken apart is one.
func FuzzName(f *testing.F) {
	for _, s := range []string{"", ":", "1:a", "-1:a", "99999999999999999999:a", "1:a:b", "0x1:a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if until, user, ok := parseName(s); ok && (user == "" || until.Unix() <= 0 || len(s) > 64) {
			t.Errorf("%q is %s, %q", s, until, user)
		}
	})
}

package relay

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

const realm = "example.org"

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// running serves a relay on loopback sockets.
type running struct {
	*Server
	udp, tcp string
}

func start(t testing.TB, cfg Config) *running {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Secret, cfg.Realm = []byte("a secret of more than 16 bytes"), realm
	cfg.Bind = netip.MustParseAddr("127.0.0.1")
	if cfg.Addresses == nil {
		cfg.Addresses = []netip.Addr{cfg.Bind}
	}
	s, err := New(cfg, udp, tcp)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &running{s, udp.LocalAddr().String(), tcp.Addr().String()}
}

// client connects to the relay over a network as a user.
func (r *running) client(t testing.TB, network, user string) *turn.Client {
	t.Helper()
	name, password, _ := r.Credentials(user, time.Now())
	return r.clientWith(t, network, name, password)
}

func (r *running) clientWith(t testing.TB, network, name, password string) *turn.Client {
	t.Helper()
	var conn net.PacketConn
	at := r.udp
	if network == "tcp" {
		at = r.tcp
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		conn = turn.NewSTUNConn(c)
	} else {
		var err error
		if conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	c, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: at, TURNServerAddr: at, Conn: conn, Username: name, Password: password, Realm: realm,
		LoggerFactory: logs{slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); conn.Close() })
	return c
}

func allocate(t testing.TB, c *turn.Client) net.PacketConn {
	t.Helper()
	p, err := c.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func peer(t testing.TB, ip string) net.PacketConn {
	t.Helper()
	p, err := net.ListenPacket("udp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func send(t testing.TB, from net.PacketConn, to net.Addr, text string) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, at net.PacketConn) (string, net.Addr) {
	t.Helper()
	b := make([]byte, 2000)
	at.SetReadDeadline(time.Now().Add(patience))
	n, from, err := at.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), from
}

func TestACallGoesThroughTheRelay(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			r := start(t, Config{Local: true})
			c := r.client(t, network, "romeo@example.org")
			if seen, err := c.SendBindingRequest(); err != nil || !strings.HasPrefix(seen.String(), "127.0.0.1:") {
				t.Fatalf("STUN: %v, %v", seen, err)
			}
			relayed, juliet, stranger := allocate(t, c), peer(t, "127.0.0.1"), peer(t, "127.0.0.2")
			send(t, relayed, juliet.LocalAddr(), "hi")
			if text, from := receive(t, juliet); text != "hi" || from.String() != relayed.LocalAddr().String() {
				t.Errorf("got %q from %s, relayed is %s", text, from, relayed.LocalAddr())
			}
			// Who has no permission is not heard.
			send(t, stranger, relayed.LocalAddr(), "psst")
			for range 3 { // first as an indication, then in a channel
				send(t, juliet, relayed.LocalAddr(), "hello")
				if text, from := receive(t, relayed); text != "hello" || from.String() != juliet.LocalAddr().String() {
					t.Errorf("got %q from %s", text, from)
				}
				send(t, relayed, juliet.LocalAddr(), strings.Repeat("x", 1200))
				if text, _ := receive(t, juliet); len(text) != 1200 {
					t.Errorf("got %d bytes", len(text))
				}
			}
			if n := r.Allocations(); n != 1 {
				t.Errorf("there are %d allocations", n)
			}
		})
	}
}

func TestBothSidesRelayed(t *testing.T) {
	// The address outside is not one of this machine's, as behind a router.
	r := start(t, Config{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
	a, b := allocate(t, r.client(t, "udp", "romeo@example.org")), allocate(t, r.client(t, "tcp", "juliet@example.org"))
	if !strings.HasPrefix(a.LocalAddr().String(), "192.0.2.1:") {
		t.Fatalf("relayed at %s", a.LocalAddr())
	}
	send(t, a, b.LocalAddr(), "one") // has no permission yet at the other side
	send(t, b, a.LocalAddr(), "two")
	if text, from := receive(t, a); text != "two" || from.String() != b.LocalAddr().String() {
		t.Errorf("got %q from %s", text, from)
	}
	send(t, a, b.LocalAddr(), "three")
	for {
		text, from := receive(t, b)
		if from.String() != a.LocalAddr().String() {
			t.Errorf("got %q from %s", text, from)
		}
		if text == "three" { // "one" may have come before
			break
		}
	}
}

func TestWhoMayUseTheRelay(t *testing.T) {
	r := start(t, Config{Local: true})
	name, password, expires := r.Credentials("romeo@example.org", time.Now())
	if strings.Contains(name, "romeo") {
		t.Errorf("the name %s tells who it is", name)
	}
	if stamp, _, _ := strings.Cut(name, ":"); stamp != strconv.FormatInt(expires.Unix(), 10) || time.Until(expires) < 11*time.Hour || time.Until(expires) > 12*time.Hour {
		t.Errorf("%s expires at %s", name, expires)
	}
	oldName, oldPassword, _ := r.Credentials("romeo@example.org", time.Now().Add(-12*time.Hour-time.Minute))
	other, _, _ := r.Credentials("juliet@example.org", time.Now())
	later := strconv.FormatInt(expires.Unix()+1000, 10) + name[strings.IndexByte(name, ':'):]
	for what, c := range map[string][2]string{
		"a wrong password":        {name, "x" + password},
		"expired credentials":     {oldName, oldPassword},
		"another's name":          {other, password},
		"a longer time":           {later, password},
		"a name without a time":   {"romeo", password},
		"a name without an end":   {"x:romeo", password},
		"a time without a name":   {strconv.FormatInt(expires.Unix(), 10), password},
		"a negative time":         {"-1:" + name, password},
		"no name and no password": {":", ""},
	} {
		if _, err := r.clientWith(t, "udp", c[0], c[1]).Allocate(); err == nil {
			t.Errorf("%s lets one in", what)
		}
	}
	if n := r.Allocations(); n != 0 {
		t.Errorf("there are %d allocations", n)
	}
	allocate(t, r.clientWith(t, "udp", name, password))
	if _, _, ok := r.authenticate(&turn.RequestAttributes{Username: name, Realm: "elsewhere.example"}); ok {
		t.Error("another realm will do")
	}
}

func TestExpiredCredentialsKeepACallGoing(t *testing.T) {
	r := start(t, Config{})
	name, _, _ := r.Credentials("romeo@example.org", time.Now().Add(-13*time.Hour))
	for method, want := range map[stun.Method]bool{stun.MethodAllocate: false, stun.MethodRefresh: true, stun.MethodCreatePermission: true, stun.MethodChannelBind: true} {
		if _, _, ok := r.authenticate(&turn.RequestAttributes{Username: name, Realm: realm, Method: method}); ok != want {
			t.Errorf("%s: %v", method, ok)
		}
	}
	old, _, _ := r.Credentials("romeo@example.org", time.Now().Add(-25*time.Hour))
	if _, _, ok := r.authenticate(&turn.RequestAttributes{Username: old, Realm: realm, Method: stun.MethodRefresh}); ok {
		t.Error("for ever")
	}
}

func TestWhereNothingIsRelayedTo(t *testing.T) {
	r := start(t, Config{Addresses: []netip.Addr{netip.MustParseAddr("198.18.0.1")}, Peers: prefixes("10.1.0.0/16")})
	c := r.client(t, "udp", "romeo@example.org")
	relayed := allocate(t, c)
	for ip, want := range map[string]bool{
		"8.8.8.8": true, "198.18.0.1": true, "10.1.2.3": true,
		"127.0.0.1": false, "127.1.2.3": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "192.168.1.1": false, "172.31.255.255": false,
		"169.254.169.254": false, "100.64.0.1": false, "224.0.0.251": false, "255.255.255.255": false, "198.18.0.2": false, "192.0.0.8": false,
	} {
		err := c.CreatePermission(&net.UDPAddr{IP: net.ParseIP(ip), Port: 53})
		if (err == nil) != want {
			t.Errorf("%s: %v", ip, err)
		}
	}
	// A permission is for an address; what is sent is looked at with its port.
	trap := peer(t, "127.0.0.1")
	direct := r.ports.sibling(netip.MustParseAddrPort(relayed.LocalAddr().String()))
	for _, to := range []string{"198.18.0.1:" + portOf(trap), "127.0.0.1:" + portOf(trap), "[::ffff:127.0.0.1]:" + portOf(trap)} {
		at, _ := net.ResolveUDPAddr("udp", to)
		if n, err := direct.WriteTo([]byte("trapped"), at); n != 7 || err != nil {
			t.Errorf("%s: %d, %v", to, n, err)
		}
	}
	send(t, peer(t, "127.0.0.1"), trap.LocalAddr(), "end")
	if text, _ := receive(t, trap); text != "end" {
		t.Errorf("%q has reached this machine", text)
	}
	if _, err := r.client(t, "tcp", "juliet@example.org").AllocateTCP(); err == nil {
		t.Error("it opens TCP to peers")
	}
	for _, ip := range []string{"::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001:0:1::1"} {
		if r.cfg.open(netip.MustParseAddr(ip)) {
			t.Errorf("%s is open", ip)
		}
	}
	if !r.cfg.open(netip.MustParseAddr("2a00:1450::1")) || r.cfg.open(netip.MustParseAddr("2a00:1450::1%eth0")) || r.cfg.open(netip.Addr{}) {
		t.Error("IPv6")
	}
}

func TestHowMuchAUserMay(t *testing.T) {
	r := start(t, Config{Local: true, PerUser: 2, Total: 3})
	first := allocate(t, r.client(t, "udp", "romeo@example.org"))
	allocate(t, r.client(t, "tcp", "romeo@example.org"))
	if _, err := r.client(t, "udp", "romeo@example.org").Allocate(); err == nil {
		t.Error("a third allocation")
	}
	allocate(t, r.client(t, "udp", "juliet@example.org"))
	if _, err := r.client(t, "udp", "mercutio@example.org").Allocate(); err == nil {
		t.Error("more than there may be")
	}
	first.Close() // the relay hears of it before what follows
	allocate(t, r.client(t, "udp", "mercutio@example.org"))
}

func TestPermissionsAreBounded(t *testing.T) {
	r := start(t, Config{})
	c := r.client(t, "udp", "romeo@example.org")
	relayed := allocate(t, c)
	granted := 0
	for i := range maxPermissions + 5 {
		if c.CreatePermission(&net.UDPAddr{IP: net.IPv4(8, 8, 4, byte(i)), Port: 1}) == nil {
			granted++
		}
	}
	if granted != maxPermissions {
		t.Errorf("%d permissions", granted)
	}
	if err := c.CreatePermission(&net.UDPAddr{IP: net.IPv4(8, 8, 4, 1), Port: 1}); err != nil {
		t.Errorf("one that is there is not renewed: %v", err)
	}
	relayed.Close()
	if _, err := c.SendBindingRequest(); err != nil { // the relay takes one after the other
		t.Fatal(err)
	}
	r.perms.mu.Lock()
	defer r.perms.mu.Unlock()
	if len(r.perms.granted) != 0 {
		t.Errorf("%d are kept", len(r.perms.granted))
	}
}

func TestTheRateIsBounded(t *testing.T) {
	r := start(t, Config{Local: true})
	relayed, juliet := allocate(t, r.client(t, "udp", "romeo@example.org")), peer(t, "127.0.0.1")
	send(t, relayed, juliet.LocalAddr(), "first")
	receive(t, juliet)
	at := r.ports.sibling(netip.MustParseAddrPort(relayed.LocalAddr().String()))
	for _, k := range []*bucket{&at.out, &at.in} {
		k.mu.Lock()
		k.rate, k.left, k.at = 100, 100, time.Now().Add(time.Hour) // no time passes for it
		k.mu.Unlock()
	}
	for _, way := range []struct {
		from, to net.PacketConn
		at       net.Addr
	}{{relayed, juliet, juliet.LocalAddr()}, {juliet, relayed, relayed.LocalAddr()}} {
		send(t, way.from, way.at, strings.Repeat("a", 1000))
		send(t, way.from, way.at, "small")
		if text, _ := receive(t, way.to); text != "small" {
			t.Errorf("%d bytes came through", len(text))
		}
	}
}

func TestStreamsHandOutFrames(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newStreams(l)
	defer s.Close()
	channel := append([]byte{0x40, 0, 0, 5}, "hello\x00\x00\x00"...)
	binding := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 12)...)
	var open []net.Conn
	accepted := func(written ...byte) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		c.Write(written)
		got, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	b := make([]byte, 1600)
	c := accepted(append(append([]byte{}, channel...), binding...)...)
	for _, want := range [][]byte{channel, binding} {
		if n, err := c.Read(b); err != nil || !bytes.Equal(b[:n], want) {
			t.Errorf("got %x, %v; want %x", b[:n], err, want)
		}
	}
	for what, bad := range map[string][]byte{"no frame": {0x80, 0, 0, 0}, "a frame too long": {0x40, 0, 0xff, 0xff}} {
		if n, err := accepted(bad...).Read(b); err == nil {
			t.Errorf("%s: %x", what, b[:n])
		}
	}
	// One address has so many connections, and may have others when they end.
	for range perAddress - len(open) {
		accepted()
	}
	extra, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan net.Conn)
	go func() {
		got, _ := s.Accept()
		next <- got
	}()
	extra.SetReadDeadline(time.Now().Add(patience))
	if _, err := extra.Read(b); err != io.EOF {
		t.Errorf("one connection too many: %v", err)
	}
	c.Close()
	again, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := <-next; got == nil || got.RemoteAddr().String() != again.LocalAddr().String() {
		t.Errorf("accepted %v", got)
	}
	for _, c := range open {
		c.Close()
	}
}

// sink is a socket that counts what it sends.
type sink struct {
	net.PacketConn
	sent int
}

func (s *sink) WriteTo(b []byte, _ net.Addr) (int, error) { s.sent++; return len(b), nil }

func TestRefusalsAreFew(t *testing.T) {
	out := &sink{}
	g := newGuarded(out)
	refusal, success := []byte{0x01, 0x13, 0, 0}, []byte{0x01, 0x03, 0, 0}
	victim := &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 5}
	for range 10 * refusals {
		g.WriteTo(refusal, victim)
	}
	if out.sent < refusals || out.sent > 3*refusals { // a second may end meanwhile
		t.Errorf("%d refusals", out.sent)
	}
	before := out.sent
	for range 100 {
		g.WriteTo(success, victim)
	}
	if out.sent != before+100 {
		t.Errorf("%d answers of 100", out.sent-before)
	}
}

func TestWhatARelayNeeds(t *testing.T) {
	ok := Config{Secret: make([]byte, 16), Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}
	for what, change := range map[string]func(*Config){
		"a secret":   func(c *Config) { c.Secret = nil },
		"an address": func(c *Config) { c.Addresses = nil },
		"ports":      func(c *Config) { c.MinPort, c.MaxPort = 2, 1 },
	} {
		cfg := ok
		change(&cfg)
		if _, err := New(cfg, nil, nil); err == nil {
			t.Errorf("it runs without %s", what)
		}
	}
}

func portOf(c net.PacketConn) string {
	_, p, _ := net.SplitHostPort(c.LocalAddr().String())
	return p
}

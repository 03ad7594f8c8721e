package external_test

import (
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/relay"
	"natter/server/servertest"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// start is a server with a relay on loopback sockets.
func start(t *testing.T) *servertest.Server {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	local := netip.MustParseAddr("127.0.0.1")
	r, err := relay.New(relay.Config{
		Secret: []byte("a secret of more than 16 bytes"), Realm: "localhost", Addresses: []netip.Addr{local}, Bind: local, Local: true,
		Log: slog.New(slog.DiscardHandler),
	}, udp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
	srv.Core.SetRelay(&server.Relay{Hosts: []string{"127.0.0.1"}, Port: udp.LocalAddr().(*net.UDPAddr).AddrPort().Port(), UDP: true, Credentials: r.Credentials})
	return srv
}

const services = `<iq type='get' id='s' to='localhost'><services xmlns='urn:xmpp:extdisco:2'/></iq>`

func attr(t *testing.T, element, name string) string {
	t.Helper()
	m := regexp.MustCompile(name + `='([^']*)'`).FindStringSubmatch(element)
	if m == nil {
		t.Fatalf("no %s in %s", name, element)
	}
	return m[1]
}

// TestACallFindsItsRelay: what a client is told is enough to be heard through the
// relay (XEP-0215 §3.1).
func TestACallFindsItsRelay(t *testing.T) {
	srv := start(t)
	c := srv.Login(t, "juliet@localhost/balcony")
	c.Send(services)
	got := c.Next()
	if !strings.Contains(got, "type='stun'") {
		t.Errorf("no STUN in %s", got)
	}
	_, turnService, _ := strings.Cut(got, "type='turn'")
	expires, err := time.Parse(time.RFC3339, attr(t, turnService, "expires"))
	if err != nil || time.Until(expires) <= 0 || time.Until(expires) > 25*time.Hour {
		t.Errorf("the credentials expire at %v, %v", expires, err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	at := net.JoinHostPort(attr(t, turnService, "host"), attr(t, turnService, "port"))
	client, err := turn.NewClient(&turn.ClientConfig{
		STUNServerAddr: at, TURNServerAddr: at, Conn: conn, Realm: "localhost",
		Username: attr(t, turnService, "username"), Password: attr(t, turnService, "password"),
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relayed.Close()
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if _, err := relayed.WriteTo([]byte("hark"), peer.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	peer.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, from, err := peer.ReadFrom(b)
	if err != nil || string(b[:n]) != "hark" || from.String() != relayed.LocalAddr().String() {
		t.Errorf("heard %q from %v, %v", b[:n], from, err)
	}
}

func TestOneServiceAtATime(t *testing.T) {
	srv := start(t)
	c := srv.Login(t, "juliet@localhost/balcony")
	c.Send(`<iq type='get' id='s' to='localhost'><services xmlns='urn:xmpp:extdisco:2' type='stun'/></iq>`)
	if got := c.Next(); !strings.Contains(got, "type='stun'") || strings.Contains(got, "type='turn'") {
		t.Errorf("of one type: %s", got)
	}
	c.Send(`<iq type='get' id='c' to='localhost'><credentials xmlns='urn:xmpp:extdisco:2'><service host='127.0.0.1' type='turn'/></credentials></iq>`)
	if got := c.Next(); !strings.Contains(got, "<credentials xmlns='urn:xmpp:extdisco:2'>") || !strings.Contains(got, "password=") {
		t.Errorf("credentials: %s", got)
	}
	c.Send(`<iq type='get' id='c' to='localhost'><credentials xmlns='urn:xmpp:extdisco:2'><service host='turn.example' type='turn'/></credentials></iq>`)
	c.ExpectError("item-not-found")
	c.Send(`<iq type='get' id='c' to='localhost'><credentials xmlns='urn:xmpp:extdisco:2'/></iq>`)
	c.ExpectError("bad-request")
}

func TestTheRelayIsForPeopleOfTheHost(t *testing.T) {
	srv := start(t)
	paris := srv.Login(t, "paris@example.org/inn")
	paris.Send(services)
	paris.ExpectError("forbidden")
	guest := srv.ConnectTo(t, "guests.localhost")
	guest.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>")
	guest.Expect("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
	guest.Open("guests.localhost")
	guest.Bind("x/web")
	for _, to := range []string{"localhost", "guests.localhost"} {
		guest.Send(`<iq type='get' id='s' to='` + to + `'><services xmlns='urn:xmpp:extdisco:2'/></iq>`)
		if got := guest.Next(); !strings.Contains(got, "type='error'") {
			t.Errorf("a guest at %s is told %s", to, got)
		}
	}
}

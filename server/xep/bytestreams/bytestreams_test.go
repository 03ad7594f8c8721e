package bytestreams_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/xep/bytestreams"
)

// start is a server with a proxy, and where the proxy says it is.
func start(t *testing.T) (*servertest.Server, *servertest.Client, string) {
	t.Helper()
	srv := servertest.New(t, servertest.Options{Config: server.Config{Bytestreams: "127.0.0.1:0", Domains: []string{"localhost", "example.org"}}})
	c := srv.Login(t, "romeo@localhost/garden")
	c.Send(`<iq type='get' id='a' to='proxy.localhost'><query xmlns='http://jabber.org/protocol/bytestreams'/></iq>`)
	got := c.Next()
	_, host, _ := strings.Cut(got, "host='")
	host, _, _ = strings.Cut(host, "'")
	_, port, _ := strings.Cut(got, "port='")
	port, _, _ = strings.Cut(port, "'")
	return srv, c, net.JoinHostPort(host, port)
}

func dial(t *testing.T, at string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// join connects to the proxy for a stream.
func join(t *testing.T, at, addr string) net.Conn {
	t.Helper()
	c := dial(t, at)
	c.Write([]byte{5, 1, 0})
	req := append([]byte{5, 1, 0, 3, 40}, addr...)
	c.Write(append(req, 0, 0))
	want := append([]byte{5, 0, 5, 0, 0, 3, 40}, addr...)
	want = append(want, 0, 0)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("joining: %q, %v", got, err)
	}
	return c
}

func streamAddr(sid, requester, target string) string {
	sum := sha1.Sum([]byte(sid + requester + target))
	return hex.EncodeToString(sum[:])
}

func activation(sid, target string) string {
	return fmt.Sprintf(`<iq type='set' id='act' to='proxy.localhost'><query xmlns='http://jabber.org/protocol/bytestreams' sid='%s'><activate>%s</activate></query></iq>`, sid, target)
}

func TestAFileIsPassedOn(t *testing.T) {
	_, romeo, at := start(t)
	addr := streamAddr("s1", "romeo@localhost/garden", "juliet@localhost/balcony")
	romeo.Send(activation("s1", "juliet@localhost/balcony"))
	romeo.ExpectError("item-not-found")
	target := join(t, at, addr)
	romeo.Send(activation("s1", "juliet@localhost/balcony"))
	romeo.ExpectError("not-allowed")
	requester := join(t, at, addr)
	// A third has no place, and cannot take one.
	third := dial(t, at)
	third.Write([]byte{5, 1, 0})
	third.Write(append(append([]byte{5, 1, 0, 3, 40}, addr...), 0, 0))
	if rest, _ := io.ReadAll(third); len(rest) != 2 {
		t.Errorf("a third party is answered %q", rest)
	}
	romeo.Send(activation("s1", "juliet@localhost/balcony"))
	romeo.Expect(`<iq type='result' id='act' from='proxy.localhost'/>`)
	file := bytes.Repeat([]byte("all the world "), 100_000)
	go func() {
		requester.Write(file)
		requester.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(target); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d of %d bytes arrived, %v", len(got), len(file), err)
	}
	target.Write([]byte("thanks"))
	target.Close()
	if got, err := io.ReadAll(requester); err != nil || string(got) != "thanks" {
		t.Errorf("the way back: %q, %v", got, err)
	}
}

func TestNobodyElseMayActivate(t *testing.T) {
	srv, romeo, at := start(t)
	addr := streamAddr("s1", "romeo@localhost/garden", "juliet@localhost/balcony")
	join(t, at, addr)
	join(t, at, addr)
	tybalt := srv.Login(t, "tybalt@localhost/street")
	tybalt.Send(activation("s1", "juliet@localhost/balcony"))
	tybalt.ExpectError("item-not-found")
	romeo.Send(activation("", "juliet@localhost/balcony"))
	romeo.ExpectError("bad-request")
	romeo.Send(activation("s1", "juliet@localhost/balcony"))
	romeo.Expect(`<iq type='result' id='act' from='proxy.localhost'/>`)
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	_, _, at := start(t)
	for _, row := range []struct {
		name string
		sent []byte
		want []byte
	}{
		{"another version", []byte{4, 1, 0}, nil},
		{"no method that is served", []byte{5, 1, 2}, []byte{5, 0xff}},
		{"a real address", []byte{5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 25}, []byte{5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0}},
		{"a name that is no hash", append(append([]byte{5, 1, 0, 5, 1, 0, 3, 40}, strings.Repeat("x", 40)...), 0, 0), []byte{5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0}},
		{"binding", []byte{5, 1, 0, 5, 2, 0, 3, 40}, []byte{5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0}},
	} {
		c := dial(t, at)
		c.Write(row.sent)
		got, _ := io.ReadAll(c) // a reset is as good as an end
		if !bytes.Equal(got, row.want) && !bytes.HasPrefix(row.want, got) {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

func TestTheProxyIsFound(t *testing.T) {
	srv, romeo, _ := start(t)
	romeo.Send(`<iq type='get' id='d' to='proxy.localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
	if got := romeo.Next(); !strings.Contains(got, "category='proxy' type='bytestreams'") {
		t.Errorf("it is %s", got)
	}
	romeo.Send(`<message to='proxy.localhost' id='m'><body>hi</body></message>`)
	romeo.ExpectError("service-unavailable")
	for _, who := range []string{"juliet@localhost/x", "paris@example.org/x"} {
		c := srv.Login(t, who)
		_, domain, _ := strings.Cut(who, "@")
		domain, _, _ = strings.Cut(domain, "/")
		c.Send(`<iq type='get' id='i' to='` + domain + `'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
		if got := c.Next(); !strings.Contains(got, "proxy.localhost") {
			t.Errorf("%s does not find it: %s", who, got)
		}
	}
}

// FuzzHandshake: whatever is sent to the proxy, it goes on serving.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte{5, 1, 0, 5, 1, 0, 3, 40})
	f.Add([]byte{5, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, z := net.Pipe()
		go func() { a.Write(b); a.Close() }()
		go io.Copy(io.Discard, a)
		defer z.Close()
		bytestreams.Handshake(z)
	})
}

package servertest

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"natter/stanza"

	"github.com/xdg-go/scram"
)

// patience is how long a client waits for what it expects. In a bubble it is
// not real time.
const patience = 20 * time.Second

// Client is one XML stream, for tests that look at bytes. Its methods fail the
// test; they are for one goroutine at a time.
type Client struct {
	JID  stanza.JID // bound address; zero before binding
	Conn net.Conn

	t      testing.TB
	sc     *stanza.Scanner
	buf    []byte
	domain string
	Header string // the server's last stream features
}

// Login logs in with SCRAM-SHA-256 and binds the resource of addr, without TLS.
// The session has no presence yet: see Online.
func (s *Server) Login(t testing.TB, addr string) *Client {
	t.Helper()
	c := s.Authenticated(t, addr)
	c.Bind(addr)
	return c
}

// Authenticated logs in and leaves it to the test to bind a resource.
func (s *Server) Authenticated(t testing.TB, addr string) *Client {
	t.Helper()
	s.Account(t, addr)
	c := s.ConnectTo(t, domainOf(t, addr))
	c.Authenticate(addr, Password)
	return c
}

// Online logs in, asks for the roster and sends initial presence; both answers
// are read.
func (s *Server) Online(t testing.TB, addr string) *Client {
	t.Helper()
	c := s.Login(t, addr)
	c.Send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`)
	c.Expect(`<iq type='result' id='roster'/>`)
	c.Send(`<presence/>`)
	c.Expect(`<presence from='` + c.JID.String() + `'/>`)
	return c
}

// Befriend makes two accounts that are subscribed to each other's presence.
func (s *Server) Befriend(t testing.TB, a, b string) {
	t.Helper()
	ca, cb := s.Login(t, a+"/befriend"), s.Login(t, b+"/befriend")
	bareA, bareB := ca.JID.Bare().String(), cb.JID.Bare().String()
	for _, kind := range []string{"subscribe", "subscribed"} {
		ca.Send(fmt.Sprintf(`<presence type='%s' to='%s'/>`, kind, bareB))
		ca.Sync()
		cb.Send(fmt.Sprintf(`<presence type='%s' to='%s'/>`, kind, bareA))
		cb.Sync()
	}
	ca.Sync()
	ca.Close()
	cb.Close()
}

// Connect opens a stream and reads the server's features.
func (s *Server) Connect(t testing.TB) *Client {
	t.Helper()
	return s.ConnectTo(t, s.Domain())
}

// ConnectTo opens a stream to one of the server's domains and reads the features.
func (s *Server) ConnectTo(t testing.TB, domain string) *Client {
	t.Helper()
	c := s.client(t, s.Dial())
	c.Open(domain)
	return c
}

// Attach opens a stream over a connection to the server.
func (s *Server) Attach(t testing.TB, conn net.Conn) *Client {
	t.Helper()
	c := s.client(t, conn)
	c.Open(s.Domain())
	return c
}

func (s *Server) client(t testing.TB, conn net.Conn) *Client {
	c := &Client{Conn: conn, t: t, sc: stanza.NewScanner(stanza.Limits{Bytes: 64 << 20, Depth: 1 << 20, Attrs: 1 << 20, Namespaces: 1 << 20, Memory: 1 << 30})}
	t.Cleanup(func() { conn.Close() })
	return c
}

// Open sends a stream header and reads the answer with its features.
func (c *Client) Open(domain string) {
	c.t.Helper()
	c.sc.Restart()
	c.domain = domain
	c.Write("<?xml version='1.0'?><stream:stream to='" + domain + "' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
	c.Header = c.Next()
	if !strings.HasPrefix(c.Header, "<stream:features") {
		c.t.Fatalf("expected stream features, got %s", c.Header)
	}
}

// StartTLS secures the stream and opens it anew.
func (c *Client) StartTLS(cfg *tls.Config) {
	c.t.Helper()
	c.Write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	c.Expect("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	conn := tls.Client(c.Conn, cfg)
	if err := conn.Handshake(); err != nil {
		c.t.Fatalf("TLS handshake: %v", err)
	}
	c.Conn = conn
	c.Open(cfg.ServerName)
}

// Authenticate logs in with SCRAM-SHA-256 and opens the stream anew.
func (c *Client) Authenticate(addr, password string) {
	c.t.Helper()
	j, err := stanza.ParseJID(addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.scram(j.Local(), password,
		"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>%s</auth>",
		"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</response>", text)
	c.Open(j.Domain())
}

// Authenticate2 logs in with SASL2 (XEP-0388) and SCRAM-SHA-256; inline is what else
// the request holds. It returns the answer, and the features that follow are read.
func (c *Client) Authenticate2(addr, password, inline string) (success string) {
	c.t.Helper()
	j, err := stanza.ParseJID(addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.scram(j.Local(), password,
		"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>%s</initial-response>"+
			strings.ReplaceAll(inline, "%", "%%")+"</authenticate>",
		"<response xmlns='urn:xmpp:sasl:2'>%s</response>",
		func(element string) string {
			if success = element; strings.HasPrefix(element, "<challenge ") {
				return text(element)
			}
			st, err := stanza.Parse([]byte(element), stanza.AfterLogin)
			if err != nil {
				c.t.Fatal(err)
			}
			data, ok := st.ChildText("urn:xmpp:sasl:2", "additional-data")
			if !ok {
				c.t.Fatalf("login as %s: got %s", addr, element)
			}
			if id, ok := st.ChildText("urn:xmpp:sasl:2", "authorization-identifier"); ok {
				c.JID, _ = stanza.ParseJID(id)
			}
			return data
		})
	c.Header = c.Next()
	return success
}

// scram runs SCRAM-SHA-256: first and then are the elements that carry the client's
// messages, data returns what an element of the server's carries.
func (c *Client) scram(user, password, first, then string, data func(element string) string) {
	c.t.Helper()
	conv := must(scram.SHA256.NewClient(user, password, "")).NewConversation()
	out, err := conv.Step("")
	for format := first; err == nil && out != ""; format = then {
		c.Write(fmt.Sprintf(format, base64.StdEncoding.EncodeToString([]byte(out))))
		var in []byte
		if in, err = base64.StdEncoding.DecodeString(data(c.Next())); err == nil {
			out, err = conv.Step(string(in))
		}
	}
	if err != nil || !conv.Valid() {
		c.t.Fatalf("login as %s: %v", user, err)
	}
}

// Bind binds the resource of addr, or lets the server choose when it has none.
func (c *Client) Bind(addr string) {
	c.t.Helper()
	resource := ""
	if _, r, ok := strings.Cut(addr, "/"); ok {
		resource = "<resource>" + r + "</resource>"
	}
	c.Write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" + resource + "</bind></iq>")
	st, err := stanza.ParseIn([]byte(c.Next()), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		c.t.Fatal(err)
	}
	bind, ok := st.Child("urn:ietf:params:xml:ns:xmpp-bind", "bind")
	if !ok || st.Type != stanza.Result {
		c.t.Fatalf("bind: got %s", st.Raw)
	}
	full, _ := st.Find(bind, "urn:ietf:params:xml:ns:xmpp-bind", "jid")
	if c.JID, err = stanza.ParseJID(st.Text(full)); err != nil {
		c.t.Fatal(err)
	}
}

// Bound notes the address that a session was bound to by other means than Bind.
func (c *Client) Bound(addr string) {
	c.t.Helper()
	j, err := stanza.ParseJID(addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.JID = j
}

// Write sends bytes as they are.
func (c *Client) Write(s string) {
	c.t.Helper()
	c.Conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c.Conn, s); err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// Send sends elements.
func (c *Client) Send(elements ...string) {
	c.t.Helper()
	c.Write(strings.Join(elements, ""))
}

// Next reads the next element of the stream; the stream header is passed over.
func (c *Client) Next() string {
	c.t.Helper()
	e, err := c.Read()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return e
}

// Read is Next with the error: io.EOF when the stream was closed.
func (c *Client) Read() (string, error) {
	for {
		for len(c.buf) > 0 {
			ev, n, err := c.sc.Next(c.buf)
			if err != nil {
				return "", fmt.Errorf("the server sent what is not XMPP: %w in %q", err, c.buf)
			}
			got := string(c.buf[:n])
			c.buf = c.buf[n:]
			switch ev {
			case stanza.Element:
				return strings.TrimSpace(got), nil
			case stanza.StreamClose:
				return "", io.EOF
			}
			if ev == stanza.More {
				break
			}
		}
		b := make([]byte, 16<<10)
		c.Conn.SetReadDeadline(time.Now().Add(patience))
		n, err := c.Conn.Read(b)
		if n == 0 && err != nil {
			return "", err
		}
		c.buf = append(c.buf, b[:n]...)
	}
}

// Sync waits until the server has handled everything sent so far, passing over
// what arrives meanwhile, and returns that.
func (c *Client) Sync() []string {
	c.t.Helper()
	c.Send(`<iq type='get' id='sync' to='` + c.domain + `'><ping xmlns='urn:xmpp:ping'/></iq>`)
	var between []string
	for {
		e := c.Next()
		st, err := stanza.ParseIn([]byte(e), stanza.NSClient, stanza.AfterLogin)
		if err == nil && st.Kind == stanza.IQ && st.IDString() == "sync" {
			return between
		}
		between = append(between, e)
	}
}

// Silent checks that nothing arrives before everything sent so far is handled.
func (c *Client) Silent() {
	c.t.Helper()
	if got := c.Sync(); len(got) > 0 {
		c.t.Fatalf("expected nothing, got %s", strings.Join(got, "\n"))
	}
}

// Close closes the stream in order and waits for the server to close its side.
func (c *Client) Close() {
	c.t.Helper()
	c.Write("</stream:stream>")
	for {
		if _, err := c.Read(); err != nil {
			break
		}
	}
	c.Conn.Close()
}

func domainOf(t testing.TB, addr string) string {
	t.Helper()
	j, err := stanza.ParseJID(addr)
	if err != nil {
		t.Fatal(err)
	}
	return j.Domain()
}

// text returns the character data of an element.
func text(element string) string {
	st, err := stanza.Parse([]byte(element), stanza.AfterLogin)
	if err != nil {
		return ""
	}
	return stanza.UnescapeText(st.Inner())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

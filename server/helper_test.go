package server_test

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
	"natter/stanza"

	"github.com/xdg-go/scram"
)

// bubble runs a test in a synctest bubble, as a parallel one.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

// twoDomains is a server that is asked for two domains, and keeps no archive
// unless a test turns it on.
func twoDomains(t *testing.T, change ...func(*server.Config)) *servertest.Server {
	t.Helper()
	return servertest.New(t, twoDomainOptions(change...))
}

func twoDomainOptions(change ...func(*server.Config)) servertest.Options {
	o := servertest.Options{Strict: true}
	o.Config.Domains = []string{"localhost", "example.org"}
	o.Config.Dev = true // no TLS in a bubble
	for _, c := range change {
		c(&o.Config)
	}
	return o
}

// authenticated is a stream that has logged in and not bound a resource yet.
func authenticated(t *testing.T, srv *servertest.Server, addr string) *servertest.Client {
	t.Helper()
	c := srv.ConnectTo(t, address(t, addr).Domain())
	c.Authenticate(addr, servertest.Password)
	return c
}

// online logs in, asks for the roster and sends initial presence with a priority.
func online(t *testing.T, srv *servertest.Server, addr string, priority int) *servertest.Client {
	t.Helper()
	c := srv.Login(t, addr)
	c.Send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`)
	c.Expect(`<iq type='result' id='roster'/>`)
	available(c, priority)
	return c
}

// available sends presence with a priority and waits until it has been handled.
func available(c *servertest.Client, priority int) []string {
	c.Send(`<presence><priority>` + strconv.Itoa(priority) + `</priority></presence>`)
	return c.Sync()
}

// arrive logs in, sends initial presence and returns all that comes of it.
func arrive(t *testing.T, srv *servertest.Server, addr string) (*servertest.Client, []string) {
	t.Helper()
	c := srv.Login(t, addr)
	got := available(c, 0)
	return c, append(got, settled(c)...)
}

func address(t testing.TB, s string) stanza.JID {
	t.Helper()
	j, err := stanza.ParseJID(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return j
}

// parse reads an element that the server sent.
func parse(t testing.TB, element string) *stanza.Stanza {
	t.Helper()
	st, err := stanza.ParseIn([]byte(element), stanza.NSClient, stanza.Limits{Bytes: 1 << 20, Depth: 64, Attrs: 64, Namespaces: 64, Memory: 4 << 20})
	if err != nil {
		t.Fatalf("%v in %s", err, element)
	}
	return st
}

// stanzas leaves out of what a client got what is no stanza, such as <r/>.
func stanzas(t testing.TB, got []string) []*stanza.Stanza {
	t.Helper()
	var list []*stanza.Stanza
	for _, e := range got {
		if st := parse(t, e); st.Kind != stanza.Other {
			list = append(list, st)
		}
	}
	return list
}

// ofKind picks the stanzas of one kind.
func ofKind(list []*stanza.Stanza, k stanza.Kind) []*stanza.Stanza {
	var out []*stanza.Stanza
	for _, st := range list {
		if st.Kind == k {
			out = append(out, st)
		}
	}
	return out
}

// bodies are the bodies of the messages a client got, in order.
func bodies(t testing.TB, got []string) []string {
	t.Helper()
	out := []string{}
	for _, st := range ofKind(stanzas(t, got), stanza.Message) {
		out = append(out, st.Body())
	}
	return out
}

// settled waits until the server has nothing left to do, and returns what a
// client was sent meanwhile.
func settled(c *servertest.Client) []string {
	synctest.Wait()
	return c.Sync()
}

// durable waits until everything handed to the store so far is on disk.
func durable(t testing.TB, st *store.Store) {
	t.Helper()
	done := make(chan error, 1)
	st.Barrier(func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A managed client acknowledges by hand (XEP-0198).
type managed struct {
	*servertest.Client
	id string // resumption id
	h  uint32 // stanzas it has got since stream management is on
}

// manage turns stream management with resumption on.
func manage(t *testing.T, c *servertest.Client) *managed {
	t.Helper()
	c.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
	for {
		e := c.Next()
		if strings.HasPrefix(e, "<enabled") {
			id, _ := parse(t, e).AttrString("", "id")
			return &managed{Client: c, id: id}
		}
	}
}

// sync is Sync that counts what came, the answer to it included.
func (m *managed) sync(t testing.TB) []string {
	t.Helper()
	got := m.Sync()
	m.h += uint32(len(stanzas(t, got))) + 1
	return got
}

// ack tells the server what the client has got.
func (m *managed) ack() {
	m.Send(fmt.Sprintf(`<a xmlns='urn:xmpp:sm:3' h='%d'/>`, m.h))
}

// cut loses the connection.
func (m *managed) cut() {
	m.Conn.Close()
	synctest.Wait()
}

// resume continues a session on a new connection, saying that h stanzas were
// handled. It returns what the server says it has handled, and whether the session
// was still there; what is sent again is left for the caller to read.
func resume(t *testing.T, srv *servertest.Server, m *managed, h uint32) (*managed, uint32, bool) {
	t.Helper()
	addr := m.JID.String()
	c := authenticated(t, srv, addr)
	c.JID = m.JID
	c.Send(fmt.Sprintf(`<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%d'/>`, m.id, h))
	e := parse(t, c.Next())
	if _, name := e.Name(); string(name) != "resumed" {
		return &managed{Client: c, id: m.id, h: h}, 0, false
	}
	raw, _ := e.AttrString("", "h")
	n, err := strconv.ParseUint(raw, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &managed{Client: c, id: m.id, h: h}, uint32(n), true
}

// refused tries to log in and returns the condition it is refused with, "" when
// it is not.
func refused(t *testing.T, srv *servertest.Server, addr, password string) string {
	t.Helper()
	j := address(t, addr)
	c := srv.ConnectTo(t, j.Domain())
	client, err := scram.SHA256.NewClient(j.Local(), password, "")
	if err != nil {
		t.Fatal(err)
	}
	conv := client.NewConversation()
	out, err := conv.Step("")
	if err != nil {
		t.Fatal(err)
	}
	c.Send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>" + base64.StdEncoding.EncodeToString([]byte(out)) + "</auth>")
	for {
		st := parse(t, c.Next())
		_, name := st.Name()
		switch string(name) {
		case "success":
			return ""
		case "failure":
			return string(st.Local(st.ChildAt(0)))
		}
		in, err := base64.StdEncoding.DecodeString(stanza.UnescapeText(st.Inner()))
		if err != nil {
			t.Fatal(err)
		}
		if out, err = conv.Step(string(in)); err != nil {
			t.Fatal(err)
		}
		c.Send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + base64.StdEncoding.EncodeToString([]byte(out)) + "</response>")
	}
}

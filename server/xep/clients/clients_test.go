package clients_test

import (
	"regexp"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
)

const (
	phone = "d4565fa7-4d72-4749-b3d3-740edbf87770"
	list  = `<iq type='get' id='l'><list xmlns='urn:xmpp:cam:0'/></iq>`
)

// login logs juliet in with SASL2 and a password, as a device that asks for a token,
// and returns the answer.
func login(t *testing.T, srv *servertest.Server, device, name string) (*servertest.Client, string) {
	t.Helper()
	srv.Account(t, "juliet@localhost")
	c := srv.Connect(t)
	success := c.Authenticate2("juliet@localhost", servertest.Password,
		`<user-agent id='`+device+`'><software>Balcony</software><device>`+name+`</device></user-agent>`+
			`<bind xmlns='urn:xmpp:bind:0'/><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>`)
	return c, success
}

// clients reads the list as the elements in it.
func clients(t *testing.T, c *servertest.Client) []string {
	t.Helper()
	c.Send(list)
	got := c.Next()
	if !strings.Contains(got, "<clients xmlns='urn:xmpp:cam:0'>") {
		t.Fatalf("no list: %s", got)
	}
	return regexp.MustCompile(`<client .*?</client>`).FindAllString(got, -1)
}

func idOf(t *testing.T, client string) string {
	t.Helper()
	m := regexp.MustCompile(` id='([^']+)'`).FindStringSubmatch(client)
	if m == nil {
		t.Fatalf("no id in %s", client)
	}
	return m[1]
}

func TestListShowsDevicesAndWhatTheyHave(t *testing.T) {
	srv := servertest.New(t)
	old := srv.Login(t, "juliet@localhost/balcony") // says nothing of itself
	c, _ := login(t, srv, phone, "Juliet's phone &lt;3")
	rows := clients(t, c)
	if len(rows) != 2 {
		t.Fatalf("%d clients: %q", len(rows), rows)
	}
	for _, want := range []string{
		"connected='true'", "type='session'", "<first-seen>2", "<last-seen>2", "<auth><password/><fast/></auth>",
		"<permission status='unrestricted'/>", "<software>Balcony</software><device>Juliet's phone &lt;3</device>",
	} {
		if !strings.Contains(rows[0], want) {
			t.Errorf("no %s in %s", want, rows[0])
		}
	}
	if !strings.Contains(rows[1], "<auth><password/></auth>") || strings.Contains(strings.Join(rows, ""), phone) {
		t.Errorf("clients %q", rows)
	}
	c.Close()
	if rows := clients(t, old); !strings.Contains(rows[0], "connected='false'") {
		t.Errorf("after it has gone: %s", rows[0])
	}
}

func TestPasswordHasToBeChangedFirst(t *testing.T) {
	srv := servertest.New(t)
	c, success := login(t, srv, phone, "phone")
	other := srv.Login(t, "juliet@localhost/balcony")
	id := idOf(t, clients(t, other)[0])
	refused := `<iq type='error' id='r'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>` +
		`<password-reset-required xmlns='urn:xmpp:cam:0'/></error></iq>`
	revoke := func(id string) {
		other.Send(`<iq type='set' id='r'><revoke xmlns='urn:xmpp:cam:0' id='` + id + `'/></iq>`)
	}
	revoke(id)
	other.Expect(refused)
	revoke(idOf(t, clients(t, other)[1])) // the one that said nothing
	other.Expect(refused)

	other.Send(`<iq type='set' id='p'><query xmlns='jabber:iq:register'><username>juliet</username><password>new</password></query></iq>`)
	other.Expect(`<iq type='result' id='p'/>`)
	if row := clients(t, other)[0]; !strings.Contains(row, "<auth></auth>") {
		t.Errorf("the token and the password are void: %s", row)
	}
	revoke(id)
	other.Expect(`<iq type='result' id='r'/>`)
	if got := c.Next(); !strings.Contains(got, "<not-authorized") {
		t.Errorf("the revoked client's stream: %s", got)
	}
	if rows := clients(t, other); len(rows) != 1 || strings.Contains(success, id) {
		t.Errorf("clients %q", rows)
	}
}

// TestRevokeOfAClientThatIsAway: it is forgotten, once.
func TestRevokeOfAClientThatIsAway(t *testing.T) {
	srv := servertest.New(t)
	c, success := login(t, srv, phone, "phone")
	c.Close()
	other := srv.Login(t, "juliet@localhost/balcony")
	other.Send(`<iq type='set' id='p'><query xmlns='jabber:iq:register'><username>juliet</username><password>new</password></query></iq>`)
	other.Expect(`<iq type='result' id='p'/>`)
	id := idOf(t, clients(t, other)[0])
	other.Send(`<iq type='set' id='r'><revoke xmlns='urn:xmpp:cam:0' id='` + id + `'/></iq>`)
	other.Expect(`<iq type='result' id='r'/>`)
	other.Send(`<iq type='set' id='r'><revoke xmlns='urn:xmpp:cam:0' id='` + id + `'/></iq>`)
	other.Expect(`<iq type='error' id='r'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	if !strings.Contains(success, "<token ") {
		t.Error(success)
	}
}

func TestClientsAreTheOwnersBusiness(t *testing.T) {
	srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "example.org"}}})
	c, _ := login(t, srv, phone, "phone")
	id := idOf(t, clients(t, c)[0])
	srv.Befriend(t, "juliet@localhost", "romeo@localhost")
	for _, who := range []string{"romeo@localhost/garden", "tybalt@example.org/street"} {
		s := srv.Login(t, who)
		for _, to := range []string{"juliet@localhost", "localhost"} {
			for _, payload := range []string{`<list xmlns='urn:xmpp:cam:0'/>`, `<revoke xmlns='urn:xmpp:cam:0' id='` + id + `'/>`} {
				kind := "get"
				if strings.HasPrefix(payload, "<revoke") {
					kind = "set"
				}
				s.Send(`<iq type='` + kind + `' id='x' to='` + to + `'>` + payload + `</iq>`)
				s.Expect(`<iq type='error' id='x' from='` + to + `'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
			}
		}
		// Somebody else's client is none of one's own.
		s.Send(`<iq type='set' id='o'><revoke xmlns='urn:xmpp:cam:0' id='` + id + `'/></iq>`)
		s.Expect(`<iq type='error' id='o'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		s.Send(`<iq type='set' id='n'><revoke xmlns='urn:xmpp:cam:0'/></iq>`)
		s.Expect(`<iq type='error' id='n'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	if len(clients(t, c)) != 1 {
		t.Error("the client is gone")
	}
}

// TestClientsAreBounded: of very many devices those not seen for longest are forgotten.
func TestClientsAreBounded(t *testing.T) {
	srv := servertest.New(t)
	for i := range 120 {
		c, _ := login(t, srv, strings.Replace(phone, "d4565fa7", "0000"+string("0123456789abcdef"[i/16])+string("0123456789abcdef"[i%16])+"00", 1), "x")
		c.Close()
	}
	c := srv.Login(t, "juliet@localhost/balcony")
	if n := len(clients(t, c)); n < 90 || n > 101 {
		t.Errorf("%d clients are remembered", n)
	}
}

package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

// carbon reads a copy: whether it was sent or received, and the message inside.
func carbon(t *testing.T, st *stanza.Stanza) (kind, inner string) {
	t.Helper()
	for _, k := range []string{"sent", "received"} {
		if c, ok := st.Child("urn:xmpp:carbons:2", k); ok {
			return k, string(st.Detach(nil, c))
		}
	}
	return "", ""
}

// TestCarbons: what the scripts do not show (XEP-0280).
func TestCarbons(t *testing.T) {
	const enable = `<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`
	copies := func(t *testing.T, got []string) (list []string) {
		for _, st := range ofKind(stanzas(t, got), stanza.Message) {
			if kind, _ := carbon(t, st); kind != "" {
				list = append(list, kind)
			} else {
				list = append(list, "itself")
			}
		}
		return list
	}
	bubble(t, "each session gets a message once, whichever way", func(t *testing.T) {
		srv := twoDomains(t)
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		other := online(t, srv, "romeo@localhost/mantua", -1)
		balcony, phone, deaf := online(t, srv, "juliet@example.org/balcony", 5), online(t, srv, "juliet@example.org/phone", 0), online(t, srv, "juliet@example.org/deaf", 0)
		connected := srv.Login(t, "juliet@example.org/connected")
		for _, c := range []*servertest.Client{romeo, other, balcony, phone, connected} {
			c.Send(enable)
		}
		all := map[string]*servertest.Client{"garden": romeo, "mantua": other, "balcony": balcony, "phone": phone, "deaf": deaf, "connected": connected}
		for _, c := range all {
			settled(c)
		}
		for _, row := range []struct {
			name, to string
			want     map[string]string
		}{
			{"to the bare JID", "juliet@example.org", map[string]string{"balcony": "itself", "phone": "received", "connected": "received", "mantua": "sent"}},
			{"to a full JID", "juliet@example.org/phone", map[string]string{"phone": "itself", "balcony": "received", "connected": "received", "mantua": "sent"}},
			{"to one without carbons", "juliet@example.org/deaf", map[string]string{"deaf": "itself", "phone": "received", "balcony": "received", "connected": "received", "mantua": "sent"}},
			{"to nobody", "nobody@example.org", map[string]string{"mantua": "sent received", "garden": "itself"}}, // the error
			{"to another server", "x@elsewhere.example", map[string]string{"garden": "itself"}},
			{"to oneself", "romeo@localhost", map[string]string{"garden": "itself", "mantua": "received"}},
			{"to another resource of one's own", "romeo@localhost/mantua", map[string]string{"mantua": "itself"}},
		} {
			romeo.Send(message(row.to, "x"))
			for name, c := range all {
				if g := strings.Join(copies(t, settled(c)), " "); g != row.want[name] {
					t.Errorf("%s: %s got %q, and should get %q", row.name, name, g, row.want[name])
				}
			}
		}
	})
	bubble(t, "an error is copied when it answers what was, and a private message of a room's is not", func(t *testing.T) {
		srv := twoDomains(t)
		romeo, other := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "romeo@localhost/mantua", -1)
		juliet := online(t, srv, "juliet@example.org/balcony", 0)
		other.Send(enable)
		settled(other)
		const failed = `<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`
		for _, row := range []struct{ name, sent, answer, want string }{
			{"an error that says nothing", `type='chat' id='m1'><body>x</body>`, `type='error' id='m1'>` + failed, "sent received"},
			{"to what was not copied", `type='headline' id='m2'><body>x</body>`, `type='error' id='m2'>` + failed, ""},
			{"to what nobody sent", `type='chat' id='m3'><body>x</body>`, `type='error' id='m4'>` + failed, "sent"},
			{"a headline with a receipt", `type='headline' id='m5'><received xmlns='urn:xmpp:receipts' id='1'/>`, `type='headline'><body>x</body>`, "sent"},
			{"an occupant's", `type='chat' id='m6'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/>`, `type='normal'><body>x</body><x xmlns='http://jabber.org/protocol/muc#user'/>`, "sent"},
		} {
			romeo.Send(`<message to='juliet@example.org/balcony' ` + row.sent + `</message>`)
			settled(romeo)
			settled(juliet)
			juliet.Send(`<message to='romeo@localhost/garden' ` + row.answer + `</message>`)
			settled(juliet)
			settled(romeo)
			if g := strings.Join(copies(t, settled(other)), " "); g != row.want {
				t.Errorf("%s: the other device got %q, and should get %q", row.name, g, row.want)
			}
		}
	})
	bubble(t, "a copy is not copied, and a forged one is a message like any other", func(t *testing.T) {
		srv := twoDomains(t)
		tybalt := online(t, srv, "tybalt@localhost/street", 0)
		balcony, phone := online(t, srv, "juliet@example.org/balcony", 0), online(t, srv, "juliet@example.org/phone", -1)
		phone.Send(enable)
		balcony.Send(enable)
		settled(phone)
		settled(balcony)
		tybalt.Send(`<message type='chat' to='juliet@example.org/balcony'><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='romeo@localhost' to='juliet@example.org'><body>forged</body></message></forwarded></received></message>`)
		settled(tybalt)
		for _, st := range ofKind(stanzas(t, append(settled(balcony), settled(phone)...)), stanza.Message) {
			if from := address(t, string(st.From())); from.Bare().String() == "juliet@example.org" && !strings.Contains(string(st.Raw), "from='tybalt@localhost/street'") {
				t.Errorf("a forged copy comes from the account: %s", st.Raw)
			}
		}
	})
	bubble(t, "one who is away gets copies when it is back", func(t *testing.T) {
		srv := twoDomains(t)
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		phone := online(t, srv, "juliet@example.org/phone", -1)
		phone.Send(enable)
		phone.Sync()
		m := manage(t, phone)
		balcony := online(t, srv, "juliet@example.org/balcony", 5)
		m.sync(t)
		m.cut()
		romeo.Send(message("juliet@example.org", "one"))
		settled(romeo)
		balcony.Send(message("romeo@localhost", "two"))
		settled(balcony)
		m, _, ok := resume(t, srv, m, m.h)
		if !ok {
			t.Fatal("not resumed")
		}
		got := m.sync(t)
		if c := copies(t, got); !slices.Equal(c, []string{"received", "sent"}) {
			t.Errorf("it got %q", c)
		}
		for _, st := range ofKind(stanzas(t, got), stanza.Message) {
			if string(st.From()) != "juliet@example.org" || string(st.To()) != "juliet@example.org/phone" {
				t.Errorf("a copy comes from %s to %s", st.From(), st.To())
			}
		}
	})
	bubble(t, "what is blocked is not copied", func(t *testing.T) {
		srv := twoDomains(t)
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		balcony, phone := online(t, srv, "juliet@example.org/balcony", 5), online(t, srv, "juliet@example.org/phone", 0)
		phone.Send(enable, `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block></iq>`)
		settled(phone)
		romeo.Send(message("juliet@example.org", "in"))
		settled(romeo)
		balcony.Send(message("romeo@localhost", "out"))
		settled(balcony)
		if c := copies(t, settled(phone)); len(c) > 0 {
			t.Errorf("it got %q", c)
		}
		if b := bodies(t, settled(romeo)); len(b) > 0 {
			t.Errorf("who is blocked got %q", b)
		}
	})
}

// TestInactiveClients are left alone, and miss nothing (XEP-0352).
func TestInactiveClients(t *testing.T) {
	contacts := []string{"romeo@localhost", "nurse@localhost", "paris@example.org"}
	setup := func(t *testing.T, srv *servertest.Server) (*managed, map[string]*servertest.Client) {
		who := map[string]*servertest.Client{}
		for _, c := range contacts {
			subscribe(t, srv, "juliet@example.org", c)
			who[c] = online(t, srv, c+"/x", 0)
		}
		juliet := online(t, srv, "juliet@example.org/phone", 0)
		settled(juliet)
		m := manage(t, juliet)
		m.Send(`<inactive xmlns='urn:xmpp:csi:0'/>`)
		m.sync(t)
		return m, who
	}
	show := func(c *servertest.Client, show string) {
		c.Send(`<presence><show>` + show + `</show></presence>`)
		settled(c)
	}
	presences := func(t *testing.T, got []string) (list []string) {
		for _, st := range ofKind(stanzas(t, got), stanza.Presence) {
			c, _ := st.Child(stanza.NSClient, "show")
			list = append(list, address(t, string(st.From())).Local()+" "+st.Type.String()+st.Text(c))
		}
		return list
	}
	bubble(t, "presence waits, the last of each", func(t *testing.T) {
		srv := twoDomains(t)
		m, who := setup(t, srv)
		for _, c := range contacts {
			show(who[c], "away")
			show(who[c], "xa")
		}
		show(who[contacts[1]], "dnd")
		who[contacts[2]].Close()
		if got := m.sync(t); len(stanzas(t, got)) > 0 {
			t.Errorf("while it is inactive it gets %q", got)
		}
		m.Send(`<active xmlns='urn:xmpp:csi:0'/>`)
		if p := presences(t, m.sync(t)); !slices.Equal(p, []string{"romeo xa", "nurse dnd", "paris unavailable"}) {
			t.Errorf("then it gets %q", p)
		}
		show(who[contacts[0]], "chat")
		if p := presences(t, m.sync(t)); !slices.Equal(p, []string{"romeo chat"}) {
			t.Errorf("while it is active it gets %q", p)
		}
	})
	bubble(t, "people and requests do not wait, and presence goes before a message", func(t *testing.T) {
		srv := twoDomains(t)
		m, who := setup(t, srv)
		romeo, tybalt := who[contacts[0]], online(t, srv, "tybalt@localhost/x", 0)
		romeo.Send(`<message type='chat' to='juliet@example.org'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
		settled(romeo)
		if got := m.sync(t); len(stanzas(t, got)) > 0 {
			t.Errorf("a chat state is not worth a wake: %q", got)
		}
		tybalt.Send(`<presence type='subscribe' to='juliet@example.org'/>`)
		settled(tybalt)
		if r := requests(t, m.sync(t)); !slices.Equal(r, []string{"tybalt@localhost"}) {
			t.Errorf("of a request it hears %q", r)
		}
		show(romeo, "away")
		romeo.Send(message("juliet@example.org", "wake up"))
		settled(romeo)
		got := stanzas(t, m.sync(t))
		if len(got) != 2 || got[0].Kind != stanza.Presence || got[1].Kind != stanza.Message {
			t.Errorf("with a message it gets %d stanzas", len(got))
		}
		show(romeo, "dnd")
		if got := m.sync(t); len(stanzas(t, got)) > 0 {
			t.Errorf("after the message it is as inactive as before: %q", got)
		}
	})
	bubble(t, "the other resources hear at once", func(t *testing.T) {
		srv := twoDomains(t)
		m, who := setup(t, srv)
		laptop := online(t, srv, "juliet@example.org/laptop", 0)
		settled(laptop)
		m.sync(t) // its own account's
		show(who[contacts[0]], "away")
		if p := presences(t, settled(laptop)); !slices.Equal(p, []string{"romeo away"}) {
			t.Errorf("the laptop hears %q", p)
		}
		if p := presences(t, m.sync(t)); len(p) > 0 {
			t.Errorf("the phone hears %q", p)
		}
	})
	bubble(t, "a resumed stream is active", func(t *testing.T) {
		srv := twoDomains(t)
		m, who := setup(t, srv)
		show(who[contacts[0]], "away")
		m.cut()
		show(who[contacts[1]], "xa")
		m, _, ok := resume(t, srv, m, m.h)
		if !ok {
			t.Fatal("not resumed")
		}
		if p := presences(t, m.sync(t)); !slices.Equal(p, []string{"romeo away", "nurse xa"}) {
			t.Errorf("it is told %q", p)
		}
		show(who[contacts[0]], "dnd")
		if p := presences(t, m.sync(t)); !slices.Equal(p, []string{"romeo dnd"}) {
			t.Errorf("then it is told %q", p)
		}
	})
	bubble(t, "what is held is bounded", func(t *testing.T) {
		srv := twoDomains(t)
		m, who := setup(t, srv)
		for i, c := range contacts {
			who[c].Send(`<presence><status>` + strings.Repeat("x", 50<<10) + `</status></presence>`)
			settled(who[c])
			want := 0
			if i == 2 { // beyond 128 KiB all of it comes
				want = 3
			}
			if n := len(ofKind(stanzas(t, m.sync(t)), stanza.Presence)); n != want {
				t.Errorf("after number %d she gets %d", i, n)
			}
		}
	})
}

// TestBlocking: what the scripts do not show (XEP-0191).
func TestBlocking(t *testing.T) {
	block := func(jids ...string) string {
		items := ""
		for _, j := range jids {
			items += `<item jid='` + j + `'/>`
		}
		return `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'>` + items + `</block></iq>`
	}
	bubble(t, "a blocked domain is blocked, one's own account is not", func(t *testing.T) {
		srv := twoDomains(t)
		romeo, nurse := online(t, srv, "romeo@localhost/garden", 0), online(t, srv, "nurse@example.org/x", 0)
		juliet := online(t, srv, "juliet@localhost/balcony", 0)
		phone := online(t, srv, "juliet@localhost/phone", 0)
		juliet.Send(block("localhost", "juliet@localhost"))
		settled(juliet)
		for _, c := range []*servertest.Client{romeo, nurse, phone} {
			c.Send(message("juliet@localhost/balcony", c.JID.Local()))
			settled(c)
		}
		if b := bodies(t, settled(juliet)); !slices.Equal(b, []string{"nurse", "juliet"}) {
			t.Errorf("she gets %q", b)
		}
		juliet.Send(`<iq type='get' id='v' to='localhost'><query xmlns='jabber:iq:version'/></iq>`)
		if got := settled(juliet); len(got) != 1 || parse(t, got[0]).Type != stanza.Result {
			t.Errorf("her server answers her %q", got)
		}
	})
	bubble(t, "it holds for whatever comes, at whatever address", func(t *testing.T) {
		srv := twoDomains(t)
		subscribe(t, srv, "romeo@localhost", "juliet@example.org")
		juliet := online(t, srv, "juliet@example.org/balcony", 0)
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		settled(juliet)
		juliet.Send(block("romeo@localhost"))
		settled(juliet)
		if n := unavailable(t, settled(romeo), "juliet@example.org/balcony"); n != 1 {
			t.Errorf("who is blocked hears %d times that she is gone", n)
		}
		for _, to := range []string{"juliet@example.org", "juliet@example.org/balcony", "juliet@example.org/tomb"} {
			for _, row := range []struct{ stanza, want string }{
				{`<message to='%s' id='x' type='chat'><body>x</body></message>`, "service-unavailable"},
				{`<message to='%s' id='x'><body>x</body></message>`, "service-unavailable"},
				{`<message to='%s' id='x' type='headline'><body>x</body></message>`, "service-unavailable"},
				{`<message to='%s' id='x' type='error'><body>x</body></message>`, ""},
				{`<presence to='%s'/>`, ""},
				{`<presence to='%s' type='unavailable'/>`, ""},
				{`<presence to='%s' type='probe'/>`, ""},
				{`<presence to='%s' type='subscribe'/>`, ""},
				{`<iq to='%s' id='x' type='get'><ping xmlns='urn:xmpp:ping'/></iq>`, "service-unavailable"},
				{`<iq to='%s' id='x' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`, "service-unavailable"},
				{`<iq to='%s' id='x' type='get'><vCard xmlns='vcard-temp'/></iq>`, "service-unavailable"},
				{`<iq to='%s' id='x' type='result'/>`, ""},
			} {
				romeo.Send(fmt.Sprintf(row.stanza, to))
				got := ""
				for _, st := range stanzas(t, settled(romeo)) {
					if e := stanza.ErrorOf(st); e != nil {
						got = e.Condition
					} else if st.Kind != stanza.IQ || st.Type != stanza.Set { // roster pushes
						t.Errorf("%s to %s brings %s", row.stanza, to, st.Raw)
					}
				}
				if got != row.want {
					t.Errorf("%s to %s is answered %q", row.stanza, to, got)
				}
			}
		}
		if got := settled(juliet); len(got) > 0 {
			t.Errorf("she gets %q", got)
		}
	})
	bubble(t, "it holds after a restart, and ends with the last item", func(t *testing.T) {
		w := onDisk(t)
		juliet := online(t, w.Server, "juliet@example.org/balcony", 0)
		juliet.Send(block("romeo@localhost", "tybalt@localhost"))
		settled(juliet)
		w.restart()
		juliet = online(t, w.Server, "juliet@example.org/balcony", 0)
		romeo := online(t, w.Server, "romeo@localhost/garden", 0)
		romeo.Send(message("juliet@example.org", "one"))
		settled(romeo)
		if b := bodies(t, settled(juliet)); len(b) > 0 {
			t.Errorf("after a restart she gets %q", b)
		}
		juliet.Send(`<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'/></iq>`)
		settled(juliet)
		romeo.Send(message("juliet@example.org", "two"))
		settled(romeo)
		if b := bodies(t, settled(juliet)); !slices.Equal(b, []string{"two"}) {
			t.Errorf("after everybody is unblocked she gets %q", b)
		}
	})
	bubble(t, "what waited from before the block does not come after it", func(t *testing.T) {
		srv := twoDomains(t)
		srv.Account(t, "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		romeo.Send(`<presence type='subscribe' to='juliet@example.org'/>`)
		settled(romeo)
		juliet := srv.Login(t, "juliet@example.org/balcony")
		juliet.Send(block("romeo@localhost"))
		settled(juliet)
		if r := requests(t, append(available(juliet, 0), settled(juliet)...)); len(r) > 0 {
			t.Errorf("she is shown requests of %q", r)
		}
	})
}

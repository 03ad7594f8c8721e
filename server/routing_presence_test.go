package server_test

import (
	"slices"
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

var presenceRows = [][]string{
	{"a bare JID", "has never been made"},
	{"a bare JID", "is a contact's and has no resource"},
	{"a bare JID", "is a stranger's and has no resource"},
	{"a bare JID", "is a contact's and has several resources"},
	{"a bare JID", "is a stranger's and has several resources"},
	{"the full JID of a resource", "is a contact's and has several resources"},
	{"the full JID of a resource", "is a stranger's and has several resources"},
	{"the full JID of a resource", "is a contact's, whose resource is not available"},
	{"a full JID without a resource", "has never been made"},
	{"a full JID without a resource", "is a contact's and has several resources"},
	{"a full JID without a resource", "is a stranger's and has several resources"},
	{"a domain of this server", "-"},
	{"a domain of this server with a resource", "-"},
}

var presenceColumns = []string{"none or unavailable", "error", "probe", "subscribe"}

var presencesOf = map[string][]string{
	"none or unavailable": {"", " type='unavailable'"},
	"error":               {" type='error'"},
	"subscribe":           {" type='subscribe'"},
	"probe":               {" type='probe'"},
}

func TestPresenceGoesWhereTheTableSays(t *testing.T) {
	tab := routingTable(t, "Presence")
	tab.whole(t, 2, presenceColumns, presenceRows)
	for _, row := range tab.rows {
		for _, domain := range domains() {
			name := "to " + row[0]
			if row[1] != "-" {
				name += " whose account " + row[1]
			}
			bubble(t, name+", "+within(domain), func(t *testing.T) { playPresence(t, row, domain) })
		}
	}
}

func playPresence(t *testing.T, row []string, domain string) {
	srv := twoDomains(t)
	romeo := online(t, srv, "romeo@localhost/garden", 0)
	addr := addresses[row[0]](domain)
	juliet, state := "juliet@"+domain, "one resource of priority 0 and a negative one"
	switch {
	case strings.Contains(row[1], "no resource"):
		state = "no resource"
	case strings.Contains(row[1], "not available"):
		state = "a resource that is connected and not available"
	case strings.Contains(row[1], "several"):
		state = "several resources of different priority and a negative one"
	case row[1] == "has never been made", row[1] == "-":
		state = ""
	}
	contact := strings.Contains(row[1], "contact")
	if state != "" {
		srv.Account(t, juliet)
	}
	if contact {
		subscribe(t, srv, "romeo@localhost", juliet)
	}
	p := assemble(t, srv, domain, state)
	settled(romeo)
	for i, column := range presenceColumns {
		cell := row[2+i]
		for _, typ := range presencesOf[column] {
			romeo.Send(`<presence id='x'` + typ + to(addr) + `/>`)
			got := p.collect(romeo)
			var want []string
			from := romeo.JID
			switch {
			case column == "probe" || cell == "presence":
				checkAnswers(t, row, column, cell, got.replies, states[state])
				got.replies = nil
			case cell == "kept":
				_, list := arrive(t, srv, juliet+"/later")
				got.takers, want = requests(t, list), []string{"romeo@localhost"}
			case cell != "nothing":
				want = takers(t, cell, states[state])
			}
			if column == "subscribe" {
				from = from.Bare()
			}
			if got.condition != "" || !slices.Equal(got.takers, want) || len(got.replies) > 0 {
				t.Errorf("presence%s: %v, and the table says %s", typ, got, cell)
			}
			for _, st := range got.got {
				if string(st.From()) != from.String() || string(st.To()) != addr && column != "subscribe" {
					t.Errorf("the addresses have become from %s to %s", st.From(), st.To())
				}
			}
		}
	}
}

// requests are the senders of the subscription requests that a client was shown.
func requests(t *testing.T, got []string) []string {
	var list []string
	for _, st := range ofKind(stanzas(t, got), stanza.Presence) {
		if st.Type == stanza.Subscribe {
			list = append(list, string(st.From()))
		}
	}
	return list
}

// checkAnswers looks at the presence that the sender is sent for a probe, or for a
// request that was granted before.
func checkAnswers(t *testing.T, row []string, column, cell string, replies []*stanza.Stanza, of []resource) {
	t.Helper()
	var got, want []string
	for _, st := range replies {
		from := address(t, string(st.From()))
		got = append(got, strings.TrimSpace(st.Type.String()+" "+from.Resource()))
	}
	slices.Sort(got)
	switch {
	case cell == "presence" && column == "probe" && strings.HasPrefix(row[0], "the full"):
		want = []string{"phone"}
	case cell == "presence":
		want = takers(t, "every", of)
	case cell == "unavailable" && strings.HasPrefix(row[0], "the full"):
		want = []string{"unavailable phone"}
	case cell == "unavailable" && strings.HasPrefix(row[0], "a full"):
		want = []string{"unavailable tomb"}
	case cell == "unavailable":
		want = []string{"unavailable"}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: it is answered %q, and the table says %s", column, got, cell)
	}
}

// TestPresenceThatIsRefused is what the text under the table says.
func TestPresenceThatIsRefused(t *testing.T) {
	for _, row := range []struct{ name, presence, want string }{
		{"a subscription without an address", `<presence type='subscribe'/>`, "bad-request"},
		{"a probe without an address", `<presence type='probe'/>`, "bad-request"},
		{"an error without an address is dropped", `<presence type='error'/>`, ""},
		{"a type that there is not", `<presence type='here'/>`, "bad-request"},
		{"a type that there is not, to somebody", `<presence type='here' to='juliet@localhost'/>`, "bad-request"},
		{"a priority that is too high", `<presence><priority>128</priority></presence>`, "bad-request"},
		{"a priority that is no number", `<presence><priority>high</priority></presence>`, "bad-request"},
		{"to a domain not served", `<presence to='juliet@elsewhere.example'/>`, "remote-server-not-found"},
		{"a request to a domain not served", `<presence type='subscribe' to='juliet@elsewhere.example'/>`, "remote-server-not-found"},
		{"a probe to a domain not served", `<presence type='probe' to='juliet@elsewhere.example'/>`, "remote-server-not-found"},
		{"unavailable, to a domain not served, is dropped", `<presence type='unavailable' to='juliet@elsewhere.example'/>`, ""},
		{"an error to a domain not served is dropped", `<presence type='error' to='juliet@elsewhere.example'/>`, ""},
		{"to what is not an address", `<presence to='@localhost'/>`, "jid-malformed"},
		{"unavailable, to what is not an address", `<presence to='@localhost' type='unavailable'/>`, "jid-malformed"},
		{"a request to what is not an address", `<presence to='@localhost' type='subscribe'/>`, "jid-malformed"},
		{"an error to what is not an address is dropped", `<presence to='@localhost' type='error'/>`, ""},
	} {
		bubble(t, row.name, func(t *testing.T) {
			srv := twoDomains(t)
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			romeo.Send(row.presence)
			got := ""
			for _, st := range ofKind(stanzas(t, settled(romeo)), stanza.Presence) {
				if e := stanza.ErrorOf(st); e == nil || got != "" {
					t.Errorf("the sender also got %s", st.Raw)
				} else {
					got = e.Condition
				}
			}
			if got != row.want {
				t.Errorf("the sender got %q, and it should be %q", got, row.want)
			}
		})
	}
}

// TestAStrangerCannotTellWhoIsThere: whether the account is online, offline and
// not even in memory, or was never made, a probe and a request hear the same (RFC
// 6121 §4.3.2, §8.5). Only XEP-0012 wants it otherwise: §4 asks for forbidden.
func TestAStrangerCannotTellWhoIsThere(t *testing.T) {
	for _, ask := range []string{
		`<presence type='probe' to='juliet@localhost'/>`,
		`<presence type='probe' to='juliet@localhost/phone'/>`,
		`<presence to='juliet@localhost/phone'/>`,
		`<presence type='unavailable' to='juliet@localhost'/>`,
		`<iq type='get' id='x' to='juliet@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
		`<iq type='get' id='x' to='juliet@localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`,
		`<iq type='get' id='x' to='juliet@localhost/phone'><query xmlns='jabber:iq:version'/></iq>`,
		`<iq type='get' id='x' to='juliet@localhost/phone'><ping xmlns='urn:xmpp:ping'/></iq>`,
	} {
		bubble(t, ask, func(t *testing.T) {
			var heard []string
			for _, state := range []string{"online", "offline", "unknown"} {
				srv := twoDomains(t)
				romeo := online(t, srv, "romeo@localhost/garden", 0)
				switch state {
				case "online":
					online(t, srv, "juliet@localhost/phone", 0)
				case "offline":
					srv.Account(t, "juliet@localhost")
				}
				romeo.Send(ask)
				heard = append(heard, strings.Join(settled(romeo), ""))
			}
			if heard[0] != heard[1] || heard[1] != heard[2] {
				t.Errorf("online  %s\noffline %s\nunknown %s", heard[0], heard[1], heard[2])
			}
		})
	}
}

// TestABroadcastGoesToContactsAndOwnResources (RFC 6121 §4.2.2, §4.4.2), at both
// domains, and to nobody else.
func TestABroadcastGoesToContactsAndOwnResources(t *testing.T) {
	bubble(t, "initial, later, unavailable", func(t *testing.T) {
		srv := twoDomains(t)
		const romeo = "romeo@localhost"
		for _, a := range []string{romeo, "juliet@example.org", "nurse@localhost", "tybalt@example.org"} {
			srv.Account(t, a)
		}
		subscribe(t, srv, "juliet@example.org", romeo) // sees him
		subscribe(t, srv, romeo, "nurse@localhost")    // is seen by him
		others := map[string]*servertest.Client{}
		for _, full := range []string{"juliet@example.org/balcony", "juliet@example.org/hidden", "nurse@localhost/kitchen", "tybalt@example.org/street", "romeo@localhost/mantua"} {
			priority := 0
			if strings.HasSuffix(full, "hidden") {
				priority = -1
			}
			others[full] = online(t, srv, full, priority)
		}
		silent := srv.Login(t, "juliet@example.org/silent") // connected, not available
		for _, c := range others {
			settled(c)
		}
		garden := srv.Login(t, romeo+"/garden")
		for _, presence := range []string{`<presence><show>chat</show></presence>`, `<presence><show>away</show></presence>`, `<presence type='unavailable'><status>bye</status></presence>`} {
			garden.Send(presence)
			own := ofKind(stanzas(t, settled(garden)), stanza.Presence)
			if len(own) == 0 || string(own[0].From()) != romeo+"/garden" {
				t.Errorf("%s: the sender is not sent its own", presence)
			}
			for full, c := range others {
				want := strings.HasPrefix(full, "juliet") || strings.HasPrefix(full, "romeo")
				got := ofKind(stanzas(t, settled(c)), stanza.Presence)
				if want != (len(got) == 1) {
					t.Errorf("%s: %s got %d", presence, full, len(got))
				}
				for _, st := range got {
					if string(st.From()) != romeo+"/garden" || address(t, string(st.To())).Bare() != c.JID.Bare() {
						t.Errorf("%s got %s", full, st.Raw)
					}
				}
			}
			if got := settled(silent); len(got) > 0 {
				t.Errorf("who is not available got %q", got)
			}
		}
	})
}

package server_test

import (
	"slices"
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

// iqRows are the combinations of address and relation that RFC 6121 §8.5
// distinguishes for IQs, and the addresses that are no account's.
var iqRows = [][]string{
	{"nobody", "the sender's own account"},
	{"a bare JID", "is the sender"},
	{"the full JID of a resource", "is the sender"},
	{"a full JID without a resource", "is the sender"},
	{"a bare JID", "does not exist"},
	{"a bare JID", "shares presence with the sender"},
	{"a bare JID", "does not share presence with the sender"},
	{"a bare JID", "sees the sender's presence and does not share its own"},
	{"the full JID of a resource", "shares presence with the sender"},
	{"the full JID of a resource", "shares presence with the sender, and is detached"},
	{"the full JID of a resource", "shares presence with the sender, and is not available"},
	{"the full JID of a resource", "has sent the sender directed presence"},
	{"the full JID of a resource", "does not share presence with the sender"},
	{"the full JID of a resource", "sees the sender's presence and does not share its own"},
	{"a full JID without a resource", "shares presence with the sender"},
	{"a full JID without a resource", "does not share presence with the sender"},
	{"a full JID without a resource", "does not exist"},
	{"a domain of this server", "-"},
	{"a domain of this server with a resource", "-"},
	{"a domain this server does not serve", "-"},
	{"what is not an address", "-"},
}

var iqColumns = []string{"a known request", "an unknown request", "result", "error"}

var iqsOf = map[string][]string{
	"a known request":    {`type='get'><query xmlns='http://jabber.org/protocol/disco#info'/>`},
	"an unknown request": {`type='get'><query xmlns='urn:example:unknown'/>`, `type='set'><query xmlns='urn:example:unknown'/>`},
	"result":             {`type='result'>`, `type='result'><query xmlns='urn:example:unknown'/>`},
	"error":              {`type='error'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`},
}

func TestRequestsGoWhereTheTableSays(t *testing.T) {
	tab := routingTable(t, "Requests and their answers (IQ)")
	tab.whole(t, 2, iqColumns, iqRows)
	for _, row := range tab.rows {
		for i, domain := range domains() {
			name := "to " + row[0]
			if row[1] != "-" {
				name += " who " + row[1]
			}
			if strings.Contains(row[1], "is the sender") || row[0] == "nobody" {
				if i > 0 {
					continue
				}
				domain = "localhost"
			} else {
				name += ", " + within(domain)
			}
			bubble(t, name, func(t *testing.T) { playRequests(t, row, domain) })
		}
	}
}

func playRequests(t *testing.T, row []string, domain string) {
	srv := twoDomains(t)
	romeo := online(t, srv, "romeo@localhost/garden", 0)
	addr := addresses[row[0]](domain)
	p := related(t, srv, romeo, domain, row[1])
	if row[1] == "is the sender" {
		addr = strings.Replace(addr, "juliet", "romeo", 1)
	}
	for i, column := range iqColumns {
		cell := row[2+i]
		for _, iq := range iqsOf[column] {
			romeo.Send(`<iq id='x'` + to(addr) + ` ` + iq + `</iq>`)
			got := p.collect(romeo)
			var want outcome
			answered := false
			switch {
			case cell == "nothing":
			case cell == "it":
				want.takers = []string{"phone"}
			case cell == "answered":
				answered = true
			case strings.HasPrefix(cell, "`"):
				want.condition = strings.Trim(cell, "`")
			default:
				t.Fatalf("what is %q?", cell)
			}
			if got.condition != want.condition || !slices.Equal(got.takers, want.takers) || answered != (len(got.replies) == 1) {
				t.Errorf("<iq %s: %v, and the table says %s", iq, got, cell)
			}
			got.check(t, romeo, addr)
			if answered && len(got.replies) == 1 {
				checkAnswer(t, romeo, got.replies[0], addr)
			}
		}
	}
}

// checkAnswer looks at a result for whose it says it is.
func checkAnswer(t *testing.T, sender *servertest.Client, st *stanza.Stanza, addr string) {
	t.Helper()
	from, bare := string(st.From()), sender.JID.Bare().String()
	if from != addr && !(addr == "" && from == bare) || string(st.ID()) != "x" || st.Type != stanza.Result || string(st.To()) != sender.JID.String() {
		t.Errorf("asked at %q, it was answered %s", addr, st.Raw)
	}
}

// related makes the account that is addressed, with a resource, in a relation to
// the sender.
func related(t *testing.T, srv *servertest.Server, romeo *servertest.Client, domain, relation string) *party {
	t.Helper()
	juliet, phone := "juliet@"+domain, "one resource of priority 0 and a negative one"
	switch relation {
	case "is the sender", "the sender's own account":
		p := assemble(t, srv, domain, "")
		p.who["phone"] = online(t, srv, "romeo@localhost/phone", 0)
		settled(romeo)
		return p
	case "-", "does not exist":
		return assemble(t, srv, domain, "")
	case "shares presence with the sender, and is detached":
		phone = "one resource of priority 0, detached"
	case "shares presence with the sender, and is not available":
		phone = "a resource that is connected and not available"
	}
	srv.Account(t, juliet)
	switch {
	case strings.HasPrefix(relation, "shares presence"):
		subscribe(t, srv, "romeo@localhost", juliet)
	case strings.HasPrefix(relation, "sees"):
		subscribe(t, srv, juliet, "romeo@localhost")
	}
	p := assemble(t, srv, domain, phone)
	if strings.HasPrefix(relation, "has sent") {
		p.who["phone"].Send(`<presence to='romeo@localhost/garden'/>`)
		p.who["phone"].Sync()
	}
	settled(romeo)
	return p
}

// subscribe subscribes one account to another's presence, one way.
func subscribe(t *testing.T, srv *servertest.Server, from, to string) {
	t.Helper()
	a, b := srv.Login(t, from+"/subscribe"), srv.Login(t, to+"/subscribe")
	a.Send(`<presence type='subscribe' to='` + to + `'/>`)
	settled(a)
	b.Send(`<presence type='subscribed' to='` + from + `'/>`)
	settled(b)
	a.Close()
	b.Close()
}

// TestAnIncompleteRequestIsABadRequest at every address that exists (RFC 6120
// §8.2.3).
func TestAnIncompleteRequestIsABadRequest(t *testing.T) {
	for _, addr := range []string{"", "localhost", "example.org/x", "romeo@localhost", "romeo@localhost/garden", "juliet@localhost", "juliet@example.org/phone"} {
		bubble(t, "to "+addr, func(t *testing.T) {
			srv := twoDomains(t)
			srv.Account(t, "juliet@localhost")
			srv.Account(t, "juliet@example.org")
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			for _, iq := range []string{
				`<iq` + to(addr) + ` type='get'><ping xmlns='urn:xmpp:ping'/></iq>`,
				`<iq` + to(addr) + ` id=''  type='get'><ping xmlns='urn:xmpp:ping'/></iq>`,
				`<iq` + to(addr) + ` id='1'><ping xmlns='urn:xmpp:ping'/></iq>`,
				`<iq` + to(addr) + ` id='1' type='ask'><ping xmlns='urn:xmpp:ping'/></iq>`,
				`<iq` + to(addr) + ` id='1' type='get'/>`,
				`<iq` + to(addr) + ` id='1' type='set'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>`,
			} {
				romeo.Send(iq)
				got := romeo.Sync()
				if len(got) != 1 || stanza.ErrorOf(parse(t, got[0])) == nil || stanza.ErrorOf(parse(t, got[0])).Condition != "bad-request" {
					t.Errorf("%s is answered %q", iq, got)
				}
			}
		})
	}
}

// TestNobodyGetsTheirOwnDataInAnothersName asks others for everything that the
// server keeps of the sender, and looks that none of it comes (RFC 6121 §8.5.1).
func TestNobodyGetsTheirOwnDataInAnothersName(t *testing.T) {
	const mark = "secret-of-romeo"
	for _, addr := range []string{"juliet@localhost", "juliet@example.org", "romeo@example.org", "nobody@localhost", "localhost", "example.org", "juliet@localhost/phone"} {
		bubble(t, addr, func(t *testing.T) {
			srv := twoDomains(t)
			for _, a := range []string{"juliet@localhost", "juliet@example.org", "romeo@example.org"} {
				srv.Account(t, a)
			}
			romeo := online(t, srv, "romeo@localhost/garden", 0)
			for _, set := range []string{
				`<query xmlns='jabber:iq:roster'><item jid='` + mark + `@localhost' name='` + mark + `'/></query>`,
				`<query xmlns='jabber:iq:private'><x xmlns='urn:x'>` + mark + `</x></query>`,
				`<vCard xmlns='vcard-temp'><FN>` + mark + `</FN></vCard>`,
				`<block xmlns='urn:xmpp:blocking'><item jid='` + mark + `@localhost'/></block>`,
			} {
				romeo.Send(`<iq type='set' id='s'>` + set + `</iq>`)
			}
			settled(romeo)
			for _, get := range []string{
				`<query xmlns='jabber:iq:roster'/>`, `<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>`,
				`<vCard xmlns='vcard-temp'/>`, `<blocklist xmlns='urn:xmpp:blocking'/>`, `<query xmlns='jabber:iq:last'/>`,
				`<query xmlns='jabber:iq:register'/>`, `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
			} {
				romeo.Send(`<iq type='get' id='g'` + to(addr) + `>` + get + `</iq>`)
				got := settled(romeo)
				if len(got) != 1 {
					t.Fatalf("%s is answered %q", get, got)
				}
				if st := parse(t, got[0]); strings.Contains(got[0], mark) || string(st.From()) != addr {
					t.Errorf("%s is answered %s", get, got[0])
				}
			}
			for _, set := range []string{
				`<query xmlns='jabber:iq:roster'><item jid='` + mark + `@localhost' subscription='remove'/></query>`,
				`<query xmlns='jabber:iq:private'><x xmlns='urn:x'>changed</x></query>`,
				`<vCard xmlns='vcard-temp'><FN>changed</FN></vCard>`, `<unblock xmlns='urn:xmpp:blocking'/>`,
				`<query xmlns='jabber:iq:register'><remove/></query>`,
				`<query xmlns='jabber:iq:register'><username>romeo</username><password>changed</password></query>`,
				`<enable xmlns='urn:xmpp:carbons:2'/>`,
			} {
				if !strings.Contains(addr, "@") && strings.Contains(set, "iq:register") {
					continue // the domain is where accounts are managed (XEP-0077 §3.2)
				}
				romeo.Send(`<iq type='set' id='s'` + to(addr) + `>` + set + `</iq>`)
				got := settled(romeo)
				if len(got) != 1 || parse(t, got[0]).Type != stanza.TypeError {
					t.Errorf("%s is answered %q", set, got)
				}
			}
			for _, get := range []string{
				`<query xmlns='jabber:iq:roster'/>`, `<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>`,
				`<vCard xmlns='vcard-temp'/>`, `<blocklist xmlns='urn:xmpp:blocking'/>`,
			} {
				romeo.Send(`<iq type='get' id='g'>` + get + `</iq>`)
				if got := settled(romeo); len(got) != 1 || !strings.Contains(got[0], mark) {
					t.Errorf("of the sender's own data there is now %q", got)
				}
			}
		})
	}
}

package server_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"natter/stanza"
)

// messageColumns are the types in the columns of the table, as they stand in a
// stanza.
var messageColumns = []string{"no type, normal, unknown", "chat", "groupchat", "headline", "error"}

var typesOf = map[string][]string{
	"no type, normal, unknown": {"", " type='normal'", " type='whisper'"},
	"chat":                     {" type='chat'"},
	"groupchat":                {" type='groupchat'"},
	"headline":                 {" type='headline'"},
	"error":                    {" type='error'"},
}

// messageRows are the combinations of address and recipient that RFC 6121 §8.5.4
// distinguishes, and the addresses that are no account's.
func messageRows() [][]string {
	const noAccount = "never been made"
	var rows [][]string
	add := func(to string, states ...string) {
		for _, s := range states {
			rows = append(rows, []string{to, s})
		}
	}
	add("a bare JID", noAccount, "no resource", "a resource that is connected and not available", "only resources of negative priority",
		"one resource of priority 0 and a negative one", "one resource of priority 0, detached",
		"several resources of equal priority and a negative one", "several resources of different priority and a negative one")
	add("the full JID of a resource", "one resource of priority 0 and a negative one", "one resource of priority 0, detached",
		"only resources of negative priority", "a resource that is connected and not available", "several resources of different priority and a negative one")
	add("a full JID without a resource", noAccount, "no resource", "a resource that is connected and not available", "only resources of negative priority",
		"one resource of priority 0 and a negative one", "one resource of priority 0, detached",
		"several resources of equal priority and a negative one", "several resources of different priority and a negative one")
	add("nobody: the sender's own account", "only the sender, of priority 0")
	add("a domain of this server", "-")
	add("a domain of this server with a resource", "-")
	add("a domain this server does not serve", "-")
	add("what is not an address", "-")
	return rows
}

func TestMessagesGoWhereTheTableSays(t *testing.T) {
	tab := routingTable(t, "Messages")
	tab.whole(t, 2, messageColumns, messageRows())
	for _, row := range tab.rows {
		for _, domain := range domains() {
			name := "to " + row[0]
			if row[1] != "-" {
				name += " whose account has " + row[1]
			}
			bubble(t, name+", "+within(domain), func(t *testing.T) { playMessages(t, row, domain) })
		}
	}
}

// playMessages sends a message for each cell of a row and compares what happens.
func playMessages(t *testing.T, row []string, domain string) {
	srv := twoDomains(t)
	romeo := online(t, srv, "romeo@localhost/garden", 0)
	addr := addresses[strings.TrimSuffix(row[0], ": the sender's own account")](domain)
	p := assemble(t, srv, domain, row[1])
	if strings.HasPrefix(row[0], "nobody") {
		p.self(romeo)
	}
	kept := []string{}
	n := 0
	for i, column := range messageColumns {
		cell := row[2+i]
		for _, typ := range typesOf[column] {
			n++
			id := string(rune('a' + n))
			romeo.Send(`<message id='` + id + `'` + typ + to(addr) + `><body>` + id + `</body></message>`)
			got := p.collect(romeo)
			var want outcome
			switch {
			case cell == "nothing":
			case cell == "kept":
				kept = append(kept, id)
			case strings.HasPrefix(cell, "`"):
				want.condition = strings.Trim(cell, "`")
			case p.who["garden"] != nil:
				want.takers = []string{"garden"}
			default:
				want.takers = takers(t, cell, states[row[1]])
			}
			if got.condition != want.condition || !slices.Equal(got.takers, want.takers) || len(got.replies) > 0 {
				t.Errorf("message%s: %v, and the table says %s", typ, got, cell)
			}
			got.check(t, romeo, addr)
		}
	}
	if p.exists {
		_, got := arrive(t, srv, "juliet@"+domain+"/later")
		if b := bodies(t, got); !slices.Equal(b, kept) {
			t.Errorf("who comes later gets %q, and the table says %q", b, kept)
		}
		for _, st := range ofKind(stanzas(t, got), stanza.Message) {
			if _, delayed := st.Child("urn:xmpp:delay", "delay"); !delayed || string(st.From()) != "romeo@localhost/garden" {
				t.Errorf("it gets %s", st.Raw)
			}
		}
	}
}

var contents = map[string]string{
	"a body":                                  `<body>x</body>`,
	"a body and a chat state":                 `<body>x</body><active xmlns='http://jabber.org/protocol/chatstates'/>`,
	"a body and the hint store":               `<body>x</body><store xmlns='urn:xmpp:hints'/>`,
	"a body and the hint no-store":            `<body>x</body><no-store xmlns='urn:xmpp:hints'/>`,
	"a body and the hint no-permanent-store":  `<body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/>`,
	"a body and the hint no-copy":             `<body>x</body><no-copy xmlns='urn:xmpp:hints'/>`,
	"no body, and the hint store":             `<x xmlns='urn:example:x'/><store xmlns='urn:xmpp:hints'/>`,
	"a receipt (XEP-0184)":                    `<received xmlns='urn:xmpp:receipts' id='1'/>`,
	"a chat marker (XEP-0333)":                `<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>`,
	"a reaction (XEP-0444)":                   `<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions>`,
	"an encrypted payload (XEP-0384)":         `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>`,
	"an invitation to a room (XEP-0249)":      `<x xmlns='jabber:x:conference' jid='room@conference.example.org'/>`,
	"a chat state alone (XEP-0085)":           `<composing xmlns='http://jabber.org/protocol/chatstates'/>`,
	"a chat state with its thread":            `<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>`,
	"something unknown alone":                 `<x xmlns='urn:example:x'/>`,
	"something unknown and the hint no-store": `<x xmlns='urn:example:x'/><no-store xmlns='urn:xmpp:hints'/>`,
	"nothing at all":                          ``,
}

func TestWhatIsKeptIsWhatTheTableSays(t *testing.T) {
	tab := routingTable(t, "What is kept")
	if len(tab.rows) != len(contents) {
		t.Errorf("docs/routing.md has %d rows, the test plays %d", len(tab.rows), len(contents))
	}
	synctest.Test(t, func(t *testing.T) {
		srv := twoDomains(t)
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		srv.Account(t, "juliet@localhost")
		for _, row := range tab.rows {
			content, ok := contents[row[0]]
			if !ok {
				t.Errorf("no test plays %q", row[0])
				continue
			}
			romeo.Send(`<message type='chat' id='x' to='juliet@localhost'>` + content + `</message>`)
			got := "nothing"
			if list := romeo.Sync(); len(list) == 1 {
				got = "`" + stanza.ErrorOf(parse(t, list[0])).Condition + "`"
			}
			juliet, came := arrive(t, srv, "juliet@localhost/phone")
			list := ofKind(stanzas(t, came), stanza.Message)
			if len(list) == 1 && got == "nothing" {
				got = "kept"
			}
			juliet.Close()
			if got != row[1] {
				t.Errorf("%s: %s, and the table says %s", row[0], got, row[1])
			}
		}
	})
}

package server_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
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
		for _, domain := range domains {
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
			if got.condition != want.condition || !slices.Equal(got.takers, want.takers) {
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

// party is the account that is addressed, with its resources.
type party struct {
	t      *testing.T
	srv    *servertest.Server
	exists bool
	who    map[string]*servertest.Client
	away   map[string]*managed
}

func assemble(t *testing.T, srv *servertest.Server, domain, state string) *party {
	t.Helper()
	p := &party{t: t, srv: srv, who: map[string]*servertest.Client{}, away: map[string]*managed{}}
	resources, known := states[state]
	if p.exists = known; !known {
		return p
	}
	srv.Account(t, "juliet@"+domain)
	for _, r := range resources {
		c := srv.Login(t, "juliet@"+domain+"/"+r.name)
		p.who[r.name] = c
		if !r.connected {
			available(c, r.priority)
		}
		if r.detached {
			m := manage(t, c)
			m.cut()
			delete(p.who, r.name)
			p.away[r.name] = m
		}
	}
	for _, c := range p.who {
		settled(c)
	}
	return p
}

// self makes the sender the recipient too.
func (p *party) self(c *servertest.Client) { p.who["garden"] = c }

// outcome is what became of a stanza.
type outcome struct {
	takers    []string // resources that got it, in alphabetical order
	condition string   // of the error that the sender got
	got       []*stanza.Stanza
}

func (o outcome) String() string {
	switch {
	case o.condition != "":
		return "the sender got " + o.condition
	case len(o.takers) == 0:
		return "nobody got it"
	}
	return strings.Join(o.takers, " and ") + " got it"
}

// collect sees who got what after the sender has sent one stanza. Roster pushes
// are passed over.
func (p *party) collect(sender *servertest.Client) outcome {
	p.t.Helper()
	var o outcome
	take := func(name string, got []string) {
		for _, st := range stanzas(p.t, got) {
			switch e := stanza.ErrorOf(st); {
			case st.Kind == stanza.IQ && st.Type == stanza.Set && st.HasNS("jabber:iq:roster"):
			case e != nil && name == "the sender" && o.condition == "":
				o.condition = e.Condition
			case name == "the sender":
				p.t.Errorf("the sender got %s", st.Raw)
			default:
				o.takers = append(o.takers, name)
				o.got = append(o.got, st)
			}
		}
	}
	if _, self := p.who["garden"]; self {
		for _, e := range settled(sender) {
			if name := "garden"; stanza.ErrorOf(parse(p.t, e)) != nil {
				take("the sender", []string{e})
			} else {
				take(name, []string{e})
			}
		}
		return o
	}
	take("the sender", settled(sender))
	for name, c := range p.who {
		take(name, settled(c))
	}
	for name, m := range p.away {
		again, _, ok := resume(p.t, p.srv, m, m.h)
		if !ok {
			p.t.Fatalf("%s cannot be resumed", m.JID)
		}
		take(name, again.sync(p.t))
		again.ack()
		again.cut()
		p.away[name] = again
	}
	slices.Sort(o.takers)
	return o
}

// check looks at the addresses of what was delivered: the sender's own, and what
// was addressed, rewritten by nobody (RFC 6121 §8.5.2.1.1).
func (o outcome) check(t *testing.T, sender *servertest.Client, addr string) {
	t.Helper()
	if addr == "" {
		addr = sender.JID.Bare().String()
	}
	for _, st := range o.got {
		if string(st.From()) != sender.JID.String() || string(st.To()) != addr {
			t.Errorf("the addresses have become from %s to %s", st.From(), st.To())
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

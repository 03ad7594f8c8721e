package main

import (
	"encoding/json"
	"strings"
	"testing"

	"natter/server/servertest"
)

func TestSend(t *testing.T) {
	w := newWorld(t)
	juliet := w.Online(t, "juliet@localhost/balcony")
	for _, row := range []struct {
		name  string
		args  []string
		stdin string
		want  []string // the bodies that arrive
	}{
		{"one text", []string{"send", "juliet@localhost", "Art thou not Romeo?"}, "", []string{"Art thou not Romeo?"}},
		{"several words", []string{"send", "juliet@localhost", "good", "night"}, "", []string{"good night"}},
		{"markup characters", []string{"send", "juliet@localhost", "<b> & ]]>"}, "", []string{"<b> & ]]>"}},
		{"standard input as one message", []string{"send", "juliet@localhost", "-"}, "one\ntwo\n", []string{"one\ntwo"}},
		{"each line a message, empty ones left out", []string{"send", "--line", "juliet@localhost"}, "one\n\ntwo\r\nthree", []string{"one", "two", "three"}},
		{"text that starts with a dash", []string{"send", "juliet@localhost", "--", "--line"}, "", []string{"--line"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.natter("romeo@localhost", row.stdin, row.args...)
			if got != (outcome{}) {
				t.Fatalf("%+v", got)
			}
			for _, want := range row.want {
				n, err := parseNode(juliet.Next())
				if err != nil || n.childText(nsClient, "body") != want || n.attr("type") != "chat" {
					t.Errorf("got %s, %v; want the body %q", n, err, want)
				}
			}
		})
	}
}

func TestSendOtherTypes(t *testing.T) {
	w := newWorld(t)
	juliet := w.Online(t, "juliet@localhost/balcony")
	got := w.natter("romeo@localhost", "", "send", "juliet@localhost", "hi", "--type", "normal", "--subject", "night")
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	n, err := parseNode(juliet.Next())
	if err != nil || n.childText(nsClient, "subject") != "night" || n.attr("type") != "" && n.attr("type") != "normal" {
		t.Errorf("got %s, %v", n, err)
	}
}

func TestSendExitCodes(t *testing.T) {
	w := newWorld(t)
	w.Account(t, "juliet@localhost")
	for _, row := range []struct {
		name  string
		args  []string
		stdin string
		code  int
		says  string
	}{
		{"nobody of that name", []string{"send", "nobody@localhost", "hi"}, "", exitRefused, "nobody@localhost did not take the message"},
		{"no such user among several lines", []string{"send", "nobody@localhost", "--line"}, "a\nb\n", exitRefused, "did not take"},
		{"an empty message", []string{"send", "juliet@localhost", " "}, "", exitUsage, "the message is empty"},
		{"an empty standard input", []string{"send", "juliet@localhost", "-"}, "", exitUsage, "the message is empty"},
		{"no text", []string{"send", "juliet@localhost"}, "", exitUsage, "it needs a TEXT"},
		{"no recipient", []string{"send"}, "", exitUsage, "it needs JID TEXT|-"},
		{"a recipient that is only a name", []string{"send", "juliet", "hi"}, "", exitUsage, "Did you mean juliet@localhost?"},
		{"text that is not UTF-8", []string{"send", "juliet@localhost", "-"}, "\xff\xfe", exitUsage, "not UTF-8"},
		{"a character XML cannot carry", []string{"send", "juliet@localhost", "-"}, "a\x01b", exitUsage, "U+0001"},
		{"a text too long", []string{"send", "juliet@localhost", "-"}, strings.Repeat("x", maxBody+1), exitUsage, "more than the"},
		{"an unknown type", []string{"send", "juliet@localhost", "hi", "--type", "groupchat"}, "", exitUsage, "none of chat"},
		{"password and text both from standard input", []string{"send", "juliet@localhost", "-", "--password-file", "-"}, "x\ny", exitUsage, "cannot hold both"},
		{"a wrong password", []string{"send", "juliet@localhost", "hi", "--password-file", "-"}, "wrong\n", exitAuth, "the password is wrong, or there is no such account"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.natter("romeo@localhost", row.stdin, row.args...)
			if got.code != row.code || !strings.Contains(got.err, row.says) || got.out != "" {
				t.Errorf("%+v; want code %d and %q", got, row.code, row.says)
			}
		})
	}
	w.relay.cut()
	if got := w.natter("romeo@localhost", "", "send", "juliet@localhost", "hi"); got.code != exitConnect {
		t.Errorf("without a server: %+v", got)
	}
}

func TestListenPrintsOfflineMessagesThenWaits(t *testing.T) {
	w := newWorld(t)
	w.Account(t, "juliet@localhost")
	for _, text := range []string{"first", "second\twith tab\nand newline \\n", "third"} {
		if got := w.natter("romeo@localhost", text, "send", "juliet@localhost", "-"); got.code != exitOK {
			t.Fatalf("%+v", got)
		}
	}
	got := w.natter("juliet@localhost", "", "listen", "--count", "2")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	if got.code != exitOK || len(lines) != 2 {
		t.Fatalf("%+v", got)
	}
	if cols := strings.Split(lines[1], "\t"); len(cols) != 3 || cols[2] != `second\twith tab\nand newline \\n` || !strings.HasPrefix(cols[1], "romeo@localhost/") {
		t.Errorf("the second line is %q", lines[1])
	}
	// What was not printed is still there for the next one.
	got = w.natter("juliet@localhost", "", "listen", "--count", "1", "--json")
	var m jsonMessage
	if err := json.Unmarshal([]byte(got.out), &m); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if m.Body != "third" || m.Delay == "" || m.Time != m.Delay || m.To != "juliet@localhost" || m.Type != "chat" || m.StanzaID == "" || m.ID == "" {
		t.Errorf("%+v", m)
	}
	if got := w.natter("juliet@localhost", "", "listen", "--count", "1", "--timeout", "50ms"); got.code != exitTimeout {
		t.Errorf("with nothing to print: %+v", got)
	}
	if got := w.natter("juliet@localhost", "", "listen", "--timeout", "50ms"); got != (outcome{}) {
		t.Errorf("without a count: %+v", got)
	}
}

func TestListenFrom(t *testing.T) {
	w := newWorld(t)
	l := w.start("juliet@localhost", "listen", "--from", "romeo@localhost", "--json", "--count", "1")
	romeo, tybalt := w.Login(t, "romeo@localhost/garden"), w.Login(t, "tybalt@localhost/square")
	tybalt.Send(`<message to='juliet@localhost' type='chat'><body>not this</body></message>`)
	tybalt.Sync()
	romeo.Send(`<message to='juliet@localhost' type='chat'><body>but this</body></message>`)
	l.expect(`"body":"but this"`)
	l.end(exitOK)
	if strings.Contains(l.out.all(), "not this") {
		t.Errorf("it printed %s", l.out.all())
	}
}

func TestRaw(t *testing.T) {
	w := newWorld(t)
	got := w.natter("romeo@localhost", `<iq type="get" id="r1"><query xmlns="jabber:iq:roster"/></iq>
<message to="romeo@localhost" type="chat" id="m1"><body>two
lines</body></message><presence/>`, "raw", "--wait", "300ms")
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	var kinds []string
	for line := range strings.Lines(got.out) {
		if n, err := parseNode(strings.TrimSpace(line)); err == nil {
			kinds = append(kinds, n.XMLName.Local)
		} else if strings.TrimSpace(line) != "</stream:stream>" {
			t.Errorf("a line is no element: %q", line)
		}
	}
	if s := strings.Join(kinds, " "); !strings.HasPrefix(s, "iq ") || !strings.Contains(s, "message") || !strings.Contains(got.out, "<body>two&#10;lines</body>") {
		t.Errorf("got %q:\n%s", s, got.out)
	}
	got = w.natter("romeo@localhost", `<message><body></message>`, "raw", "--wait", "5s")
	if got.code != exitConnect || !strings.Contains(got.out, "not-well-formed") {
		t.Errorf("with bad XML: %+v", got)
	}
}

func TestDisco(t *testing.T) {
	w := newWorld(t)
	got := w.natter("romeo@localhost", "", "disco")
	if got.code != exitOK || !strings.HasPrefix(got.out, "localhost\n  is   server/im") || !strings.Contains(got.out, "ping (XEP-0199)") {
		t.Errorf("%+v", got)
	}
	got = w.natter("romeo@localhost", "", "disco", "--json", "localhost")
	var info discoInfo
	if err := json.Unmarshal([]byte(got.out), &info); err != nil || info.JID != "localhost" || len(info.Features) < 3 || info.Identities[0].Category != "server" {
		t.Errorf("%v: %+v", err, got)
	}
	got = w.natter("romeo@localhost", "", "disco", "nobody@localhost")
	if got.code != exitRefused || !strings.Contains(got.err, "asking nobody@localhost: ") {
		t.Errorf("of nobody: %+v", got)
	}
	if got := w.natter("romeo@localhost", "", "disco", "--items", "localhost"); got.code != exitOK {
		t.Errorf("items: %+v", got)
	}
}

func TestDiscoOfARunningClient(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, "romeo@localhost", "juliet@localhost")
	romeo := w.Online(t, "romeo@localhost/garden")
	l := w.start("juliet@localhost", "listen", "--resource", "bot", "--priority", "7")
	romeo.Expect(`<presence from='juliet@localhost/bot'><priority>7</priority></presence>`)
	for _, row := range [][2]string{
		{`<query xmlns='http://jabber.org/protocol/disco#info'/>`, `type="bot"`},
		{`<query xmlns='jabber:iq:version'/>`, `natter`},
		{`<time xmlns='urn:xmpp:time'/>`, `<utc`},
		{`<query xmlns='http://jabber.org/protocol/disco#items'/>`, `type="result"`},
		{`<query xmlns='urn:example:unknown'/>`, `service-unavailable`},
		{`<query xmlns='http://jabber.org/protocol/disco#info' node='other'/>`, `item-not-found`},
	} {
		romeo.Send(`<iq type='get' id='q' to='juliet@localhost/bot'>` + row[0] + `</iq>`)
		n, err := parseNode(romeo.Next())
		if err != nil || !strings.Contains(n.String(), row[1]) {
			t.Errorf("%s is answered by %s, %v", row[0], n, err)
		}
	}
	l.stop()
	l.end(exitOK)
}

func TestRosterVerb(t *testing.T) {
	w := newWorld(t)
	w.Account(t, "juliet@localhost")
	steps := []struct {
		args []string
		code int
		want string // the list afterwards
	}{
		{[]string{"roster"}, exitOK, "The contact list is empty. Add somebody with: natter roster add JID\n"},
		{[]string{"roster", "add", "juliet@localhost", "--name", "Juliet C", "--group", "Verona", "--group", "Friends"}, exitOK,
			"JID               NAME      SEES   GROUPS\njuliet@localhost  Juliet C  asked  Friends, Verona\n"},
		{[]string{"roster", "add", "--no-subscribe", "nurse@localhost"}, exitOK,
			"JID               NAME      SEES    GROUPS\njuliet@localhost  Juliet C  asked   Friends, Verona\nnurse@localhost             nobody\n"},
		{[]string{"roster", "remove", "nurse@localhost"}, exitOK,
			"JID               NAME      SEES   GROUPS\njuliet@localhost  Juliet C  asked  Friends, Verona\n"},
		{[]string{"roster", "remove", "nurse@localhost"}, exitRefused,
			"JID               NAME      SEES   GROUPS\njuliet@localhost  Juliet C  asked  Friends, Verona\n"},
	}
	for _, step := range steps {
		got := w.natter("romeo@localhost", "", step.args...)
		if got.code != step.code {
			t.Errorf("%v: %+v", step.args, got)
		}
		if list := w.natter("romeo@localhost", "", "roster"); list.out != step.want {
			t.Errorf("%v leaves\n%s, not\n%s", step.args, list.out, step.want)
		}
	}
	if got := w.natter("juliet@localhost", "", "roster", "accept", "romeo@localhost"); got.code != exitOK {
		t.Errorf("accepting: %+v", got)
	}
	list := w.natter("romeo@localhost", "", "roster", "--json")
	if want := `{"jid":"juliet@localhost","name":"Juliet C","subscription":"to","groups":["Friends","Verona"]}` + "\n"; list.out != want {
		t.Errorf("accepted, it is %s", list.out)
	}
	if got := w.natter("juliet@localhost", "", "roster", "deny", "romeo@localhost"); got.code != exitOK {
		t.Errorf("denying: %+v", got)
	}
	if list := w.natter("romeo@localhost", "", "roster"); !strings.Contains(list.out, "nobody") {
		t.Errorf("denied, it is\n%s", list.out)
	}
	for _, args := range [][]string{{"roster", "ad", "x@y"}, {"roster", "add"}, {"roster", "add", "@"}} {
		if got := w.natter("romeo@localhost", "", args...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestPing(t *testing.T) {
	w := newWorld(t)
	if got := w.natter("romeo@localhost", "", "ping"); got.code != exitOK || !strings.HasPrefix(got.out, "localhost answered in ") {
		t.Errorf("%+v", got)
	}
	if got := w.natter("romeo@localhost", "", "ping", "nobody@localhost/x"); got.code != exitRefused {
		t.Errorf("of nobody: %+v", got)
	}
}

func TestHowTheLoginIsProtected(t *testing.T) {
	w := newWorld(t) // in --dev mode: SCRAM without TLS to the loopback
	for _, row := range []struct {
		name  string
		flags []string
		says  []string
	}{
		{"STARTTLS, bound to it", nil, []string{"encryption  TLS 1.3", "login       SCRAM-SHA-256-PLUS"}},
		{"TLS from the first byte, bound to it", []string{"--tls", "direct"}, []string{"encryption  TLS 1.3", "login       SCRAM-SHA-256-PLUS"}},
		{"an unchecked certificate", []string{"--insecure"}, []string{"encryption  TLS 1.3, certificate not checked", "login       SCRAM-SHA-256-PLUS"}},
		{"no TLS: a proof, not the password", []string{"--tls", "none"}, []string{"encryption  none", "login       SCRAM-SHA-256\n"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := w.natter(romeo, "/status\n", append([]string{"chat"}, row.flags...)...)
			for _, want := range row.says {
				if got.code != exitOK || !strings.Contains(got.out, want) {
					t.Errorf("%q is not in %+v", want, got)
				}
			}
		})
	}
}

func TestServerThatWantsTLS(t *testing.T) {
	w := newWorld(t, servertest.Options{Strict: true})
	got := w.natter(romeo, "", "ping", "--tls", "none")
	if got.code != exitConnect || !strings.Contains(got.err, "the server wants the connection encrypted\nLeave out --tls none.") {
		t.Errorf("%+v", got)
	}
}

func TestServerOfAnotherDomain(t *testing.T) {
	w := newWorld(t)
	w.Account(t, romeo)
	got := w.natter("romeo@example.org", "", "ping", "--insecure")
	if got.code != exitConnect || !strings.Contains(got.err, "does not serve example.org") {
		t.Errorf("%+v", got)
	}
}

func TestResourceTakenOver(t *testing.T) {
	w := newWorld(t)
	first := w.quickly(romeo, "")
	first.expect("Logged in as romeo@localhost/")
	thief := w.Login(t, romeo+"/"+first.resource())
	first.expect("another client took this session over (conflict)")
	first.end(exitConnect)
	thief.Silent()
}

func TestJoinLines(t *testing.T) {
	for in, want := range map[string]string{
		"<a/>":                           "<a/>",
		"<a\nb='1\n2'\r\n>x\ny\r\nz</a>": "<a b='1&#10;2' >x&#10;y&#10;z</a>",
		"<a><![CDATA[x\ny]]>z\n</a>":     "<a><![CDATA[x]]>&#10;<![CDATA[y]]>z&#10;</a>",
		"<a b='>\n'>\r</a>":              "<a b='>&#10;'>&#10;</a>",
	} {
		if got := string(joinLines([]byte(in))); got != want {
			t.Errorf("%q becomes %q, not %q", in, got, want)
		}
	}
}

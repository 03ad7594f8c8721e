package c2s_test

import (
	"fmt"
	"strings"
	"testing"
)

const bindNS = "urn:ietf:params:xml:ns:xmpp-bind"

// TestElementsBeforeTheirTime: what has no place in a stream's state ends it, and is
// not acted upon (RFC 6120 §4.9.3.12, §4.9.3.24, §7.1).
func TestElementsBeforeTheirTime(t *testing.T) {
	w := newWorld(t)
	before, authenticated, bound := states[0].reach, states[1].reach, states[2].reach
	for _, row := range []struct {
		what, section string
		reach         func(*testing.T, *world) *peer
		sent          string
		condition     string
	}{
		{"a message before authentication", "4.9.3.12", before, "<message to='romeo@localhost' type='chat'><body>hi</body></message>", "not-authorized"},
		{"presence before authentication", "4.9.3.12", before, "<presence/>", "not-authorized"},
		{"a request before authentication", "4.9.3.12", before, "<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", "not-authorized"},
		{"a request to somebody else before authentication", "4.9.3.12", before, "<iq type='get' id='1' to='romeo@localhost'><query xmlns='jabber:iq:register'/></iq>", "not-authorized"},
		{"the answer to a request before authentication", "4.9.3.12", before, "<iq type='result' id='1'/>", "not-authorized"},
		{"binding before authentication", "7.1", before, "<iq type='set' id='1'><bind xmlns='" + bindNS + "'/></iq>", "not-authorized"},
		{"resumption before authentication", "0198 5", before, "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>", "not-authorized"},
		{"acknowledgements before authentication", "0198 3", before, "<enable xmlns='urn:xmpp:sm:3'/>", "not-authorized"},
		{"client state before authentication", "4.9.3.12", before, "<inactive xmlns='urn:xmpp:csi:0'/>", "not-authorized"},
		{"an element that nobody knows before authentication", "4.9.3.12", before, "<hello xmlns='urn:x'/>", "not-authorized"},
		{"a stanza in the namespace of servers before authentication", "4.9.3.12", before, "<message xmlns='jabber:server' to='romeo@localhost'/>", "not-authorized"},
		{"a message before binding", "7.1", authenticated, "<message to='romeo@localhost' type='chat'><body>hi</body></message>", "not-authorized"},
		{"presence before binding", "7.1", authenticated, "<presence/>", "not-authorized"},
		{"another request before binding", "7.1", authenticated, "<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", "not-authorized"},
		{"a session before binding", "7.1", authenticated, "<iq type='set' id='1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>", "not-authorized"},
		{"binding by a question", "7.6", authenticated, "<iq type='get' id='1'><bind xmlns='" + bindNS + "'/></iq>", "not-authorized"},
		{"an element that nobody knows before binding", "4.9.3.24", authenticated, "<hello xmlns='urn:x'/>", "unsupported-stanza-type"},
		{"an element that nobody knows", "4.8.4", bound, "<hello xmlns='urn:x'/>", "unsupported-stanza-type"},
		{"an element of the content namespace that is no stanza", "4.9.3.24", bound, "<pubsub/>", "unsupported-stanza-type"},
		{"a stanza in the namespace of servers", "4.8.3", bound, "<message xmlns='jabber:server' to='romeo@localhost'><body>hi</body></message>", "invalid-namespace"},
		{"a stanza in some other namespace", "4.8.4", bound, "<message xmlns='urn:x' to='romeo@localhost'><body>hi</body></message>", "invalid-namespace"},
		{"a stanza in no namespace", "4.8.4", bound, "<message xmlns='' to='romeo@localhost'><body>hi</body></message>", "invalid-namespace"},
		{"a stanza in the stream namespace", "4.8.3", bound, "<stream:message to='romeo@localhost'/>", "invalid-namespace"},
		{"features from the client", "4.9.3.24", bound, "<stream:features/>", "unsupported-stanza-type"},
		{"STARTTLS on a bound session", "5.3.4", bound, startTLS, "unsupported-stanza-type"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := row.reach(t, w)
			p.send(row.sent)
			p.fails(row.condition)
		})
	}
	w.untouched(t)
}

// TestSpoofedFromEndsTheStream is RFC 6120 §4.9.3.9 and §8.1.2.1.
func TestSpoofedFromEndsTheStream(t *testing.T) {
	w := newWorld(t)
	for _, from := range []string{
		"romeo@localhost", "romeo@localhost/garden", "juliet@localhost/balcony", "localhost",
		"tybalt@localhost/other", "tybalt@example.org", "tybalt", "", "@", "tybalt@localhost/", "tybalt@localhost/STREET",
	} {
		for _, stanza := range []string{
			"<message from='%s' to='romeo@localhost' type='chat'><body>hi</body></message>",
			"<presence from='%s'/>",
			"<iq from='%s' type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
		} {
			t.Run(fmt.Sprintf(stanza, from), func(t *testing.T) {
				p := w.bound(t, "tybalt", "street")
				p.send(fmt.Sprintf(stanza, from))
				p.fails("invalid-from")
			})
		}
	}
	w.untouched(t)
}

// TestOwnFromIsStamped: what a client may say of itself is replaced by its full JID.
func TestOwnFromIsStamped(t *testing.T) {
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	for _, from := range []string{"", " from='tybalt@localhost/street'", " from='tybalt@localhost'", " from='TYBALT@Localhost/street'", " from='tybalt&#64;localhost'"} {
		p.send("<message" + from + " to='romeo@localhost' type='chat'><body>hi</body></message>")
		got := w.romeo.Expect("<message from='tybalt@localhost/street'><body>hi</body></message>")
		if strings.Count(got, "from=") != 1 {
			t.Errorf("with%s: %s", from, got)
		}
	}
	w.untouched(t)
}

// badAddresses are no JIDs (RFC 7622 §3), or become empty when they are prepared.
var badAddresses = []struct{ what, jid string }{
	{"empty", ""},
	{"white space", " "},
	{"just an @", "@"},
	{"an empty localpart", "@localhost"},
	{"an empty domain", "romeo@"},
	{"an empty resource", "romeo@localhost/"},
	{"two @", "romeo@montague@localhost"},
	{"a localpart that is empty once it is prepared", "\u00ad@localhost"},
	{"a localpart of nothing but a zero width space", "\u200b@localhost"},
	{"a localpart with a space", "romeo montague@localhost"},
	{"a localpart with a colon", "ro:meo@localhost"},
	{"a localpart in angle brackets", "&lt;romeo&gt;@localhost"},
	{"a localpart with quotes", "&quot;romeo&quot;@localhost"},
	{"a localpart of 1,024 bytes", strings.Repeat("x", 1024) + "@localhost"},
	{"a domain of 1,024 bytes", strings.Repeat("x", 1024)},
	{"a resource of 1,024 bytes", "romeo@localhost/" + strings.Repeat("x", 1024)},
	{"a resource with a control character", "romeo@localhost/a&#9;b"},
	{"a domain with a space", "local host"},
}

// TestBadAddressIsAnError: never taken for the domain or the sender, and the stream
// goes on (RFC 6120 §8.3.3.8, RFC 7622 §3).
func TestBadAddressIsAnError(t *testing.T) {
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	for _, row := range badAddresses {
		for _, stanza := range []string{
			"<message to='%s' type='chat' id='1'><body>hi</body></message>",
			"<iq to='%s' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
			"<iq to='%s' type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='x@localhost'/></query></iq>",
			"<presence to='%s' id='1'/>",
			"<presence to='%s' type='subscribe' id='1'/>",
		} {
			name, _, _ := strings.Cut(stanza[1:], " ")
			p.send(fmt.Sprintf(stanza, row.jid))
			got := p.next()
			if !strings.HasPrefix(got, "<"+name+" ") || !strings.Contains(got, "<error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>") {
				t.Errorf("%s: %s was answered with\n%s", row.what, fmt.Sprintf(stanza, brief(row.jid)), brief(got))
			}
			// No answer to what is an answer itself (RFC 6120 §8.3.1).
			if name != "presence" {
				p.send(fmt.Sprintf("<%s to='%s' type='error' id='1'/>", name, row.jid))
			}
		}
	}
	p.send("<iq type='get' id='last' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	p.expect("<iq from='localhost' ")
	w.untouched(t)
}

func TestBind(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", 1023)
	for _, row := range []struct{ what, section, sent, jid string }{
		{"a resource of the client's", "7.7", "<resource>street</resource>", "tybalt@localhost/street"},
		{"a resource that is not in ASCII", "7.7", "<resource>Straße 1 🌹</resource>", "tybalt@localhost/Straße 1 🌹"},
		{"a resource in a CDATA section", "7.7", "<resource><![CDATA[a&b]]></resource>", "tybalt@localhost/a&amp;b"},
		{"a resource with an '@'", "7622 3.4", "<resource>x@y/z</resource>", "tybalt@localhost/x@y/z"},
		{"the longest resource", "7622 3.4", "<resource>" + long + "</resource>", "tybalt@localhost/" + long},
		{"stray children", "7.7", "<resource>street2</resource><os xmlns='http://mbean'>Linux</os><required/>", "tybalt@localhost/street2"},
		{"none", "7.6", "", "tybalt@localhost/"},
		{"an empty resource", "7.7.2.1", "<resource/>", "tybalt@localhost/"},
		{"a resource in another namespace", "7.7", "<resource xmlns='urn:x'>street</resource>", "tybalt@localhost/"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := newPeer(t, w.Authenticated(t, "tybalt@localhost").Conn).within()
			p.send("<iq type='set' id='&lt;&apos;1'><bind xmlns='" + bindNS + "'>" + row.sent + "</bind></iq>")
			got := p.expect("<iq type='result' id='&lt;&apos;1'><bind xmlns='" + bindNS + "'><jid>" + row.jid)
			if full := between(got, "<jid>", "</jid>"); strings.HasSuffix(full, "/") {
				t.Errorf("bound as %s", got)
			}
			p.send(streamEnd)
			p.ended()
		})
	}
	w.untouched(t)
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestBindIsRefusedAndTheNextTryWorks: stanza errors that leave the stream as it is
// (RFC 6120 §7.6.2, §7.7.2).
func TestBindIsRefusedAndTheNextTryWorks(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ what, section, sent, answer string }{
		{"a resource that is too long", "7.7.2.1", "<iq type='set' id='1'><bind xmlns='" + bindNS + "'><resource>" + strings.Repeat("x", 1024) + "</resource></bind></iq>", "bad-request"},
		{"a resource with a control character", "7.7.2.1", "<iq type='set' id='1'><bind xmlns='" + bindNS + "'><resource>a&#9;b</resource></bind></iq>", "bad-request"},
		{"a request without an id", "8.1.3", "<iq type='set'><bind xmlns='" + bindNS + "'/></iq>", "bad-request"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := newPeer(t, w.Authenticated(t, "tybalt@localhost").Conn).within()
			p.send(row.sent)
			if got := p.expect("<iq "); !strings.Contains(got, "type='error'") || !strings.Contains(got, "<"+row.answer+" ") {
				t.Errorf("answered %s", got)
			}
			p.bind("street")
			p.Close()
		})
	}
	t.Run("too often", func(t *testing.T) { // RFC 6120 §7.7.3: 5 to 10 tries
		p := newPeer(t, w.Authenticated(t, "tybalt@localhost").Conn).within()
		bad := "<iq type='set' id='1'><bind xmlns='" + bindNS + "'><resource>&#9;</resource></bind></iq>"
		p.send(strings.Repeat(bad, 20))
		if list := p.ended(); len(list) < 6 || len(list) > 11 || !strings.Contains(list[len(list)-1], "<policy-violation ") {
			t.Errorf("answered %q", list)
		}
		p.Close()
	})
	w.untouched(t)
}

func TestBindTwice(t *testing.T) { // RFC 6120 §7.1: a stream has one resource
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	p.send("<iq type='set' id='2'><bind xmlns='" + bindNS + "'><resource>other</resource></bind></iq>")
	if got := p.expect("<iq "); !strings.Contains(got, "type='error'") {
		t.Errorf("answered %s", got)
	}
	if w.Core.Session("tybalt@localhost/other") != nil || w.Core.Session("tybalt@localhost/street") == nil {
		t.Error("bound another resource")
	}
	w.untouched(t)
}

// TestConflictEndsTheOldSession is the choice of RFC 6120 §7.7.2.2 that suits a
// client which comes back before its old connection is known to be dead.
func TestConflictEndsTheOldSession(t *testing.T) {
	w := newWorld(t)
	old := w.bound(t, "tybalt", "street")
	now := w.bound(t, "tybalt", "street")
	old.send("<message to='romeo@localhost' type='chat'><body>too late</body></message>")
	old.fails("conflict")
	now.send("<message to='romeo@localhost' type='chat'><body>hi</body></message>")
	w.romeo.Expect("<message from='tybalt@localhost/street'><body>hi</body></message>")
	w.juliet.Send("<message to='tybalt@localhost/street' type='chat'><body>ho</body></message>")
	now.expect("<message from='juliet@localhost/balcony'")
	w.untouched(t)
}

func TestTooManyResources(t *testing.T) { // RFC 6120 §7.6.2.1
	w := newWorld(t)
	for i := range w.Core.Config.Resources {
		w.bound(t, "tybalt", fmt.Sprint(i))
	}
	p := newPeer(t, w.Authenticated(t, "tybalt@localhost").Conn).within()
	p.send("<iq type='set' id='1'><bind xmlns='" + bindNS + "'/></iq>")
	if got := p.expect("<iq "); !strings.Contains(got, "<resource-constraint ") {
		t.Errorf("answered %s", got)
	}
	w.untouched(t)
}

func TestSessionRequestIsAnswered(t *testing.T) { // RFC 3921 §3, RFC 6121 1.4: harmless
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	for _, to := range []string{"", " to='localhost'"} {
		p.send("<iq type='set' id='s'" + to + "><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
		if got := p.expect("<iq "); !strings.Contains(got, "type='result'") {
			t.Errorf("answered %s", got)
		}
	}
	w.untouched(t)
}

func TestOrderlyClose(t *testing.T) { // RFC 6120 §4.4
	w := newWorld(t)
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			p := state.reach(t, w)
			p.send(streamEnd + "<message to='romeo@localhost'><body>after the end</body></message>garbage")
			if got := p.ended(); len(got) > 0 {
				t.Errorf("received %q", got)
			}
		})
	}
	t.Run("what was asked before is answered", func(t *testing.T) {
		p := w.bound(t, "tybalt", "street")
		p.send("<message to='romeo@localhost' type='chat'><body>last words</body></message>" +
			"<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" + streamEnd)
		if got := p.ended(); len(got) != 1 || !strings.HasPrefix(got[0], "<iq from='localhost' ") {
			t.Errorf("received %q", got)
		}
		w.romeo.Expect("<message from='tybalt@localhost/street'><body>last words</body></message>")
	})
	t.Run("with white space after it", func(t *testing.T) {
		p := w.bound(t, "tybalt", "street")
		p.send(" " + streamEnd + "\r\n")
		p.ended()
	})
	t.Run("before the stream is open", func(t *testing.T) {
		p := w.dial(t)
		p.send(streamEnd)
		p.fails("not-well-formed")
	})
	w.untouched(t)
}

// login is everything a client sends from accept to a message, with nothing waited
// for but what the server chooses: the SCRAM nonce.
func loginBytes(final string) []string {
	return []string{
		header + auth("SCRAM-SHA-256", b64((&scram{}).first())),
		response(b64(final)) + header[21:] + "<iq type='set' id='b'><bind xmlns='" + bindNS + "'><resource>quick</resource></bind></iq>" +
			"<enable xmlns='urn:xmpp:sm:3'/><message to='romeo@localhost' type='chat'><body>quick</body></message><r xmlns='urn:xmpp:sm:3'/>" + streamEnd,
	}
}

// TestPipelinedLogin: a stream restart takes up what was sent ahead (RFC 6120
// §4.3.3), where it is the same connection.
func TestPipelinedLogin(t *testing.T) {
	w := newWorld(t)
	p := w.dial(t)
	p.send(loginBytes("")[0])
	p.expect("<stream:features>")
	p.send(loginBytes((&scram{}).final(content(p.expect("<challenge"))))[1])
	p.expect("<success ")
	p.sc.Restart()
	p.expect("<stream:features>")
	p.expect("<iq type='result' id='b'>")
	p.expect("<enabled ")
	p.expect("<a xmlns='urn:xmpp:sm:3' h='1'/>")
	if got := p.ended(); len(got) > 0 {
		t.Errorf("received %q", got)
	}
	w.romeo.Expect("<message from='juliet@localhost/quick'><body>quick</body></message>")
	w.untouched(t)
}

// TestSplitAtEveryByte: how bytes are cut into packets means nothing.
func TestSplitAtEveryByte(t *testing.T) {
	w := newWorld(t)
	talk := func(t *testing.T, send func(p *peer, s string)) {
		p := w.dial(t)
		send(p, loginBytes("")[0])
		p.expect("<stream:features>")
		send(p, loginBytes((&scram{}).final(content(p.expect("<challenge"))))[1])
		p.expect("<success ")
		p.sc.Restart()
		p.expect("<stream:features>")
		p.ended()
		w.romeo.Expect("<message from='juliet@localhost/quick'><body>quick</body></message>")
		p.Close()
	}
	t.Run("one byte at a time", func(t *testing.T) {
		talk(t, func(p *peer, s string) {
			for i := range len(s) {
				p.send(s[i : i+1])
			}
		})
	})
	n := len(loginBytes(strings.Repeat("x", 200))[1])
	t.Run("in two", func(t *testing.T) {
		for at := 1; at < n; at += 7 {
			talk(t, func(p *peer, s string) {
				i := min(at, len(s)-1)
				p.send(s[:i])
				p.send(s[i:])
			})
		}
	})
	w.untouched(t)
}

func TestWhiteSpaceKeepsAlive(t *testing.T) { // RFC 6120 §4.6.1, §11.7
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	p.send(strings.Repeat(" \t\r\n", 100_000))
	p.send("<message to='romeo@localhost' type='chat'><body>hi</body></message> ")
	w.romeo.Expect("<message><body>hi</body></message>")
	w.untouched(t)
}

// TestErrorAfterWork: what came before the error was handled, what comes after is not.
func TestErrorAfterWork(t *testing.T) {
	w := newWorld(t)
	p := w.bound(t, "tybalt", "street")
	p.send("<message to='romeo@localhost' type='chat'><body>before</body></message>" +
		"<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" +
		"<bad></worse>" +
		"<message to='romeo@localhost' type='chat'><body>after</body></message>")
	p.fails("not-well-formed", "<iq from='localhost' ")
	w.romeo.Expect("<message from='tybalt@localhost/street'><body>before</body></message>")
	w.untouched(t)
}

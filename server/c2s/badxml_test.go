package c2s_test

import (
	"strings"
	"testing"
)

// badXML is what may not come over a stream at any time. Each is sent where an
// element could be; TO is replaced by the address of somebody who must not get it.
var badXML = []struct {
	what, section, sent, condition string
}{
	{"tags that cross", "11.3", "<message to='TO'><body>No closing tag!</message>", "not-well-formed"},
	{"an end tag without its start", "11.3", "</message>", "not-well-formed"},
	{"an end tag with an attribute", "11.3", "<message to='TO'><body>x</body a='b'></message>", "not-well-formed"},
	{"a '<' in an attribute", "11.3", "<message to='TO' id='<'/>", "not-well-formed"},
	{"an attribute without quotes", "11.3", "<message to=TO/>", "not-well-formed"},
	{"an attribute without a value", "11.3", "<message to='TO' id/>", "not-well-formed"},
	{"attributes with nothing between them", "11.3", "<message to='TO'id='1'/>", "not-well-formed"},
	{"an element name that begins with a digit", "11.3", "<1message to='TO'/>", "not-well-formed"},
	{"a lonely '&'", "11.3", "<message to='TO'><body>this & that</body></message>", "not-well-formed"},
	{"']]>' in text", "11.3", "<message to='TO'><body>]]></body></message>", "not-well-formed"},
	{"a CDATA section between stanzas", "11.3", "<![CDATA[<message to='TO'/>]]>", "not-well-formed"},
	{"an attribute twice", "11.3", "<message to='TO' id='1' id='2'/>", "not-well-formed"},
	{"'to' twice", "11.3", "<message to='TO' to='localhost'/>", "not-well-formed"},
	{"an attribute twice by two prefixes", "11.3", "<message to='TO' xmlns:a='urn:x' xmlns:b='urn:x' a:id='1' b:id='2'/>", "not-well-formed"},
	{"an attribute twice by two prefixes, declared in a parent", "11.3", "<message to='TO' xmlns:a='urn:x'><x xmlns:b='urn:x' a:id='1' b:id='2'/></message>", "not-well-formed"},
	{"an attribute twice, far down", "11.3", "<message to='TO'><body><a><b c='1' c='2'/></a></body></message>", "not-well-formed"},
	{"a prefix on an element that nobody declared", "11.3", "<message to='TO'><x:y/></message>", "not-well-formed"},
	{"a prefix on an attribute that nobody declared", "11.3", "<message to='TO' x:y='z'/>", "not-well-formed"},
	{"a prefix on the stanza that nobody declared", "11.3", "<x:message to='TO'/>", "not-well-formed"},
	{"a prefix declared by a sibling", "11.3", "<message to='TO'><a xmlns:x='urn:x'/><x:y/></message>", "not-well-formed"},
	{"a prefix bound to nothing", "11.3", "<message to='TO' xmlns:x=''><x:y/></message>", "not-well-formed"},
	{"the prefix xmlns declared", "11.3", "<message to='TO' xmlns:xmlns='urn:x'/>", "not-well-formed"},
	{"the prefix xml bound to something else", "11.3", "<message to='TO' xmlns:xml='urn:x'/>", "not-well-formed"},
	{"a name with two colons", "11.3", "<message to='TO' xmlns:a='urn:x'><a:b:c/></message>", "not-well-formed"},
	{"a reference to the character NUL", "11.3", "<message to='TO'><body>&#0;</body></message>", "not-well-formed"},
	{"a reference to a surrogate", "11.3", "<message to='TO'><body>&#xD800;</body></message>", "not-well-formed"},
	{"a reference beyond Unicode", "11.3", "<message to='TO'><body>&#x110000;</body></message>", "not-well-formed"},
	{"a NUL", "11.3", "<message to='TO'><body>\x00</body></message>", "not-well-formed"},
	{"a NUL between stanzas", "11.3", "\x00<message to='TO'/>", "not-well-formed"},
	{"a control character", "11.3", "<message to='TO'><body>\x08</body></message>", "not-well-formed"},
	{"U+FFFE", "11.3", "<message to='TO'><body>\xef\xbf\xbe</body></message>", "not-well-formed"},
	{"Latin-1", "11.3, 11.6", "<message to='TO'><body>caf\xe9!</body></message>", "not-well-formed"},
	{"UTF-8 that is longer than it need be", "11.3, 11.6", "<message to='TO'><body>\xc0\xbcx></body></message>", "not-well-formed"},
	{"a surrogate in UTF-8", "11.3, 11.6", "<message to='TO'><body>\xed\xa0\x80</body></message>", "not-well-formed"},
	{"UTF-8 that breaks off", "11.3, 11.6", "<message to='TO' id='\xe2\x82'/>", "not-well-formed"},
	{"UTF-16 in the middle of the stream", "11.3, 11.6", "<\x00m\x00e\x00s\x00s\x00a\x00g\x00e\x00/\x00>\x00", "not-well-formed"},
	{"text between stanzas", "4.9.3.1", "how now<message to='TO'/>", "bad-format"},
	{"a byte order mark between stanzas, which is text", "11.6", "\xef\xbb\xbf<message to='TO'/>", "bad-format"},
	{"a comment", "11.1", "<!-- This message has no subject. -->", "restricted-xml"},
	{"a comment in a message", "11.1", "<message to='TO'><!-- no subject --><body>x</body></message>", "restricted-xml"},
	{"a processing instruction", "11.1", "<?php die ?>", "restricted-xml"},
	{"a processing instruction in a message", "11.1", "<message to='TO'><?xml-stylesheet href='x'?></message>", "restricted-xml"},
	{"an XML declaration after the first", "11.1", "<?xml version='1.0'?><message to='TO'/>", "restricted-xml"},
	{"a document type", "11.1", "<!DOCTYPE message [<!ENTITY a 'aaaa'>]><message to='TO'><body>&a;</body></message>", "restricted-xml"},
	{"an entity declared from outside", "11.1", "<!DOCTYPE m SYSTEM 'file:///etc/passwd'>", "restricted-xml"},
	{"an entity that nobody declared", "11.1", "<message to='TO'><body>&nbsp;</body></message>", "restricted-xml"},
	{"an entity in an attribute", "11.1", "<message to='TO' id='&foo;'/>", "restricted-xml"},
	{"an entity in capitals", "11.1", "<message to='TO'><body>&LT;</body></message>", "restricted-xml"},
}

// states are where in a stream's life the bytes come.
var states = []struct {
	name  string
	reach func(t *testing.T, w *world) *peer
}{
	{"before login", func(t *testing.T, w *world) *peer {
		p := w.dial(t)
		p.open()
		return p
	}},
	{"before a resource is bound", func(t *testing.T, w *world) *peer {
		return newPeer(t, w.Authenticated(t, "tybalt@localhost").Conn).within()
	}},
	{"on a bound session", func(t *testing.T, w *world) *peer {
		return newPeer(t, w.Login(t, "tybalt@localhost/street").Conn).within()
	}},
}

func TestBadXMLEndsTheStream(t *testing.T) {
	w := newWorld(t)
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			for _, row := range badXML {
				t.Run(row.what, func(t *testing.T) {
					p := state.reach(t, w)
					p.send(strings.ReplaceAll(row.sent, "TO", "romeo@localhost"))
					p.fails(row.condition)
				})
			}
			w.untouched(t)
		})
	}
	until(t, "no connection is left but two", func() bool { n, early := w.Clients.Connections(); return n == 2 && early == 0 })
}

// TestGoodXMLIsPassedOn is the other side of the coin: strange, and allowed.
func TestGoodXMLIsPassedOn(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ what, section, sent, body string }{
		{"predefined entities", "11.1", "&lt;&amp;&gt;&apos;&quot;", "&lt;&amp;&gt;&apos;&quot;"},
		{"character references", "11.1", "&#97;&#x62;", "&#97;&#x62;"},
		{"a CDATA section", "11.1", "<![CDATA[<&]]>", "<![CDATA[<&]]>"},
		{"a byte order mark, which is a zero width no-break space", "11.6", "a\ufeffb", "a\ufeffb"},
		{"a character beyond the first plane", "11.6", "\U0001f339", "\U0001f339"},
	} {
		t.Run(row.what, func(t *testing.T) {
			w.juliet.Send("<message to='romeo@localhost' type='chat'><body>" + row.sent + "</body></message>")
			if got := w.romeo.Next(); !strings.Contains(got, "<body>"+row.body+"</body>") {
				t.Errorf("arrived as %s", got)
			}
		})
	}
	w.untouched(t)
}

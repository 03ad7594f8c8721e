package c2s_test

import (
	"strings"
	"testing"
)

// streamHeader is a stream header with these attributes and an XML declaration.
func streamHeader(attrs string) string {
	return "<?xml version='1.0'?><stream:stream " + attrs + ">"
}

const (
	toClient = "to='localhost' xmlns='jabber:client' "
	toStream = toClient + "xmlns:stream='http://etherx.jabber.org/streams' "
	justXMPP = "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"
)

func TestStreamHeaderIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ what, section, sent, condition string }{
		{"with a wrong stream namespace", "4.8.1", streamHeader(toClient + "xmlns:stream='http://wrong.namespace.example.org/' version='1.0'"), "invalid-namespace"},
		{"with no stream namespace", "4.8.1", "<stream " + toClient + "version='1.0'>", "invalid-namespace"},
		{"with a prefix that nobody declared", "11.3", "<stream:stream " + toClient + "version='1.0'>", "not-well-formed"},
		{"with a wrong content namespace", "4.8.2", streamHeader("to='localhost' xmlns='urn:example' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"), "invalid-namespace"},
		{"with the content namespace of servers", "4.8.3", streamHeader("to='localhost' xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'"), "invalid-namespace"},
		{"with the stream namespace for content", "4.8.2", "<stream to='localhost' xmlns='http://etherx.jabber.org/streams' version='1.0'>", "invalid-namespace"},
		{"that is another element of the stream namespace", "4.9.3.1", "<stream:features " + toStream + "version='1.0'>", "bad-format"},
		{"that is the whole stream", "4.9.3.1", "<stream:stream " + toStream + "version='1.0'/>", "bad-format"},
		{"that is a stanza", "4.8.1", "<message to='romeo@localhost' xmlns='jabber:client'/>", "invalid-namespace"},
		{"to a host that is not served", "4.9.3.6", streamHeader("to='example.org' " + justXMPP), "host-unknown"},
		{"to an account", "4.7.2", streamHeader("to='romeo@localhost' " + justXMPP), "host-unknown"},
		{"to a resource", "4.7.2", streamHeader("to='localhost/x' " + justXMPP), "host-unknown"},
		{"to something that is no address", "4.7.2", streamHeader("to='@' " + justXMPP), "host-unknown"},
		{"to nobody", "4.7.2", streamHeader(justXMPP), "host-unknown"},
		{"to an empty address", "4.7.2", streamHeader("to='' " + justXMPP), "host-unknown"},
		{"with version 0.9", "4.7.5", streamHeader(toStream + "version='0.9'"), "unsupported-version"},
		{"with no version, which is 0.9", "4.7.5", streamHeader(toStream), "unsupported-version"},
		{"with a version that is none", "4.7.5", streamHeader(toStream + "version='one'"), "unsupported-version"},
		{"with half a version", "4.7.5", streamHeader(toStream + "version='1.'"), "unsupported-version"},
		{"with a negative version", "4.7.5", streamHeader(toStream + "version='-1.0'"), "unsupported-version"},
		{"in UTF-16", "11.6", "\xff\xfe<\x00?\x00x\x00m\x00l\x00", "unsupported-encoding"},
		{"in UTF-16 without a byte order mark", "11.6", "<\x00?\x00x\x00m\x00l\x00", "unsupported-encoding"},
		{"in UTF-16, big end first", "11.6", "\xfe\xff\x00<\x00?", "unsupported-encoding"},
		{"in another encoding by its own word", "11.6", "<?xml version='1.0' encoding='ISO-8859-1'?>" + header[21:], "unsupported-encoding"},
		{"in XML 1.1", "11.5", "<?xml version='1.1'?>" + header[21:], "not-well-formed"},
		{"after a document type", "11.1", "<!DOCTYPE stream:stream><stream:stream " + toStream + "version='1.0'>", "restricted-xml"},
		{"after a comment", "11.1", "<!-- hello -->" + header, "restricted-xml"},
		{"after a processing instruction", "11.1", "<?php?>" + header, "restricted-xml"},
		{"after text", "11.3", "hello" + header, "not-well-formed"},
		{"after white space and a declaration", "11.3", " " + header, "not-well-formed"},
		{"of another protocol", "11.3", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-well-formed"},
		{"with an attribute twice", "11.3", streamHeader(toStream + "version='1.0' version='1.0'"), "not-well-formed"},
		{"of more than 10,000 bytes", "13.12", streamHeader(toStream + "version='1.0' id='" + strings.Repeat("x", 10_000) + "'"), "policy-violation"},
		{"with a thousand namespaces", "13.12", "<stream:stream " + thousand("xmlns:a%d='urn:x%d' "), "policy-violation"},
		{"with a thousand attributes", "13.12", "<stream:stream " + thousand("a%d='%d' "), "policy-violation"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.dial(t)
			p.send(row.sent)
			p.fails(row.condition)
			// The error stands in a stream (RFC 6120 §4.9.1.2), whose 'from' is
			// authoritative though the peer named somebody else (§4.9.1.3).
			if !strings.Contains(string(p.all), " from='localhost' ") {
				t.Errorf("answered by %s", p.all)
			}
		})
	}
	w.untouched(t)
}

// thousand is the pattern for a thousand numbers.
func thousand(pattern string) string {
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(strings.ReplaceAll(pattern, "%d", string(rune('a'+i/100))+string(rune('a'+i/10%10))+string(rune('a'+i%10))))
	}
	return b.String()
}

func TestStreamHeaderIsAnswered(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct{ what, section, sent, answer string }{
		{"without an XML declaration", "11.4", header[21:], " from='localhost' version='1.0' xml:lang='en'>"},
		{"with a declared encoding", "11.6", "<?xml version='1.0' encoding='utf-8'?>" + header[21:], " version='1.0'"},
		{"to the host in capitals", "7622 3.2", streamHeader("to='LOCALHOST' " + justXMPP), " from='localhost' "},
		{"with a higher minor version", "4.7.5", streamHeader(toStream + "version='1.13'"), " version='1.0'"},
		{"with a higher major version, which is for the client to judge", "4.7.5", streamHeader(toStream + "version='12.3'"), " version='1.0'"},
		{"with leading zeros in its version", "4.7.5", streamHeader(toStream + "version='01.00'"), " version='1.0'"},
		{"from somebody, who is named in the answer", "4.7.2", streamHeader("from='Juliet@localhost' " + toStream + "version='1.0'"), " to='juliet@localhost' "},
		{"from a full JID, which a header should not name and mellium does: no 'to' in the answer", "4.7.2", streamHeader("from='juliet@localhost/b' " + toStream + "version='1.0'"), " from='localhost' version='1.0'"},
		{"with another prefix for streams", "4.8.5", "<s:stream to='localhost' xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' version='1.0'>", " version='1.0'"},
		{"without a content namespace", "4.8.2", "<stream:stream to='localhost' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>", " xmlns='jabber:client'"},
	} {
		t.Run(row.what, func(t *testing.T) {
			p := w.dial(t)
			p.send(row.sent)
			p.expect("<stream:features>")
			if !strings.Contains(string(p.all), row.answer) {
				t.Errorf("answered with %s", p.all)
			}
			p.Close()
		})
	}
	w.untouched(t)
}

func TestEachStreamHasAnIDOfItsOwn(t *testing.T) {
	w := newWorld(t)
	seen := make(map[string]bool)
	for range 50 {
		p := w.dial(t)
		p.open()
		_, id, _ := strings.Cut(string(p.all), " id='")
		id, _, _ = strings.Cut(id, "'")
		if len(id) < 20 || seen[id] {
			t.Fatalf("stream id %q", id)
		}
		seen[id] = true
		p.Close()
	}
}

// TestPrefixFreeStreamWorks is the other style of RFC 6120 §4.8.2, where every
// element says its namespace.
func TestPrefixFreeStreamWorks(t *testing.T) {
	w := newWorld(t)
	const free = "<stream:stream to='localhost' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	p := w.dial(t)
	p.send(free)
	p.expect("<stream:features>")
	if got := (&scram{}).run(p); !strings.HasPrefix(got, "<success ") {
		t.Fatalf("logging in: %s", got)
	}
	p.sc.Restart()
	p.send(free)
	p.expect("<stream:features>")
	p.bind("free")
	p.send("<message xmlns='jabber:client' to='romeo@localhost' type='chat'><body>hi</body><x xmlns='urn:x'/></message>")
	w.romeo.Expect("<message from='juliet@localhost/free'><body>hi</body><x xmlns='urn:x'/></message>")
	p.send("<message xmlns='jabber:server' to='romeo@localhost' type='chat'><body>hi</body></message>")
	p.fails("invalid-namespace")
	w.untouched(t)
}

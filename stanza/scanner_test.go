package stanza

import (
	"testing"
)

const clientHeaderXML = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0' xml:lang='en'>"

const chatMessage = `<message from='juliet@example.com/balcony' to='romeo@example.net/orchard' type='chat' id='ktx72v49'><body>Art thou not Romeo, and a Montague?</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`

func TestSmoke(t *testing.T) {
	s := NewScanner(AfterLogin)
	in := []byte(clientHeaderXML + " \n" + chatMessage + "<x:foo xmlns:x='urn:x'/> </stream:stream>")
	for {
		ev, n, err := s.Next(in)
		t.Log(ev, n, err, s.Partial())
		if err != nil {
			t.Fatal(err)
		}
		if ev == StreamOpen {
			t.Logf("%+v", s.Header)
		}
		if ev == Element {
			t.Logf("%s", s.Stanza.AppendTo(nil, &Stamp{From: []byte("a@b"), Lang: []byte("de"), Tail: []byte("<t/>"), NS: NSServer}))
			t.Logf("%s", s.Stanza.AppendAlone(nil))
			for c := range s.Stanza.All() {
				t.Logf("%s", s.Stanza.Detach(nil, c))
			}
		}
		in = in[n:]
		if ev == StreamClose {
			break
		}
	}
}

func BenchmarkScan(b *testing.B) {
	s := NewScanner(AfterLogin)
	if ev, _, _ := s.Next([]byte(clientHeaderXML)); ev != StreamOpen {
		b.Fatal("no header")
	}
	msg := []byte(chatMessage)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		if ev, _, err := s.Next(msg); ev != Element {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	st, err := ParseIn([]byte(chatMessage), NSClient, AfterLogin)
	if err != nil {
		b.Fatal(err)
	}
	stamp := &Stamp{From: []byte("juliet@example.com/balcony"), Lang: []byte("en"), NS: NSClient}
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = st.AppendTo(dst[:0], stamp)
	}
}

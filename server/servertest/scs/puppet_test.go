package scs

import (
	"bufio"
	"context"
	"encoding/xml"
	"io"
	"net"
	"sync"
	"testing"
)

// A puppet is the server's side of one connection, moved by a test: it speaks
// just enough XMPP to let a client in, and then says what the test tells it.
type puppet struct {
	t    testing.TB
	conn net.Conn
	d    *xml.Decoder
	jid  string // what it lets the client bind
}

// stage is a server made of puppets, one a connection. Its Dial goes into
// Options.
type stage struct {
	t     testing.TB
	play  func(p *puppet, n int) // n counts connections from 0
	mu    sync.Mutex
	count int
	wg    sync.WaitGroup
}

func newStage(t testing.TB, play func(p *puppet, n int)) *stage {
	s := &stage{t: t, play: play}
	t.Cleanup(s.wg.Wait)
	return s
}

func (s *stage) options() Options { return Options{Dial: s.dial, PlainPassword: true, Settle: -1} }

func (s *stage) dial(context.Context, string) (net.Conn, error) {
	client, server := net.Pipe()
	s.serve(server)
	return client, nil
}

func (s *stage) serve(conn net.Conn) {
	s.mu.Lock()
	n := s.count
	s.count++
	s.mu.Unlock()
	s.wg.Go(func() {
		defer conn.Close()
		s.play(&puppet{t: s.t, conn: conn, jid: "romeo@localhost/orchard"}, n)
	})
}

// say writes text. The client may be gone: that is its right.
func (p *puppet) say(text string) { _, _ = io.WriteString(p.conn, text) }

// header reads the client's stream header and answers it with features.
func (p *puppet) header(features string) {
	p.d = xml.NewDecoder(bufio.NewReader(p.conn))
	for {
		tok, err := p.d.Token()
		if err != nil {
			return
		}
		if _, ok := tok.(xml.StartElement); ok {
			break
		}
	}
	p.say("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s' from='localhost' version='1.0'>" +
		"<stream:features>" + features + "</stream:features>")
}

// hear reads the client's next element; nil when the stream ends.
func (p *puppet) hear() *Element {
	for {
		tok, err := p.d.Token()
		if err != nil {
			return nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			e, err := readElement(p.d, t)
			if err != nil {
				return nil
			}
			return e
		case xml.EndElement:
			return nil
		}
	}
}

// login lets the client in up to resource binding.
func (p *puppet) login() {
	p.header("<mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms>")
	if e := p.hear(); !e.is(nsSASL, "auth") {
		return
	}
	p.say("<success xmlns='" + nsSASL + "'/>")
	p.header("<bind xmlns='" + nsBind + "'/>")
}

// admit lets the client in.
func (p *puppet) admit() {
	p.login()
	e := p.hear()
	if !e.is(nsClient, "iq") {
		return
	}
	id, _ := e.Attr("id")
	p.say("<iq type='result' id='" + id + "'><bind xmlns='" + nsBind + "'><jid>" + p.jid + "</jid></bind></iq>")
}

// linger answers the end of the stream, whatever comes before it.
func (p *puppet) linger() {
	for p.hear() != nil {
	}
	p.say("</stream:stream>")
}

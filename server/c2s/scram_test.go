package c2s_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"

	"natter/server/servertest"
)

const nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"

// scram is a client's side of SCRAM (RFC 5802) that can be made to lie at every
// step. The zero value of a field means the honest one.
type scram struct {
	mechanism string // SCRAM-SHA-256 if empty
	user      string // juliet if empty
	password  string
	gs2       string // "n,,"
	cb        []byte // channel-binding data, appended to gs2 for c=
	nonce     string // "abc"

	spoilFirst func(string) string // what is sent instead of the first message
	spoilFinal func(string) string // … and instead of the final one, before encoding

	challenge string // what the server answered
}

func (s *scram) hash() func() hash.Hash {
	if strings.HasPrefix(s.mechanism, "SCRAM-SHA-1") {
		return sha1.New
	}
	return sha256.New
}

func or(v, def string) string {
	if v == "" {
		return def
	}
	return v
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// auth is the element that begins an exchange.
func auth(mechanism, content string) string {
	return "<auth xmlns='" + nsSASL + "' mechanism='" + mechanism + "'>" + content + "</auth>"
}

func response(content string) string {
	return "<response xmlns='" + nsSASL + "'>" + content + "</response>"
}

// first is the client's first message without the gs2 header.
func (s *scram) bare() string {
	return "n=" + or(s.user, "juliet") + ",r=" + or(s.nonce, "abc")
}

// first is the client's first message.
func (s *scram) first() string {
	m := or(s.gs2, "n,,") + s.bare()
	if s.spoilFirst != nil {
		return s.spoilFirst(m)
	}
	return m
}

// final is the answer to a challenge, with the proof.
func (s *scram) final(challenge string) string {
	var nonce, salt string
	var count int
	for _, f := range strings.Split(challenge, ",") {
		switch {
		case strings.HasPrefix(f, "r="):
			nonce = f[2:]
		case strings.HasPrefix(f, "s="):
			salt = f[2:]
		case strings.HasPrefix(f, "i="):
			fmt.Sscan(f[2:], &count)
		}
	}
	raw, _ := base64.StdEncoding.DecodeString(salt)
	h := s.hash()
	salted, err := pbkdf2.Key(h, or(s.password, servertest.Password), raw, count, h().Size())
	if err != nil {
		return "e=other-error"
	}
	mac := func(key []byte, m string) []byte {
		x := hmac.New(h, key)
		x.Write([]byte(m))
		return x.Sum(nil)
	}
	key := mac(salted, "Client Key")
	stored := h()
	stored.Write(key)
	without := "c=" + b64(or(s.gs2, "n,,")+string(s.cb)) + ",r=" + nonce
	proof := mac(stored.Sum(nil), s.bare()+","+challenge+","+without)
	subtle.XORBytes(proof, proof, key)
	m := without + ",p=" + base64.StdEncoding.EncodeToString(proof)
	if s.spoilFinal != nil {
		return s.spoilFinal(m)
	}
	return m
}

// content is the decoded text of an element without children.
func content(element string) string {
	_, rest, _ := strings.Cut(element, ">")
	text, _, _ := strings.Cut(rest, "<")
	b, _ := base64.StdEncoding.DecodeString(text)
	return string(b)
}

// run plays the exchange and returns the server's last word.
func (s *scram) run(p *peer) string {
	p.t.Helper()
	p.send(auth(or(s.mechanism, "SCRAM-SHA-256"), b64(s.first())))
	got := p.next()
	if !strings.HasPrefix(got, "<challenge") {
		return got
	}
	s.challenge = content(got)
	p.send(response(b64(s.final(s.challenge))))
	return p.next()
}

// login logs the peer in as juliet and opens the stream anew.
func (p *peer) login(user string) {
	p.t.Helper()
	if got := (&scram{user: user}).run(p); !strings.HasPrefix(got, "<success ") {
		p.t.Fatalf("logging in: %s", got)
	}
	p.open()
}

// bind binds a resource.
func (p *peer) bind(resource string) {
	p.t.Helper()
	p.send("<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" + resource + "</resource></bind></iq>")
	p.expect("<iq type='result' id='b'>")
}

// bound is somebody who has logged in and bound a resource.
func (w *world) bound(t testing.TB, user, resource string) *peer {
	t.Helper()
	w.Account(t, user+"@localhost")
	p := w.dial(t)
	p.open()
	p.login(user)
	p.bind(resource)
	return p
}

// wantFailure checks a SASL failure, its condition and namespace.
func wantFailure(t testing.TB, got, condition string) {
	t.Helper()
	if !strings.HasPrefix(got, "<failure xmlns='"+nsSASL+"'><"+condition+"/>") {
		t.Errorf("expected the failure %s and received\n  %s", condition, got)
	}
}

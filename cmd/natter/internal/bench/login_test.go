package bench

import (
	"bytes"
	"encoding/base64"
	"net"
	"strings"
	"testing"
)

const (
	header   = "<?xml version='1.0'?><stream:stream id='1' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	plain    = header + "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>"
	success  = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
	bindable = header + "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>"
	bound    = "<iq type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>user1@localhost/bench</jid></bind></iq>"
)

// scripted is a server that sends the next line of its script whenever a client
// has written something, and closes at the end. It returns its address.
func scripted(t *testing.T, script ...string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		for _, line := range script {
			if _, err := c.Read(buf); err != nil {
				return
			}
			if _, err := c.Write([]byte(line)); err != nil {
				return
			}
		}
	}()
	return ln.Addr().String()
}

func TestLogin(t *testing.T) {
	scramFeatures := strings.ReplaceAll(plain, "PLAIN", "SCRAM-SHA-1")
	challenge := func(text string) string {
		return "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + base64.StdEncoding.EncodeToString([]byte(text)) + "</challenge>"
	}
	for _, row := range []struct {
		name, args string
		script     []string
		want       string // in the error; empty for success
	}{
		{"a whole login", "", []string{plain, success, bindable, bound}, ""},
		{"a whole login with stream management", "--sm", []string{plain, success, bindable, bound, "<enabled xmlns='urn:xmpp:sm:3'/>"}, ""},
		{"presences that come early are passed over", "--sm",
			[]string{plain, success, bindable, "<presence from='a@b'/>" + bound, "<presence from='a@b'/><r xmlns='urn:xmpp:sm:3'/><enabled xmlns='urn:xmpp:sm:3'/>"}, ""},
		{"no mechanism in common", "--mech SCRAM-SHA-256", []string{plain}, "the server offers [PLAIN]"},
		{"the password is wrong", "", []string{plain, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"}, "not-authorized"},
		{"a stream error instead of features", "", []string{header + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"}, "host-unknown"},
		{"the bind is refused", "", []string{plain, success, bindable, "<iq type='error' id='bind'><error type='cancel'/></iq>"}, "bind"},
		{"STARTTLS is not offered", "--tls starttls", []string{plain}, "STARTTLS"},
		{"stream management is not offered", "--sm", []string{plain, success, strings.ReplaceAll(bindable, "sm:3", "sm:2"), bound}, "stream management"},
		{"the SCRAM nonce is another's", "", []string{scramFeatures, challenge("r=zzz,s=QSXCR+Q6sek8bf92,i=1")}, "not acceptable"},
		{"the challenge is not base64", "", []string{scramFeatures, "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>!</challenge>"}, "base64"},
		{"the server goes away", "", []string{plain, ""}, "EOF"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := parseOptions(t, strings.Fields(row.args)...)
			in := &login{o: o, keys: &keyCache{}, sm: true}
			c, err := in.open(t.Context(), scripted(t, row.script...), 1)
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if c.sm != o.SM || c.h != 0 {
					t.Errorf("stream management %v with %d stanzas received", c.sm, c.h)
				}
				c.bye()
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q in it", err, row.want)
			}
		})
	}
}

func TestUnexpectedElementsAreCutShort(t *testing.T) {
	err := unexpected("waiting", bytes.Repeat([]byte("x"), 10_000))
	if len(err.Error()) > 400 {
		t.Errorf("the error is %d bytes long", len(err.Error()))
	}
}

package c2s_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// FuzzNegotiation sends anything in each state of a stream: before its header,
// after the features, authenticated, and bound. The server never panics or hangs,
// what it answers is XMPP to the end, and others go on.
func FuzzNegotiation(f *testing.F) {
	const header = "<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	for state := range uint8(4) {
		for _, seed := range []string{
			header, "</stream:stream>", "<?xml version='1.0'?>" + header + "<iq/>",
			"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>biwsbj1hLHI9Yg==</auth><response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
			"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth><abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
			"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\x16\x03\x01\x00\x05hello", "\x16\x03\x01",
			"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq><presence/>",
			"<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/><enable xmlns='urn:xmpp:sm:3' resume='true'/><r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='9'/>",
			"<message to='romeo@localhost'><body>x</body></message><iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq><inactive xmlns='urn:xmpp:csi:0'/>",
			"<iq type='set' id='3'><block xmlns='urn:xmpp:blocking'><item/></block></iq><iq type='set' id='4'><query xmlns='jabber:iq:register'><remove/></query></iq>",
			"<!-- --><!DOCTYPE x>", "<a b='1' b='2'/>", "<iq type='set' id='5'><vCard xmlns='vcard-temp'/></iq><iq type='set'><query xmlns='jabber:iq:private'/></iq>",
		} {
			f.Add(state, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, state uint8, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			srv := servertest.New(t)
			var c *servertest.Client
			switch state % 4 {
			case 0:
				conn := srv.Dial()
				conn.Write(data)
				c = &servertest.Client{Conn: conn}
			case 1:
				c = srv.Connect(t)
			case 2:
				c = srv.Authenticated(t, "juliet@localhost")
			case 3:
				c = srv.Login(t, "juliet@localhost/balcony")
			}
			if state%4 != 0 {
				c.Conn.Write(data)
				for {
					if _, err := c.Read(); err != nil {
						if strings.Contains(err.Error(), "not XMPP") && !strings.Contains(string(data), "starttls") {
							t.Fatal(err)
						}
						break
					}
				}
			}
			c.Conn.Close()
			romeo := srv.Online(t, "romeo@localhost/garden")
			romeo.Sync()
		})
	})
}

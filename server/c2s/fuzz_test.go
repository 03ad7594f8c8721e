package c2s_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// FuzzNegotiation sends anything in each state of a stream: before its header,
// after the features, authenticated, and bound; in the middle of SASL2, in the middle of
// an upgrade, with a session that can be resumed and a token, and where guests log in. The server never panics or hangs,
// what it answers is XMPP to the end, and others go on.
func FuzzNegotiation(f *testing.F) {
	const header = "<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	for state := range uint8(8) {
		for _, seed := range []string{
			"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>biwsbj1hLHI9Yg==</initial-response>" + userAgent(phone) + upgrade + bind2 + "</authenticate><response xmlns='urn:xmpp:sasl:2'>eA==</response>",
			"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='ANONYMOUS'><bind xmlns='urn:xmpp:bind:0'><tag>x</tag><enable xmlns='urn:xmpp:sm:3' resume='1'/><inactive xmlns='urn:xmpp:csi:0'/></bind><resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/></authenticate><presence/>",
			authenticate("HT-SHA-256-NONE", proof("token", "juliet", ""), userAgent(phone)+"<fast xmlns='urn:xmpp:fast:0' count='1' invalidate='1'/>"+bind2+askToken("HT-SHA-256-NONE")),
			"<response xmlns='urn:xmpp:sasl:2'>Yz1iaXdzLHI9LHA9</response>", "<abort xmlns='urn:xmpp:sasl:2'><text>x</text></abort>",
			"<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-256'/><task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>AAAA</hash></task-data>",
			"<iq type='set' id='6'><revoke xmlns='urn:xmpp:cam:0' id='x'/></iq><iq type='get' id='7'><list xmlns='urn:xmpp:cam:0'/></iq>",
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
			switch state % 8 {
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
			case 4, 5:
				srv.Account(t, "juliet@localhost")
				w := &world{Server: srv}
				p := w.dial(t)
				p.open()
				if state%8 == 4 {
					p.send(authenticate("SCRAM-SHA-256", b64((&scram{}).first()), bind2))
					p.expect("<challenge")
				} else {
					w.imported(t, "juliet")
					with(t, p.sha1(upgrade), "<continue")
				}
				p.send(string(data))
				for {
					if _, _, err := p.event(); err != nil {
						if strings.Contains(err.Error(), "not XMPP") {
							t.Fatal(err)
						}
						break
					}
				}
				p.Close()
			case 6:
				srv.Account(t, "juliet@localhost")
				c = srv.Connect(t)
				c.Authenticate2("juliet@localhost", servertest.Password, userAgent(phone)+askToken("HT-SHA-256-NONE")+
					"<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>")
			case 7:
				c = srv.ConnectTo(t, "guests.localhost")
			}
			if state%8 != 0 && c != nil {
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
			if c != nil {
				c.Conn.Close()
			}
			romeo := srv.Online(t, "romeo@localhost/garden")
			romeo.Sync()
		})
	})
}

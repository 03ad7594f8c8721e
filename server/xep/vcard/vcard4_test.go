package vcard_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

func publish4(access, content string) string {
	return `<iq type='set' id='p4'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:vcard4'><item id='mine'><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>` +
		content + `</vcard></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
		`<field var='pubsub#access_model'><value>` + access + `</value></field></x></publish-options></pubsub></iq>`
}

// node reads the account's vCard4 as its items; "" where there is none.
func node(t *testing.T, c *servertest.Client, at string) string {
	t.Helper()
	c.Send(`<iq type='get' id='g4' to='` + at + `'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:vcard4'/></pubsub></iq>`)
	got := c.Next()
	if strings.Contains(got, "type='error'") {
		return ""
	}
	_, got, _ = strings.Cut(got, "<vcard")
	got, _, _ = strings.Cut(got, "</item>")
	return got
}

// published publishes a vCard4 and waits until it has been noted.
func published(t *testing.T, c *servertest.Client, access, content string) {
	t.Helper()
	c.Send(publish4(access, content))
	c.Expect(`<iq type='result' id='p4'/>`)
	synctest.Wait()
}

func TestEitherFormatIsSeenInTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")

		published(t, juliet, "open", `<fn><text>Juliet Capulet</text></fn><url><uri>https://example.org/</uri></url>`)
		shows(t, romeo, "juliet@localhost", `<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><URL>https://example.org/</URL></vCard>`)
		shows(t, juliet, "", `<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><URL>https://example.org/</URL></vCard>`)

		// The later word counts, and a card stays as it came.
		card := `<vCard xmlns='vcard-temp' ><FN>Juliet</FN><X-OTHER>1</X-OTHER></vCard>`
		keeps(t, juliet, card)
		synctest.Wait()
		shows(t, romeo, "juliet@localhost", card)
		if got := node(t, romeo, "juliet@localhost"); !strings.Contains(got, "<fn><text>Juliet</text></fn>") || strings.Contains(got, "<url>") {
			t.Errorf("published is %q", got)
		}
		published(t, juliet, "open", `<fn><text>Juliet Montague</text></fn>`)
		shows(t, romeo, "juliet@localhost", `<vCard xmlns='vcard-temp'><FN>Juliet Montague</FN></vCard>`)

		// Taking it back leaves the card.
		juliet.Send(`<iq type='set' id='r4'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:xmpp:vcard4'><item id='mine'/></retract></pubsub></iq>`)
		juliet.Expect(`<iq type='result' id='r4'/>`)
		synctest.Wait()
		shows(t, romeo, "juliet@localhost", card)
	})
}

func TestOnlyACardPublishesAVCard4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		keeps(t, juliet, photo("AAEC")) // has a name, x
		synctest.Wait()
		if got := node(t, romeo, "juliet@localhost"); !strings.Contains(got, "<fn><text>x</text></fn>") {
			t.Errorf("published is %q", got)
		}
		// A client that only changes the picture does not publish anew.
		published(t, juliet, "open", `<fn><text>Juliet</text></fn><lang><language-tag>it</language-tag></lang>`)
		keeps(t, juliet, `<vCard xmlns='vcard-temp'><FN>Juliet</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard>`)
		synctest.Wait()
		if got := node(t, romeo, "juliet@localhost"); !strings.Contains(got, "<lang>") {
			t.Errorf("what vcard-temp cannot say is gone: %q", got)
		}
		// The picture stays in the card that is made of a vCard4.
		published(t, juliet, "open", `<fn><text>Jule</text></fn>`)
		shows(t, romeo, "juliet@localhost", `<vCard xmlns='vcard-temp'><FN>Jule</FN><PHOTO xmlns='vcard-temp'><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard>`)
		// A card that says nothing takes it back.
		keeps(t, juliet, `<vCard xmlns='vcard-temp'/>`)
		synctest.Wait()
		if got := node(t, romeo, "juliet@localhost"); got != "" {
			t.Errorf("still published is %q", got)
		}
	})
}

func TestAVCard4ForContactsIsForContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		synctest.Wait()
		romeo := srv.Login(t, "romeo@localhost/garden")
		tybalt := srv.Login(t, "tybalt@localhost/street")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		for access, friend := range map[string]bool{"presence": true, "whitelist": false, "roster": false} {
			juliet.Send(`<iq type='set' id='d4'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='urn:xmpp:vcard4'/></pubsub></iq>`)
			juliet.Next()
			published(t, juliet, access, `<fn><text>Jule</text></fn>`)
			tybalt.Send(get("juliet@localhost"))
			tybalt.ExpectError("service-unavailable")
			if romeo.Send(get("juliet@localhost")); friend {
				romeo.Expect(`<iq type='result' id='v2'><vCard xmlns='vcard-temp'><FN>Jule</FN></vCard></iq>`)
			} else {
				romeo.ExpectError("service-unavailable")
			}
			shows(t, juliet, "", `<vCard xmlns='vcard-temp'><FN>Jule</FN></vCard>`)
		}
	})
}

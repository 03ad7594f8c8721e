package vcard_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
	"natter/server/store"
)

func set(card string) string { return `<iq type='set' id='v1'>` + card + `</iq>` }

// keeps stores a card and fails the test unless that is answered with a result.
func keeps(t *testing.T, c *servertest.Client, card string) {
	t.Helper()
	c.Send(set(card))
	c.Expect(`<iq type='result' id='v1'/>`)
}

// shows asks for the card at an address, "" for one's own, and expects exactly
// want.
func shows(t *testing.T, c *servertest.Client, at, want string) {
	t.Helper()
	c.Send(get(at))
	if got := c.Next(); !strings.Contains(got, "type='result'") || !strings.Contains(got, ">"+want+"</iq>") {
		t.Errorf("got %s, want %s", got, want)
	}
}

func get(at string) string {
	if at != "" {
		at = ` to='` + at + `'`
	}
	return `<iq type='get' id='v2'` + at + `><vCard xmlns='vcard-temp'/></iq>`
}

func TestACardIsKeptAsItCame(t *testing.T) {
	for name, card := range map[string]string{
		"a card of a name and a number": `<vCard xmlns='vcard-temp'><FN>Peter Saint-Andre</FN><TEL><WORK/><NUMBER>303</NUMBER></TEL></vCard>`,
		"an empty one":                  `<vCard xmlns='vcard-temp'/>`,
		"odd spelling":                  `<vCard  version="3.0" xmlns="vcard-temp" ><FN >a&#x62;&lt;<![CDATA[&]]></FN></vCard >`,
		"elements of others":            `<vCard xmlns='vcard-temp'><x:y xmlns:x='a:b' x:z='1'/><z xmlns=''/></vCard>`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				romeo := srv.Login(t, "romeo@localhost/garden")
				keeps(t, romeo, `<vCard xmlns='vcard-temp'><FN>old</FN></vCard>`)
				keeps(t, romeo, card)
				shows(t, romeo, "", card)
				shows(t, romeo, "romeo@localhost", card)
				juliet := srv.Login(t, "juliet@localhost/balcony")
				shows(t, juliet, "romeo@localhost", card)
			})
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		romeo := srv.Login(t, "romeo@localhost/garden")
		const card = `<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>`

		romeo.Send(get(""))
		romeo.ExpectError("item-not-found") // one's own, when there is none
		romeo.Send(get("juliet@localhost"))
		none := romeo.ExpectError("service-unavailable") // another's
		romeo.Send(get("nobody@localhost"))
		nobody := romeo.ExpectError("service-unavailable")
		if strings.ReplaceAll(none, "juliet", "nobody") != nobody {
			t.Errorf("who has no card can be told from who is not there:\n%s\n%s", none, nobody)
		}

		keeps(t, juliet, card)
		romeo.Send(`<iq type='set' id='v1' to='juliet@localhost'><vCard xmlns='vcard-temp'><FN>Mine</FN></vCard></iq>`)
		romeo.Expect(`<iq type='error' id='v1' from='juliet@localhost'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		shows(t, juliet, "", card)
		romeo.Send(`<iq type='set' id='v1' to='localhost'><vCard xmlns='vcard-temp'/></iq>`)
		romeo.ExpectError("service-unavailable")
		romeo.Send(get(""))
		romeo.ExpectError("item-not-found")
	})
}

func TestALargeCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		card := `<vCard xmlns='vcard-temp'><PHOTO><BINVAL>` + strings.Repeat("QUJD", 50_000) + `</BINVAL></PHOTO></vCard>`
		keeps(t, romeo, card)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		shows(t, juliet, "romeo@localhost", card)
	})
}

func TestARestartForgetsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "natter.db")
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Store: store.Options{Path: file}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		card := photo("AAEC")
		keeps(t, srv.Login(t, "romeo@localhost/garden"), card)
		srv.Close()
		srv = servertest.New(t, opts)
		romeo := srv.Login(t, "romeo@localhost/garden")
		shows(t, romeo, "", card)
		romeo.Send(`<presence/>`)
		romeo.Expect(`<presence from='romeo@localhost/garden'>` + update(hash) + `</presence>`)
	})
}

func TestWhoDoesNotWaitReadsWhatItWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func() error { time.Sleep(200 * time.Millisecond); return nil }
		srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: slow}})
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(set(`<vCard xmlns='vcard-temp'><FN>new</FN></vCard>`), get(""))
		romeo.ExpectAll(`<iq type='result' id='v1'/>`, `<iq type='result' id='v2'><vCard xmlns='vcard-temp'><FN>new</FN></vCard></iq>`)
	})
}

func TestWhatCouldNotBeStoredIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		gate := func() error {
			if broken.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
		srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: gate}, Log: t.Output()})
		romeo := srv.Login(t, "romeo@localhost/garden")
		card := `<vCard xmlns='vcard-temp'><FN>old</FN></vCard>`
		keeps(t, romeo, card)
		romeo.Send(`<presence/>`)
		romeo.Expect(`<presence from='romeo@localhost/garden'/>`)
		broken.Store(true)
		romeo.Send(set(photo("AAEC")))
		romeo.Expect(`<iq type='error' id='v1'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		broken.Store(false)
		shows(t, romeo, "", card)
		synctest.Wait()
		romeo.Silent() // no presence tells of a photo that is not there
	})
}

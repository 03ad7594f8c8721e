package avatar_test

import (
	"errors"
	"sync/atomic"
	"time"

	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/server/store"
)

func hash(image string) string {
	sum := sha1.Sum([]byte(image))
	return hex.EncodeToString(sum[:])
}

func b64(image string) string { return base64.StdEncoding.EncodeToString([]byte(image)) }

func done(c *servertest.Client, requests ...string) {
	for _, r := range requests {
		c.Send(r)
		for !strings.Contains(c.Next(), "type='result'") {
		}
		synctest.Wait() // so that what follows from one is not committed with the next
	}
}

func publish(node, id, payload, access string) string {
	options := ""
	if access != "" {
		options = `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
			`<field var='pubsub#access_model'><value>` + access + `</value></field></x></publish-options>`
	}
	return `<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='` + node + `'><item id='` + id + `'>` + payload + `</item></publish>` + options + `</pubsub></iq>`
}

// wear publishes a picture as clients of today do.
func wear(c *servertest.Client, image, access string) {
	done(c, publish("urn:xmpp:avatar:data", hash(image), `<data xmlns='urn:xmpp:avatar:data'>`+b64(image)+`</data>`, access),
		publish("urn:xmpp:avatar:metadata", hash(image), `<metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='5' id='`+hash(image)+`' type='image/png'/></metadata>`, access))
}

func card(to string) string {
	return `<iq type='get' id='v' to='` + to + `'><vCard xmlns='vcard-temp'/></iq>`
}

// shows reports what a card holds to who asks.
func shows(t *testing.T, c *servertest.Client, want string, has bool) {
	t.Helper()
	c.Sync()
	c.Send(card("juliet@localhost"))
	got := c.Next()
	if strings.Contains(got, want) != has {
		t.Errorf("%s: want %q there: %v; got %s", c.JID, want, has, got)
	}
}

func TestWhatIsPublishedShowsInCardAndPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo, juliet := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "juliet@localhost/balcony")
		stranger := srv.Online(t, "paris@localhost/court")
		done(juliet, `<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>Juliet &amp; co</FN></vCard></iq>`)
		romeo.Sync()
		wear(juliet, "first", "open")
		romeo.Expect(`<presence from='juliet@localhost/balcony'><x xmlns='vcard-temp:x:update'><photo>` + hash("first") + `</photo></x></presence>`)
		for _, c := range []*servertest.Client{romeo, juliet, stranger} {
			shows(t, c, `<FN>Juliet &amp; co</FN><PHOTO xmlns='vcard-temp'><TYPE>image/png</TYPE><BINVAL>`+b64("first")+`</BINVAL></PHOTO>`, true)
		}
		// It is taken back.
		done(juliet, publish("urn:xmpp:avatar:metadata", "none", `<metadata xmlns='urn:xmpp:avatar:metadata'/>`, ""))
		romeo.Expect(`<presence from='juliet@localhost/balcony'><x xmlns='vcard-temp:x:update'><photo/></x></presence>`)
		shows(t, stranger, "PHOTO", false)
	})
}

func TestWhoMayNotSeeItByPEPMayNotSeeItInTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo, juliet := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "juliet@localhost/balcony")
		stranger := srv.Online(t, "paris@localhost/court")
		wear(juliet, "first", "presence")
		synctest.Wait()
		shows(t, romeo, b64("first"), true)
		shows(t, juliet, b64("first"), true)
		stranger.Sync()
		stranger.Send(card("juliet@localhost"))
		stranger.ExpectError("service-unavailable")
	})
}

func TestDataThatAreNotWhatTheyAreCalledAreNoPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		done(juliet, publish("urn:xmpp:avatar:data", hash("first"), `<data xmlns='urn:xmpp:avatar:data'>`+b64("other")+`</data>`, "open"),
			publish("urn:xmpp:avatar:metadata", hash("first"), `<metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='5' id='`+hash("first")+`' type='image/png'/></metadata>`, "open"))
		synctest.Wait()
		juliet.Send(card("juliet@localhost"))
		juliet.ExpectError("item-not-found")
	})
}

func TestThePhotoOfACardIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		photo := func(image string) string {
			return `<iq type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><TYPE>image/gif</TYPE><BINVAL>` + b64(image) + `</BINVAL></PHOTO></vCard></iq>`
		}
		done(juliet, photo("card"))
		synctest.Wait()
		stranger := srv.Login(t, "paris@localhost/court")
		stranger.Send(`<iq type='get' id='m' to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub></iq>`)
		stranger.Expect(`<iq type='result' id='m'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'><item id='` + hash("card") + `'>` +
			`<metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='4' id='` + hash("card") + `' type='image/gif'/></metadata></item></items></pubsub></iq>`)
		stranger.Send(`<iq type='get' id='d' to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'><item id='` + hash("card") + `'/></items></pubsub></iq>`)
		stranger.Expect(`<iq type='result' id='d'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:data'><item id='` + hash("card") + `'>` +
			`<data xmlns='urn:xmpp:avatar:data'>` + b64("card") + `</data></item></items></pubsub></iq>`)
		// One by PEP takes its place, and one in the card the place of that.
		wear(juliet, "first", "")
		synctest.Wait()
		shows(t, stranger, b64("first"), true)
		done(juliet, `<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>J</FN></vCard></iq>`)
		synctest.Wait()
		shows(t, stranger, b64("first"), true) // a client that knows no pictures takes none away
		done(juliet, photo("again"))
		synctest.Wait()
		shows(t, stranger, b64("again"), true)
		// Without it, what came from the card goes.
		done(juliet, `<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>J</FN></vCard></iq>`)
		synctest.Wait()
		shows(t, stranger, "PHOTO", false)
		stranger.Send(`<iq type='get' id='m' to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub></iq>`)
		stranger.Expect(`<iq type='result' id='m'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'><item id='none'><metadata xmlns='urn:xmpp:avatar:metadata'/></item></items></pubsub></iq>`)
	})
}

const owner = `<iq type='set' id='o'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'>`

func configure(node, access string) string {
	return owner + `<configure node='` + node + `'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>` +
		`<field var='pubsub#access_model'><value>` + access + `</value></field></x></configure></pubsub></iq>`
}

// Who may see the picture is asked when the card is read: a node that was open once
// is not so for good (XEP-0398 §7).
func TestTheCardFollowsTheNodesAccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo, juliet := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "juliet@localhost/balcony")
		stranger := srv.Online(t, "paris@localhost/court")
		wear(juliet, "first", "open")
		synctest.Wait()
		shows(t, stranger, b64("first"), true)
		for _, node := range []string{"urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata"} {
			done(juliet, configure(node, "presence"))
			shows(t, stranger, b64("first"), false)
			shows(t, romeo, b64("first"), true)
			done(juliet, configure(node, "open"))
			shows(t, stranger, b64("first"), true)
		}
		done(juliet, configure("urn:xmpp:avatar:data", "whitelist"))
		shows(t, romeo, b64("first"), false)
		shows(t, juliet, b64("first"), true)
	})
}

func TestWhatIsTakenBackLeavesTheCard(t *testing.T) {
	for name, request := range map[string]string{
		"the data":         `<iq type='set' id='o'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:xmpp:avatar:data'><item id='` + hash("first") + `'/></retract></pubsub></iq>`,
		"the metadata":     `<iq type='set' id='o'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:xmpp:avatar:metadata'><item id='` + hash("first") + `'/></retract></pubsub></iq>`,
		"the data's node":  owner + `<delete node='urn:xmpp:avatar:data'/></pubsub></iq>`,
		"the other node":   owner + `<delete node='urn:xmpp:avatar:metadata'/></pubsub></iq>`,
		"all the data":     owner + `<purge node='urn:xmpp:avatar:data'/></pubsub></iq>`,
		"all the metadata": owner + `<purge node='urn:xmpp:avatar:metadata'/></pubsub></iq>`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				juliet, stranger := srv.Online(t, "juliet@localhost/balcony"), srv.Online(t, "paris@localhost/court")
				wear(juliet, "first", "open")
				synctest.Wait()
				shows(t, stranger, b64("first"), true)
				done(juliet, request)
				synctest.Wait()
				shows(t, stranger, b64("first"), false)
				shows(t, juliet, b64("first"), false)
			})
		})
	}
}

// What a failure leaves half done is done when the account comes back.
func TestCardAndPEPAgreeAgainAfterAFailure(t *testing.T) {
	photo := `<iq type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>` + b64("card") + `</BINVAL></PHOTO></vCard></iq>`
	for name, x := range map[string]struct {
		commits int64 // that succeed
		change  func(c *servertest.Client)
		want    string
	}{
		"published and not in the card":         {2, func(c *servertest.Client) { wear(c, "first", "open") }, "first"},
		"in the card and not published":         {1, func(c *servertest.Client) { done(c, photo) }, "card"},
		"in the card and published by half":     {2, func(c *servertest.Client) { done(c, photo) }, "card"},
		"taken from the card by a half":         {5, func(c *servertest.Client) { wear(c, "first", "open"); synctest.Wait(); done(c, photo) }, "card"},
		"all of it":                             {9, func(c *servertest.Client) { done(c, photo) }, "card"},
		"published over another one, by a half": {5, func(c *servertest.Client) { done(c, photo); synctest.Wait(); wear(c, "first", "") }, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var left atomic.Int64
				left.Store(1000)
				gate := func() error {
					if left.Add(-1) < 0 {
						return errors.New("the disk is full")
					}
					return nil
				}
				srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: gate}, Log: t.Output()})
				stranger := srv.Login(t, "paris@localhost/court")
				c := srv.Login(t, "juliet@localhost/balcony")
				c.Sync()
				synctest.Wait()
				left.Store(x.commits)
				x.change(c)
				synctest.Wait()
				left.Store(1000)
				c.Close()
				stranger.Close()
				time.Sleep(3 * time.Minute) // it is let go from memory
				srv.Online(t, "juliet@localhost/balcony")
				synctest.Wait()
				stranger = srv.Login(t, "paris@localhost/court")
				shows(t, stranger, b64(x.want), true)
				stranger.Send(`<iq type='get' id='m' to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub></iq>`)
				if got := stranger.Next(); !strings.Contains(got, hash(x.want)) {
					t.Errorf("published is %s", got)
				}
			})
		})
	}
}

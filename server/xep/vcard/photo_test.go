package vcard_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"
)

// hash is that of the photo AAEC, which is the bytes 0, 1 and 2.
const hash = "0c7a623fd2bbc05b06423be359e4021d36e721ad"

func photo(base64 string) string {
	return `<vCard xmlns='vcard-temp'><FN>x</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>` + base64 + `</BINVAL></PHOTO></vCard>`
}

func update(hash string) string {
	return `<x xmlns='vcard-temp:x:update'><photo>` + hash + `</photo></x>`
}

// payload cuts what is within the outermost element of presence.
func payload(t *testing.T, element string) string {
	t.Helper()
	if !strings.HasPrefix(element, "<presence ") {
		t.Fatalf("not presence: %s", element)
	}
	_, rest, _ := strings.Cut(element, ">")
	return strings.TrimSuffix(rest, "</presence>")
}

func TestWhichPhotoPresenceShows(t *testing.T) {
	const own = "1111111111111111111111111111111111111111"
	for name, c := range map[string]struct{ card, sent, want string }{
		"presence that says nothing is given the hash": {
			photo("AAEC"), `<show>away</show>`, `<show>away</show>` + update(hash)},
		"a client that does not know yet is helped out": {
			photo("AAEC"), `<x xmlns='vcard-temp:x:update'/><show>away</show>`, `<show>away</show>` + update(hash)},
		"a photo the client names stands": {
			photo("AAEC"), update(own), update(own)},
		"no photo stands as well": {
			photo("AAEC"), `<x xmlns='vcard-temp:x:update'><photo/></x>`, `<x xmlns='vcard-temp:x:update'><photo/></x>`},
		"white space in a photo does not count": {
			photo("\n A A\tE\r\nC \n"), ``, update(hash)},
		"padding is counted out": {
			photo("AAE="), ``, update("3f29546453678b855931c174a97d6c0894b8f546")},
		"no padding is forgiven": {
			photo("AAE"), ``, update("3f29546453678b855931c174a97d6c0894b8f546")},
		"the first photo with an image counts": {
			`<vCard xmlns='vcard-temp'><PHOTO/><PHOTO><BINVAL/></PHOTO><PHOTO><BINVAL>AAEC</BINVAL></PHOTO><PHOTO><BINVAL>AAAA</BINVAL></PHOTO></vCard>`,
			``, update(hash)},
		"what is not base64 is no photo":      {photo("!AAEC"), `<show>away</show>`, `<show>away</show>`},
		"an empty photo is none":              {photo(" "), `<show>away</show>`, `<show>away</show>`},
		"a logo is no photo":                  {`<vCard xmlns='vcard-temp'><LOGO><BINVAL>AAEC</BINVAL></LOGO></vCard>`, `<show>away</show>`, `<show>away</show>`},
		"another's element is no photo":       {`<vCard xmlns='vcard-temp'><PHOTO xmlns='a:b'><BINVAL>AAEC</BINVAL></PHOTO></vCard>`, `<show>away</show>`, `<show>away</show>`},
		"without a photo presence is left be": {`<vCard xmlns='vcard-temp'/>`, `<x xmlns='vcard-temp:x:update'/>`, `<x xmlns='vcard-temp:x:update'/>`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				srv.Befriend(t, "romeo@localhost", "juliet@localhost")
				synctest.Wait()
				romeo := srv.Online(t, "romeo@localhost/garden")
				juliet := srv.Login(t, "juliet@localhost/balcony")
				keeps(t, juliet, c.card)
				juliet.Send(`<presence>` + c.sent + `</presence>`)
				synctest.Wait()
				late := srv.Login(t, "romeo@localhost/late")
				late.Send(`<presence/>`)
				heard := make(map[string]string)
				for who, c := range map[string]*servertest.Client{"a friend": romeo, "she herself": juliet, "a friend who comes later": late} {
					for _, e := range c.Sync() {
						if strings.Contains(e, "from='juliet@localhost/balcony'") {
							heard[who] = e
						}
					}
				}
				if len(heard) != 3 {
					t.Errorf("only %d heard of it", len(heard))
				}
				for who, got := range heard {
					if got := payload(t, got); got != c.want {
						t.Errorf("%s gets %s, want %s", who, got, c.want)
					}
				}
			})
		})
	}
}

func TestDirectedPresenceShowsThePhotoToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		keeps(t, juliet, photo("AAEC"))
		juliet.Send(`<presence to='romeo@localhost/garden'/>`)
		romeo.Expect(`<presence from='juliet@localhost/balcony' to='romeo@localhost/garden'>` + update(hash) + `</presence>`)
		juliet.Send(`<presence to='romeo@localhost/garden' type='unavailable'/>`)
		if got := payload(t, romeo.Next()); got != "" {
			t.Errorf("who leaves shows %s", got)
		}
	})
}

func TestANewPhotoIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		synctest.Wait()
		romeo := srv.Online(t, "romeo@localhost/garden")
		plain := srv.Login(t, "juliet@localhost/plain") // leaves photos to the server
		plain.Send(`<presence><status>in</status><priority>5</priority></presence>`)
		painter := srv.Login(t, "juliet@localhost/painter") // speaks for itself
		painter.Send(`<presence>` + update("") + `</presence>`)
		synctest.Wait()
		painter.Sync()
		plain.Sync()
		romeo.Sync()

		keeps(t, painter, photo("AAEC"))
		for _, c := range []*servertest.Client{romeo, plain, painter} {
			got := c.Next()
			if want := `<status>in</status><priority>5</priority>` + update(hash); payload(t, got) != want || !strings.Contains(got, "from='juliet@localhost/plain'") {
				t.Errorf("%s got %s, want %s", c.JID, got, want)
			}
		}
		keeps(t, painter, photo("AAEC")) // the same again is no news
		synctest.Wait()
		for _, c := range []*servertest.Client{romeo, plain, painter} {
			c.Silent()
		}
		keeps(t, painter, `<vCard xmlns='vcard-temp'><FN>no photo</FN></vCard>`)
		synctest.Wait()
		if got := romeo.Sync(); len(got) != 1 || payload(t, got[0]) != `<status>in</status><priority>5</priority>`+update("") {
			t.Errorf("romeo got %s", got)
		}
		plain.Sync()
		plain.Send(`<message to='juliet@localhost' type='chat'><body>to the one of priority 5</body></message>`)
		plain.Expect(`<message from='juliet@localhost/plain'><body>to the one of priority 5</body></message>`)
	})
}

func TestWhoIsNotAvailableAnnouncesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		synctest.Wait()
		romeo := srv.Online(t, "romeo@localhost/garden")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		keeps(t, juliet, photo("AAEC"))
		time.Sleep(time.Second)
		romeo.Silent()
		juliet.Silent()
	})
}

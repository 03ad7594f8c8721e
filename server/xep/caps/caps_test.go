package caps_test

import (
	"crypto/sha1"
	"encoding/base64"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/server/store"
)

const tune = "http://jabber.org/protocol/tune"

func ver(features ...string) string {
	s := "client/pc//test<"
	for _, f := range slices.Sorted(slices.Values(features)) {
		s += f + "<"
	}
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func caps(ver string) string {
	return `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='` + ver + `'/></presence>`
}

// asked returns the id of the server's question among stanzas, "" for none.
func asked(list []string) string {
	for _, e := range list {
		if strings.Contains(e, "disco#info") && strings.Contains(e, "type='get'") {
			id := e[strings.Index(e, "id='")+4:]
			return id[:strings.Index(id, "'")]
		}
	}
	return ""
}

func answer(id, to string, features ...string) string {
	b := `<iq type='result' id='` + id + `' to='` + to + `'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc' name='test'/>`
	for _, f := range features {
		b += `<feature var='` + f + `'/>`
	}
	return b + `</query></iq>`
}

func publish(c *servertest.Client) {
	c.Send(`<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='` + tune + `'><item id='1'><tune xmlns='` + tune + `'/></item></publish></pubsub></iq>`)
}

// told reports whether publishing something is told to the client.
func told(c *servertest.Client) bool {
	publish(c)
	synctest.Wait()
	for _, e := range c.Sync() {
		if strings.Contains(e, "#event") {
			return true
		}
	}
	return false
}

func TestAClientIsAskedOnceForAllLikeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		v := ver(tune + "+notify")
		one := srv.Login(t, "romeo@localhost/one")
		two := srv.Login(t, "juliet@localhost/two")
		one.Send(caps(v))
		id := asked(one.Sync())
		if id == "" {
			t.Fatal("nobody asked")
		}
		two.Send(caps(v))
		if asked(two.Sync()) != "" {
			t.Fatal("asked twice")
		}
		if told(one) || told(two) {
			t.Error("told before it is known what they want")
		}
		one.Send(answer(id, "romeo@localhost", tune+"+notify"))
		one.Sync()
		if !told(one) || !told(two) {
			t.Error("not told")
		}
		three := srv.Login(t, "paris@localhost/three")
		three.Send(caps(v))
		if asked(three.Sync()) != "" || !told(three) {
			t.Error("what is known was asked for, or is not used")
		}
	})
}

func TestALieCountsForTheLiar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		v := ver("urn:nothing") // of a client that wants no tunes
		liar := srv.Login(t, "iago@localhost/one")
		honest := srv.Login(t, "romeo@localhost/two")
		liar.Send(caps(v))
		id := asked(liar.Sync())
		honest.Send(caps(v))
		if asked(honest.Sync()) != "" {
			t.Fatal("asked while somebody else is")
		}
		liar.Send(answer(id, "iago@localhost", tune+"+notify"))
		liar.Sync()
		if !told(liar) {
			t.Error("what the client said of itself is not used")
		}
		// The next one is asked, and believed.
		id = asked(honest.Sync())
		if id == "" {
			t.Fatal("the next one was not asked")
		}
		honest.Send(answer(id, "romeo@localhost", "urn:nothing"))
		honest.Sync()
		if told(honest) {
			t.Error("another's lie is believed")
		}
		third := srv.Login(t, "juliet@localhost/three")
		third.Send(caps(v))
		if asked(third.Sync()) != "" || told(third) {
			t.Error("what was verified is not used")
		}
	})
}

func TestAClientThatChangesItsMindIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		c := srv.Login(t, "romeo@localhost/one")
		c.Send(caps(ver("urn:nothing")))
		first := asked(c.Sync())
		c.Send(caps(ver(tune + "+notify")))
		if asked(c.Sync()) != "" {
			t.Fatal("asked while it has yet to answer")
		}
		c.Send(answer(first, "romeo@localhost", "urn:nothing"))
		id := asked(c.Sync())
		if id == "" {
			t.Fatal("not asked again")
		}
		c.Send(answer(id, "romeo@localhost", tune+"+notify"))
		c.Sync()
		if !told(c) {
			t.Error("not told")
		}
	})
}

func TestTheCacheOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "natter.db")
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Store: store.Options{Path: file}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		v := ver(tune + "+notify")
		one := srv.Login(t, "romeo@localhost/one")
		one.Send(caps(v))
		one.Send(answer(asked(one.Sync()), "romeo@localhost", tune+"+notify"))
		one.Sync()
		srv.Close()
		srv = servertest.New(t, opts)
		one = srv.Login(t, "romeo@localhost/one")
		one.Send(caps(v))
		if asked(one.Sync()) != "" || !told(one) {
			t.Error("asked again after a restart")
		}
	})
}

func TestWhoDoesNotAnswerKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		v := ver(tune + "+notify")
		mute := srv.Login(t, "iago@localhost/one")
		other := srv.Login(t, "romeo@localhost/two")
		mute.Send(caps(v))
		mute.Sync()
		other.Send(caps(v))
		other.Sync()
		mute.Close()
		for range 100 { // it may take longer than one read waits
			e, _ := other.Read()
			if id := asked([]string{e}); id != "" {
				other.Send(answer(id, "romeo@localhost", tune+"+notify"))
				other.Sync()
				break
			}
		}
		if !told(other) {
			t.Error("not told")
		}
	})
}

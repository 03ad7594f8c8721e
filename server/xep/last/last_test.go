package last_test

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

const ask = `<iq type='get' id='l1' to='juliet@localhost'><query xmlns='jabber:iq:last'/></iq>`

func answer(seconds, status string) string {
	return `<iq type='result' id='l1' from='juliet@localhost'>` +
		`<query xmlns='jabber:iq:last' seconds='` + seconds + `' scansion:strict='true'>` + status + `</query></iq>`
}

func TestTheHostTellsItsUptime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		time.Sleep(1*time.Hour + 900*time.Millisecond)
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(`<iq type='get' id='l1' to='localhost'><query xmlns='jabber:iq:last'/></iq>`)
		romeo.Expect(`<iq type='result' id='l1' from='localhost'><query xmlns='jabber:iq:last' seconds='3600'/></iq>`)
	})
}

func TestAFriendIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(juliet *servertest.Client)
		want  string
	}{
		"the status she left with": {
			func(j *servertest.Client) {
				j.Send(`<presence type='unavailable'><status>to the &lt;friar></status></presence>`)
				j.Close()
			}, answer("42", "to the &lt;friar>")},
		"no status when she gave none": {
			func(j *servertest.Client) { j.Close() }, answer("42", "")},
		"no status when her connection was lost": {
			func(j *servertest.Client) {
				j.Send(`<presence type='unavailable'><status>bye</status></presence>`, `<presence/>`)
				j.Sync()
				j.Conn.Close()
			}, answer("42", "")},
		"not what she told somebody else alone": {
			func(j *servertest.Client) {
				j.Send(`<presence type='unavailable' to='romeo@localhost'><status>for you</status></presence>`)
				j.Close()
			}, answer("42", "")},
		"a long status up to its bound": {
			func(j *servertest.Client) {
				j.Send(`<presence type='unavailable'><status>x` + strings.Repeat("é", 600) + `</status></presence>`)
				j.Close()
			}, answer("42", "x"+strings.Repeat("é", 511))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				srv.Befriend(t, "romeo@localhost", "juliet@localhost")
				juliet := srv.Online(t, "juliet@localhost/balcony")
				c.leave(juliet)
				synctest.Wait()
				time.Sleep(42 * time.Second)
				romeo := srv.Login(t, "romeo@localhost/garden")
				romeo.Send(ask)
				romeo.Expect(c.want)
			})
		})
	}
}

func TestWhoIsConnectedWasSeenNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		balcony := srv.Login(t, "juliet@localhost/balcony") // connected, not available
		chamber := srv.Online(t, "juliet@localhost/chamber")
		chamber.Send(`<presence type='unavailable'><status>good night</status></presence>`)
		chamber.Close()
		synctest.Wait()
		time.Sleep(time.Minute)
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(ask)
		romeo.Expect(answer("0", ""))
		balcony.Close()
		synctest.Wait()
		time.Sleep(time.Minute)
		romeo.Send(ask)
		romeo.Expect(answer("60", ""))
	})
}

func TestOnesOwnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send(ask)
		juliet.Expect(answer("0", ""))
	})
}

func TestAStrangerIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Account(t, "juliet@localhost")
		romeo := srv.Login(t, "romeo@localhost/garden")
		for _, when := range []string{"while she is offline", "while she is online"} {
			romeo.Send(ask)
			if got := romeo.ExpectError("forbidden"); strings.Contains(got, "seconds") {
				t.Errorf("%s: %s", when, got)
			}
			srv.Online(t, "juliet@localhost/balcony")
		}
	})
}

// TestANewAccountWasNeverSeen: not even right after an old one of its name was.
func TestANewAccountWasNeverSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Register: true}})
		old := srv.Login(t, "juliet@localhost/balcony")
		old.Send(`<presence type='unavailable'><status>my secret</status></presence>`)
		old.Close()
		synctest.Wait()
		again := srv.Login(t, "juliet@localhost/chamber")
		again.Send(`<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		again.Expect(`<iq type='result' id='bye'/>`)
		stranger := srv.Connect(t)
		stranger.Send(`<iq type='set' id='r1'><query xmlns='jabber:iq:register'><username>juliet</username><password>secret</password></query></iq>`)
		stranger.Expect(`<iq type='result' id='r1'/>`)
		time.Sleep(5 * time.Minute)
		if doc, ok, err := srv.Core.Default().Get(nil, "juliet", "last", ""); ok || err != nil {
			t.Errorf("there is a document %s (%v)", doc.Data, err)
		}
	})
}

func TestWhoWasNeverThereHasNoLastTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		time.Sleep(2 * time.Second) // until it is stored when she was
		h := srv.Core.Default()
		var b store.Batch
		b.Delete(h.Key("juliet", "last", ""))
		if err := srv.Store.CommitWait(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute) // she is let go of
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(ask)
		romeo.ExpectError("item-not-found")
	})
}

func TestARestartForgetsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "natter.db")
	synctest.Test(t, func(t *testing.T) {
		srv, err := servertest.Start(servertest.Options{Store: store.Options{Path: file}}, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		juliet := srv.Online(t, "juliet@localhost/balcony")
		juliet.Send(`<presence type='unavailable'><status>asleep</status></presence>`)
		juliet.Close()
		srv.Close()
		time.Sleep(time.Hour)
		srv = servertest.New(t, servertest.Options{Store: store.Options{Path: file}})
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(ask)
		romeo.Expect(answer("3600", "asleep"))
	})
}

package register_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

const removal = `<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>`

func TestARemovedAccountIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := open(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		juliet := srv.Online(t, "juliet@localhost/balcony")
		romeo := srv.Online(t, "romeo@localhost/garden")
		other := srv.Online(t, "romeo@localhost/mantua")
		synctest.Wait()
		romeo.Sync()
		juliet.Sync()
		romeo.Send(`<iq type='set' id='p1'><query xmlns='jabber:iq:private'><a xmlns='a:b'>mine</a></query></iq>`)
		romeo.Expect(`<iq type='result' id='p1'/>`)

		romeo.Send(removal)
		// The answer comes first, then the end.
		romeo.Expect(`<iq type='result' id='bye'/>`)
		romeo.ExpectStreamError("not-authorized")
		other.ExpectStreamError("not-authorized")
		var heard []string
		synctest.Wait()
		heard = juliet.Sync()
		for _, want := range []string{
			"type='unavailable'", "from='romeo@localhost/garden'", "from='romeo@localhost/mantua'", "type='unsubscribed'", "type='unsubscribe'", "subscription='none'",
		} {
			if !strings.Contains(strings.Join(heard, "\n"), want) {
				t.Errorf("juliet heard nothing with %s, but %s", want, heard)
			}
		}
		juliet.Send(`<message to='romeo@localhost' id='m1'><body>where are you</body></message>`)
		juliet.ExpectError("service-unavailable")
		empty(t, srv, "romeo")
	})
}

// empty checks that nothing is stored of an account.
func empty(t *testing.T, srv *servertest.Server, name string) {
	t.Helper()
	kinds := []string{"account", "roster", "private", "vcard", "vcard-photo", "last", "session", "session-h", "blocklist"}
	for _, kind := range kinds {
		docs, err := srv.Store.List(t.Context(), "localhost", name, kind, "", "", 0)
		if err != nil || len(docs) > 0 {
			t.Errorf("%d documents of the kind %s are left (%v)", len(docs), kind, err)
		}
	}
	if n, err := srv.Store.Count(t.Context(), name+"@localhost"); err != nil || n > 0 {
		t.Errorf("%d messages are left (%v)", n, err)
	}
	if n, _, err := srv.Store.SpoolStats(t.Context(), name+"@localhost"); err != nil || n > 0 {
		t.Errorf("%d messages wait (%v)", n, err)
	}
}

// TestANameCanBeTakenAgain: at once, and whoever takes it finds nothing of who had
// it before.
func TestANameCanBeTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := open(t)
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		for range 20 {
			juliet.Send(`<message type='chat' to='romeo@localhost'><body>for the one I knew</body></message>`)
		}
		juliet.Sync()
		romeo := srv.Login(t, "romeo@localhost/garden")
		romeo.Send(removal)
		romeo.Expect(`<iq type='result' id='bye'/>`)
		again := srv.Connect(t)
		again.Send(set("r1", account("romeo", "another secret")))
		again.Expect(`<iq type='result' id='r1'/>`)
		again.Authenticate("romeo@localhost", "another secret")
		again.Bind("romeo@localhost/garden")
		again.Send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`)
		if got := again.Expect(`<iq type='result' id='roster'/>`); strings.Contains(got, "<item") {
			t.Errorf("the new account has the roster of the old one: %s", got)
		}
		again.Send(`<presence/>`)
		again.Expect(`<presence from='romeo@localhost/garden'/>`)
		again.Silent()
		synctest.Wait()
		again.Silent()
	})
}

// TestARemovalWithStreamManagement: what sessions had not confirmed goes nowhere,
// whether they are there or wait to be resumed.
func TestARemovalWithStreamManagement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := open(t)
		juliet := srv.Login(t, "juliet@localhost/balcony")
		var sessions []*servertest.Client
		for _, name := range []string{"romeo@localhost/garden", "romeo@localhost/mantua"} {
			c := srv.Login(t, name)
			c.Send(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
			c.Expect(`<enabled xmlns='urn:xmpp:sm:3' scansion:strict='false'/>`)
			juliet.Send(`<message type='chat' to='` + name + `'><body>never confirmed</body></message>`)
			juliet.Sync()
			c.Expect(`<message/>`)
			sessions = append(sessions, c)
		}
		sessions[1].Conn.Close()
		synctest.Wait()
		sessions[0].Send(removal)
		for e := ""; !strings.Contains(e, "id='bye'"); e = sessions[0].Next() {
		}
		sessions[0].ExpectStreamError("not-authorized")
		sessions[0].Conn.Close()
		synctest.Wait()
		empty(t, srv, "romeo")
		if n := len(srv.Core.Default().Accounts()); n != 1 {
			t.Errorf("%d accounts are left", n)
		}
	})
}

func TestRemovalsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ request, condition string }{
		"one with a name":                 {set("x", "<remove/><username>romeo</username>"), "bad-request"},
		"one with something else":         {set("x", "<x xmlns='jabber:x:data'/><remove/>"), "bad-request"},
		"of another's account":            {`<iq type='set' id='x' to='juliet@localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`, "service-unavailable"},
		"of an account that is not there": {`<iq type='set' id='x' to='nobody@localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`, "service-unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := open(t)
				srv.Account(t, "juliet@localhost")
				romeo := srv.Login(t, "romeo@localhost/garden")
				romeo.Send(c.request)
				romeo.ExpectError(c.condition)
				romeo.Silent()
				if h := srv.Core.Default(); !h.Exists("romeo") || !h.Exists("juliet") {
					t.Error("an account is gone")
				}
			})
		})
	}
}

func TestTwoRemovalsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := open(t)
		garden, mantua := srv.Login(t, "romeo@localhost/garden"), srv.Login(t, "romeo@localhost/mantua")
		garden.Send(removal)
		mantua.Send(removal)
		var answers []string
		for _, c := range []*servertest.Client{garden, mantua} {
			for {
				e, err := c.Read()
				if err != nil {
					break
				}
				answers = append(answers, e)
			}
		}
		all := strings.Join(answers, "\n")
		if strings.Count(all, "type='result'") != 1 || strings.Count(all, "<stream:error>") != 2 {
			t.Errorf("got %s", all)
		}
		synctest.Wait()
		empty(t, srv, "romeo")
	})
}

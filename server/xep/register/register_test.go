package register_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

// open is a server for tests that registers strangers.
func open(t *testing.T) *servertest.Server {
	return servertest.New(t, servertest.Options{Config: server.Config{Register: true}})
}

func set(id, fields string) string {
	return `<iq type='set' id='` + id + `' to='localhost'><query xmlns='jabber:iq:register'>` + fields + `</query></iq>`
}

func account(name, password string) string {
	return "<username>" + name + "</username><password>" + password + "</password>"
}

func TestAStrangerMakesAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := open(t)
		c := srv.Connect(t)
		if want := "<register xmlns='http://jabber.org/features/iq-register'/>"; !strings.Contains(c.Header, want) {
			t.Errorf("the stream features %s do not hold %s", c.Header, want)
		}
		c.Send(`<iq type='get' id='r1'><query xmlns='jabber:iq:register'/></iq>`)
		c.Expect(`<iq type='result' id='r1'><query xmlns='jabber:iq:register'><instructions/><username/><password/></query></iq>`)
		c.Send(set("r2", account("Rosaline", "se cret")))
		c.Expect(`<iq type='result' id='r2'/>`)
		c.Authenticate("rosaline@localhost", "se cret") // on the same stream
		c.Bind("rosaline@localhost/orchard")
		if strings.Contains(c.Header, "iq-register") {
			t.Errorf("who has logged in is offered registration: %s", c.Header)
		}
	})
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ request, condition string }{
		"a taken name":                  {set("r", account("romeo", "stolen")), "conflict"},
		"a taken name in other case":    {set("r", account("ROMEO", "stolen")), "conflict"},
		"no name":                       {set("r", "<password>x</password>"), "not-acceptable"},
		"an empty name":                 {set("r", account("", "x")), "not-acceptable"},
		"no password":                   {set("r", "<username>rosaline</username>"), "not-acceptable"},
		"an empty password":             {set("r", account("rosaline", "")), "not-acceptable"},
		"nothing at all":                {set("r", ""), "not-acceptable"},
		"fields of another namespace":   {set("r", "<username xmlns='a:b'>rosaline</username><password xmlns='a:b'>x</password>"), "not-acceptable"},
		"a name with a space":           {set("r", account("rosa line", "x")), "not-acceptable"},
		"a name that is an address":     {set("r", account("rosaline@localhost", "x")), "not-acceptable"},
		"a name with a resource":        {set("r", account("rosaline/x", "x")), "not-acceptable"},
		"a name that is too long":       {set("r", account(strings.Repeat("x", 1024), "x")), "not-acceptable"},
		"a password no client can send": {set("r", account("rosaline", "a&#9;b")), "not-acceptable"},
		"a removal":                     {set("r", "<remove/>"), "unexpected-request"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := open(t)
				srv.Account(t, "romeo@localhost")
				stranger := srv.Connect(t)
				stranger.Send(c.request)
				if got := stranger.ExpectError(c.condition); strings.Contains(got, "jabber:iq:register") {
					t.Errorf("the password goes back: %s", got)
				}
				if got := srv.Core.Default().Accounts(); len(got) != 1 {
					t.Errorf("there are the accounts %v", got)
				}
				stranger.Authenticate("romeo@localhost", servertest.Password)
			})
		})
	}
}

func TestAClosedServerSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{InviteAccounts: server.InviteOff}})
		c := srv.Connect(t)
		if strings.Contains(c.Header, "iq-register") || strings.Contains(c.Header, "ibr-token") {
			t.Errorf("registration is announced: %s", c.Header)
		}
		c.Send(`<iq type='get' id='r1'><query xmlns='jabber:iq:register'/></iq>`)
		c.ExpectError("service-unavailable")
		c.Send(set("r2", account("rosaline", "secret")))
		c.ExpectError("service-unavailable")
		if got := srv.Core.Default().Accounts(); len(got) != 0 {
			t.Errorf("there are the accounts %v", got)
		}
	})
}

func TestWithoutTLSAStrangerIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{Register: true}})
		c := srv.Connect(t)
		if strings.Contains(c.Header, "iq-register") {
			t.Errorf("registration is announced: %s", c.Header)
		}
		c.Send(set("r1", account("rosaline", "secret")))
		c.ExpectStreamError("not-authorized")
	})
}

func TestAStrangerSpeaksToTheHostOnly(t *testing.T) {
	for name, to := range map[string]string{
		"not to a host that is not here": "elsewhere.example",
		"not to the stream's neighbour":  "verona.example",
		"not to an account":              "romeo@localhost",
		"not to what is no address":      "@",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t, servertest.Options{Config: server.Config{Register: true, Domains: []string{"localhost", "verona.example"}}})
				c := srv.Connect(t)
				c.Send(strings.Replace(set("r1", account("rosaline", "secret")), "to='localhost'", "to='"+to+"'", 1))
				c.ExpectStreamError("not-authorized")
				for _, host := range []string{"localhost", "verona.example"} {
					if got := srv.Core.Host(host).Accounts(); len(got) != 0 {
						t.Errorf("%s has the accounts %v", host, got)
					}
				}
			})
		})
	}
}

func TestAnAddressMakesSoManyAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{Register: true}})
		made := 0
		ask := func() bool {
			c := srv.Connect(t)
			defer c.Conn.Close()
			c.StartTLS(srv.TLS())
			c.Send(set("r1", account(fmt.Sprint("user", made), "secret")))
			if got := c.Next(); strings.Contains(got, "type='result'") {
				made++
				return true
			} else if !strings.Contains(got, "<error type='wait'><not-acceptable ") {
				t.Fatalf("got %s", got)
			}
			return false
		}
		for made < 100 && ask() {
		}
		if made != 10 {
			t.Errorf("%d accounts were made at once", made)
		}
		time.Sleep(5 * time.Minute)
		if !ask() || ask() {
			t.Errorf("after five minutes there are %d accounts", made)
		}
	})
}

func TestAnAdministratorsNameIsNotForStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Strict: true, Config: server.Config{
			Register: true, NoLimits: true, Admins: []string{"admin@localhost"}}})
		c := srv.Connect(t)
		c.StartTLS(srv.TLS())
		c.Send(set("r1", account("Admin", "secret")))
		c.ExpectError("conflict")
		for i := range 20 { // there are no limits
			c.Send(set("r2", account(fmt.Sprint("user", i), "secret")))
			c.Expect(`<iq type='result' id='r2'/>`)
		}
	})
}

func TestTheOwnerIsKnown(t *testing.T) {
	for name, to := range map[string]string{"by the host": " to='localhost'", "by the account": "", "by its address": " to='romeo@localhost'"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				romeo := srv.Login(t, "romeo@localhost/garden")
				romeo.Send(`<iq type='get' id='r1'` + to + `><query xmlns='jabber:iq:register'/></iq>`)
				romeo.Expect(`<iq type='result' id='r1'><query xmlns='jabber:iq:register'>` +
					`<registered/><instructions/><username>romeo</username><password/></query></iq>`)
			})
		})
	}
}

func TestANewPassword(t *testing.T) {
	for name, username := range map[string]string{
		"with the name":                        "romeo",
		"with the name in another form":        "Romeo",
		"with the address in the name's place": "romeo@localhost",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t)
				romeo := srv.Login(t, "romeo@localhost/garden")
				romeo.Send(set("c1", account(username, "new secret")))
				romeo.Expect(`<iq type='result' id='c1'/>`)
				romeo.Silent() // the session goes on
				again := srv.Connect(t)
				again.Authenticate("romeo@localhost", "new secret")
				if hasPassword(t, srv, "romeo", servertest.Password) {
					t.Error("the old password still works")
				}
			})
		})
	}
}

func TestPasswordChangesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ request, condition string }{
		"an empty password":      {set("c", "<username>romeo</username><password/>"), "bad-request"},
		"no password":            {set("c", "<username>romeo</username>"), "bad-request"},
		"no name":                {set("c", "<password>new</password>"), "bad-request"},
		"nothing":                {set("c", ""), "bad-request"},
		"another's name":         {set("c", account("juliet", "new")), "not-acceptable"},
		"a name that is not one": {set("c", account("r o", "new")), "not-acceptable"},
		"another's address":      {set("c", account("romeo@elsewhere.example", "new")), "not-acceptable"},
		"an unusable password":   {set("c", account("romeo", "a&#9;b")), "not-acceptable"},
		"at another's account":   {`<iq type='set' id='c' to='juliet@localhost'><query xmlns='jabber:iq:register'>` + account("juliet", "new") + `</query></iq>`, "service-unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := open(t)
				srv.Account(t, "juliet@localhost")
				romeo := srv.Login(t, "romeo@localhost/garden")
				romeo.Send(c.request)
				got := romeo.ExpectError(c.condition)
				if strings.Contains(got, "<password>") && c.condition != "service-unavailable" {
					t.Errorf("the password goes back: %s", got)
				}
				for _, who := range []string{"romeo", "juliet"} {
					if !hasPassword(t, srv, who, servertest.Password) {
						t.Errorf("%s has another password", who)
					}
				}
			})
		})
	}
}

func TestADisabledAccountStaysDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		disable(t, srv, "romeo")
		romeo.Send(set("c1", account("romeo", "new")))
		romeo.Expect(`<iq type='result' id='c1'/>`)
		if !disabled(t, srv, "romeo") {
			t.Error("a new password has enabled the account")
		}
	})
}

// TestAnotherHost: what a host's users ask of another host of the same server is
// nothing to their accounts, nor to accounts of their names there.
func TestAnotherHost(t *testing.T) {
	for name, c := range map[string]struct{ request, condition string }{
		"a removal":         {`<remove/>`, "registration-required"},
		"a password change": {account("romeo", "new"), "service-unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t, servertest.Options{Config: server.Config{Register: true, Domains: []string{"localhost", "verona.example"}}})
				srv.Account(t, "romeo@verona.example")
				romeo := srv.Login(t, "romeo@localhost/garden")
				romeo.Send(strings.Replace(set("x", c.request), "to='localhost'", "to='verona.example'", 1))
				romeo.ExpectError(c.condition)
				if !srv.Core.Host("verona.example").Exists("romeo") || !srv.Core.Host("localhost").Exists("romeo") {
					t.Error("an account is gone")
				}
				romeo.Silent()
			})
		})
	}
}

func TestWithoutTLSNothingIsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		srv.Core.Config.Dev = false // the connection is in the clear, and now that counts
		for _, request := range []string{account("romeo", "new"), "<remove/>"} {
			romeo.Send(set("x", request))
			romeo.ExpectError("not-authorized")
		}
		if !hasPassword(t, srv, "romeo", servertest.Password) {
			t.Error("the password is another")
		}
	})
}

func TestUnderTLSBothAreAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Strict: true})
		srv.Account(t, "romeo@localhost")
		romeo := srv.Connect(t)
		romeo.StartTLS(srv.TLS())
		romeo.Authenticate("romeo@localhost", servertest.Password)
		romeo.Bind("romeo@localhost/garden")
		romeo.Send(set("c1", account("romeo", "new")))
		romeo.Expect(`<iq type='result' id='c1'/>`)
		romeo.Send(set("u1", "<remove/>"))
		romeo.Expect(`<iq type='result' id='u1'/>`)
		romeo.ExpectStreamError("not-authorized")
	})
}

func TestWhatCouldNotBeStoredIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken breaker
		srv := servertest.New(t, servertest.Options{
			Config: server.Config{Register: true}, Store: store.Options{Gate: broken.gate}, Log: t.Output()})
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo := srv.Online(t, "romeo@localhost/garden")
		stranger := srv.Connect(t)
		broken.on.Store(true)
		for _, request := range []string{account("romeo", "new"), "<remove/>"} {
			romeo.Send(set("x", request))
			romeo.Expect(`<iq type='error' id='x'><error type='wait'/></iq>`)
		}
		stranger.Send(set("x", account("rosaline", "secret")))
		stranger.Expect(`<iq type='error' id='x'><error type='wait'/></iq>`)
		broken.on.Store(false)
		if h := srv.Core.Default(); !h.Exists("romeo") || h.Exists("rosaline") || !hasPassword(t, srv, "romeo", servertest.Password) {
			t.Error("what failed was done")
		}
		romeo.Silent()
		romeo.Send(set("y", "<remove/>"))
		romeo.Expect(`<iq type='result' id='y'/>`)
	})
}

// TestTwoWhoWantOneName: one gets it, the other hears so, and the log has no error of
// the server's for that.
func TestTwoWhoWantOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var held atomic.Bool
		hold := make(chan struct{})
		gate := func() error {
			if held.Load() {
				<-hold
			}
			return nil
		}
		var log bytes.Buffer
		srv := servertest.New(t, servertest.Options{Config: server.Config{Register: true}, Store: store.Options{Gate: gate}, Log: &log})
		held.Store(true)
		var strangers []*servertest.Client
		for range 2 {
			c := srv.Connect(t)
			c.Send(set("r", account("rosaline", "secret")))
			synctest.Wait()
			strangers = append(strangers, c)
		}
		close(hold)
		got := strangers[0].Next() + strangers[1].Next()
		if strings.Count(got, "type='result'") != 1 || strings.Count(got, "<conflict ") != 1 {
			t.Errorf("they hear %s", got)
		}
		synctest.Wait()
		if strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("the log says %s", log.String())
		}
	})
}

package invite_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
)

func subscribe(to, token string) string {
	return `<presence type='subscribe' to='` + to + `'><preauth xmlns='urn:xmpp:pars:0' token='` + token + `'/></presence>`
}

func roster(c *servertest.Client) string {
	c.Send(`<iq type='get' id='ro'><query xmlns='jabber:iq:roster'/></iq>`)
	for {
		if got := c.Next(); strings.Contains(got, "id='ro'") {
			return got
		}
	}
}

func TestATokenMakesContactsOfTwo(t *testing.T) {
	for _, preapproves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			srv := world(t)
			romeo := srv.Online(t, "romeo@localhost/garden")
			nurse := srv.Online(t, "nurse@localhost/hall")
			uri, token := invited(t, romeo, "urn:xmpp:invite#invite", "")
			if want := "xmpp:romeo@localhost?roster;preauth=" + token; uri != want {
				t.Errorf("the link is %s, not %s", uri, want)
			}
			nurse.Send(subscribe("romeo@localhost", token))
			if preapproves { // §3.4
				nurse.Send(`<presence type='subscribed' to='romeo@localhost'/>`)
			}
			synctest.Wait()
			heard := strings.Join(romeo.Sync(), "\n")
			if strings.Contains(heard, "type='subscribe'") {
				t.Errorf("romeo is asked: %s", heard)
			}
			for _, want := range []string{"jid='nurse@localhost' subscription='both'", "<presence from='nurse@localhost/hall'"} {
				if !strings.Contains(heard, want) {
					t.Errorf("romeo hears no %s, but %s", want, heard)
				}
			}
			heard = strings.Join(nurse.Sync(), "\n")
			if strings.Contains(heard, "type='subscribe'") {
				t.Errorf("the nurse is asked: %s", heard)
			}
			for _, want := range []string{"type='subscribed'", "jid='romeo@localhost' subscription='both'", "<presence from='romeo@localhost/garden'"} {
				if !strings.Contains(heard, want) {
					t.Errorf("the nurse hears no %s, but %s", want, heard)
				}
			}
			if got := roster(romeo); !strings.Contains(got, "<item jid='nurse@localhost' subscription='both'/>") {
				t.Errorf("romeo has %s", got)
			}
			// It was good for one.
			peter := srv.Online(t, "peter@localhost/street")
			peter.Send(subscribe("romeo@localhost", token))
			romeo.Expect(`<presence type='subscribe' from='peter@localhost'><preauth xmlns='urn:xmpp:pars:0' token='` + token + `'/></presence>`)
		})
	}
}

// TestOtherwiseTheOwnerIsAsked, as without a token (XEP-0379 §4.1).
func TestOtherwiseTheOwnerIsAsked(t *testing.T) {
	for name, token := range map[string]func(t *testing.T, srv *servertest.Server) string{
		"nobody's token": func(*testing.T, *servertest.Server) string { return "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		"no token":       func(*testing.T, *servertest.Server) string { return "" },
		"a token of the client's own": func(*testing.T, *servertest.Server) string {
			return "1tMFqYDdKhfe2pwp"
		},
		"another's token": func(t *testing.T, srv *servertest.Server) string {
			_, token := invited(t, srv.Login(t, "peter@localhost/x"), "urn:xmpp:invite#invite", "")
			return token
		},
		"a token for an account alone": func(t *testing.T, srv *servertest.Server) string {
			_, token := invited(t, srv.Login(t, "juliet@localhost/x"), create, submit("roster-subscription", "0"))
			return token
		},
		"a token for somebody else": func(t *testing.T, srv *servertest.Server) string {
			v, token, err := srv.Core.Default().Invite(t.Context(), server.Invitation{Account: true, Name: "peter", Contacts: []string{"romeo@localhost"}})
			if err != nil || v.Name != "peter" {
				t.Fatal(err)
			}
			return token
		},
		"a token that was taken back": func(t *testing.T, srv *servertest.Server) string {
			v, token, err := srv.Core.Default().Invite(t.Context(), server.Invitation{Roster: true, Contacts: []string{"romeo@localhost"}})
			if err == nil {
				_, err = srv.Core.Default().RevokeInvitation(t.Context(), "", v.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			return token
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := world(t)
				romeo := srv.Online(t, "romeo@localhost/garden")
				nurse := srv.Online(t, "nurse@localhost/hall")
				nurse.Send(subscribe("romeo@localhost", token(t, srv)))
				romeo.Expect(`<presence type='subscribe' from='nurse@localhost'/>`)
				synctest.Wait()
				if heard := strings.Join(nurse.Sync(), "\n"); strings.Contains(heard, "type='subscribed'") {
					t.Errorf("the nurse hears %s", heard)
				}
				romeo.Send(`<presence type='subscribed' to='nurse@localhost'/>`)
				synctest.Wait()
				if got := roster(romeo); !strings.Contains(got, "<item jid='nurse@localhost' subscription='from'/>") {
					t.Errorf("romeo has %s", got)
				}
			})
		})
	}
}

// TestWhoIsBlockedHasNoUseForATokens: blocking comes first.
func TestWhoIsBlockedHasNoUseForAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t)
		romeo := srv.Online(t, "romeo@localhost/garden")
		nurse := srv.Online(t, "nurse@localhost/hall")
		_, token := invited(t, romeo, "urn:xmpp:invite#invite", "")
		romeo.Send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='nurse@localhost'/></block></iq>`)
		synctest.Wait()
		romeo.Sync()
		nurse.Send(subscribe("romeo@localhost", token))
		synctest.Wait()
		if got := roster(romeo); strings.Contains(got, "nurse") {
			t.Errorf("romeo has %s", got)
		}
	})
}

// TestWhoHasAskedBeforeIsLetIn when they come with a token.
func TestWhoHasAskedBeforeIsLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t)
		romeo := srv.Online(t, "romeo@localhost/garden")
		nurse := srv.Online(t, "nurse@localhost/hall")
		nurse.Send(`<presence type='subscribe' to='romeo@localhost'/>`)
		romeo.Expect(`<presence type='subscribe' from='nurse@localhost'/>`)
		_, token := invited(t, romeo, "urn:xmpp:invite#invite", "")
		nurse.Send(subscribe("romeo@localhost", token))
		synctest.Wait()
		romeo.Sync()
		nurse.Sync()
		for who, c := range map[string]*servertest.Client{"nurse": romeo, "romeo": nurse} {
			if got := roster(c); !strings.Contains(got, "<item jid='"+who+"@localhost' subscription='both'/>") {
				t.Errorf("got %s", got)
			}
		}
	})
}

func TestTheInviterMayBeAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		_, token := invited(t, romeo, "urn:xmpp:invite#invite", "")
		romeo.Conn.Close()
		nurse := srv.Online(t, "nurse@localhost/hall")
		nurse.Send(subscribe("romeo@localhost", token))
		synctest.Wait()
		nurse.Sync()
		if got := roster(nurse); !strings.Contains(got, "<item jid='romeo@localhost' subscription='both'/>") {
			t.Errorf("the nurse has %s", got)
		}
	})
}

package invite_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
	"natter/stanza"
)

const (
	closedFeature = "<register xmlns='urn:xmpp:ibr-token:0'/>"
	create        = "urn:xmpp:invite#create-account"
)

// world is a server whose administrator is juliet.
func world(t *testing.T, cfg ...server.Config) *servertest.Server {
	t.Helper()
	o := servertest.Options{}
	if len(cfg) > 0 {
		o.Config = cfg[0]
	}
	o.Config.Admins = append(o.Config.Admins, "juliet@localhost")
	if o.Config.InviteAccounts == "" { // as by default, but for tests of protocols
		o.Config.InviteAccounts = server.InviteAdmins
	}
	srv := servertest.New(t, o)
	srv.Core.SetSites("", "https://localhost")
	return srv
}

func command(id, node, inside string) string {
	return `<iq type='set' id='` + id + `' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='` + node + `' action='execute'>` + inside + `</command></iq>`
}

func submit(fields ...string) string {
	b := "<x xmlns='jabber:x:data' type='submit'>"
	for i := 0; i < len(fields); i += 2 {
		b += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
	}
	return b + "</x>"
}

var tokenOf = regexp.MustCompile(`<value>(xmpp:[^<]*[?](?:roster|register);preauth=([a-z2-7]{32})(?:;ibr=y)?)</value>`)

// invited runs a command and returns the link and the token.
func invited(t *testing.T, c *servertest.Client, node, inside string) (uri, token string) {
	t.Helper()
	c.Send(command("inv", node, inside))
	got := c.Next()
	m := tokenOf.FindStringSubmatch(got)
	if m == nil || !strings.Contains(got, "status='completed'") {
		t.Fatalf("no invitation: %s", got)
	}
	if !strings.Contains(got, "<value>https://localhost/invite/"+m[2]+"</value>") || !strings.Contains(got, "var='expire'") {
		t.Errorf("no page or no end: %s", got)
	}
	return m[1], m[2]
}

func show(token string) string {
	return `<iq type='set' id='pa' to='localhost'><preauth xmlns='urn:xmpp:pars:0' token='` + token + `'/></iq>`
}

func register(name, password string) string {
	return `<iq type='set' id='reg' to='localhost'><query xmlns='jabber:iq:register'><username>` + name + `</username><password>` + password + `</password></query></iq>`
}

func TestAnInvitedStrangerMakesAnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t)
		juliet := srv.Online(t, "juliet@localhost/balcony")
		uri, token := invited(t, juliet, create, submit("roster-subscription", "1"))
		if want := "xmpp:localhost?register;preauth=" + token; uri != want {
			t.Errorf("the link is %s, not %s", uri, want)
		}
		c := srv.Connect(t)
		if !strings.Contains(c.Header, closedFeature) || !strings.Contains(c.Header, "iq-register") {
			t.Errorf("not announced: %s", c.Header)
		}
		c.Send(`<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>`)
		c.Expect(`<iq type='result' id='f'><query xmlns='jabber:iq:register' scansion:strict='false'><username/><password/><x xmlns='jabber:x:data' type='form' scansion:strict='false'>` +
			`<field var='username'/><field var='password'/><field var='x-invitation' type='text-single'><required/></field></x></query></iq>`)
		c.Send(register("nurse", "secret"))
		c.ExpectError("service-unavailable")
		c.Send(show(token))
		c.Expect(`<iq type='result' id='pa'/>`)
		c.Send(`<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>`)
		c.Expect(`<iq type='result' id='f'><query xmlns='jabber:iq:register'><instructions/><username/><password/></query></iq>`)
		c.Send(register("juliet", "secret"))
		c.ExpectError("conflict")
		c.Send(register("Nurse", "secret"))
		c.Expect(`<iq type='result' id='reg'/>`)
		juliet.Expect(`<iq type='set'><query xmlns='jabber:iq:roster' scansion:strict='false'><item jid='nurse@localhost' subscription='both'/></query></iq>`)
		c.Authenticate("nurse@localhost", "secret")
		c.Bind("nurse@localhost/hall")
		c.Send(`<iq type='get' id='ro'><query xmlns='jabber:iq:roster'/></iq>`)
		c.Expect(`<iq type='result' id='ro'><query xmlns='jabber:iq:roster' scansion:strict='false'><item jid='juliet@localhost' subscription='both'/></query></iq>`)
		c.Send(`<presence/>`)
		juliet.Expect(`<presence from='nurse@localhost/hall'/>`)

		again := srv.Connect(t)
		again.Send(show(token))
		again.Expect(`<iq type='error' id='pa'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		again.Send(register("other", "secret"))
		again.ExpectError("service-unavailable")
	})
}

func TestAnInvitationForAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t, server.Config{Register: true})
		juliet := srv.Login(t, "juliet@localhost/balcony")
		uri, token := invited(t, juliet, create, submit("username", "Nurse", "roster-subscription", "0"))
		if want := "xmpp:nurse@localhost?register;preauth=" + token; uri != want {
			t.Errorf("the link is %s, not %s", uri, want)
		}
		juliet.Send(command("twice", create, submit("username", "nurse")))
		juliet.ExpectError("conflict")
		stranger := srv.Connect(t)
		stranger.Send(register("nurse", "secret")) // registration is open, but the name is kept
		stranger.ExpectError("conflict")
		c := srv.Connect(t)
		c.Send(show(token))
		c.Expect(`<iq type='result' id='pa'/>`)
		c.Send(`<iq type='get' id='f'><query xmlns='jabber:iq:register'/></iq>`)
		c.Expect(`<iq type='result' id='f'><query xmlns='jabber:iq:register' scansion:strict='false'><username>nurse</username></query></iq>`)
		c.Send(register("peter", "secret"))
		c.ExpectError("not-acceptable")
		c.Send(register("nurse", "secret"))
		c.Expect(`<iq type='result' id='reg'/>`)
	})
}

func TestANameIsFreeAgainWhenTheInvitationIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t, server.Config{Register: true})
		juliet := srv.Login(t, "juliet@localhost/balcony")
		_, _ = invited(t, juliet, create, submit("username", "nurse", "days", "2"))
		_, gone := invited(t, juliet, create, submit("username", "peter"))
		juliet.Send(command("l", "urn:natter:invite#manage", ""))
		form := juliet.Next()
		id := gone[:8]
		if !strings.Contains(form, "<value>"+id+"</value>") {
			t.Fatalf("the list lacks %s: %s", id, form)
		}
		juliet.Send(command("r", "urn:natter:invite#manage", submit("revoke", id)))
		juliet.Expect(`<iq type='result' id='r'><command xmlns='http://jabber.org/protocol/commands' scansion:strict='false' status='completed'><note>1 taken back.</note></command></iq>`)
		juliet.Send(command("r", "urn:natter:invite#manage", submit("revoke", id)))
		juliet.ExpectError("item-not-found")
		try := func(name string) string {
			c := srv.Connect(t)
			defer c.Conn.Close()
			c.Send(register(name, "secret"))
			return c.Next()
		}
		if got := try("nurse"); !strings.Contains(got, "conflict") {
			t.Errorf("a kept name is given away: %s", got)
		}
		if got := try("peter"); !strings.Contains(got, "result") {
			t.Errorf("the name of a revoked invitation is kept: %s", got)
		}
		time.Sleep(2*24*time.Hour + time.Second)
		if got := try("nurse"); !strings.Contains(got, "result") {
			t.Errorf("the name of an invitation that has run out is kept: %s", got)
		}
	})
}

// TestTheTimeIsLookedAtOnce: who has shown an invitation in time may take their time
// (XEP-0445 §4).
func TestTheTimeIsLookedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t, server.Config{InviteTime: 10 * time.Second})
		juliet := srv.Login(t, "juliet@localhost/balcony")
		_, token := invited(t, juliet, create, submit("days", ""))
		c := srv.Connect(t)
		c.Send(show(token))
		c.Expect(`<iq type='result' id='pa'/>`)
		time.Sleep(15 * time.Second)
		late := srv.Connect(t)
		late.Send(show(token))
		late.ExpectError("item-not-found")
		c.Send(register("nurse", "secret"))
		c.Expect(`<iq type='result' id='reg'/>`)
	})
}

func TestAnInvitationIsUsedAsOftenAsItSays(t *testing.T) {
	for uses := 1; uses <= 3; uses += 2 {
		t.Run(fmt.Sprint(uses), func(t *testing.T) {
			srv := world(t)
			juliet := srv.Login(t, "juliet@localhost/balcony")
			_, token := invited(t, juliet, create, submit("uses", fmt.Sprint(uses)))
			var clients []*servertest.Client
			for range 8 {
				c := srv.Connect(t)
				c.Send(show(token))
				c.Expect(`<iq type='result' id='pa'/>`)
				clients = append(clients, c)
			}
			var wait sync.WaitGroup
			made := make([]bool, len(clients))
			for i, c := range clients {
				wait.Go(func() {
					c.Send(register(fmt.Sprint("nurse", i), "secret"))
					got := c.Next()
					if made[i] = strings.Contains(got, "type='result'"); !made[i] && !strings.Contains(got, "<not-allowed ") {
						t.Errorf("answered %s", got)
					}
				})
			}
			wait.Wait()
			n := 0
			for i := range made {
				if exists := srv.Core.Default().Exists(fmt.Sprint("nurse", i)); exists != made[i] {
					t.Errorf("nurse%d: answered %t, there is an account: %t", i, made[i], exists)
				}
				if made[i] {
					n++
				}
			}
			if n != uses {
				t.Errorf("%d accounts were made", n)
			}
		})
	}
}

// TestWhatFailsUsesNothing: neither a name that cannot be nor a disk that is full.
func TestWhatFailsUsesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := false
		gate := func() error {
			if broken {
				return fmt.Errorf("the disk is full")
			}
			return nil
		}
		srv := servertest.New(t, servertest.Options{Config: server.Config{Admins: []string{"juliet@localhost"}}, Store: store.Options{Gate: gate}, Log: t.Output()})
		srv.Core.SetSites("", "https://localhost")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		_, token := invited(t, juliet, create, submit())
		c := srv.Connect(t)
		c.Send(show(token))
		c.Expect(`<iq type='result' id='pa'/>`)
		for _, bad := range []string{register("", "x"), register("a b", "x"), register("nurse", "a&#9;b"), register("juliet", "x")} {
			c.Send(bad)
			c.Expect(`<iq type='error' id='reg'/>`)
		}
		synctest.Wait()
		broken = true
		c.Send(register("nurse", "secret"))
		c.Expect(`<iq type='error' id='reg'><error type='wait'/></iq>`)
		synctest.Wait()
		broken = false
		if srv.Core.Default().Exists("nurse") {
			t.Error("what failed was done")
		}
		c.Send(register("nurse", "secret"))
		c.Expect(`<iq type='result' id='reg'/>`)
	})
}

func TestWhoMayInvite(t *testing.T) {
	for _, row := range []struct {
		setting               string
		user, admin, announce bool
	}{
		{server.InviteAdmins, false, true, true}, {server.InviteUsers, true, true, true}, {server.InviteOff, false, false, false},
	} {
		t.Run("invite_accounts "+row.setting, func(t *testing.T) {
			srv := world(t, server.Config{InviteAccounts: row.setting})
			for who, may := range map[string]bool{"juliet": row.admin, "romeo": row.user} {
				c := srv.Login(t, who+"@localhost/x")
				c.Send(`<iq type='get' id='i' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`)
				list := c.Next()
				if !strings.Contains(list, "urn:xmpp:invite#invite'") || strings.Contains(list, create) != may {
					t.Errorf("%s sees %s", who, list)
				}
				c.Send(command("c", create, ""))
				if may {
					c.Expect(`<iq type='result' id='c'><command xmlns='http://jabber.org/protocol/commands' scansion:strict='false' status='executing'/></iq>`)
				} else {
					c.ExpectError("forbidden")
				}
				uri, _ := invited(t, c, "urn:xmpp:invite#invite", "")
				if strings.HasSuffix(uri, ";ibr=y") != may {
					t.Errorf("%s invites with %s", who, uri)
				}
			}
			c := srv.Connect(t)
			if strings.Contains(c.Header, closedFeature) != row.announce {
				t.Errorf("announced: %s", c.Header)
			}
			c.Send(show("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
			if row.announce {
				c.ExpectError("item-not-found")
			} else {
				c.ExpectError("service-unavailable")
			}
		})
	}
}

func TestByDefaultAdministratorsInvite(t *testing.T) {
	cfg := server.Defaults(server.Config{})
	if cfg.InviteAccounts != server.InviteAdmins || cfg.InviteTime != 7*24*time.Hour {
		t.Errorf("the defaults are %q, %v", cfg.InviteAccounts, cfg.InviteTime)
	}
}

func TestAnInvitationIsGoodAsLongAsWhoMadeItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t, server.Config{InviteAccounts: server.InviteUsers})
		romeo := srv.Login(t, "romeo@localhost/garden")
		_, token := invited(t, romeo, create, submit("username", "nurse"))
		bad := func() {
			t.Helper()
			c := srv.Connect(t)
			defer c.Conn.Close()
			c.Send(show(token))
			c.ExpectError("item-not-found")
		}
		srv.Core.Config.InviteAccounts = server.InviteAdmins
		bad()
		srv.Core.Config.InviteAccounts = server.InviteUsers
		b, err := srv.Core.Default().Disable("romeo", true)
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Store.CommitWait(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		bad()
		romeo.Send(`<iq type='set' id='u'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		romeo.Expect(`<iq type='result' id='u'/>`)
		synctest.Wait()
		bad()
		list, err := srv.Core.Default().Invitations(t.Context())
		if err != nil || len(list) != 0 {
			t.Errorf("of a removed account there are %v (%v)", list, err)
		}
		if err := srv.Core.Default().Create(t.Context(), "nurse", "secret"); err != nil {
			t.Errorf("the name is still kept: %v", err)
		}
	})
}

func TestWhatCannotBeInvited(t *testing.T) {
	srv := world(t, server.Config{InviteAccounts: server.InviteUsers, Invitations: 3})
	juliet, romeo := srv.Login(t, "juliet@localhost/x"), srv.Login(t, "romeo@localhost/x")
	for _, row := range []struct {
		name      string
		who       *servertest.Client
		form      string
		condition string
	}{
		{"a name that is taken", juliet, submit("username", "romeo"), "conflict"},
		{"a name that is none", juliet, submit("username", "a b"), "not-acceptable"},
		{"an administrator's name by a user", romeo, submit("username", "juliet"), "conflict"},
		{"a name for two", juliet, submit("username", "nurse", "uses", "2"), "not-acceptable"},
		{"too many at once", juliet, submit("uses", "100000"), "not-acceptable"},
		{"no number", juliet, submit("uses", "one"), "not-acceptable"},
		{"no uses", juliet, submit("uses", "0"), "not-acceptable"},
		{"too long a time", juliet, submit("days", "10000"), "not-acceptable"},
		{"a time that is over", juliet, submit("days", "-1"), "not-acceptable"},
		{"neither yes nor no", juliet, submit("roster-subscription", "maybe"), "bad-request"},
		{"several by a user", romeo, submit("uses", "2"), "forbidden"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.who.Send(command("c", create, row.form))
			row.who.ExpectError(row.condition)
		})
	}
	for range 3 {
		invited(t, romeo, "urn:xmpp:invite#invite", "")
	}
	romeo.Send(command("c", "urn:xmpp:invite#invite", ""))
	romeo.ExpectError("resource-constraint")
}

func TestGuessingTokensIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Strict: true})
		h := srv.Core.Default()
		judged := 0
		for range 1000 {
			_, err := h.ShowInvitation(t.Context(), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", netip.MustParseAddr("192.0.2.1"))
			var e *stanza.Error
			switch {
			case errors.Is(err, server.ErrNoInvitation):
				judged++
			case !errors.As(err, &e) || e.Condition != "policy-violation" || e.Type != stanza.Wait:
				t.Fatalf("answered %v", err)
			}
		}
		if judged > 60 {
			t.Errorf("%d of 1000 wrong tokens were looked at", judged)
		}
		if _, err := h.ShowInvitation(t.Context(), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", netip.MustParseAddr("192.0.2.2")); err != server.ErrNoInvitation {
			t.Errorf("another address hears %v", err)
		}
	})
}

// TestAnInvitationInTheForm is for clients that know forms and not XEP-0445.
func TestAnInvitationInTheForm(t *testing.T) {
	srv := world(t)
	juliet := srv.Login(t, "juliet@localhost/balcony")
	_, token := invited(t, juliet, create, submit())
	ask := func(name, invitation string) string {
		return `<iq type='set' id='reg' to='localhost'><query xmlns='jabber:iq:register'>` + submit("FORM_TYPE", "jabber:iq:register", "username", name, "password", "secret", "x-invitation", invitation) + `</query></iq>`
	}
	c := srv.Connect(t)
	for _, bad := range []string{"x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "https://localhost/invite/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		c.Send(ask("nurse", bad))
		if got := c.ExpectError("not-acceptable"); strings.Contains(got, "secret") {
			t.Errorf("the password goes back: %s", got)
		}
	}
	c.Send(ask("nurse", ""))
	c.ExpectError("service-unavailable")
	c.Send(ask("nurse", " https://localhost/invite/"+token+"?lang=en "))
	c.Expect(`<iq type='result' id='reg'/>`)
	c.Authenticate("nurse@localhost", "secret")
	again := srv.Connect(t)
	again.Send(ask("peter", token))
	again.ExpectError("not-acceptable")
}

func FuzzFindInvitationToken(f *testing.F) {
	const token = "abcdefghijklmnopqrstuvwxyz234567"
	for _, s := range []string{"", token, "xmpp:localhost?register;preauth=" + token, "xmpp:romeo@localhost?roster;preauth=" + token + ";ibr=y", "https://localhost/invite/" + token + "?lang=en", token + "a", "-" + token + "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := server.FindInvitationToken(s)
		if got != "" && (len(got) != len(token) || !strings.Contains(s, got)) {
			t.Errorf("in %q it finds %q", s, got)
		}
		if strings.HasPrefix(s, "-") && server.FindInvitationToken(token+s) == "" {
			t.Errorf("no token in %q", token+s)
		}
	})
}

func TestLinksAreAddresses(t *testing.T) {
	srv := servertest.New(t)
	h := srv.Core.Default()
	for _, name := range []string{"nurse", "o.neill", "a?b", "a;b#c%d", "罗密欧", "a=b!c"} {
		v, token, err := h.Invite(t.Context(), server.Invitation{Account: true, Name: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		u, err := url.Parse(h.URI(&v, token))
		if err != nil || u.Scheme != "xmpp" || u.RawQuery != "register;preauth="+token {
			t.Errorf("%s: %v, %v", name, u, err)
			continue
		}
		if path, err := url.PathUnescape(u.Opaque); err != nil || path != v.Name+"@localhost" {
			t.Errorf("%s: the address is %q (%v)", name, path, err)
		}
		if server.FindInvitationToken(u.String()) != token {
			t.Errorf("%s: no token in %s", name, u)
		}
	}
}

func TestBadTokens(t *testing.T) {
	srv := world(t)
	c := srv.Connect(t)
	for _, bad := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", strings.Repeat("a", 33), "aaaaaaaa../../aaaaaaaaaaaaaaaaaa", "aaaaaaaa%00aaaaaaaaaaaaaaaaaaaaa"} {
		c.Send(show(bad))
		c.ExpectError("item-not-found")
	}
	c.Send(`<iq type='set' id='pa' to='localhost'><preauth xmlns='urn:xmpp:pars:0'/></iq>`)
	c.ExpectError("bad-request")
}

// TestWhoIsInvitedIsNobodyOfBefore: an account made by invitation is told from one that
// had its name before, to whose affiliations it is no heir.
func TestWhoIsInvitedIsNobodyOfBefore(t *testing.T) {
	srv := world(t)
	juliet := srv.Login(t, "juliet@localhost/balcony")
	before := srv.Store.NextID()
	_, token := invited(t, juliet, create, submit())
	c := srv.Connect(t)
	c.Send(show(token))
	c.Expect(`<iq type='result' id='pa'/>`)
	c.Send(register("nurse", "secret"))
	c.Expect(`<iq type='result' id='reg'/>`)
	if born, err := srv.Core.Default().Born("nurse"); err != nil || born <= before {
		t.Errorf("it was made at %d, %v, after %d", born, err, before)
	}
}

// TestOneContactThatCannotBeMadeKeepsNobody from the others, when the server is back.
func TestOneContactThatCannotBeMadeKeepsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := world(t, server.Config{RosterItems: 1})
		srv.Befriend(t, "juliet@localhost", "peter@localhost") // her roster is full
		romeo := srv.Online(t, "romeo@localhost/garden")
		srv.Account(t, "nurse@localhost")
		h := srv.Core.Default()
		b := new(store.Batch)
		for _, contact := range []string{"juliet", "romeo"} {
			b.Put(store.Doc{Key: h.Key("nurse", "invited", contact)})
		}
		if err := srv.Store.CommitWait(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if err := h.FinishInvited(t.Context()); err == nil || !strings.Contains(err.Error(), "juliet@localhost") {
			t.Errorf("of the one that could not be made it says %v", err)
		}
		romeo.Sync()
		if got := roster(romeo); !strings.Contains(got, "<item jid='nurse@localhost' subscription='both'/>") {
			t.Errorf("romeo has %s", got)
		}
	})
}

// TestAfterACrashTheContactIsMade: the account, the use of the invitation and the new account's contacts are
// on disk together; the inviter's side follows when the server is back.
func TestAfterACrashTheContactIsMade(t *testing.T) {
	path := t.TempDir() + "/natter.db"
	o := servertest.Options{Config: server.Config{Admins: []string{"juliet@localhost"}}, Store: store.Options{Path: path}}
	srv, err := servertest.Start(o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	h := srv.Core.Default()
	ctx := t.Context()
	for _, name := range []string{"juliet", "nurse"} {
		if err := h.Create(ctx, name, "secret"); err != nil {
			t.Fatal(err)
		}
	}
	// As a crash right after the commit leaves it.
	b := new(store.Batch)
	b.Put(store.Doc{Key: h.Key("nurse", "invited", "juliet")})
	if err := srv.Store.CommitWait(ctx, b); err != nil {
		t.Fatal(err)
	}
	srv.Close()
	again := servertest.New(t, o)
	juliet := again.Login(t, "juliet@localhost/balcony")
	deadline, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for deadline.Err() == nil {
		juliet.Send(`<iq type='get' id='ro'><query xmlns='jabber:iq:roster'/></iq>`)
		if strings.Contains(juliet.Next(), "<item jid='nurse@localhost' subscription='both'") {
			break
		}
	}
	if deadline.Err() != nil {
		t.Fatal("the contact was not made")
	}
	if docs, err := again.Store.List(ctx, "localhost", "nurse", "invited", "", "", 0); err != nil || len(docs) != 0 {
		t.Errorf("there is still to do: %v (%v)", docs, err)
	}
}

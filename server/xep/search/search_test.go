package search_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

func begin(t *testing.T, cfg server.Config) (*servertest.Server, *servertest.Client) {
	t.Helper()
	cfg.Admins = []string{"admin@localhost"}
	srv := servertest.New(t, servertest.Options{Config: cfg})
	synctest.Wait() // the directory is made
	return srv, srv.Login(t, "romeo@localhost/garden")
}

func card(t *testing.T, srv *servertest.Server, who, content string) *servertest.Client {
	t.Helper()
	c := srv.Login(t, who+"@localhost/x")
	c.Send(`<iq type='set' id='c'><vCard xmlns='vcard-temp'>` + content + `</vCard></iq>`)
	c.Expect(`<iq type='result' id='c'/>`)
	synctest.Wait()
	return c
}

func listed(t *testing.T, c *servertest.Client, on string) {
	t.Helper()
	c.Send(`<iq type='set' id='l' to='` + c.JID.Bare().String() + `'><command xmlns='http://jabber.org/protocol/commands' node='urn:natter:search:listed' action='execute'><x xmlns='jabber:x:data' type='submit'><field var='listed'><value>` + on + `</value></field></x></command></iq>`)
	c.Expect(`<iq type='result' id='l'/>`)
}

func search(c *servertest.Client, content string) string {
	c.Send(`<iq type='set' id='s' to='search.localhost'><query xmlns='jabber:iq:search'>` + content + `</query></iq>`)
	return c.Next()
}

// found lists the localparts of who is found.
func found(t *testing.T, c *servertest.Client, content string) string {
	t.Helper()
	st, err := stanza.ParseIn([]byte(search(c, content)), stanza.NSClient, stanza.AfterLogin)
	if err != nil || st.Type != stanza.Result {
		t.Fatalf("%s: %s %v", content, st.Raw, err)
	}
	q, _ := st.Child("jabber:iq:search", "query")
	var list []string
	for e := range st.Children(q) {
		if st.ChildIs(e, "jabber:iq:search", "item") {
			jid, _ := st.ChildAttr(e, "jid")
			local, _, _ := strings.Cut(jid, "@")
			list = append(list, local)
		}
	}
	return strings.Join(list, " ")
}

func TestWhoIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, romeo := begin(t, server.Config{UserSearch: "all"})
		card(t, srv, "juliet", `<N><FAMILY>Capulet</FAMILY><GIVEN>Juliet Maria</GIVEN></N><NICKNAME>Jule</NICKNAME><EMAIL><USERID>juliet@example.org</USERID></EMAIL>`)
		card(t, srv, "tybalt", `<FN>Tybalt Çapulet</FN>`)
		nurse := srv.Login(t, "nurse@localhost/x")
		nurse.Send(`<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:vcard4'><item><vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><n><given>Angelica</given></n></vcard></item></publish>` +
			`<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field><field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub></iq>`)
		nurse.Expect(`<iq type='result' id='p'/>`)
		synctest.Wait()
		for content, want := range map[string]string{
			`<last>capulet</last>`: "juliet", `<last>CAP*</last>`: "juliet", `<first>maria</first>`: "juliet",
			`<nick>jule</nick>`: "juliet", `<email>juliet@ex</email>`: "juliet", `<nick>tyb</nick>`: "tybalt",
			`<last>çapulet</last>`: "tybalt", `<first>tybalt</first>`: "tybalt", `<last>apulet</last>`: "",
			`<first>juliet</first><last>montague</last>`: "", `<first>angelica</first>`: "nurse", `<nick>r</nick>`: "romeo",
		} {
			if got := found(t, romeo, content); got != want {
				t.Errorf("%s finds %q, not %q", content, got, want)
			}
		}
		// What is for contacts only is not for searchers, from then on.
		nurse.Send(`<iq type='set' id='a'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:xmpp:vcard4'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#node_config</value></field><field var='pubsub#access_model'><value>presence</value></field></x></configure></pubsub></iq>`)
		nurse.Expect(`<iq type='result' id='a'/>`)
		if got := found(t, romeo, `<first>angelica</first>`); got != "" {
			t.Errorf("a card for contacts is found: %s", got)
		}
		// Who is gone is gone.
		srv.Core.Do(func(turn *server.Turn) {
			if err := srv.Core.Default().Remove(turn, "tybalt", func(*server.Turn, error) {}); err != nil {
				t.Fatal(err)
			}
		})
		synctest.Wait()
		if got := found(t, romeo, `<nick>tyb</nick>`); got != "" {
			t.Errorf("who is gone is found: %s", got)
		}
	})
}

func TestOnlyWhoWantsToIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, romeo := begin(t, server.Config{UserSearch: "listed"})
		juliet := card(t, srv, "juliet", `<FN>Juliet</FN>`)
		if got := found(t, romeo, `<first>juliet</first>`); got != "" {
			t.Errorf("found: %s", got)
		}
		listed(t, juliet, "true")
		if got := found(t, romeo, `<first>juliet</first>`); got != "juliet" {
			t.Errorf("not found: %q", got)
		}
		listed(t, juliet, "0")
		if got := found(t, romeo, `<first>juliet</first>`); got != "" {
			t.Errorf("found: %s", got)
		}
	})
}

func TestWhoMaySearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, romeo := begin(t, server.Config{UserSearch: "all", UserSearchBy: "admins", Domains: []string{"localhost", "example.org"}})
		if got := search(romeo, `<first>a</first>`); !strings.Contains(got, "<forbidden") {
			t.Errorf("anybody may: %s", got)
		}
		admin := srv.Login(t, "admin@localhost/desk")
		if got := found(t, admin, `<nick>romeo</nick>`); got != "romeo" {
			t.Errorf("an administrator finds %q", got)
		}
		paris := srv.Login(t, "paris@example.org/inn")
		if got := search(paris, `<first>a</first>`); !strings.Contains(got, "<forbidden") {
			t.Errorf("somebody of another domain may: %s", got)
		}
	})
	synctest.Test(t, func(t *testing.T) { // off by default
		_, romeo := begin(t, server.Config{})
		search := `<iq type='set' id='s' to='search.localhost'><query xmlns='jabber:iq:search'><first>a</first></query></iq>`
		romeo.Send(search)
		romeo.ExpectError("remote-server-not-found")
		romeo.Send(`<iq type='get' id='i' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
		if got := romeo.Next(); strings.Contains(got, "search.") {
			t.Errorf("it is listed: %s", got)
		}
	})
}

func TestFormsAndPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, romeo := begin(t, server.Config{UserSearch: "all"})
		for _, who := range []string{"a1", "a2", "a3", "a4", "a5"} {
			srv.Account(t, who+"@localhost")
		}
		synctest.Wait()
		romeo.Send(`<iq type='get' id='g' to='search.localhost'><query xmlns='jabber:iq:search'/></iq>`)
		got := romeo.Next()
		for _, want := range []string{"<instructions>", "<first/>", "<last/>", "<nick/>", "<email/>", "type='form'", "var='email' type='text-single'"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in %s", want, got)
			}
		}
		form := `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>jabber:iq:search</value></field><field var='nick'><value>a</value></field></x>`
		got = search(romeo, form+`<set xmlns='http://jabber.org/protocol/rsm'><max>2</max></set>`)
		for _, want := range []string{"<reported>", "<value>a1@localhost</value>", "<value>a2@localhost</value>", "<last>a2@localhost</last>", "<count>5</count>"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in %s", want, got)
			}
		}
		if strings.Contains(got, "a3@localhost") {
			t.Errorf("three on a page of two: %s", got)
		}
		if got := found(t, romeo, `<nick>a</nick><set xmlns='http://jabber.org/protocol/rsm'><max>3</max><after>a3@localhost</after></set>`); got != "a4 a5" {
			t.Errorf("the next page is %s", got)
		}
		for content, condition := range map[string]string{
			``: "not-acceptable", `<first> * </first>`: "not-acceptable", `<first>` + strings.Repeat("x", 300) + `</first>`: "not-acceptable",
			`<x xmlns='jabber:x:data' type='submit'><field var='nick'><value>a</value></field></x>`:           "bad-request",
			`<nick>a</nick><set xmlns='http://jabber.org/protocol/rsm'><max>x</max></set>`:                    "bad-request",
			`<nick>a</nick><set xmlns='http://jabber.org/protocol/rsm'><after>nobody@localhost</after></set>`: "item-not-found",
			`<x xmlns='jabber:x:data' type='nonsense'/>`:                                                      "bad-request",
		} {
			if got := search(romeo, content); !strings.Contains(got, "<"+condition) {
				t.Errorf("%s: no %s: %s", content, condition, got)
			}
		}
	})
}

func TestSearchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, romeo := begin(t, server.Config{UserSearch: "all"})
		for range 20 {
			found(t, romeo, `<nick>x</nick>`)
		}
		if got := search(romeo, `<nick>x</nick>`); !strings.Contains(got, "<policy-violation") || !strings.Contains(got, "type='wait'") {
			t.Errorf("once more: %s", got)
		}
		juliet := srv.Login(t, "juliet@localhost/x")
		found(t, juliet, `<nick>x</nick>`)
		time.Sleep(4 * time.Second) // the bubble's clock
		found(t, romeo, `<nick>x</nick>`)
	})
}

// TestARemovalElsewhereIsNone: of an account of the same name at another domain.
func TestARemovalElsewhereIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, romeo := begin(t, server.Config{Domains: []string{"localhost", "verona.example"}, UserSearch: "listed"})
		listed(t, card(t, srv, "juliet", "<FN>Juliet Capulet</FN>"), "1")
		other := srv.Login(t, "juliet@verona.example/x")
		other.Send(`<iq type='set' id='u'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		other.Expect(`<iq type='result' id='u'/>`)
		synctest.Wait()
		if got := found(t, romeo, "<last>capulet</last>"); got != "juliet" {
			t.Errorf("found %q", got)
		}
	})
}

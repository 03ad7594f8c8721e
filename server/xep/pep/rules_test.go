package pep_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
)

func TestItemsPastTheirTimeAreGone(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		var c *servertest.Client
		after := func(d time.Duration) {
			if c != nil {
				c.Close()
			}
			time.Sleep(d)
			c = srv.Login(t, "hamlet@localhost/denmark")
		}
		after(0)
		done(c, publish("p", "stories", item("1", payload("1")), "item_expire", "600", "max_items", "max"))
		after(time.Minute)
		done(c, publish("p", "stories", item("2", payload("2"))))
		after(9*time.Minute - time.Second)
		reads(c, "", "stories", item("1", payload("1"))+item("2", payload("2")))
		after(2 * time.Second)
		reads(c, "", "stories", item("2", payload("2")))
		refused(t, c, set("", `<retract node='stories'><item id='1'/></retract>`), "item-not-found", "")
		after(time.Minute)
		c.Send(`<iq type='get' id='d' to='hamlet@localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='stories'/></iq>`)
		c.Expect(`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#items' node='stories'/></iq>`)
		for _, bad := range []string{"-1", "soon", "99999999999"} {
			refused(t, c, configure("stories", "item_expire", bad), "not-acceptable", "")
		}
		done(c, configure("stories", "item_expire", "max"), publish("p", "stories", item("3", payload("3")), "item_expire", "max"))
		after(20 * time.Minute)
		reads(c, "", "stories", item("3", payload("3")))
	})
}

func TestALeaseEnds(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		var hamlet, c *servertest.Client
		after := func(d time.Duration) {
			if c != nil {
				c.Close()
				hamlet.Close()
			}
			time.Sleep(d)
			hamlet, c = srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "fortinbras@localhost/x")
			c.Sync()
		}
		after(0)
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "open", "send_last_published_item", "never"))
		lease := func(until string) string {
			return `<options>` + form(formSub, "expire", until) + `</options>`
		}
		ask := func(options string) string {
			return set("hamlet@localhost", `<subscribe node='`+tune+`' jid='fortinbras@localhost'/>`+options)
		}
		for _, bad := range []string{"presence", "tomorrow", "1999-01-01T00:00:00Z"} {
			refused(t, c, ask(lease(bad)), "bad-request", "invalid-options")
		}
		until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		c.Send(ask(lease(until)))
		if got := c.Next(); !strings.Contains(got, "subscription='subscribed'") || !strings.Contains(got, "type='result'><field var='FORM_TYPE'") || !strings.Contains(got, until) {
			t.Fatalf("got %s", got) // §6.3.7: with the options as they are
		}
		done(hamlet, publish("p", tune, item("2", payload("2"))))
		c.Expect(event("hamlet@localhost", tune, item("2", payload("2"))))
		// Renewed, for no longer than may be.
		done(c, set("hamlet@localhost", `<options node='`+tune+`' jid='fortinbras@localhost'>`+form(formSub, "expire", "2999-01-01T00:00:00Z")+`</options>`))
		c.Send(get("hamlet@localhost", `<options node='`+tune+`' jid='fortinbras@localhost'/>`))
		if got := c.Next(); !strings.Contains(got, "<value>2001-") {
			t.Errorf("got %s", got)
		}
		done(c, set("hamlet@localhost", `<options node='`+tune+`' jid='fortinbras@localhost'>`+form(formSub, "expire", time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339))+`</options>`))
		after(9 * time.Minute)
		done(hamlet, publish("p", tune, item("3", payload("3"))))
		c.Expect(event("hamlet@localhost", tune, item("3", payload("3"))))
		after(2 * time.Minute)
		done(hamlet, publish("p", tune, item("4", payload("4"))))
		synctest.Wait()
		c.Silent()
		c.Send(get("hamlet@localhost", `<subscriptions/>`))
		c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions/></pubsub></iq>`)
		hamlet.Send(own("get", `<subscriptions node='`+tune+`'/>`))
		hamlet.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='` + tune + `'/></pubsub></iq>`)
	})
}

// Who had a lease that has ended is subscribed no more: it takes no room, is not
// renewed, and where the owner approves subscriptions it is asked again.
func TestALeaseThatHasEndedIsNone(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet, c := srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "fortinbras@localhost/x")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "open", "send_last_published_item", "never"))
		lease := func() string {
			return `<options>` + form(formSub, "expire", time.Now().Add(time.Minute).UTC().Format(time.RFC3339)) + `</options>`
		}
		for i := range 20 { // as many as one account has
			c.Send(set("hamlet@localhost", fmt.Sprintf(`<subscribe node='%s' jid='fortinbras@localhost/%d'/>`, tune, i)+lease()))
			if got := c.Next(); !strings.Contains(got, "subscription='subscribed'") {
				t.Fatal(got)
			}
		}
		refused(t, c, set("hamlet@localhost", `<subscribe node='`+tune+`' jid='fortinbras@localhost'/>`), "policy-violation", "too-many-subscriptions")
		time.Sleep(2 * time.Minute)
		refused(t, c, set("hamlet@localhost", `<options node='`+tune+`' jid='fortinbras@localhost/1'>`+form(formSub, "expire", "2999-01-01T00:00:00Z")+`</options>`), "unexpected-request", "not-subscribed")
		c.Send(subscribe(tune, "fortinbras@localhost/1"))
		c.Expect(subscribed(tune, "fortinbras@localhost/1", "subscribed"))
		c.Send(subscribe(tune, "fortinbras@localhost"))
		c.Expect(subscribed(tune, "fortinbras@localhost", "subscribed"))
		done(hamlet, publish("p", tune, item("2", payload("2"))))
		c.Expect(event("hamlet@localhost", tune, item("2", payload("2"))))

		done(hamlet, configure(tune, "access_model", "authorize"))
		synctest.Wait()
		c.Sync()
		done(c, set("hamlet@localhost", `<options node='`+tune+`' jid='fortinbras@localhost'>`+form(formSub, "expire", time.Now().Add(time.Minute).UTC().Format(time.RFC3339))+`</options>`))
		time.Sleep(2 * time.Minute)
		c.Send(subscribe(tune, "fortinbras@localhost"))
		c.Expect(subscribed(tune, "fortinbras@localhost", "pending"))
	})
}

// Contacts learn which resource has published, if they see that it is there, and
// nobody else does (XEP-0163 §4.3.1).
func TestEventsNameTheResourceForContacts(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
		hamlet, hidden := srv.Online(t, "hamlet@localhost/denmark"), srv.Login(t, "hamlet@localhost/hidden")
		done(hidden, publish("p", tune, item("1", payload("0")), "access_model", "open", "send_last_published_item", "never"))
		horatio, c := srv.Login(t, "horatio@localhost/x"), srv.Online(t, "fortinbras@localhost/x")
		wants(horatio, tune)
		horatio.Sync()
		c.Sync()
		c.Send(subscribe(tune, "fortinbras@localhost"))
		c.Expect(subscribed(tune, "fortinbras@localhost", "subscribed"))
		hamlet.Sync()
		named := `<addresses xmlns='http://jabber.org/protocol/address'><address type='replyto' jid='hamlet@localhost/denmark'/></addresses>`
		for _, x := range []struct {
			from *servertest.Client
			want bool
		}{{hamlet, true}, {hidden, false}} {
			done(x.from, publish("p", tune, item("1", payload("1"))))
			if got := horatio.Next(); strings.Contains(got, named) != x.want || strings.Contains(got, "hidden") {
				t.Errorf("a contact gets %s", got)
			}
			if got := c.Next(); strings.Contains(got, "address") {
				t.Errorf("a stranger gets %s", got)
			}
		}
	})
}

func TestWhosePublicationItIs(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet, c := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "fortinbras@localhost/x")
		done(hamlet, publish("p", tune, item("h", payload("1")), "access_model", "open", "publish_model", "open", "max_items", "9"))
		done(c, set("hamlet@localhost", `<publish node='`+tune+`'>`+item("f", payload("2"))+`</publish>`))
		theirs := `<item id='f' publisher='fortinbras@localhost'>` + payload("2") + `</item>`
		reads(c, "hamlet@localhost", tune, item("h", payload("1"))+theirs)
		// One replaces one's own, and nobody else's (§4.1, §7.2.3.1).
		refused(t, c, set("hamlet@localhost", `<publish node='`+tune+`'>`+item("new", payload("3"))+item("h", payload("3"))+`</publish>`), "forbidden", "")
		done(c, set("hamlet@localhost", `<publish node='`+tune+`'>`+item("f", payload("2"))+`</publish>`))
		done(hamlet, configure(tune, "itemreply", "publisher"))
		reads(c, "hamlet@localhost", tune, `<item id='h' publisher='hamlet@localhost'>`+payload("1")+`</item>`+theirs)
		done(hamlet, publish("p", tune, item("f", payload("4"))))
		refused(t, c, set("hamlet@localhost", `<retract node='`+tune+`'><item id='f'/></retract>`), "forbidden", "")
	})
}

// What of a list cannot be done is said, with how it is; the rest is done
// (XEP-0060 §8.8.2.4, §8.9.2.4).
func TestListsAreDoneAsFarAsTheyCanBe(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", tune, item("1", payload("1")), "access_model", "open"), affiliations(tune, affiliation("a@b", "publisher")+affiliation("c@d", "owner")))
		fails := func(ask, name, want string) {
			t.Helper()
			c.Send(ask)
			c.Expect(`<iq type='error' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><` + name + ` node='` + tune + `'>` + want + `</` + name + `></pubsub>` +
				`<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		}
		fails(affiliations(tune, affiliation("a@b", "member")+affiliation("e@f", "king")+affiliation("c@d", "outcast")+affiliation("hamlet@localhost", "none")+
			affiliation("g@h", "member")+`<affiliation jid='i@j'/>`), "affiliations",
			affiliation("a@b", "publisher")+affiliation("e@f", "none")+affiliation("c@d", "owner")+affiliation("hamlet@localhost", "owner"))
		c.Send(own("get", `<affiliations node='`+tune+`'/>`))
		c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><affiliations node='` + tune + `'>` +
			affiliation("hamlet@localhost", "owner") + affiliation("a@b", "publisher") + affiliation("c@d", "owner") + affiliation("g@h", "member") + `</affiliations></pubsub></iq>`)
		refused(t, c, affiliations(tune, affiliation("k@l", "member")+affiliation("k@l/m", "none")), "bad-request", "")
		refused(t, c, affiliations(tune, affiliation("@", "member")), "jid-malformed", "")
		sub := func(jid, what string) string {
			return `<subscription jid='` + jid + `' subscription='` + what + `'/>`
		}
		// Nobody is subscribed who did not ask.
		fails(own("set", `<subscriptions node='`+tune+`'>`+sub("hamlet@localhost", "subscribed")+sub("a@b", "subscribed")+sub("c@d", "unconfigured")+`<subscription jid='e@f'/></subscriptions>`),
			"subscriptions", sub("a@b", "none")+sub("c@d", "none"))
		c.Send(own("get", `<subscriptions node='`+tune+`'/>`))
		c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='` + tune + `'>` + sub("hamlet@localhost", "subscribed") + `</subscriptions></pubsub></iq>`)
	})
}

// A place on the list decides about who waits (XEP-0060 §8.7.4).
func TestAffiliationsDecideAboutWhoWaits(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "authorize", "send_last_published_item", "never"))
		for who, x := range map[string][2]string{"laertes": {"outcast", "none"}, "horatio": {"publisher", "subscribed"}} {
			jid := who + "@localhost"
			c := srv.Online(t, jid+"/x")
			c.Sync()
			c.Send(subscribe(tune, jid))
			c.Expect(subscribed(tune, jid, "pending"))
			done(hamlet, affiliations(tune, affiliation(jid, x[0])))
			c.Expect(state(tune, jid, x[1]))
		}
	})
}

func TestWhoWaitsIsAskedForAnew(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "authorize"), publish("p", geo, item("1", payload("1")), "access_model", "authorize"))
		c := srv.Login(t, "fortinbras@localhost/x")
		c.Send(subscribe(tune, "fortinbras@localhost"))
		c.Expect(subscribed(tune, "fortinbras@localhost", "pending"))
		hamlet.Sync()
		command := func(content, attrs string) string {
			return `<iq type='set' id='c' to='hamlet@localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/pubsub#get-pending' ` + attrs + `>` + content + `</command></iq>`
		}
		hamlet.Send(command("", "action='execute'"))
		got := hamlet.Next()
		if !strings.Contains(got, "status='executing'") || !strings.Contains(got, `<option label='`+tune+`'><value>`+tune) || strings.Contains(got, geo) {
			t.Fatalf("got %s", got)
		}
		_, id, _ := strings.Cut(got, "sessionid='")
		id, _, _ = strings.Cut(id, "'")
		submit := func(node string) string {
			return command(form("http://jabber.org/protocol/pubsub#subscribe_authorization", "node", node), "sessionid='"+id+"'")
		}
		refused(t, hamlet, submit("none"), "item-not-found", "")
		hamlet.Send(submit(tune))
		hamlet.Expect(`<iq type='result' id='c'/>`)
		if got := hamlet.Next(); !strings.Contains(got, "pubsub#subscriber_jid") || !strings.Contains(got, "fortinbras@localhost") {
			t.Errorf("got %s", got)
		}
		refused(t, c, command("", ""), "forbidden", "")
		// It is not told among the subscribers (§8.8.1.2).
		hamlet.Send(own("get", `<subscriptions node='`+tune+`'/>`))
		hamlet.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='` + tune + `'/></pubsub></iq>`)
		// Of a node that goes those who wait hear too (§8.4.2).
		c.Send(`<presence/>`)
		c.Sync()
		done(hamlet, own("set", `<delete node='`+tune+`'><redirect uri='xmpp:hamlet@localhost?;node=`+geo+`'/></delete>`))
		c.Expect(`<message from='hamlet@localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'><delete node='` + tune + `'><redirect uri='xmpp:hamlet@localhost?;node=` + geo + `'/></delete></event></message>`)
	})
}

func TestRequestsOutOfForm(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", tune, item("1", payload("1")), "access_model", "open"))
		options := `<options>` + form(formSub, "deliver", "1") + `</options>`
		config := func(fields ...string) string {
			return `<create node='new'/><configure>` + form(formConfig, fields...) + `</configure>`
		}
		sub := `<subscribe node='` + tune + `' jid='hamlet@localhost'/>`
		for _, x := range []struct{ ask, condition, of0060 string }{
			{set("", options+sub), "bad-request", ""},
			{set("", sub+options+options), "bad-request", ""},
			{set("", sub+strings.Replace(options, "<options", "<options node='"+tune+"'", 1)), "bad-request", ""},
			{set("", sub+strings.Replace(options, "<options", "<options jid='hamlet@localhost'", 1)), "bad-request", ""},
			{set("", sub+sub), "bad-request", ""},
			{set("", `<configure/><create node='new'/>`), "bad-request", ""},
			{set("", `<create node='new'/><configure node='new'/>`), "bad-request", ""},
			{set("", config("access_model", "perhaps")), "not-acceptable", "unsupported-access-model"},
			{set("", config("node_type", "collection")), "not-acceptable", ""},
			{configure(tune, "access_model", "perhaps"), "not-acceptable", "unsupported-access-model"},
			{own("get", `<default type='collection'/>`), "feature-not-implemented", "unsupported"},
			{set("", `<unsubscribe node='`+tune+`' jid='laertes@localhost'/>`), "forbidden", ""},
			{get("", `<options node='`+tune+`' jid='laertes@localhost'/>`), "forbidden", ""},
			{get("", `<options node='`+tune+`'/>`), "bad-request", "jid-required"},
			{get("", `<options node='none' jid='hamlet@localhost'/>`), "item-not-found", ""},
			{set("", `<create node='a&#10;b'/>`), "not-acceptable", ""},
			{set("", `<create node='e&#x301;'/>`), "not-acceptable", ""},
			{set("", `<create node='`+strings.Repeat("x", 1024)+`'/>`), "not-acceptable", ""},
			{publish("p", "a&#9;b", item("1", payload("1"))), "not-acceptable", ""},
			{publish("p", tune, item(strings.Repeat("x", 1024), payload("1"))), "not-acceptable", ""},
		} {
			refused(t, c, x.ask, x.condition, x.of0060)
		}
		// Names that look like something else are names.
		for _, name := range []string{"hamlet@localhost/x", "urn:a#b'\"&amp;", "名前", "a/b"} {
			done(c, publish("p", strings.ReplaceAll(name, "'", "&apos;"), item("1", payload("1"))))
		}
	})
}

func TestOneAccountSubscribesSoManyAddresses(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet, c := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "fortinbras@localhost/x")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "open", "send_last_published_item", "never"))
		for i := range 20 {
			done(c, subscribe(tune, fmt.Sprintf("fortinbras@localhost/%d", i)))
		}
		refused(t, c, subscribe(tune, "fortinbras@localhost"), "policy-violation", "too-many-subscriptions")
		// Addresses that are away can be unsubscribed from any other.
		done(c, set("hamlet@localhost", `<unsubscribe node='`+tune+`' jid='fortinbras@localhost/7'/>`), subscribe(tune, "fortinbras@localhost"))
	}, server.Config{})
}

// Names can be long and longer where they are escaped: what a contact lists is cut
// before it is too much for its session, and so is what it is told at once.
func TestLongNamesEndNoSession(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
		hamlet, c := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "horatio@localhost/x")
		long := func(i int) string { return fmt.Sprint(1000+i) + strings.Repeat("&amp;", 1000) }
		for i := range 300 {
			done(hamlet, publish("p", long(i), item("1", payload("1"))))
		}
		c.Send(`<iq type='get' id='d' to='hamlet@localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
		got := c.Next()
		if n := strings.Count(got, "<item "); n < 50 || n > 150 || !strings.Contains(got, "<count>300</count>") {
			t.Errorf("%d nodes in %d bytes", n, len(got))
		}
		many := func(from int) (all string) {
			for i := range 40 {
				all += item(long(from+i), payload("1"))
			}
			return all
		}
		for i := range 5 {
			done(hamlet, publish("p", tune, many(i*40), "max_items", "200"))
		}
		page := `<iq type='get' id='d' to='hamlet@localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='` + tune + `'><set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set></query></iq>`
		c.Send(page)
		if got := c.Next(); strings.Count(got, "<item ") != 2 || !strings.Contains(got, "<first index='198'>") {
			t.Errorf("got %d bytes, ending in %s", len(got), got[max(0, len(got)-200):])
		}
		wants(c, tune)
		c.Sync()
		done(hamlet, publish("p", tune, many(200))) // and forty go
		synctest.Wait()
		told := 0
		for _, e := range c.Sync() {
			told += strings.Count(e, "<item ") + strings.Count(e, "<retract ")
			if len(e) > 300<<10 {
				t.Errorf("an event of %d bytes", len(e))
			}
		}
		if told != 80 {
			t.Errorf("%d of 80 are told", told)
		}
	})
}

// Whose events come back is subscribed no more (XEP-0060 §12.4), and nobody ends the
// subscription of another one so.
func TestEventsThatComeBackEndASubscription(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet, c, other := srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "fortinbras@localhost/x"), srv.Login(t, "osric@localhost/x")
		c.Sync()
		for _, node := range []string{tune, geo} {
			done(hamlet, publish("p", node, item("1", payload("1")), "access_model", "open", "send_last_published_item", "never"))
			done(c, subscribe(node, "fortinbras@localhost/x"))
		}
		back := func(node, condition, typ string) string {
			return `<message to='hamlet@localhost' type='error' id='e'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + items(node, "") + `</event>` +
				`<error type='` + typ + `'><` + condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`
		}
		left := func(want ...string) {
			t.Helper()
			synctest.Wait()
			list := ""
			for _, node := range want {
				list += subscription(node, "fortinbras@localhost/x", "subscribed")
			}
			c.Send(get("hamlet@localhost", `<subscriptions/>`))
			c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions>` + list + `</subscriptions></pubsub></iq>`)
		}
		other.Send(back(tune, "gone", "cancel"))
		other.Sync()
		c.Send(back(tune, "resource-constraint", "wait"), back(tune, "remote-server-not-found", "cancel"), back(tune, "service-unavailable", "cancel"))
		left(geo, tune)
		c.Send(back(tune, "item-not-found", "cancel"))
		left(geo)
		c.Send(back("urn:example:none", "gone", "cancel"))
		left(geo)
		c.Send(strings.Replace(back(geo, "gone", "modify"), items(geo, ""), "", 1))
		left()
	})
}

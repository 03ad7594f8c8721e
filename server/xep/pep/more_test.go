package pep_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

func subscription(node, jid, state string) string {
	return `<subscription node='` + node + `' jid='` + jid + `' subscription='` + state + `'/>`
}

func subscribed(node, jid, state string) string {
	return `<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` + subscription(node, jid, state) + `</pubsub></iq>`
}

func TestAStrangerSubscribesToAnOpenNode(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "open"))
		c := srv.Online(t, "fortinbras@norway/x")
		c.Sync()
		refused(t, c, set("hamlet@localhost", `<subscribe node='`+tune+`'/>`), "bad-request", "jid-required")
		refused(t, c, set("hamlet@localhost", `<subscribe node='`+tune+`' jid='claudius@localhost'/>`), "bad-request", "invalid-jid")
		refused(t, c, set("hamlet@localhost", `<unsubscribe node='`+tune+`' jid='fortinbras@norway'/>`), "unexpected-request", "not-subscribed")
		c.Send(set("hamlet@localhost", `<subscribe node='`+tune+`' jid='fortinbras@norway'/>`))
		c.Expect(subscribed(tune, "fortinbras@norway", "subscribed"))
		c.Expect(event("hamlet@localhost", tune, item("1", payload("1")))) // the last one
		done(hamlet, publish("p", tune, item("2", payload("2"))))
		c.Expect(event("hamlet@localhost", tune, item("2", payload("2"))))
		c.Send(get("hamlet@localhost", `<subscriptions/>`))
		c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions>` + subscription(tune, "fortinbras@norway", "subscribed") + `</subscriptions></pubsub></iq>`)
		// Muted, then gone.
		done(c, set("hamlet@localhost", `<options node='`+tune+`' jid='fortinbras@norway'>`+form("http://jabber.org/protocol/pubsub#subscribe_options", "deliver", "0")+`</options>`))
		done(hamlet, publish("p", tune, item("3", payload("3"))))
		synctest.Wait()
		c.Silent()
		done(c, set("hamlet@localhost", `<unsubscribe node='`+tune+`' jid='fortinbras@norway'/>`))
		c.Send(get("hamlet@localhost", `<subscriptions/>`))
		c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions/></pubsub></iq>`)
	}, server.Config{Domains: []string{"localhost", "norway"}})
}

func TestSubscriptionsThatNeedApproval(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Online(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "authorize", "send_last_published_item", "never"))
		c, other := srv.Online(t, "fortinbras@localhost/x"), srv.Online(t, "laertes@localhost/x")
		decide := func(who, allow string) {
			hamlet.Send(`<message to='hamlet@localhost' id='d'>` + form("http://jabber.org/protocol/pubsub#subscribe_authorization",
				"node", tune, "subscriber_jid", who, "allow", allow) + `</message>`)
		}
		for _, x := range []*servertest.Client{c, other} {
			bare := x.JID.Bare().String()
			x.Send(set("hamlet@localhost", `<subscribe node='`+tune+`' jid='`+bare+`'/>`))
			x.Expect(subscribed(tune, bare, "pending"))
			if ask := hamlet.Next(); !strings.Contains(ask, "pubsub#subscribe_authorization") || !strings.Contains(ask, bare) {
				t.Fatalf("got %s", ask)
			}
			refused(t, x, set("hamlet@localhost", `<subscribe node='`+tune+`' jid='`+bare+`'/>`), "not-authorized", "pending-subscription")
			refused(t, x, get("hamlet@localhost", items(tune, "")), "not-authorized", "not-subscribed")
		}
		// Nobody decides for the owner.
		c.Send(`<message to='hamlet@localhost' id='d'>` + form("http://jabber.org/protocol/pubsub#subscribe_authorization", "node", tune, "subscriber_jid", "fortinbras@localhost", "allow", "1") + `</message>`)
		refused(t, c, get("hamlet@localhost", items(tune, "")), "not-authorized", "not-subscribed")
		hamlet.Sync()
		told := func(jid, state string) string {
			return `<message from='hamlet@localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + subscription(tune, jid, state) + `</event></message>`
		}
		decide("fortinbras@localhost", "true")
		c.Expect(told("fortinbras@localhost", "subscribed"))
		reads(c, "hamlet@localhost", tune, item("1", payload("1")))
		decide("laertes@localhost", "0")
		other.Expect(told("laertes@localhost", "none"))
		refused(t, other, get("hamlet@localhost", items(tune, "")), "not-authorized", "not-subscribed")
		hamlet.Silent() // the decisions were for the service
		// The owner changes subscriptions as well.
		hamlet.Send(own("get", `<subscriptions node='`+tune+`'/>`))
		hamlet.Expect(`<iq type='result'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><subscriptions node='` + tune + `'><subscription jid='fortinbras@localhost' subscription='subscribed'/></subscriptions></pubsub></iq>`)
		done(hamlet, own("set", `<subscriptions node='`+tune+`'><subscription jid='fortinbras@localhost' subscription='none'/></subscriptions>`))
		c.Expect(told("fortinbras@localhost", "none"))
		refused(t, c, get("hamlet@localhost", items(tune, "")), "not-authorized", "not-subscribed")
	})
}

func TestWhoLosesAccessIsToldNothingMore(t *testing.T) {
	for name, lose := range map[string]func(hamlet *servertest.Client){
		"by being blocked": func(c *servertest.Client) {
			done(c, `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='horatio@norway'/></block></iq>`)
		},
		"by losing the subscription to presence": func(c *servertest.Client) {
			c.Send(`<presence type='unsubscribed' to='horatio@norway'/>`)
			c.Sync()
		},
		"by the node being closed": func(c *servertest.Client) {
			done(c, own("set", `<configure node='`+tune+`'>`+form("http://jabber.org/protocol/pubsub#node_config", "access_model", "whitelist")+`</configure>`))
		},
		"by becoming an outcast": func(c *servertest.Client) {
			done(c, own("set", `<affiliations node='`+tune+`'><affiliation jid='horatio@norway' affiliation='outcast'/></affiliations>`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, srv *servertest.Server) {
				srv.Befriend(t, "hamlet@localhost", "horatio@norway")
				hamlet, horatio := srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "horatio@norway/x")
				done(hamlet, publish("p", tune, item("1", payload("1"))))
				horatio.Sync()
				horatio.Send(set("hamlet@localhost", `<subscribe node='`+tune+`' jid='horatio@norway'/>`))
				horatio.Expect(subscribed(tune, "horatio@norway", "subscribed"))
				horatio.Expect(event("hamlet@localhost", tune, item("1", payload("1"))))
				wants(horatio, tune)
				synctest.Wait()
				horatio.Sync()
				done(hamlet, publish("p", tune, item("1", payload("2"))))
				horatio.Expect(event("hamlet@localhost", tune, item("1", payload("2"))))
				lose(hamlet)
				synctest.Wait()
				horatio.Sync()
				done(hamlet, publish("p", tune, item("1", payload("3"))))
				synctest.Wait()
				for _, e := range horatio.Sync() {
					if strings.Contains(e, "#event") {
						t.Errorf("told: %s", e)
					}
				}
				horatio.Send(get("hamlet@localhost", items(tune, "")))
				horatio.Expect(`<iq type='error' id='q'/>`)
			}, server.Config{Domains: []string{"localhost", "norway"}})
		})
	}
}

func TestLastItemsForWhoComes(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "hamlet@localhost", "horatio@norway")
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", tune, item("1", payload("1"))),
			publish("p", geo, item("1", payload("1")), "send_last_published_item", "never"),
			publish("p", "private", item("1", payload("1")), "access_model", "whitelist"))
		synctest.Wait() // all that has to be told of it is
		hamlet.Close()
		horatio := srv.Online(t, "horatio@norway/x")
		got := func() (n int) {
			synctest.Wait()
			for _, e := range horatio.Sync() {
				if strings.Contains(e, "#event") {
					if !strings.Contains(e, tune) || !strings.Contains(e, "<delay xmlns='urn:xmpp:delay'") {
						t.Errorf("got %s", e)
					}
					n++
				}
			}
			return n
		}
		horatio.Sync()
		horatio.Send(caps(ver(tune+"+notify", geo+"+notify", "private+notify")))
		n := 0
		for _, e := range horatio.Sync() {
			if strings.Contains(e, "disco#info") {
				id := e[strings.Index(e, "id='")+4:]
				horatio.Send(answer(id[:strings.Index(id, "'")], "horatio@norway", tune+"+notify", geo+"+notify", "private+notify"))
			}
		}
		if n = got(); n != 1 {
			t.Errorf("%d last items", n)
		}
		horatio.Send(`<presence><show>away</show></presence>`)
		if n := got(); n != 0 {
			t.Errorf("%d last items once more", n)
		}
		horatio.Send(`<presence type='unavailable'/>`)
		horatio.Send(caps(ver(tune+"+notify", geo+"+notify", "private+notify")))
		if n := got(); n != 1 {
			t.Errorf("%d last items after coming back", n)
		}
	}, server.Config{Domains: []string{"localhost", "norway"}})
}

func TestWhoIsApprovedGetsLastItems(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet, horatio := srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "horatio@norway/x")
		done(hamlet, publish("p", tune, item("1", payload("1"))))
		wants(horatio, tune)
		horatio.Send(`<presence type='subscribe' to='hamlet@localhost'/>`)
		horatio.Sync()
		hamlet.Send(`<presence type='subscribed' to='horatio@norway'/>`)
		hamlet.Sync()
		synctest.Wait()
		for _, e := range horatio.Sync() {
			if strings.Contains(e, payload("1")) {
				return
			}
		}
		t.Error("no last item")
	}, server.Config{Domains: []string{"localhost", "norway"}})
}

func TestDirectedPresenceGetsOpenNodes(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet, c := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "fortinbras@localhost/x")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "open"), publish("p", geo, item("1", payload("1"))))
		wants(c, tune, geo)
		c.Send(`<presence to='hamlet@localhost'/>`)
		c.Expect(event("hamlet@localhost", tune, item("1", payload("1"))))
		done(hamlet, publish("p", geo, item("1", payload("2"))), publish("p", tune, item("1", payload("2"))))
		c.Expect(event("hamlet@localhost", tune, item("1", payload("2"))))
		c.Send(`<presence to='hamlet@localhost' type='unavailable'/>`)
		c.Sync()
		done(hamlet, publish("p", tune, item("1", payload("3"))))
		synctest.Wait()
		c.Silent()
	})
}

func TestConfigureDeletePurge(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		const config = "http://jabber.org/protocol/pubsub#node_config"
		done(hamlet, set("", `<create node='`+tune+`'/><configure>`+form(config, "max_items", "3", "notify_config", "1")+`</configure>`))
		refused(t, hamlet, set("", `<create node='`+tune+`'/>`), "conflict", "")
		hamlet.Send(set("", `<create/>`))
		hamlet.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><create node='{scansion:any}'/></pubsub></iq>`)
		wants(hamlet, tune)
		hamlet.Silent()
		for i := range 4 {
			hamlet.Send(publish("p", tune, item(fmt.Sprint(i), payload("x"))))
			retracts := ""
			if i == 3 {
				retracts = `<retract id='0'/>`
			}
			hamlet.ExpectAll(`<iq type='result' id='p'/>`, event("hamlet@localhost", tune, item(fmt.Sprint(i), payload("x"))+retracts))
		}
		refused(t, hamlet, own("set", `<configure node='`+tune+`'>`+form(config, "access_model", "perhaps")+`</configure>`), "not-acceptable", "")
		refused(t, hamlet, own("set", `<configure node='`+tune+`'/>`), "bad-request", "")
		refused(t, hamlet, own("set", `<configure/>`), "bad-request", "nodeid-required")
		refused(t, hamlet, own("get", `<configure node='none'/>`), "item-not-found", "")
		hamlet.Send(own("set", `<configure node='`+tune+`'>`+form(config, "max_items", "2")+`</configure>`))
		hamlet.ExpectAll(`<iq type='result' id='q'/>`, `<message from='hamlet@localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'><configuration node='`+tune+`'><x xmlns='jabber:x:data' type='result' scansion:strict='false'/></configuration></event></message>`)
		reads(hamlet, "", tune, item("2", payload("x"))+item("3", payload("x")))
		hamlet.Send(own("set", `<purge node='`+tune+`'/>`))
		hamlet.ExpectAll(`<iq type='result' id='q'/>`, `<message><event xmlns='http://jabber.org/protocol/pubsub#event'><purge node='`+tune+`'/></event></message>`)
		reads(hamlet, "", tune, "")
		hamlet.Send(own("set", `<delete node='`+tune+`'/>`))
		hamlet.ExpectAll(`<iq type='result' id='q'/>`, `<message><event xmlns='http://jabber.org/protocol/pubsub#event'><delete node='`+tune+`'/></event></message>`)
		refused(t, hamlet, get("", items(tune, "")), "item-not-found", "")
		hamlet.Send(own("get", `<default/>`))
		hamlet.Expect(`<iq type='result'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><default><x xmlns='jabber:x:data' type='form' scansion:strict='false'/></default></pubsub></iq>`)
		refused(t, hamlet, set("", `<retract node='none'><item id='1'/></retract>`), "item-not-found", "")
		refused(t, hamlet, set("", `<dance/>`), "feature-not-implemented", "unsupported")
		refused(t, hamlet, set("", ``), "bad-request", "")
	})
}

func TestPagesAndSelections(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		for i := range 5 {
			done(c, publish("p", tune, item(fmt.Sprint(i), payload("x")), "max_items", "max"))
		}
		list := func(ids string) (s string) {
			for _, id := range ids {
				s += item(string(id), payload("x"))
			}
			return s
		}
		for _, x := range []struct{ ask, rsm, ids, set string }{
			{`<items node='` + tune + `' max_items='2'/>`, "", "34", ""},
			{`<items node='` + tune + `'><item id='1'/><item id='3'/></items>`, "", "13", ""},
			{`<items node='` + tune + `'/>`, `<max>2</max>`, "01", `<first index='0'>0</first><last>1</last><count>5</count>`},
			{`<items node='` + tune + `'/>`, `<max>2</max><after>1</after>`, "23", `<first index='2'>2</first><last>3</last><count>5</count>`},
			{`<items node='` + tune + `'/>`, `<max>2</max><before/>`, "34", `<first index='3'>3</first><last>4</last><count>5</count>`},
		} {
			set, want := "", ""
			if x.rsm != "" {
				set = `<set xmlns='http://jabber.org/protocol/rsm'>` + x.rsm + `</set>`
				want = `<set xmlns='http://jabber.org/protocol/rsm'>` + x.set + `</set>`
			}
			c.Send(get("", x.ask+set))
			c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` + items(tune, list(x.ids)) + want + `</pubsub></iq>`)
		}
		c.Send(get("", `<items node='`+tune+`'><item id='9'/></items>`)) // XEP-0060 §6.5.9.12
		c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` + items(tune, "") + `</pubsub></iq>`)
		refused(t, c, get("", `<items node='`+tune+`'/><set xmlns='http://jabber.org/protocol/rsm'><after>9</after></set>`), "item-not-found", "")
		refused(t, c, get("", `<items node='`+tune+`' max_items='x'/>`), "bad-request", "")
	})
}

func TestBounds(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", "a", item("1", payload("x")), "max_items", "max"), publish("p", "b", item("1", payload("x"))))
		refused(t, c, publish("p", "c", item("1", payload("x"))), "resource-constraint", "max-nodes-exceeded")
		done(c, publish("p", "a", item("2", payload("x"))))
		refused(t, c, publish("p", "a", item("3", payload("x"))), "resource-constraint", "")
		done(c, publish("p", "a", item("2", payload("y"))), publish("p", "b", item("2", payload("y")))) // nothing more
		done(c, set("", `<retract node='a'><item id='1'/></retract>`), publish("p", "a", item("3", payload("x"))))
	}, server.Config{PubSubNodes: 2, PubSubItems: 3})
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", "a", item("1", payload(string(make2k()))), "max_items", "max"))
		refused(t, c, publish("p", "a", item("2", payload(string(make2k())))), "resource-constraint", "")
		done(c, publish("p", "a", item("1", payload("small"))), publish("p", "a", item("2", payload(string(make2k())))))
	}, server.Config{PubSubBytes: 4000})
}

func TestItOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "natter.db")
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Store: store.Options{Path: file}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", tune, item("1", payload("1")), "max_items", "3", "access_model", "open"), publish("p", tune, item("2", payload("2"))), publish("p", tune, item("1", payload("3"))),
			own("set", `<affiliations node='`+tune+`'><affiliation jid='laertes@localhost' affiliation='outcast'/></affiliations>`))
		srv.Close()
		srv = servertest.New(t, opts)
		reads(srv.Login(t, "ophelia@localhost/x"), "hamlet@localhost", tune, item("2", payload("2"))+item("1", payload("3")))
		refused(t, srv.Login(t, "laertes@localhost/x"), get("hamlet@localhost", items(tune, "")), "forbidden", "")
	})
}

func TestWhatCouldNotBeStoredIsSaidAndNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		gate := func() error {
			if broken.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}
		srv := servertest.New(t, servertest.Options{Store: store.Options{Gate: gate}, Log: t.Output()})
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", tune, item("1", payload("old"))))
		wants(c, tune)
		synctest.Wait()
		c.Sync()
		broken.Store(true)
		c.Send(publish("p", tune, item("1", payload("new"))))
		c.Expect(`<iq type='error' id='p'><error type='wait'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		reads(c, "", tune, item("1", payload("old")))
		broken.Store(false)
		synctest.Wait()
		c.Silent()
		c.Send(publish("p", tune, item("1", payload("new"))))
		c.ExpectAll(`<iq type='result' id='p'/>`, event("hamlet@localhost", tune, item("1", payload("new"))))
	})
}

func TestAnAccountThatGoesTakesItsNodesAlong(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", tune, item("1", payload("1")), "access_model", "open"))
		c.Send(`<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		for {
			if _, err := c.Read(); err != nil {
				break
			}
		}
		synctest.Wait()
		c = srv.Login(t, "hamlet@localhost/denmark")
		refused(t, c, get("", items(tune, "")), "item-not-found", "")
		done(c, publish("p", tune, item("2", payload("2"))))
		reads(c, "", tune, item("2", payload("2")))
	})
}

func TestDiscovery(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
		hamlet, horatio := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "horatio@localhost/x")
		done(hamlet, publish("p", tune, item("1", payload("1"))), publish("p", geo, item("1", payload("1")), "access_model", "whitelist"))
		disco := func(kind, node string) string {
			return `<iq type='get' id='d' to='hamlet@localhost'><query xmlns='http://jabber.org/protocol/disco#` + kind + `' node='` + node + `'/></iq>`
		}
		horatio.Send(strings.Replace(disco("items", ""), " node=''", "", 1))
		horatio.Expect(`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='hamlet@localhost' node='` + tune + `'/></query></iq>`)
		horatio.Send(disco("items", tune))
		horatio.Expect(`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#items' node='` + tune + `'><item jid='hamlet@localhost' name='1'/></query></iq>`)
		horatio.Send(disco("info", tune))
		got := horatio.Expect(`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info' node='` + tune + `' scansion:strict='false'><identity category='pubsub' type='leaf'/></query></iq>`)
		if !strings.Contains(got, "pubsub#meta-data") || !strings.Contains(got, "pubsub#access_model") {
			t.Errorf("got %s", got)
		}
		for _, kind := range []string{"info", "items"} {
			horatio.Send(disco(kind, geo))
			horatio.ExpectError("item-not-found")
		}
	})
}

// A client that comes to want more is sent the last items of that, and of no more.
func TestWhoWantsMoreGetsThat(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
		hamlet, horatio := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "horatio@localhost/x")
		done(hamlet, publish("p", tune, item("1", payload("1"))), publish("p", geo, item("1", payload("1"))))
		synctest.Wait()
		told := func(events []string) (nodes []string) {
			for _, e := range events {
				for _, node := range []string{tune, geo} {
					if strings.Contains(e, "<items node='"+node+"'") {
						nodes = append(nodes, node)
					}
				}
			}
			return nodes
		}
		for _, x := range []struct {
			wants []string
			want  string
		}{{[]string{geo}, geo}, {[]string{geo, tune}, tune}, {[]string{tune}, ""}, {[]string{tune, geo}, geo}} {
			var features []string
			for _, n := range x.wants {
				features = append(features, n+"+notify")
			}
			horatio.Send(caps(ver(features...)))
			events := horatio.Sync()
			for _, e := range events {
				if strings.Contains(e, "disco#info") {
					id := e[strings.Index(e, "id='")+4:]
					horatio.Send(answer(id[:strings.Index(id, "'")], "horatio@localhost", features...))
				}
			}
			synctest.Wait()
			events = append(events, horatio.Sync()...) // those of a hash that is known may have come at once
			if got := strings.Join(told(events), " "); got != x.want {
				t.Errorf("wanting %v it gets %q", x.wants, got)
			}
		}
	})
}

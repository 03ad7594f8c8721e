package pep_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

const (
	formConfig = "http://jabber.org/protocol/pubsub#node_config"
	formSub    = "http://jabber.org/protocol/pubsub#subscribe_options"
)

func configure(node string, fields ...string) string {
	return own("set", `<configure node='`+node+`'>`+form(formConfig, fields...)+`</configure>`)
}

func affiliations(node, list string) string {
	return own("set", `<affiliations node='`+node+`'>`+list+`</affiliations>`)
}

func affiliation(jid, what string) string {
	return `<affiliation jid='` + jid + `' affiliation='` + what + `'/>`
}

func subscribe(node, jid string) string {
	return set("hamlet@localhost", `<subscribe node='`+node+`' jid='`+jid+`'/>`)
}

// state is the message that tells of a changed subscription (XEP-0060 §12.14).
func state(node, jid, what string) string {
	return `<message from='hamlet@localhost'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + subscription(node, jid, what) + `</event></message>`
}

// removed has a client remove its account and waits until its name is free.
func removed(t *testing.T, srv *servertest.Server, c *servertest.Client) {
	c.Send(`<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
	for {
		if _, err := c.Read(); err != nil {
			break
		}
	}
	synctest.Wait()
}

// A new owner of a name has nothing of what the old one could see and do.
func TestANameThatComesAgainInheritsNothing(t *testing.T) {
	for name, restart := range map[string]bool{"while the server runs": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "natter.db")
			synctest.Test(t, func(t *testing.T) {
				opts := servertest.Options{Config: server.Config{Domains: []string{"localhost", "norway"}}, Store: store.Options{Path: file}}
				srv, err := servertest.Start(opts, t.Output())
				if err != nil {
					t.Fatal(err)
				}
				if !restart {
					t.Cleanup(srv.Close)
				}
				hamlet, spy := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "spy@norway/x")
				one := item("1", payload("secret"))
				done(hamlet,
					publish("p", tune, one, "access_model", "whitelist"),
					affiliations(tune, affiliation("spy@norway", "publisher")),
					publish("p", "ask", one, "access_model", "authorize", "send_last_published_item", "never"),
					publish("p", "all", one, "access_model", "open", "publish_model", "open", "max_items", "9"),
					affiliations("all", affiliation("osric@norway", "outcast")))
				reads(spy, "hamlet@localhost", tune, one)
				spy.Send(subscribe("ask", "spy@norway"))
				spy.Expect(subscribed("ask", "spy@norway", "pending"))
				done(hamlet, own("set", `<subscriptions node='ask'><subscription jid='spy@norway' subscription='subscribed'/></subscriptions>`))
				synctest.Wait()
				spy.Sync()
				reads(spy, "hamlet@localhost", "ask", one)
				done(spy, set("hamlet@localhost", `<publish node='all'>`+item("mine", payload("spy's"))+`</publish>`))
				removed(t, srv, spy)
				if restart {
					srv.Close()
					srv = servertest.New(t, opts)
				}
				spy = srv.Login(t, "spy@norway/x")
				refused(t, spy, get("hamlet@localhost", items(tune, "")), "not-authorized", "presence-subscription-required")
				refused(t, spy, get("hamlet@localhost", items("ask", "")), "not-authorized", "not-subscribed")
				refused(t, spy, set("hamlet@localhost", `<publish node='`+tune+`'>`+one+`</publish>`), "forbidden", "")
				refused(t, spy, set("hamlet@localhost", `<retract node='all'><item id='mine'/></retract>`), "forbidden", "")
				refused(t, spy, set("hamlet@localhost", `<publish node='all'>`+item("mine", payload("x"))+`</publish>`), "forbidden", "")
				for _, what := range []string{"subscriptions", "affiliations"} {
					spy.Send(get("hamlet@localhost", `<`+what+`/>`))
					spy.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><` + what + `/></pubsub></iq>`)
				}
				// A ban is not lifted so.
				refused(t, srv.Login(t, "osric@norway/x"), get("hamlet@localhost", items("all", "")), "forbidden", "")
				// What it is given now counts.
				hamlet = srv.Login(t, "hamlet@localhost/england")
				done(hamlet, affiliations(tune, affiliation("spy@norway", "member")))
				reads(spy, "hamlet@localhost", tune, one)
			})
		})
	}
}

// Who loses access loses the subscription, and is told so (XEP-0163 §7.1).
func TestALostSubscriptionDoesNotComeBack(t *testing.T) {
	for name, x := range map[string]struct {
		access     string
		lose, undo func(hamlet, horatio *servertest.Client)
	}{
		"when presence is": {"presence", func(hamlet, _ *servertest.Client) {
			hamlet.Send(`<presence type='unsubscribed' to='horatio@localhost'/>`)
		}, func(hamlet, horatio *servertest.Client) {
			horatio.Send(`<presence type='subscribe' to='hamlet@localhost'/>`)
			horatio.Sync()
			hamlet.Send(`<presence type='subscribed' to='horatio@localhost'/>`)
		}},
		"when the contact gives presence up": {"presence", func(_, horatio *servertest.Client) {
			horatio.Send(`<presence type='unsubscribe' to='hamlet@localhost'/>`)
		}, nil},
		"when the contact is taken off the roster": {"presence", func(hamlet, _ *servertest.Client) {
			done(hamlet, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='horatio@localhost' subscription='remove'/></query></iq>`)
		}, nil},
		"when the contact leaves the group": {"roster", func(hamlet, _ *servertest.Client) {
			done(hamlet, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='horatio@localhost'><group>Foes</group></item></query></iq>`)
		}, func(hamlet, _ *servertest.Client) {
			done(hamlet, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='horatio@localhost'><group>Friends</group></item></query></iq>`)
		}},
		"when the node is closed": {"open", func(hamlet, _ *servertest.Client) {
			done(hamlet, configure(tune, "access_model", "whitelist"))
		}, func(hamlet, _ *servertest.Client) {
			done(hamlet, configure(tune, "access_model", "open"))
		}},
		"when the contact becomes an outcast": {"open", func(hamlet, _ *servertest.Client) {
			done(hamlet, affiliations(tune, affiliation("horatio@localhost", "outcast")))
		}, func(hamlet, _ *servertest.Client) {
			done(hamlet, affiliations(tune, affiliation("horatio@localhost", "none")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, srv *servertest.Server) {
				srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
				hamlet, horatio := srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "horatio@localhost/x")
				done(hamlet, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='horatio@localhost'><group>Friends</group></item></query></iq>`,
					publish("p", tune, item("1", payload("1")), "access_model", x.access, "roster_groups_allowed", "Friends", "send_last_published_item", "never"))
				horatio.Sync()
				horatio.Send(subscribe(tune, "horatio@localhost"))
				horatio.Expect(subscribed(tune, "horatio@localhost", "subscribed"))
				x.lose(hamlet, horatio)
				hamlet.Sync()
				synctest.Wait()
				told := false
				for _, e := range horatio.Sync() {
					told = told || strings.Contains(e, "subscription='none'") && strings.Contains(e, "#event")
				}
				if !told {
					t.Error("not told")
				}
				if x.undo != nil {
					x.undo(hamlet, horatio)
					hamlet.Sync()
					synctest.Wait()
				}
				horatio.Sync()
				done(hamlet, publish("p", tune, item("1", payload("2"))))
				synctest.Wait()
				horatio.Silent()
				horatio.Send(get("hamlet@localhost", `<subscriptions/>`))
				horatio.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions/></pubsub></iq>`)
			})
		})
	}
}

// Who may read a node from now on is sent its last item (XEP-0060 §12.2).
func TestWhoGainsAccessGetsTheLastItem(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
		srv.Befriend(t, "hamlet@localhost", "ophelia@localhost")
		hamlet, horatio, ophelia := srv.Login(t, "hamlet@localhost/denmark"), srv.Login(t, "horatio@localhost/x"), srv.Login(t, "ophelia@localhost/x")
		done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "whitelist"), publish("p", geo, item("1", payload("1"))),
			`<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='horatio@localhost'><group>Friends</group></item></query></iq>`)
		for _, c := range []*servertest.Client{horatio, ophelia} {
			wants(c, tune, geo)
			c.Sync()
		}
		done(hamlet, configure(tune, "access_model", "roster", "roster_groups_allowed", "Friends"))
		horatio.Expect(event("hamlet@localhost", tune, item("1", payload("1"))))
		synctest.Wait()
		ophelia.Silent()
		done(hamlet, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='ophelia@localhost'><group>Friends</group></item></query></iq>`)
		ophelia.Expect(event("hamlet@localhost", tune, item("1", payload("1"))))
		done(hamlet, configure(tune, "access_model", "presence"), configure(tune, "title", "x"))
		synctest.Wait()
		horatio.Silent() // nobody gets it twice
		ophelia.Silent()
	})
}

var ids = regexp.MustCompile(` (node|to|from|id)='[^']*'`)

// TestErrorsTellNothing: of nodes that are there and not for it, of nodes that are
// not there and of accounts that are not there a stranger hears the same, whatever it
// asks.
func TestErrorsTellNothing(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", "friends", item("1", payload("1"))), publish("p", "closed", item("1", payload("1")), "access_model", "whitelist"),
			publish("p", "group", item("1", payload("1")), "access_model", "roster", "roster_groups_allowed", "Friends"))
		c := srv.Login(t, "fortinbras@localhost/norway")
		me := ` jid='fortinbras@localhost'`
		for name, ask := range map[string]func(to, node string) string{
			"items":         func(to, node string) string { return get(to, items(node, "")) },
			"an item":       func(to, node string) string { return get(to, items(node, `<item id='1'/>`)) },
			"subscribe":     func(to, node string) string { return set(to, `<subscribe node='`+node+`'`+me+`/>`) },
			"unsubscribe":   func(to, node string) string { return set(to, `<unsubscribe node='`+node+`'`+me+`/>`) },
			"options":       func(to, node string) string { return get(to, `<options node='`+node+`'`+me+`/>`) },
			"subscriptions": func(to, node string) string { return get(to, `<subscriptions node='`+node+`'/>`) },
			"affiliations":  func(to, node string) string { return get(to, `<affiliations node='`+node+`'/>`) },
			"publish": func(to, node string) string {
				return set(to, `<publish node='`+node+`'>`+item("1", payload("x"))+`</publish>`)
			},
			"retract":     func(to, node string) string { return set(to, `<retract node='`+node+`'><item id='1'/></retract>`) },
			"create":      func(to, node string) string { return set(to, `<create node='`+node+`'/>`) },
			"configure":   func(to, node string) string { return request("get", "#owner", to, `<configure node='`+node+`'/>`) },
			"delete":      func(to, node string) string { return request("set", "#owner", to, `<delete node='`+node+`'/>`) },
			"purge":       func(to, node string) string { return request("set", "#owner", to, `<purge node='`+node+`'/>`) },
			"subscribers": func(to, node string) string { return request("get", "#owner", to, `<subscriptions node='`+node+`'/>`) },
			"the list":    func(to, node string) string { return request("get", "#owner", to, `<affiliations node='`+node+`'/>`) },
			"disco#items": func(to, node string) string {
				return `<iq type='get' id='q' to='` + to + `'><query xmlns='http://jabber.org/protocol/disco#items' node='` + node + `'/></iq>`
			},
			"disco#info": func(to, node string) string {
				return `<iq type='get' id='q' to='` + to + `'><query xmlns='http://jabber.org/protocol/disco#info' node='` + node + `'/></iq>`
			},
		} {
			want := ""
			for _, at := range [][2]string{{"hamlet@localhost", "friends"}, {"hamlet@localhost", "closed"}, {"hamlet@localhost", "group"}, {"hamlet@localhost", "no-such-node"}, {"nobody@localhost", "friends"}} {
				c.Send(ask(at[0], at[1]))
				got := ids.ReplaceAllString(c.Next(), "")
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("%s of %s at %s:\n %s\nand not\n %s", name, at[1], at[0], got, want)
				}
			}
		}
	})
}

// Where approval is needed no more nobody waits for it.
func TestWhoWaitsIsInWhenTheNodeOpens(t *testing.T) {
	for access, want := range map[string]string{"open": "subscribed", "whitelist": "none"} {
		t.Run(access, func(t *testing.T) {
			bubble(t, func(t *testing.T, srv *servertest.Server) {
				hamlet, c := srv.Login(t, "hamlet@localhost/denmark"), srv.Online(t, "fortinbras@localhost/x")
				c.Sync()
				done(hamlet, publish("p", tune, item("1", payload("1")), "access_model", "authorize", "send_last_published_item", "never"))
				c.Send(subscribe(tune, "fortinbras@localhost"))
				c.Expect(subscribed(tune, "fortinbras@localhost", "pending"))
				done(hamlet, configure(tune, "access_model", access))
				c.Expect(state(tune, "fortinbras@localhost", want))
				done(hamlet, publish("p", tune, item("1", payload("2"))))
				if want == "subscribed" {
					c.Expect(event("hamlet@localhost", tune, item("1", payload("2"))))
				}
				synctest.Wait()
				c.Silent()
			})
		})
	}
}

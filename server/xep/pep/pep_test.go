package pep_test

import (
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
)

func TestAnItemComesBackAsItWasPublished(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		for _, p := range []string{payload("1"), `<x:y xmlns:x='urn:x' a="&quot;"><![CDATA[<]]> &amp;</x:y >`} {
			done(c, publish("p", tune, item("current", p)))
			reads(c, "", tune, item("current", p))
		}
	})
}

// The language of the stream is not put into payloads: clients check keys against
// schemas that have no room for it.
func TestAPayloadIsGivenNoLanguage(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, strings.Replace(publish("p", tune, item("current", payload("1"))), "<iq ", "<iq xml:lang='da' ", 1))
		c.Send(get("", items(tune, "")))
		if got := c.Next(); !strings.Contains(got, payload("1")) {
			t.Errorf("got %s", got)
		}
	})
}

func TestAnItemWithoutAnIDIsGivenOne(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		c.Send(publish("p", tune, `<item>`+payload("1")+`</item>`))
		c.Expect(`<iq type='result' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='` + tune + `'><item id='{scansion:any}'/></publish></pubsub></iq>`)
		reads(c, "", tune, `<item id='{scansion:any}'>`+payload("1")+`</item>`)
	})
}

func TestOnlyTheLastItemIsKeptUnlessSaid(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, publish("p", tune, item("a", payload("1"))), publish("p", tune, item("b", payload("2"))))
		reads(c, "", tune, item("b", payload("2")))
		done(c, publish("p", geo, item("a", payload("1")), "max_items", "2"),
			publish("p", geo, item("b", payload("2"))), publish("p", geo, item("c", payload("3"))), publish("p", geo, item("b", payload("4"))))
		reads(c, "", geo, item("c", payload("3"))+item("b", payload("4")))
	})
}

func TestPublishOptions(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		c := srv.Login(t, "hamlet@localhost/denmark")
		private := []string{"persist_items", "true", "access_model", "whitelist", "max_items", "max", "send_last_published_item", "never"}
		one := item("one", payload("1"))
		done(c, publish("p", tune, one, private...)) // as it is made
		done(c, publish("p", tune, one, private...)) // and as it is
		done(c, publish("p", tune, one, "access_model", "whitelist"))
		refused(t, c, publish("p", tune, one, "access_model", "open"), "conflict", "precondition-not-met")
		refused(t, c, publish("p", tune, one, "max_items", "7"), "conflict", "precondition-not-met")
		refused(t, c, publish("p", tune, one, "no_such_field", "7"), "conflict", "precondition-not-met")
		refused(t, c, publish("p", geo, one, "no_such_field", "7"), "conflict", "precondition-not-met")
		refused(t, c, get("", items(geo, "")), "item-not-found", "")
		c.Send(own("get", `<configure node='`+tune+`'/>`))
		c.Expect(`<iq type='result'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='` + tune + `'><x xmlns='jabber:x:data' type='form' scansion:strict='false'>` +
			`<field var='pubsub#access_model' type='list-single' label='{scansion:any}'><value>whitelist</value><option scansion:strict='false'/></field>` +
			`<field var='pubsub#max_items' type='text-single' label='{scansion:any}'><value>max</value></field></x></configure></pubsub></iq>`)
	})
}

func TestWhatIsNotPublished(t *testing.T) {
	for name, x := range map[string]struct{ request, condition, of0060 string }{
		"without a node":          {publish("p", "", item("a", payload("1"))), "bad-request", "nodeid-required"},
		"without an item":         {publish("p", tune, ""), "bad-request", "item-required"},
		"without a payload":       {publish("p", tune, item("a", "")), "bad-request", "payload-required"},
		"with two payloads":       {publish("p", tune, item("a", payload("1")+payload("2"))), "bad-request", "invalid-payload"},
		"something else":          {publish("p", tune, `<thing/>`), "bad-request", ""},
		"too large":               {publish("p", tune, item("a", payload(string(make2k())))), "not-acceptable", "payload-too-big"},
		"more than the node has":  {publish("p", tune, item("a", payload("1"))+item("b", payload("2"))), "not-allowed", "max-items-exceeded"},
		"with options of nothing": {publish("p", tune, item("a", payload("1")), "access_model", "perhaps"), "conflict", "precondition-not-met"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, srv *servertest.Server) {
				c := srv.Login(t, "hamlet@localhost/denmark")
				refused(t, c, x.request, x.condition, x.of0060)
				refused(t, c, get("", items(tune, "")), "item-not-found", "")
			}, server.Config{PubSubItem: 2000})
		})
	}
}

func make2k() []byte {
	b := make([]byte, 2000)
	for i := range b {
		b[i] = 'x'
	}
	return b
}

func TestContactsAreToldAsTheyWant(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		srv.Befriend(t, "romeo@localhost", "juliet@localhost")
		romeo, other := srv.Online(t, "romeo@localhost/garden"), srv.Online(t, "romeo@localhost/phone")
		juliet := srv.Online(t, "juliet@localhost/balcony")
		stranger := srv.Online(t, "paris@localhost/court")
		wants(romeo, tune)
		wants(other, geo)
		wants(juliet, tune)
		wants(stranger, tune)
		for _, c := range []*servertest.Client{romeo, other, juliet, stranger} {
			c.Sync()
		}
		juliet.Send(publish("p", tune, item("1", payload("la"))))
		juliet.ExpectAll(`<iq type='result' id='p'/>`, event("juliet@localhost", tune, item("1", payload("la"))))
		romeo.Expect(event("juliet@localhost", tune, item("1", payload("la"))))
		other.Silent()
		stranger.Silent()
		// Who comes later gets the last one, with when it was.
		work := srv.Login(t, "romeo@localhost/work")
		work.Send(caps(ver(tune + "+notify")))
		for {
			if e := work.Next(); len(e) > 8 && e[:8] == "<message" {
				break
			}
		}
		romeo.Sync()
		other.Sync()
		juliet.Sync()
		juliet.Send(`<iq type='set' id='r'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='` + tune + `' notify='1'><item id='1'/></retract></pubsub></iq>`)
		retracted := event("juliet@localhost", tune, `<retract id='1'/>`)
		juliet.ExpectAll(`<iq type='result' id='r'/>`, retracted)
		romeo.Expect(retracted)
		work.Expect(retracted)
		other.Silent()
	})
}

func TestWhoMayRead(t *testing.T) {
	// Of hamlet, horatio is a contact in the group Friends, ophelia one in none;
	// gertrude is on the list, fortinbras is a stranger, laertes an outcast.
	const (
		presence = "not-authorized presence-subscription-required"
		group    = "not-authorized not-in-roster-group"
		closed   = "not-allowed closed-node"
		pending  = "not-authorized not-subscribed"
		outcast  = "forbidden "
	)
	for access, want := range map[string]map[string]string{
		"open":      {"horatio": "", "ophelia": "", "gertrude": "", "fortinbras": "", "laertes": outcast},
		"presence":  {"horatio": "", "ophelia": "", "gertrude": "", "fortinbras": presence, "laertes": outcast},
		"roster":    {"horatio": "", "ophelia": group, "gertrude": "", "fortinbras": presence, "laertes": outcast},
		"whitelist": {"horatio": closed, "ophelia": closed, "gertrude": "", "fortinbras": presence, "laertes": outcast},
		"authorize": {"horatio": pending, "ophelia": pending, "gertrude": "", "fortinbras": pending, "laertes": outcast},
	} {
		t.Run(access, func(t *testing.T) {
			bubble(t, func(t *testing.T, srv *servertest.Server) {
				srv.Befriend(t, "hamlet@localhost", "horatio@localhost")
				srv.Befriend(t, "hamlet@localhost", "ophelia@localhost")
				hamlet := srv.Login(t, "hamlet@localhost/denmark")
				done(hamlet, `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='horatio@localhost'><group>Friends</group></item></query></iq>`)
				one := item("1", payload("secret"))
				done(hamlet, publish("p", tune, one, "access_model", access, "roster_groups_allowed", "Friends"),
					own("set", `<affiliations node='`+tune+`'><affiliation jid='gertrude@elsinore' affiliation='member'/><affiliation jid='laertes@localhost' affiliation='outcast'/></affiliations>`))
				for who, error := range want {
					domain := "localhost"
					if who == "gertrude" {
						domain = "elsinore"
					}
					c := srv.Online(t, who+"@"+domain+"/x")
					if error == "" {
						reads(c, "hamlet@localhost", tune, one)
						continue
					}
					refused(t, c, get("hamlet@localhost", items(tune, "")), word(error, 0), word(error, 1))
					c.Send(`<iq type='get' id='d' to='hamlet@localhost'><query xmlns='http://jabber.org/protocol/disco#info' node='` + tune + `'/></iq>`)
					if error != pending {
						c.Expect(`<iq type='error' id='d'/>`)
					}
				}
				// Nobody else may change anything.
				c := srv.Online(t, "horatio@localhost/y")
				c.Sync()
				for _, q := range []string{
					request("set", "", "hamlet@localhost", `<publish node='`+tune+`'>`+one+`</publish>`),
					request("set", "", "hamlet@localhost", `<publish node='new'>`+one+`</publish>`),
					request("set", "", "hamlet@localhost", `<retract node='`+tune+`'><item id='1'/></retract>`),
					request("set", "", "hamlet@localhost", `<create node='new'/>`),
					request("get", "#owner", "hamlet@localhost", `<configure node='`+tune+`'/>`),
					request("set", "#owner", "hamlet@localhost", `<delete node='`+tune+`'/>`),
					request("set", "#owner", "hamlet@localhost", `<purge node='`+tune+`'/>`),
					request("get", "#owner", "hamlet@localhost", `<affiliations node='`+tune+`'/>`),
					request("get", "#owner", "hamlet@localhost", `<subscriptions node='`+tune+`'/>`),
					request("get", "#owner", "hamlet@localhost", `<subscriptions node='no-such-node'/>`),
				} {
					refused(t, c, q, "forbidden", "")
				}
				reads(hamlet, "", tune, one)
			}, server.Config{Domains: []string{"localhost", "elsinore"}})
		})
	}
}

func word(s string, i int) string {
	for j, start := 0, 0; ; j++ {
		end := start
		for end < len(s) && s[end] != ' ' {
			end++
		}
		if j == i {
			return s[start:end]
		}
		start = end + 1
	}
}

func TestAStrangerLearnsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, srv *servertest.Server) {
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, publish("p", tune, item("1", payload("1"))))
		done(hamlet, publish("p", geo, item("1", payload("1")), "access_model", "whitelist"))
		stranger := srv.Login(t, "fortinbras@localhost/norway")
		for _, content := range []string{items(tune, ""), items(geo, ""), items("no-such-node", "")} {
			for _, to := range []string{"hamlet@localhost", "nobody@localhost"} {
				refused(t, stranger, get(to, content), "not-authorized", "presence-subscription-required")
			}
		}
	})
}

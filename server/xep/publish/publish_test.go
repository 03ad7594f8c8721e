package publish_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

const ns = "http://jabber.org/protocol/pubsub"

func request(typ, part, content string) string {
	return `<iq type='` + typ + `' id='q' to='pubsub.localhost'><pubsub xmlns='` + ns + part + `'>` + content + `</pubsub></iq>`
}

func config(fields ...string) string {
	b := `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>` + ns + `#node_config</value></field>`
	for i := 0; i < len(fields); i += 2 {
		b += `<field var='pubsub#` + fields[i] + `'><value>` + fields[i+1] + `</value></field>`
	}
	return b + `</x>`
}

const item = `<item id='1'><entry xmlns='http://www.w3.org/2005/Atom'><title>x</title></entry></item>`

func done(c *servertest.Client, requests ...string) {
	for _, r := range requests {
		c.Send(r)
		c.Expect(`<iq type='result' id='q'/>`)
	}
}

func refused(t *testing.T, c *servertest.Client, request, condition, of0060 string) {
	t.Helper()
	c.Send(request)
	if got := c.ExpectError(condition); of0060 != "" && !strings.Contains(got, "<"+of0060+" ") {
		t.Errorf("expected %s in %s", of0060, got)
	}
}

func TestANodeForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{Domains: []string{"localhost", "norway"}}})
		hamlet, reader := srv.Online(t, "hamlet@localhost/denmark"), srv.Online(t, "fortinbras@norway/x")
		refused(t, reader, request("set", "", `<create node='musings'/>`), "forbidden", "")
		refused(t, hamlet, request("set", "", `<create node='musings'/><configure>`+config("access_model", "presence")+`</configure>`), "not-acceptable", "unsupported-access-model")
		done(hamlet, request("set", "", `<create node='musings'/>`))
		refused(t, reader, request("set", "", `<publish node='musings'>`+item+`</publish>`), "forbidden", "")
		refused(t, reader, request("set", "", `<publish node='another'>`+item+`</publish>`), "item-not-found", "")
		reader.Send(request("set", "", `<subscribe node='musings' jid='fortinbras@norway'/>`))
		reader.Expect(`<iq type='result' id='q'/>`)
		done(hamlet, request("set", "", `<publish node='musings'>`+item+`</publish>`))
		reader.Expect(`<message from='pubsub.localhost' to='fortinbras@norway'><event xmlns='` + ns + `#event'><items node='musings'>` +
			`<item id='1' publisher='hamlet@localhost'><entry xmlns='http://www.w3.org/2005/Atom'><title>x</title></entry></item></items></event></message>`)
		reader.Send(request("get", "", `<items node='musings'/>`))
		reader.Expect(`<iq type='result' id='q'/>`)
		for _, q := range []string{
			request("set", "#owner", `<delete node='musings'/>`), request("get", "#owner", `<configure node='musings'/>`),
			request("set", "", `<retract node='musings'><item id='1'/></retract>`),
		} {
			refused(t, reader, q, "forbidden", "")
		}
		// A publisher by affiliation, whose own items are its own.
		done(hamlet, request("set", "#owner", `<affiliations node='musings'><affiliation jid='fortinbras@norway' affiliation='publish-only'/></affiliations>`))
		synctest.Wait()
		reader.Sync()
		done(reader, request("set", "", `<publish node='musings'>`+strings.Replace(item, "'1'", "'2'", 1)+`</publish>`))
		synctest.Wait()
		reader.Sync()
		refused(t, reader, request("set", "", `<retract node='musings'><item id='1'/></retract>`), "forbidden", "")
		done(reader, request("set", "", `<retract node='musings'><item id='2'/></retract>`))
		// A node has an owner.
		refused(t, hamlet, request("set", "#owner", `<affiliations node='musings'><affiliation jid='hamlet@localhost' affiliation='none'/></affiliations>`), "not-acceptable", "")
	})
}

func TestTheServiceIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		hamlet := srv.Login(t, "hamlet@localhost/denmark")
		done(hamlet, request("set", "", `<create node='open'/>`), request("set", "", `<create node='closed'/><configure>`+config("access_model", "whitelist")+`</configure>`))
		disco := func(kind string) string {
			return `<iq type='get' id='d' to='pubsub.localhost'><query xmlns='http://jabber.org/protocol/disco#` + kind + `'/></iq>`
		}
		other := srv.Login(t, "ophelia@localhost/x")
		other.Send(disco("info"))
		other.Expect(`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#info' scansion:strict='false'><identity category='pubsub' type='service'/><feature var='` + ns + `'/></query></iq>`)
		other.Send(disco("items"))
		other.Expect(`<iq type='result' id='d'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='pubsub.localhost' node='open'/></query></iq>`)
		other.Send(`<message to='pubsub.localhost' id='m'><body>hi</body></message>`)
		other.ExpectError("service-unavailable")
		other.Send(`<iq type='get' id='p' to='pubsub.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
		other.Expect(`<iq type='result' id='p'/>`)
	})
}

func TestNodesOutliveARestartAndNotTheirOwner(t *testing.T) {
	file := filepath.Join(t.TempDir(), "natter.db")
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Store: store.Options{Path: file}}
		srv, err := servertest.Start(opts, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		c := srv.Login(t, "hamlet@localhost/denmark")
		done(c, request("set", "", `<publish node='musings'>`+item+`</publish>`))
		other := srv.Login(t, "ophelia@localhost/x")
		for _, jid := range []string{"ophelia@localhost", "ophelia@localhost/z", "ophelia@localhost/y"} {
			done(other, request("set", "", `<subscribe node='musings' jid='`+jid+`'/>`))
		}
		done(other, request("set", "", `<unsubscribe node='musings' jid='ophelia@localhost/z'/>`))
		srv.Close()
		srv = servertest.New(t, opts)
		c = srv.Login(t, "hamlet@localhost/denmark")
		other = srv.Login(t, "ophelia@localhost/x")
		sub := func(jid string) string {
			return `<subscription node='musings' jid='` + jid + `' subscription='subscribed'/>`
		}
		other.Send(request("get", "", `<subscriptions/>`))
		other.Expect(`<iq type='result' id='q'><pubsub xmlns='` + ns + `'><subscriptions>` + sub("ophelia@localhost") + sub("ophelia@localhost/y") + `</subscriptions></pubsub></iq>`)
		other.Send(request("get", "", `<items node='musings'/>`))
		other.Expect(`<iq type='result' id='q'/>`)
		c.Send(`<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
		for {
			if _, err := c.Read(); err != nil {
				break
			}
		}
		synctest.Wait()
		refused(t, other, request("get", "", `<items node='musings'/>`), "item-not-found", "")
		done(other, request("set", "", `<create node='musings'/>`))
		other.Send(request("get", "", `<subscriptions/>`)) // those of the node that went went along
		other.Expect(`<iq type='result' id='q'><pubsub xmlns='` + ns + `'><subscriptions/></pubsub></iq>`)
	})
}

// What has no meaning without contacts is not offered, nor taken.
func TestAServiceForAllKnowsNoContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		c := srv.Login(t, "hamlet@localhost/denmark")
		c.Send(request("get", "#owner", `<default/>`))
		got := c.Next()
		for _, field := range []string{"roster_groups_allowed", "presence_based_delivery", "<value>presence<", "<value>roster<"} {
			if strings.Contains(got, field) {
				t.Errorf("%s in %s", field, got)
			}
		}
		for _, x := range [][2]string{{"access_model", "roster"}, {"presence_based_delivery", "1"}} {
			refused(t, c, request("set", "", `<create node='n'/><configure>`+config(x[0], x[1])+`</configure>`), "not-acceptable", "")
		}
	})
}

// BenchmarkEvents publishes at a node with a thousand subscribers.
func BenchmarkEvents(b *testing.B) {
	srv, err := servertest.Start(servertest.Options{}, b.Output())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(srv.Close)
	hamlet := srv.Login(b, "hamlet@localhost/denmark")
	done(hamlet, request("set", "", `<create node='musings'/><configure>`+config("send_last_published_item", "never")+`</configure>`))
	for i := range 50 {
		c := srv.Login(b, fmt.Sprintf("reader%d@localhost/x", i))
		for j := range 20 {
			done(c, request("set", "", fmt.Sprintf(`<subscribe node='musings' jid='reader%d@localhost/%d'/>`, i, j)))
		}
		c.Close()
	}
	done(hamlet, request("set", "", `<subscribe node='musings' jid='hamlet@localhost/denmark'/>`))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		hamlet.Send(request("set", "", `<publish node='musings'>`+item+`</publish>`))
		hamlet.ExpectAll(`<iq type='result' id='q'/>`, `<message from='pubsub.localhost'/>`) // after all that was told before
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "events/s")
}

package pep_test

import (
	"bytes"
	"io"
	"testing"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

// FuzzRequests hands an account's nodes, and the service for all, any request, from
// the owner, a contact and a stranger: the server logs no error, which a panic would
// be, nothing but the owner's requests changes what only the owner may, and the nodes
// can be read again afterwards.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		publish("p", tune, item("1", payload("1")), "access_model", "open", "max_items", "max", "item_expire", "1"),
		publish("p", "urn:xmpp:bookmarks:1", item("a@b", `<conference xmlns='urn:xmpp:bookmarks:1' autojoin='1'><nick/><extensions><x xmlns='y'/></extensions></conference>`)),
		publish("p", "storage:bookmarks", item("current", `<storage xmlns='storage:bookmarks'><conference jid='a@b'/><url url='x'/></storage>`)),
		publish("p", "urn:xmpp:avatar:metadata", item("x", `<metadata xmlns='urn:xmpp:avatar:metadata'><info id='x' bytes='-1'/></metadata>`)),
		get("hamlet@localhost", items(tune, `<item id='1'/>`)+`<set xmlns='http://jabber.org/protocol/rsm'><max>-1</max><before/><after>1</after><index>9</index></set>`),
		get("hamlet@localhost", `<items node='`+tune+`' max_items='99999999999999999999'/>`),
		set("hamlet@localhost", `<subscribe node='`+tune+`' jid='horatio@localhost'/><options>`+form(formSub, "expire", "2999-01-01T00:00:00Z", "deliver", "0")+`</options>`),
		set("hamlet@localhost", `<unsubscribe node='`+tune+`' jid='@'/>`),
		set("hamlet@localhost", `<retract node='`+tune+`' notify='1'><item id='1'/><item id='1'/></retract>`),
		set("", `<create node='x'/><configure>`+form(formConfig, "roster_groups_allowed", "a|b", "contact", "a@b", "type", "")+`</configure>`),
		configure(tune, "access_model", "authorize", "persist_items", "0"),
		affiliations(tune, affiliation("horatio@localhost", "publish-only")+`<affiliation/>`),
		own("set", `<subscriptions node='`+tune+`'><subscription jid='a@b/c' subscription='pending'/></subscriptions>`),
		own("set", `<delete node='`+tune+`'><redirect uri='&#x10FFFF;'/></delete>`),
		own("set", `<purge node='`+tune+`'/>`),
		`<iq type='set' id='x' to='pubsub.localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item/></publish></pubsub></iq>`,
		`<iq type='set' id='x' to='pubsub.localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/pubsub#get-pending'><x xmlns='jabber:x:data' type='submit'/></command></iq>`,
		`<iq type='get' id='x' to='pubsub.localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='n'/></iq>`,
		`<message to='hamlet@localhost'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#subscribe_authorization</value></field><field var='pubsub#allow'><value>1</value></field><field var='pubsub#subscriber_jid'><value>/</value></field></x></message>`,
		`<message to='horatio@localhost'><displayed xmlns='urn:xmpp:mds:displayed:0'/><displayed xmlns='urn:xmpp:mds:displayed:0'><x/></displayed></message>`,
		`<iq type='set' id='x'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='&lt;'/></storage></query></iq>`,
		`<iq type='set' id='x'><vCard xmlns='vcard-temp'><PHOTO><BINVAL>AAEC</BINVAL></PHOTO></vCard></iq>`,
		`<presence><c xmlns='http://jabber.org/protocol/caps' hash='none' node='n' ver='v'/></presence>`,
	} {
		f.Add(s, uint8(len(s)))
	}
	var log bytes.Buffer
	srv, err := servertest.Start(servertest.Options{Config: server.Config{PubSubNodes: 1_000_000, PubSubItems: 1_000_000, PubSubBytes: 1 << 40}}, &log)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(srv.Close)
	var who []*server.Origin
	for _, name := range []string{"hamlet", "horatio", "fortinbras"} {
		c := srv.Login(f, name+"@localhost/x")
		go io.Copy(io.Discard, c.Conn)
		who = append(who, &srv.Core.Session(c.JID.String()).Origin)
	}
	send := func(o *server.Origin, element string) {
		st, err := stanza.ParseIn([]byte(element), stanza.NSClient, stanza.AfterLogin)
		if err != nil || st.Kind == stanza.Other {
			return
		}
		srv.Core.Do(func(t *server.Turn) {
			to, err := stanza.ParseJID(st.ToString())
			if st.To() == nil || err == nil && (to.Bare().String() == "hamlet@localhost" || to.Domain() == "pubsub.localhost") {
				srv.Core.Route(t, o, st)
			}
		})
	}
	h := srv.Core.Host("localhost")
	f.Fuzz(func(t *testing.T, element string, n uint8) {
		send(who[0], own("set", `<delete node='mine'/>`)) // however it was left
		send(who[0], publish("p", "mine", item("1", payload("1"))))
		send(who[int(n)%len(who)], element)
		srv.Core.Do(func(turn *server.Turn) {
			turn.Await(2)
			a, err := h.Account(turn, "hamlet")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := h.PEP.Items(turn, a, "mine"); int(n)%len(who) != 0 && (err != nil || len(got) != 1 || string(got[0].Payload) != payload("1")) {
				t.Errorf("%s is told by another one, and there is %v, %v", element, got, err)
			}
			if may, err := h.PEP.Reads(turn, a, who[2].JID, "mine"); int(n)%len(who) != 0 && (may || err != nil) {
				t.Errorf("a stranger may read after %s: %v", element, err)
			}
		})
		if log.Len() > 0 {
			t.Fatalf("logged: %s", log.String())
		}
	})
}

package bookmarks_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

const (
	pubsub  = "http://jabber.org/protocol/pubsub"
	private = `<field var='pubsub#persist_items'><value>true</value></field><field var='pubsub#max_items'><value>max</value></field>` +
		`<field var='pubsub#send_last_published_item'><value>never</value></field><field var='pubsub#access_model'><value>whitelist</value></field>`
)

func publish(node, item, options string) string {
	b := `<iq type='set' id='p'><pubsub xmlns='` + pubsub + `'><publish node='` + node + `'>` + item + `</publish>`
	if options != "" {
		b += `<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>` + pubsub + `#publish-options</value></field>` + options + `</x></publish-options>`
	}
	return b + `</pubsub></iq>`
}

// add publishes a bookmark as clients of today do.
func add(c *servertest.Client, jid, attrs, content string) {
	done(c, publish("urn:xmpp:bookmarks:1", `<item id='`+jid+`'><conference xmlns='urn:xmpp:bookmarks:1' `+attrs+`>`+content+`</conference></item>`, private))
}

func done(c *servertest.Client, request string) {
	c.Send(request)
	c.Expect(`<iq type='result'/>`)
}

// store stores a list as clients of old do.
func store(c *servertest.Client, content string) {
	done(c, `<iq type='set' id='s'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>`+content+`</storage></query></iq>`)
}

func expect(c *servertest.Client, request, want string) {
	c.Send(request)
	c.Expect(`<iq type='result'>` + want + `</iq>`)
}

// has expects the same bookmarks to be seen each way: items as of today, a list as
// of old.
func has(c *servertest.Client, items, list string) {
	get := func(node string) string {
		return `<iq type='get' id='g'><pubsub xmlns='` + pubsub + `'><items node='` + node + `'/></pubsub></iq>`
	}
	storage := `<storage xmlns='storage:bookmarks'>` + list + `</storage>`
	expect(c, get("urn:xmpp:bookmarks:1"), `<pubsub xmlns='`+pubsub+`'><items node='urn:xmpp:bookmarks:1'>`+items+`</items></pubsub>`)
	expect(c, get("storage:bookmarks"), `<pubsub xmlns='`+pubsub+`'><items node='storage:bookmarks'><item id='current'>`+storage+`</item></items></pubsub>`)
	expect(c, `<iq type='get' id='g'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>`,
		`<query xmlns='jabber:iq:private'>`+storage+`</query>`)
}

func item(jid, attrs, content string) string {
	return `<item id='` + jid + `'><conference xmlns='urn:xmpp:bookmarks:1' ` + attrs + `>` + content + `</conference></item>`
}

func TestOneStoreThreeWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		c := srv.Login(t, "juliet@localhost/balcony")
		add(c, "play@rooms", "name='The Play' autojoin='1'", "<nick>JC</nick><extensions><s xmlns='urn:s'/></extensions>")
		add(c, "orchard@rooms", "name='Orchard'", "<password>p&lt;q</password>")
		has(c, item("play@rooms", "name='The Play' autojoin='1'", "<nick>JC</nick><extensions><s xmlns='urn:s'/></extensions>")+item("orchard@rooms", "name='Orchard'", "<password>p&lt;q</password>"),
			`<conference jid='play@rooms' name='The Play' autojoin='true'><nick>JC</nick></conference><conference jid='orchard@rooms' name='Orchard'><password>p&lt;q</password></conference>`)
		// A client of old renames one, adds one and an address of a page, removes one.
		list := `<conference jid='play@rooms' name='Play' autojoin='true'><nick>JC</nick></conference><conference jid='Tomb@Rooms/x' autojoin='0'/>`
		page := `<url xmlns='storage:bookmarks' name='Tragedy' url='http://example.org/'/>`
		store(c, list+page)
		has(c, item("play@rooms", "name='Play' autojoin='true'", "<nick>JC</nick><extensions xmlns='urn:xmpp:bookmarks:1'><s xmlns='urn:s'/></extensions>")+item("tomb@rooms", "", ""),
			`<conference jid='play@rooms' name='Play' autojoin='true'><nick>JC</nick></conference><conference jid='tomb@rooms'/>`+page)
		// And one that keeps the list by PEP.
		done(c, publish("storage:bookmarks", `<item id='current'><storage xmlns='storage:bookmarks'><conference jid='tomb@rooms' name='Tomb'/></storage></item>`,
			`<field var='pubsub#persist_items'><value>true</value></field><field var='pubsub#access_model'><value>whitelist</value></field><field var='pubsub#max_items'><value>1</value></field>`))
		has(c, item("tomb@rooms", "name='Tomb'", ""), `<conference jid='tomb@rooms' name='Tomb'/>`)
		store(c, "")
		has(c, "", "")
	})
}

func TestTheListOfOldComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		c := srv.Login(t, "juliet@localhost/balcony")
		store(c, `<conference jid='play@rooms' name='Play'/>`)
		has(c, item("play@rooms", "name='Play'", ""), `<conference jid='play@rooms' name='Play'/>`)
		// It is nobody else's, without anybody having said so.
		srv.Befriend(t, "juliet@localhost", "romeo@localhost")
		romeo := srv.Login(t, "romeo@localhost/garden")
		for _, node := range []string{"urn:xmpp:bookmarks:1", "storage:bookmarks"} {
			romeo.Send(`<iq type='get' id='g' to='juliet@localhost'><pubsub xmlns='` + pubsub + `'><items node='` + node + `'/></pubsub></iq>`)
			romeo.ExpectError("not-allowed")
		}
		done(c, publish("urn:xmpp:bookmarks:1", item("tomb@rooms", "", ""), private))
		has(c, item("play@rooms", "name='Play'", "")+item("tomb@rooms", "", ""), `<conference jid='play@rooms' name='Play'/><conference jid='tomb@rooms'/>`)
	})
}

func TestWhatIsNoListIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		c := srv.Login(t, "juliet@localhost/balcony")
		store(c, `<conference jid='play@rooms'/>`)
		for _, bad := range []string{
			publish("storage:bookmarks", `<item id='current'><other xmlns='urn:x'/></item>`, ""),
			`<iq type='set' id='s'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/><storage xmlns='storage:bookmarks'/></query></iq>`,
		} {
			c.Send(bad)
			c.ExpectError("bad-request")
		}
		has(c, item("play@rooms", "", ""), `<conference jid='play@rooms'/>`)
	})
}

func TestEveryClientIsToldInItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		today, old := srv.Login(t, "juliet@localhost/today"), srv.Login(t, "juliet@localhost/old")
		wants(today, "urn:xmpp:bookmarks:1")
		wants(old, "storage:bookmarks")
		today.Sync()
		event := func(node, content string) string {
			return `<message from='juliet@localhost' type='headline'><event xmlns='` + pubsub + `#event'><items node='` + node + `'>` + content + `</items></event></message>`
		}
		store(old, `<conference jid='a@rooms' name='A'/><conference jid='b@rooms'/>`)
		old.Expect(event("storage:bookmarks", `<item id='current'><storage xmlns='storage:bookmarks'><conference jid='a@rooms' name='A'/><conference jid='b@rooms'/></storage></item>`))
		today.Expect(event("urn:xmpp:bookmarks:1", item("a@rooms", "name='A'", "")+item("b@rooms", "", "")))
		store(old, `<conference jid='b@rooms' name='B'/>`)
		today.Expect(event("urn:xmpp:bookmarks:1", item("b@rooms", "name='B'", "")+`<retract id='a@rooms'/>`))
		old.Expect(event("storage:bookmarks", `<item id='current'><storage xmlns='storage:bookmarks'><conference jid='b@rooms' name='B'/></storage></item>`))
		today.Send(`<iq type='set' id='r'><pubsub xmlns='` + pubsub + `'><retract node='urn:xmpp:bookmarks:1' notify='true'><item id='b@rooms'/></retract></pubsub></iq>`)
		today.ExpectAll(`<iq type='result' id='r'/>`, event("urn:xmpp:bookmarks:1", `<retract id='b@rooms'/>`))
		old.Expect(event("storage:bookmarks", `<item id='current'><storage xmlns='storage:bookmarks'/></item>`))
	})
}

// wants makes a client available that wants the events of a node: its answer does
// not hash to anything, so it counts for itself.
func wants(c *servertest.Client, node string) {
	c.Send(`<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='` + node + `'/></presence>`)
	for _, e := range c.Sync() {
		if strings.Contains(e, "disco#info") {
			id := e[strings.Index(e, "id='")+4:]
			c.Send(`<iq type='result' to='juliet@localhost' id='` + id[:strings.Index(id, "'")] + `'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='` + node + `+notify'/></query></iq>`)
		}
	}
	c.Sync()
}

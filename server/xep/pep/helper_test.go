package pep_test

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
)

const (
	tune = "http://jabber.org/protocol/tune"
	geo  = "http://jabber.org/protocol/geoloc"
)

// publish returns a request to publish; options are fields and values in turn.
func publish(id, node, items string, options ...string) string {
	b := `<iq type='set' id='` + id + `'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='` + node + `'>` + items + `</publish>`
	if len(options) > 0 {
		b += `<publish-options>` + form("http://jabber.org/protocol/pubsub#publish-options", options...) + `</publish-options>`
	}
	return b + `</pubsub></iq>`
}

func form(formType string, fields ...string) string {
	b := `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>` + formType + `</value></field>`
	for i := 0; i < len(fields); i += 2 {
		b += `<field var='pubsub#` + fields[i] + `'>`
		for _, v := range strings.Split(fields[i+1], "|") {
			b += `<value>` + v + `</value>`
		}
		b += `</field>`
	}
	return b + `</x>`
}

func item(id, payload string) string {
	return `<item id='` + id + `'>` + payload + `</item>`
}

// payload is a payload of no meaning.
func payload(text string) string { return `<p xmlns='urn:example:p'>` + text + `</p>` }

// get returns a request for content of <pubsub/>.
func get(to, content string) string { return request("get", "", to, content) }

func set(to, content string) string { return request("set", "", to, content) }

// own is a request of the owner's name space.
func own(typ, content string) string { return request(typ, "#owner", "", content) }

func request(typ, ns, to, content string) string {
	addr := ""
	if to != "" {
		addr = ` to='` + to + `'`
	}
	return `<iq type='` + typ + `' id='q'` + addr + `><pubsub xmlns='http://jabber.org/protocol/pubsub` + ns + `'>` + content + `</pubsub></iq>`
}

func items(node, content string) string {
	return `<items node='` + node + `'>` + content + `</items>`
}

// done sends a request and expects an empty or other result.
func done(c *servertest.Client, requests ...string) {
	for _, r := range requests {
		c.Send(r)
		c.Expect(`<iq type='result'/>`)
	}
}

// result expects a result with pubsub content, anything before it left aside.
func reads(c *servertest.Client, to, node, want string) {
	c.Send(get(to, items(node, "")))
	c.Expect(`<iq type='result' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` + items(node, want) + `</pubsub></iq>`)
}

// refused expects a stanza error with a condition of XEP-0060's, "" for none.
func refused(t *testing.T, c *servertest.Client, request, condition, of0060 string) {
	t.Helper()
	c.Send(request)
	got := c.ExpectError(condition)
	if of0060 != "" && !strings.Contains(got, "<"+of0060+" xmlns='http://jabber.org/protocol/pubsub#errors'") {
		t.Fatalf("expected <%s/> in %s", of0060, got)
	}
}

// ver is the verification string of a client with these features.
func ver(features ...string) string {
	s := "client/pc//test<"
	for _, f := range slices.Sorted(slices.Values(features)) {
		s += f + "<"
	}
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func caps(ver string) string {
	return `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='` + ver + `'/></presence>`
}

func answer(id, to string, features ...string) string {
	b := `<iq type='result' id='` + id + `' to='` + to + `'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc' name='test'/>`
	for _, f := range features {
		b += `<feature var='` + f + `'/>`
	}
	return b + `</query></iq>`
}

// wants makes a client available that wants the events of these nodes: it answers
// the server's question where that is asked.
func wants(c *servertest.Client, nodes ...string) {
	features := make([]string, len(nodes))
	for i, n := range nodes {
		features[i] = n + "+notify"
	}
	c.Send(caps(ver(features...)))
	for _, e := range c.Sync() {
		if strings.Contains(e, "disco#info") && strings.Contains(e, "type='get'") {
			id := e[strings.Index(e, "id='")+4:]
			id = id[:strings.Index(id, "'")]
			c.Send(answer(id, c.JID.Bare().String(), features...))
		}
	}
	c.Sync()
	synctest.Wait() // last items are on their way
}

// event returns the event that publishing sends.
func event(from, node, content string) string {
	return `<message from='` + from + `' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'>` + items(node, content) + `</event></message>`
}

// bubble runs fn with a server in a bubble.
func bubble(t *testing.T, fn func(t *testing.T, srv *servertest.Server), cfg ...server.Config) {
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{}
		if len(cfg) > 0 {
			opts.Config = cfg[0]
		}
		fn(t, servertest.New(t, opts))
	})
}

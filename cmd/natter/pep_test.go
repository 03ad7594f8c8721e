package main

import (
	"strings"
	"testing"

	"natter/server/servertest"
)

func TestLocationIsShared(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, "romeo@localhost", "juliet@localhost")
	romeo := w.Online(t, "romeo@localhost/garden")
	interested(romeo)
	if got := w.natter("juliet@localhost", "", "location", "45.44", "12.33", "--accuracy", "20", "at", "the", "bridge"); got != (outcome{}) {
		t.Fatalf("%+v", got)
	}
	// A friend whose client wants it is told,
	for {
		n, err := parseNode(romeo.Next())
		if err != nil {
			t.Fatal(err)
		}
		const event = "http://jabber.org/protocol/pubsub#event"
		place := n.child(event, "event").child(event, "items").child(event, "item").child(nsGeoloc, "geoloc")
		if place == nil {
			continue
		}
		if place.childText(nsGeoloc, "lat") != "45.44" || place.childText(nsGeoloc, "text") != "at the bridge" || n.attr("from") != "juliet@localhost" {
			t.Errorf("got %s", n)
		}
		break
	}
	// and can ask; others cannot.
	if got := w.natter("romeo@localhost", "", "location", "juliet@localhost"); got.code != exitOK || !strings.HasPrefix(got.out, "45.44\t12.33\t2") || !strings.HasSuffix(got.out, "\tat the bridge\n") {
		t.Errorf("%+v", got)
	}
	if got := w.natter("paris@localhost", "", "location", "juliet@localhost"); got.code != exitRefused || got.out != "" {
		t.Errorf("%+v", got)
	}
	if got := w.natter("romeo@localhost", "", "location", "--json", "juliet@localhost"); !strings.Contains(got.out, `"accuracy":"20"`) {
		t.Errorf("%+v", got)
	}
	for _, args := range [][]string{{"location", "off"}, {"location"}} {
		if got := w.natter("juliet@localhost", "", args...); got != (outcome{}) {
			t.Errorf("%v: %+v", args, got)
		}
	}
	for _, args := range [][]string{{"91", "0"}, {"0", "181"}, {"x", "0"}, {"NaN", "0"}} {
		if got := w.natter("juliet@localhost", "", append([]string{"location"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// interested has a client say that it wants to know places; its answer counts for
// itself.
func interested(c *servertest.Client) {
	c.Send(`<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='x'/></presence>`)
	for _, e := range c.Sync() {
		if n, err := parseNode(e); err == nil && n.attr("type") == "get" && n.child(nsDiscoInfo, "query") != nil {
			c.Send(`<iq type='result' to='` + n.attr("from") + `' id='` + n.attr("id") + `'><query xmlns='` + nsDiscoInfo + `'><feature var='` + nsGeoloc + `+notify'/></query></iq>`)
		}
	}
	c.Sync()
}

func TestPEPVerbs(t *testing.T) {
	w := newWorld(t)
	const mood, at = `<mood xmlns="urn:m"><text>a b</text></mood>`, "urn:m"
	for _, row := range []struct {
		who, stdin string
		args       []string
		want       outcome
	}{
		{"juliet@localhost", "", []string{"pep", "set", at, mood, "--id", "1", "--access", "open"}, outcome{}},
		{"juliet@localhost", "", []string{"pep", "get", at}, outcome{out: "1\t" + `<mood xmlns="urn:m"><text xmlns="urn:m">a b</text></mood>` + "\n"}},
		{"romeo@localhost", "", []string{"pep", "get", at, "juliet@localhost", "--json"}, outcome{out: `{"id":"1","xml":"\u003cmood xmlns=\"urn:m\"\u003e\u003ctext xmlns=\"urn:m\"\u003ea b\u003c/text\u003e\u003c/mood\u003e"}` + "\n"}},
		{"juliet@localhost", mood, []string{"pep", "set", at, "-", "--id", "2"}, outcome{}},
		{"juliet@localhost", "", []string{"pep", "list"}, outcome{out: at + "\n"}},
		{"juliet@localhost", "", []string{"pep", "retract", at, "2"}, outcome{}},
		{"juliet@localhost", "", []string{"pep", "get", at}, outcome{}},
		{"juliet@localhost", "", []string{"pep", "delete", at}, outcome{}},
	} {
		if got := w.natter(row.who, row.stdin, row.args...); got != row.want {
			t.Errorf("%v: %+v", row.args, got)
		}
	}
	for code, args := range map[int][]string{
		exitRefused: {"pep", "get", at},
		exitUsage:   {"pep", "set", at, "<a>"},
	} {
		if got := w.natter("juliet@localhost", "", args...); got.code != code || got.err == "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

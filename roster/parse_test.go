package roster

import (
	"slices"
	"strings"
	"testing"

	"natter/stanza"
)

func iq(t testing.TB, payload string) *stanza.Stanza {
	t.Helper()
	st, err := stanza.ParseIn([]byte("<iq type='set' id='1'>"+payload+"</iq>"), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return st
}

func TestParseSetReadsWhatSection2Defines(t *testing.T) {
	query := func(items string) string { return "<query xmlns='jabber:iq:roster'>" + items + "</query>" }
	for _, row := range []struct {
		name    string
		payload string
		want    SetRequest
	}{
		{"§2.3.1 an item with handle and group", query("<item jid='nurse@example.com' name='Nurse'><group>Servants</group></item>"),
			SetRequest{JID: jid(t, "nurse@example.com"), Name: "Nurse", Groups: []string{"Servants"}}},
		{"§2.4.1 several groups, in their order", query("<item jid='romeo@example.net'><group>b</group> <group>a</group></item>"),
			SetRequest{JID: jid(t, "romeo@example.net"), Groups: []string{"b", "a"}}},
		{"§2.4.1 an empty handle is none", query("<item jid='romeo@example.net' name=''/>"),
			SetRequest{JID: jid(t, "romeo@example.net")}},
		{"§2.5.1 a removal", query("<item jid='nurse@example.com' subscription='remove'/>"),
			SetRequest{JID: jid(t, "nurse@example.com"), Remove: true}},
		{"of a removal only the address counts", query("<item jid='nurse@example.com' name='x' subscription='remove'><group/></item>"),
			SetRequest{JID: jid(t, "nurse@example.com"), Remove: true}},
		{"§2.1.5 no other subscription counts", query("<item jid='nurse@example.com' subscription='both'/>"),
			SetRequest{JID: jid(t, "nurse@example.com")}},
		{"§2.1.2.1 and §2.1.2.2 neither ask nor approved counts", query("<item jid='nurse@example.com' ask='subscribe' approved='true'/>"),
			SetRequest{JID: jid(t, "nurse@example.com")}},
		{"a resource is left for Set to refuse", query("<item jid='nurse@example.com/chamber'/>"),
			SetRequest{JID: jid(t, "nurse@example.com/chamber")}},
		{"an empty group is left for Set to refuse", query("<item jid='nurse@example.com'><group/></item>"),
			SetRequest{JID: jid(t, "nurse@example.com"), Groups: []string{""}}},
		{"references and CDATA are read", query("<item jid='nurse@example.com' name='A &amp; &#x42;'><group>&lt;<![CDATA[&]]>&gt;</group></item>"),
			SetRequest{JID: jid(t, "nurse@example.com"), Name: "A & B", Groups: []string{"<&>"}}},
		{"a prefix makes no difference", "<r:query xmlns:r='jabber:iq:roster'><r:item jid='nurse@example.com'><r:group>S</r:group></r:item></r:query>",
			SetRequest{JID: jid(t, "nurse@example.com"), Groups: []string{"S"}}},
		{"elements of other namespaces are passed over", query("<item xmlns='x' jid='a@example.com'/><item jid='nurse@example.com'><group xmlns='x'>X</group><x xmlns='y'><group xmlns='jabber:iq:roster'>Y</group></x><group>S</group></item>"),
			SetRequest{JID: jid(t, "nurse@example.com"), Groups: []string{"S"}}},
		{"attributes of other namespaces are passed over", query("<item xmlns:x='x' x:jid='a@example.com' jid='nurse@example.com' x:subscription='remove' x:name='X'/>"),
			SetRequest{JID: jid(t, "nurse@example.com")}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseSet(iq(t, row.payload))
			if err != nil {
				t.Fatal(err)
			}
			if got.JID != row.want.JID || got.Name != row.want.Name || got.Remove != row.want.Remove ||
				!slices.Equal(got.Groups, row.want.Groups) {
				t.Errorf("got  %+v\nwant %+v", got, row.want)
			}
		})
	}
}

func TestParseSetRefusesWhatIsNoRosterSet(t *testing.T) {
	for _, row := range []struct {
		name, payload, condition string
	}{
		{"no payload", "", "bad-request"},
		{"a query of something else", "<query xmlns='jabber:iq:private'/>", "bad-request"},
		{"something else of the namespace", "<items xmlns='jabber:iq:roster'/>", "bad-request"},
		{"§2.1.5 no item", "<query xmlns='jabber:iq:roster'/>", "bad-request"},
		{"§2.3.3 two items", "<query xmlns='jabber:iq:roster'><item jid='a@example.com'/><item jid='b@example.com'/></query>", "bad-request"},
		{"§2.1.2.3 an item without a jid", "<query xmlns='jabber:iq:roster'><item name='x'/></query>", "bad-request"},
		{"§2.1.2.3 an item with an empty jid", "<query xmlns='jabber:iq:roster'><item jid=''/></query>", "bad-request"},
		{"an item whose jid is no address", "<query xmlns='jabber:iq:roster'><item jid='@example.com'/></query>", "jid-malformed"},
		{"a removal whose jid is no address", "<query xmlns='jabber:iq:roster'><item jid='a@/b' subscription='remove'/></query>", "jid-malformed"},
		{"groups without end", "<query xmlns='jabber:iq:roster'><item jid='a@example.com'>" + strings.Repeat("<group>g</group>", 1001) + "</item></query>", "policy-violation"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseSet(iq(t, row.payload))
			if err == nil || err.Condition != row.condition || errorType(err) != "modify" {
				t.Errorf("got %+v, %v; want %s", got, err, row.condition)
			}
		})
	}
}

func TestParseGetTellsTheVersionAsked(t *testing.T) {
	for _, row := range []struct {
		name, payload string
		want          Get
		condition     string
	}{
		{"§2.1.3 a client that knows no versions", "<query xmlns='jabber:iq:roster'/>", Get{}, ""},
		{"§2.6.2 a client that has no list yet", "<query xmlns='jabber:iq:roster' ver=''/>", Get{HasVer: true}, ""},
		{"§2.6.2 a client that has a list", "<query xmlns='jabber:iq:roster' ver='e-1a'/>", Get{Ver: "e-1a", HasVer: true}, ""},
		{"white space in it", "<query xmlns='jabber:iq:roster'>\n</query>", Get{}, ""},
		{"§2.1.3 one with an item", "<query xmlns='jabber:iq:roster'><item jid='a@example.com'/></query>", Get{}, "bad-request"},
		{"another query", "<query xmlns='jabber:iq:private'/>", Get{}, "bad-request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseGet(iq(t, row.payload))
			switch {
			case row.condition == "" && err != nil, row.condition != "" && (err == nil || err.Condition != row.condition):
				t.Errorf("error %v, want %q", err, row.condition)
			case got != row.want:
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func FuzzParseSet(f *testing.F) {
	for _, s := range []string{
		"<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='nurse@example.com' name='Nurse'><group>Servants</group></item></query></iq>",
		"<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='nurse@example.com' subscription='remove'/></query></iq>",
		"<iq type='set' id='1'><r:query xmlns:r='jabber:iq:roster'><r:item jid='a@b/c'><r:group><![CDATA[&]]>&#x9;</r:group></r:item></r:query></iq>",
		"<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='b@c'/></query></iq>",
		"<iq type='get' id='1'><query xmlns='jabber:iq:roster' ver=''/></iq>",
		"<iq><query xmlns='jabber:iq:roster'><item jid='caf\u00e9.example'><group>caf\u00e9</group><group>cafe\u0301</group></item></query></iq>",
	} {
		f.Add([]byte(s))
	}
	owner := jid(f, "romeo@example.net")
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := stanza.ParseIn(data, stanza.NSClient, stanza.AfterLogin)
		if err != nil {
			return
		}
		ParseGet(st)
		req, serr := ParseSet(st)
		if serr != nil {
			return
		}
		r := New(owner, "e", DefaultLimits)
		if req.Remove {
			if _, err := r.Remove(req.JID); err == nil {
				t.Error("removed who was not there")
			}
			return
		}
		push, serr := r.Set(req)
		if serr != nil {
			return
		}
		// What a client said is what every client is told, and what is stored.
		again, serr := ParseSet(iq(t, string(push.AppendTo(nil))))
		if serr != nil || again.JID != req.JID || again.Name != req.Name || !slices.Equal(again.Groups, req.Groups) {
			t.Errorf("set %+v\npushed %+v, %v", req, again, serr)
		}
		sound(t, reloaded(t, r))
	})
}

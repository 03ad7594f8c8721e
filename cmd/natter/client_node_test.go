package main

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"
)

func TestNodeRoundTrip(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"a message keeps body and payloads",
			`<message to="a@b" type="chat"><body>hi &amp; bye</body><request xmlns="urn:xmpp:receipts"/></message>`,
			`<message xmlns="jabber:client" to="a@b" type="chat"><body xmlns="jabber:client">hi &amp; bye</body><request xmlns="urn:xmpp:receipts"></request></message>`},
		{"a prefix becomes a declaration, once",
			`<iq id="1"><q:query xmlns:q="jabber:iq:roster"><q:item jid="a@b"/></q:query></iq>`,
			`<iq xmlns="jabber:client" id="1"><query xmlns="jabber:iq:roster"><item xmlns="jabber:iq:roster" jid="a@b"></item></query></iq>`},
		{"xml:lang stays",
			`<message xml:lang="de"><body>ja</body></message>`,
			`<message xmlns="jabber:client" xml:lang="de"><body xmlns="jabber:client">ja</body></message>`},
	} {
		t.Run(row.name, func(t *testing.T) {
			n, err := parseNode(row.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.String(); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if _, err := parseNode(n.String()); err != nil {
				t.Errorf("what was written cannot be read: %v", err)
			}
		})
	}
}

func TestParseNodeRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":            ``,
		"text":               `hello`,
		"an unclosed tag":    `<message>`,
		"two elements":       `<a/><b/>`,
		"text after the end": `<a/>b`,
	} {
		if _, err := parseNode(in); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestReadNodeStopsAtTheEndTag(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(`<s xmlns="jabber:client"><presence><show>away</show></presence><message id="2"/></s>`))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 2 {
		tok, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		n, err := readNode(d, tok.(xml.StartElement))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n.String())
	}
	want := `<presence xmlns="jabber:client"><show xmlns="jabber:client">away</show></presence> <message xmlns="jabber:client" id="2"></message>`
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

// FuzzParseNode feeds what somebody may type after /raw: it is refused, or can
// be looked into and written.
func FuzzParseNode(f *testing.F) {
	f.Add(`<message to="a@b"><body>hi</body></message>`)
	f.Add(`<q:a xmlns:q="u" q:b="c" xml:lang="en"><d/>text</q:a>`)
	f.Add(`<a xmlns=""><b xmlns="x"/></a>`)
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseNode(s)
		if err != nil {
			return
		}
		if n.XMLName.Local == "" {
			t.Errorf("%q is an element without a name", s)
		}
		m := readMessage(&n, romeo, time.Time{})
		if m.delayed && m.sent.IsZero() && !strings.Contains(s, "0001") {
			t.Errorf("%q is delayed from no time", s)
		}
		errorOf(&n)
		rosterItems(&n)
		if n.String() == "" {
			t.Skip("names that encoding/xml reads but does not write")
		}
	})
}

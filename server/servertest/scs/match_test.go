package scs

import (
	"maps"
	"strings"
	"testing"
)

func one(t *testing.T, text string) *Element {
	t.Helper()
	elems, _, err := parseElements(text)
	if err != nil || len(elems) != 1 {
		t.Fatalf("%d elements, %v in %s", len(elems), err, text)
	}
	return elems[0]
}

func TestMatching(t *testing.T) {
	rows := []struct {
		name, want, got string
		mismatch        string // part of the reason; "" for a match
	}{
		{"the same", "<message to='a'><body>x</body></message>", "<message to='a'><body>x</body></message>", ""},
		{"extra attributes of a stanza do not matter", "<message/>", "<message to='a' id='b'/>", ""},
		{"a missing attribute does", "<message id='b'/>", "<message/>", "attribute id is missing"},
		{"another value does", "<message id='b'/>", "<message id='c'/>", `attribute id: expected "b", received "c"`},
		{"extra children of a stanza do not matter", "<message/>", "<message><body>x</body></message>", ""},
		{"a missing child does", "<message><body/></message>", "<message/>", "child <body"},
		{"order in a stanza does not matter", "<message><a/><b/></message>", "<message><b/><a/></message>", ""},
		{"each child needs one of its own", "<message><a/><a/></message>", "<message><a/></message>", "child <a"},
		{"another name", "<message/>", "<presence/>", "expected <message"},
		{"another namespace", "<message><a xmlns='x'/></message>", "<message><a xmlns='y'/></message>", "child <a"},
		{"no text expected, any text will do", "<message><body/></message>", "<message><body>x</body></message>", ""},
		{"white space around text does not matter", "<message><body>x</body></message>", "<message><body>\n  x </body></message>", ""},
		{"other text", "<message><body>x</body></message>", "<message><body>y</body></message>", `text: expected "x", received "y"`},

		{"a foreign element is strict about attributes", "<message><a xmlns='x'/></message>", "<message><a xmlns='x' b='c'/></message>", "not expected (strict)"},
		{"but for its language", "<message><a xmlns='x'/></message>", "<message><a xmlns='x' xml:lang='en'/></message>", ""},
		{"and about children", "<message><a xmlns='x'/></message>", "<message><a xmlns='x'><b/></a></message>", "not expected (strict)"},
		{"and about order", "<message><a xmlns='x'><b/><c/></a></message>", "<message><a xmlns='x'><c/><b/></a></message>", "expected <b"},
		{"and a child too few", "<message><a xmlns='x'><b/><c/></a></message>", "<message><a xmlns='x'><b/></a></message>", "child <c> is missing"},
		{"but not about text it does not name", "<message><a xmlns='x'/></message>", "<message><a xmlns='x'>y</a></message>", ""},
		{"unless it is told to be", "<message><a xmlns='x' scansion:strict='true'/></message>", "<message><a xmlns='x'>y</a></message>", "text: expected"},
		{"strictness can be turned off", "<message><a xmlns='x' scansion:strict='false'><b/></a></message>", "<message><a xmlns='x' y='z'><c/><b k='l'/></a></message>", ""},
		{"and goes for children of that namespace only", "<message><a xmlns='x' scansion:strict='false'><b xmlns='y'/></a></message>", "<message><a xmlns='x'><b xmlns='y' k='l'/></a></message>", "not expected (strict)"},
		{"a stanza within is not strict", "<message><f xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></f></message>", "<message><f xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='1'><body/></message></f></message>", ""},
		{"a stanza can be strict", "<message scansion:strict='true' id='1'/>", "<message id='1' to='x'/>", "not expected (strict)"},

		{"any value", "<message id='{scansion:any}'/>", "<message id='x'/>", ""},
		{"any value must be there", "<message id='{scansion:any}'/>", "<message/>", "attribute id is missing"},
		{"absent", "<message type='{scansion:absent}'/>", "<message/>", ""},
		{"absent but there", "<message type='{scansion:absent}'/>", "<message type='chat'/>", "must not be there"},
		{"an expression", "<message id='{scansion:regexp:[a-z]{2}\\d}'/>", "<message id='ab1'/>", ""},
		{"an expression is for the whole value", "<message id='{scansion:regexp:b}'/>", "<message id='abc'/>", "attribute id"},
		{"not that value", "<message id='{scansion:not:x}'/>", "<message id='y'/>", ""},
		{"that value after all", "<message id='{scansion:not:x}'/>", "<message id='x'/>", "attribute id"},
		{"any text", "<message><body>{scansion:any}</body></message>", "<message><body>hello</body></message>", ""},
		{"an element that must be absent", "<message><delay xmlns='d' scansion:absent='true'/></message>", "<message><body/></message>", ""},
		{"but is there", "<message><delay xmlns='d' scansion:absent='true'/></message>", "<message><delay xmlns='d'/></message>", "must not be there"},
		{"one like it may be there", "<message><sid xmlns='d' id='forged' scansion:absent='true'/></message>", "<message><sid xmlns='d' id='good'/></message>", ""},
		{"a captured value must come again", "<message id='{scansion:capture:a}'><b id='{scansion:capture:a}'/></message>", "<message id='1'><b id='1'/></message>", ""},
		{"or it is a mismatch", "<message id='{scansion:capture:a}'><b id='{scansion:capture:a}'/></message>", "<message id='1'><b id='2'/></message>", "attribute id"},
		{"a named group is captured", "<message id='{scansion:regexp:x-(?P&lt;a&gt;.+)}'><b id='{scansion:capture:a}'/></message>", "<message id='x-1'><b id='1'/></message>", ""},
		{"and has to agree", "<message id='{scansion:capture:a}'><b id='{scansion:regexp:x-(?P&lt;a&gt;.+)}'/></message>", "<message id='1'><b id='x-2'/></message>", "attribute id"},
		{"children must agree on it", "<message><b id='{scansion:capture:a}'/><c id='{scansion:capture:a}'/></message>", "<message><b id='1'/><c id='2'/></message>", "captured a is both"},

		{"a vague child leaves the exact one its place", "<message><item/><item jid='a'/></message>", "<message><item jid='a'/><item jid='b'/></message>", ""},
		{"attributes of a namespace", "<message xml:lang='de'/>", "<message xml:lang='en'/>", `xml:lang: expected "de"`},
		{"prefixes are not compared", "<message><x:a xmlns:x='n' x:b='c'/></message>", "<message><y:a xmlns:y='n' y:b='c'/></message>", ""},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			m := matchStanza(one(t, r.want), one(t, r.got), captures{})
			switch {
			case m == nil && r.mismatch != "":
				t.Errorf("matched, want %q", r.mismatch)
			case m != nil && (r.mismatch == "" || !strings.Contains(m.String(), r.mismatch)):
				t.Errorf("got %v, want %q", m, r.mismatch)
			}
		})
	}
}

func TestCapturesAreKeptOnlyOnAMatch(t *testing.T) {
	caps := captures{"old": "1"}
	want := one(t, "<message id='{scansion:capture:new}' to='{scansion:capture:old}'/>")
	if m := matchStanza(want, one(t, "<message id='x' to='2'/>"), caps); m == nil {
		t.Fatal("matched a value that differs from the captured one")
	}
	if !maps.Equal(caps, captures{"old": "1"}) {
		t.Errorf("a mismatch left %v", caps)
	}
	if m := matchStanza(want, one(t, "<message id='x' to='1'/>"), caps); m != nil {
		t.Fatal(m)
	}
	if !maps.Equal(caps, captures{"old": "1", "new": "x"}) {
		t.Errorf("captured %v", caps)
	}
}

func TestPairUpFindsAPairingIfThereIsOne(t *testing.T) {
	// A chain in which every greedy choice has to be taken back.
	const n = 8
	fits := func(w, g int) bool { return g == w || g == w-1 }
	pairs, lone := pairUp(n, n, fits)
	if lone >= 0 {
		t.Fatalf("%d was left over", lone)
	}
	for w, g := range pairs {
		if !fits(w, g) {
			t.Errorf("%d got %d", w, g)
		}
	}
	if _, lone := pairUp(3, 2, func(int, int) bool { return true }); lone < 0 {
		t.Error("three found places on two")
	}
}

func TestDiffShowsOnlyWhatMatters(t *testing.T) {
	want := one(t, `<iq type="result" id="{scansion:any}"><query xmlns="q"><item jid="a"/></query></iq>`)
	got := one(t, `<iq to="me" type="result" id="7"><extra xmlns="e"/><query xmlns="q"><item jid="b"/></query></iq>`)
	diff := diffStanza(want, got, captures{})
	expect := `--- expected
+++ received
@@ -1 +1 @@
 <iq id="7" to="me" type="result">
   <extra xmlns="e"/>
   <query xmlns="q">
-    <item jid="a"/>
+    <item jid="b"/>
   </query>
 </iq>
`
	if diff != expect {
		t.Errorf("got\n%s\nwant\n%s", diff, expect)
	}
}

func TestDiffShowsWhatIsMissingAndWhatIsForbidden(t *testing.T) {
	want := one(t, `<message><body>x</body><delay xmlns="d" scansion:absent="true"/></message>`)
	got := one(t, `<message><delay xmlns="d"/></message>`)
	diff := diffStanza(want, got, captures{})
	for _, line := range []string{"-  <body>x</body>", `+  <delay xmlns="d"/>`} {
		if !strings.Contains(diff, line+"\n") {
			t.Errorf("no line %q in\n%s", line, diff)
		}
	}
}

func TestUnifiedDiffKeepsToItsContext(t *testing.T) {
	lines := strings.Split("a b c d e f g h i j", " ")
	other := append([]string(nil), lines...)
	other[5] = "F"
	got := unified(lines, other, "x", "y")
	want := "--- x\n+++ y\n@@ -3 +3 @@\n c\n d\n e\n-f\n+F\n g\n h\n i\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

package stanza

import (
	"slices"
	"testing"
)

func TestKindAndType(t *testing.T) {
	for _, row := range []struct {
		in   string
		kind Kind
		typ  Type
	}{
		{"<message/>", Message, TypeNone},
		{"<message type='chat'/>", Message, Chat},
		{"<message type='groupchat'/>", Message, Groupchat},
		{"<message type='headline'/>", Message, Headline},
		{"<message type='normal'/>", Message, Normal},
		{"<message type='error'/>", Message, TypeError},
		{"<message type='ch&#97;t'/>", Message, Chat},
		{"<message type='get'/>", Message, TypeInvalid},
		{"<message type=''/>", Message, TypeInvalid},
		{"<message type='Chat'/>", Message, TypeInvalid},
		{"<presence/>", Presence, TypeNone},
		{"<presence type='unavailable'/>", Presence, Unavailable},
		{"<presence type='subscribe'/>", Presence, Subscribe},
		{"<presence type='subscribed'/>", Presence, Subscribed},
		{"<presence type='unsubscribe'/>", Presence, Unsubscribe},
		{"<presence type='unsubscribed'/>", Presence, Unsubscribed},
		{"<presence type='probe'/>", Presence, Probe},
		{"<presence type='error'/>", Presence, TypeError},
		{"<presence type='chat'/>", Presence, TypeInvalid},
		{"<iq type='get'/>", IQ, Get},
		{"<iq type='set'/>", IQ, Set},
		{"<iq type='result'/>", IQ, Result},
		{"<iq type='error'/>", IQ, TypeError},
		{"<iq type='probe'/>", IQ, TypeInvalid},
		{"<iq/>", IQ, TypeNone},
		{"<c:iq xmlns:c='jabber:client' type='get'/>", IQ, Get},
		{"<x:message type='chat'/>", Other, TypeNone},
		{"<message xmlns='' type='chat'/>", Other, TypeNone},
		{"<message xmlns='jabber:server' type='chat'/>", Other, TypeNone},
		{"<r xmlns='urn:xmpp:sm:3' type='get'/>", Other, TypeNone},
		{"<messages type='chat'/>", Other, TypeNone},
	} {
		st := one(t, row.in)
		if st.Kind != row.kind || st.Type != row.typ {
			t.Errorf("%s is %v %v, want %v %v", row.in, st.Kind, st.Type, row.kind, row.typ)
		}
	}
	for typ := Chat; typ < TypeInvalid; typ++ {
		found := false
		for k := Message; k <= IQ; k++ {
			found = found || typeOf(k, []byte(typ.String())) == typ
		}
		if !found {
			t.Errorf("type %d does not survive its own name %q", typ, typ)
		}
	}
}

func TestAddressesAreRawAndTellAbsentFromEmpty(t *testing.T) {
	st := one(t, "<message to='' from='a&amp;b@x' id=\"it's\" xml:lang='e&#110;' type='chat'/>")
	if st.To() == nil || len(st.To()) != 0 {
		t.Errorf("empty to is %q, nil %v", st.To(), st.To() == nil)
	}
	if got := string(st.From()); got != "a&amp;b@x" || st.FromString() != "a&b@x" {
		t.Errorf("from is %q, %q", got, st.FromString())
	}
	if got := st.IDString(); got != "it's" || string(st.ID()) != got {
		t.Errorf("id is %q", got)
	}
	if st.LangString() != "en" || string(st.TypeRaw()) != "chat" {
		t.Errorf("lang %q, type %q", st.LangString(), st.TypeRaw())
	}
	bare := one(t, "<message/>")
	if bare.To() != nil || bare.From() != nil || bare.ID() != nil || bare.Lang() != nil || bare.TypeRaw() != nil || bare.ToString() != "" {
		t.Error("an absent attribute is there")
	}
}

func TestPlainTo(t *testing.T) {
	for in, plain := range map[string]bool{
		"<message to='a@b/c d'/>":     true,
		"<message to=''/>":            true,
		"<message/>":                  false,
		"<message to='a@b/c&amp;d'/>": false,
		"<message to='a@b/c\nd'/>":    false,
	} {
		if _, ok := one(t, in).PlainTo(); ok != plain {
			t.Errorf("%s: plain %v", in, ok)
		}
	}
}

func TestAttr(t *testing.T) {
	st := one(t, "<message xmlns:p='urn:p' p:k='1&lt;' k='2' x:k='3' xml:space='preserve'/>")
	for _, row := range []struct{ ns, local, want string }{
		{"", "k", "2"}, {"urn:p", "k", "1<"}, {"urn:example:x", "k", "3"}, {NSXML, "space", "preserve"},
	} {
		if got, ok := st.AttrString(row.ns, row.local); got != row.want || !ok {
			t.Errorf("{%s}%s is %q, %v", row.ns, row.local, got, ok)
		}
	}
	for _, row := range [][2]string{{"", "xmlns"}, {"", "p"}, {"", "space"}, {"urn:q", "k"}, {"jabber:client", "k"}} {
		if _, ok := st.Attr(row[0], row[1]); ok {
			t.Errorf("{%s}%s is there", row[0], row[1])
		}
	}
}

func TestChildren(t *testing.T) {
	st := one(t, `<iq type='set'><query xmlns='jabber:iq:roster' xmlns:p='urn:p'>text
		<item jid='a@b' name='A &amp; B' p:x='y'><group>One</group><p:group>no</p:group><group>Tw<![CDATA[o<]]></group></item>
		<item jid='c@d'/>more<item xmlns='' jid='not mine'/></query><p xmlns='urn:last'/></iq>`)
	if st.NumChildren() != 2 || !st.HasNS("urn:last") || st.HasNS("urn:p") {
		t.Fatalf("%d children", st.NumChildren())
	}
	q, ok := st.Child("jabber:iq:roster", "query")
	if !ok || q != st.ChildAt(0) || string(st.Space(q)) != "jabber:iq:roster" || string(st.Local(q)) != "query" {
		t.Fatal("no query")
	}
	var got []string
	for item := range st.Children(q) {
		if !st.ChildIs(item, "jabber:iq:roster", "item") {
			got = append(got, "other "+string(st.Bytes(item)))
			continue
		}
		jid, _ := st.ChildAttr(item, "jid")
		name, hasName := st.ChildAttr(item, "name")
		if !hasName {
			name = "none"
		}
		x, _ := st.ChildAttrNS(item, "urn:p", "x")
		line := jid + " " + name + " " + x
		for g := range st.Children(item) {
			if st.ChildIs(g, "jabber:iq:roster", "group") {
				line += " " + st.Text(g)
			}
		}
		got = append(got, line)
	}
	want := []string{"a@b A & B y One Two<", "c@d none ", "other <item xmlns='' jid='not mine'/>"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if g, ok := st.Find(q, "", "item"); !ok || string(st.InnerBytes(g)) != "" {
		t.Error("Find does not find")
	}
	if _, ok := st.Find(q, "jabber:client", "item"); ok {
		t.Error("Find finds what is not there")
	}
	if _, ok := st.Child("jabber:client", "query"); ok {
		t.Error("Child finds what is not there")
	}
	for range st.Children(q) {
		break // must not go on
	}
	if len(slices.Collect(st.All())) != 2 {
		t.Error("All")
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"<body/>":                     "",
		"<body></body>":               "",
		"<body>x</body>":              "x",
		"<body>a<b>no</b>c</body>":    "ac",
		"<body>&lt;&#x41;\r\n</body>": "<A\n",
		"<body><![CDATA[&lt;\r]]>&gt;<a/><![CDATA[]]>\r</body>": "&lt;\n>\n",
	} {
		if got := one(t, "<message>"+in+"</message>").Body(); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestBodyIsTheFirstOfTheContentNamespace(t *testing.T) {
	st := one(t, "<message><body xmlns='urn:x'>no</body><c:body xmlns:c='jabber:client' xml:lang='cs'>ano</c:body><body>yes</body></message>")
	if !st.HasBody() || st.Body() != "ano" {
		t.Errorf("body %q", st.Body())
	}
	if st := one(t, "<message><body xmlns='urn:x'>no</body></message>"); st.HasBody() || st.Body() != "" {
		t.Error("found a body")
	}
	if text, ok := one(t, "<message><subject/></message>").ChildText(NSClient, "subject"); text != "" || !ok {
		t.Error("no subject")
	}
}

func TestCloneOutlivesTheBuffer(t *testing.T) {
	buf := []byte("<message to='a@b' xmlns:p='urn:&#112;'><p:a p:b='c'>x</p:a></message>")
	s := NewScanner(AfterLogin)
	if ev, _, err := s.Next([]byte(openClient)); ev != StreamOpen {
		t.Fatal(err)
	}
	if ev, _, err := s.Next(buf); ev != Element {
		t.Fatal(err)
	}
	c := s.Stanza.Clone()
	want := treeOf(s.Stanza).String()
	for i := range buf {
		buf[i] = '?'
	}
	if ev, _, err := s.Next([]byte("<presence><a xmlns='urn:other'/></presence>")); ev != Element {
		t.Fatal(err)
	}
	if got := treeOf(c).String(); got != want {
		t.Errorf("clone is %s, was %s", got, want)
	}
}

func TestParse(t *testing.T) {
	st, err := ParseIn([]byte(" <message to='a@b'><body>x</body></message>\n"), NSClient, AfterLogin)
	if err != nil || st.Kind != Message || st.Body() != "x" || len(st.Raw) != 42 {
		t.Fatal(err, st)
	}
	if st, err = Parse([]byte("<message/>"), AfterLogin); err != nil || st.Kind != Other || !st.Is("", "message") {
		t.Error("an element without a namespace is a stanza")
	}
	if st, err = Parse([]byte("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"), AfterLogin); err != nil || !st.Is("urn:ietf:params:xml:ns:xmpp-framing", "open") {
		t.Error(err)
	}
	if st, err = ParseIn([]byte("<x/>"), "urn:any", AfterLogin); err != nil || !st.Is("urn:any", "x") {
		t.Error(err)
	}
	for in, condition := range map[string]string{
		"":                          "not-well-formed",
		"  ":                        "not-well-formed",
		"<message>":                 "not-well-formed",
		"<a/><b/>":                  "not-well-formed",
		"<a/>x":                     "bad-format",
		"x<a/>":                     "bad-format",
		"</a>":                      "not-well-formed",
		"<stream:error/>":           "not-well-formed",
		"<?xml version='1.0'?><a/>": "restricted-xml",
	} {
		st := one(t, "<message to='a@b' id='c'><body/></message>")
		err := st.Parse([]byte(in), "", AfterLogin)
		if st.To() != nil || st.NumChildren() != 0 || st.Kind != Other || st.Raw != nil {
			t.Errorf("%q left something behind", in)
		}
		se, ok := err.(*StreamError)
		if !ok || se.Condition != condition {
			t.Errorf("%q: %v, want %s", in, err, condition)
		}
	}
}

func TestParseUsesMemoryAgain(t *testing.T) {
	st := new(Stanza)
	in := []byte("<message to='a@b'><body>x</body></message>")
	var children *Child
	for i := range 3 {
		if err := st.Parse(in, NSClient, AfterLogin); err != nil {
			t.Fatal(err)
		}
		if i > 0 && &st.children[0] != children {
			t.Error("children in new memory")
		}
		children = &st.children[0]
	}
}

func TestPrefixed(t *testing.T) {
	for in, want := range map[string]bool{
		"<message><a xmlns:p='u'><p:b/></a></message>":                     false,
		"<c:message xmlns:c='jabber:client'/>":                             true,
		"<message><c:body xmlns:c='jabber:client'/></message>":             true,
		"<message x:k='v'/>":                                               true,
		"<message><a xmlns='u'><b x:k='v'/></a></message>":                 true,
		"<message><a xmlns='u' xmlns:x='other'><b x:k='v'/></a></message>": false,
	} {
		if got := one(t, in).Prefixed(); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func TestChildAttrRaw(t *testing.T) {
	st := one(t, "<message><a b='&lt;' x:b='2'/></message>")
	if v, ok := st.ChildAttrRaw(st.ChildAt(0), "", "b"); string(v) != "&lt;" || !ok {
		t.Errorf("%q %v", v, ok)
	}
	if v, ok := st.ChildAttrRaw(st.ChildAt(0), "urn:example:x", "b"); string(v) != "2" || !ok {
		t.Errorf("%q %v", v, ok)
	}
	if v, ok := st.ChildAttrRaw(st.ChildAt(0), "", "c"); v != nil || ok {
		t.Errorf("%q %v", v, ok)
	}
}

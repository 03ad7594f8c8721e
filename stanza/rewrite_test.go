package stanza

import "testing"

// span returns where the i-th direct child of st is.
func span(st *Stanza, i int) Span { return st.ChildAt(i).Span() }

func TestAppendTo(t *testing.T) {
	from, to, lang := []byte("me@a/r"), []byte("you@b"), []byte("en")
	for _, row := range []struct {
		name, in string
		stamp    Stamp
		cut      []int
		want     string
	}{
		{"from is stamped and a claimed one dropped", "<message from='evil@x' to='y'><body>x</body></message>", Stamp{From: from}, nil,
			"<message from='me@a/r' to='y'><body>x</body></message>"},
		{"without a from none is written", "<message from='evil@x'/>", Stamp{}, nil, "<message/>"},
		{"to is replaced", "<message to=\"Y@B\" id='1'/>", Stamp{From: from, To: to}, nil, "<message from='me@a/r' to='you@b' id='1'/>"},
		{"to is added", "<presence/>", Stamp{From: from, To: to}, nil, "<presence from='me@a/r' to='you@b'/>"},
		{"other attributes are kept as they are spelled", "<message  id = \"it's\"\n x:k='&lt;' a=''/>", Stamp{}, nil,
			"<message id=\"it's\" x:k='&lt;' a='' xmlns:x='urn:example:x'/>"},
		{"the stream's language is added", "<message><body>x</body></message>", Stamp{Lang: lang}, nil, "<message xml:lang='en'><body>x</body></message>"},
		{"a language of its own stays", "<message xml:lang='de'/>", Stamp{Lang: lang}, nil, "<message xml:lang='de'/>"},
		{"an empty language of its own stays", "<message xml:lang=''/>", Stamp{Lang: lang}, nil, "<message xml:lang=''/>"},
		{"a redundant declaration goes", "<message xmlns='jabber:client'/>", Stamp{}, nil, "<message/>"},
		{"a client's message becomes a server's", "<message xmlns='jabber:client'><body/></message>", Stamp{NS: NSServer}, nil, "<message><body/></message>"},
		{"what stands alone is declared", "<message><body/></message>", Stamp{Declare: true}, nil, "<message xmlns='jabber:client'><body/></message>"},
		{"what stands alone elsewhere is declared", "<message><body/></message>", Stamp{NS: NSServer, Declare: true}, nil, "<message xmlns='jabber:server'><body/></message>"},
		{"explicit children follow", "<message><body xmlns='jabber:client'>x</body></message>", Stamp{NS: NSServer}, nil, "<message><body>x</body></message>"},
		{"explicit children stay where nothing moves", "<message><body xmlns='jabber:client'>x</body></message>", Stamp{NS: NSClient}, nil, "<message><body xmlns='jabber:client'>x</body></message>"},
		{"forwarded stanzas do not follow", "<message><f xmlns='urn:f'><message xmlns='jabber:client'><body/></message></f></message>", Stamp{NS: NSServer}, nil,
			"<message><f xmlns='urn:f'><message xmlns='jabber:client'><body/></message></f></message>"},
		{"what is in a prefixed extension does not follow", "<message><p:f xmlns:p='urn:f'><body/></p:f></message>", Stamp{NS: NSServer}, nil,
			"<message><p:f xmlns:p='urn:f'><body xmlns='jabber:client'/></p:f></message>"},
		{"a prefixed stanza loses its prefix", "<c:message xmlns:c='jabber:client' to='y'><c:body>x &amp; <![CDATA[y]]></c:body></c:message>", Stamp{From: from}, nil,
			"<message from='me@a/r' xmlns:c='jabber:client' to='y'><body>x &amp; <![CDATA[y]]></body></message>"},
		{"unprefixed children of a prefixed stanza keep their namespace", "<c:message xmlns:c='jabber:client' xmlns='urn:o'><body><c:x/></body></c:message>", Stamp{}, nil,
			"<message xmlns:c='jabber:client'><body xmlns='urn:o'><c:x/></body></message>"},
		{"a prefixed body loses its prefix", "<message xmlns:c='jabber:client'><c:body a='1'>x</c:body></message>", Stamp{}, nil,
			"<message xmlns:c='jabber:client'><body a='1'>x</body></message>"},
		{"a prefix of the header is declared", "<message><x:a><b/></x:a></message>", Stamp{}, nil, "<message xmlns:x='urn:example:x'><x:a><b/></x:a></message>"},
		{"a prefix of the header that is not used is not", "<message><a xmlns:x='urn:y'><x:b/></a></message>", Stamp{}, nil, "<message><a xmlns:x='urn:y'><x:b/></a></message>"},
		{"children are cut", "<message>a<b/>c<d>e</d>f</message>", Stamp{}, []int{0, 1}, "<message>acf</message>"},
		{"the last child is cut", "<message><b/><d/></message>", Stamp{}, []int{1}, "<message><b/></message>"},
		{"children are cut from what is written anew", "<c:message xmlns:c='jabber:client'><a/><c:b/><d/></c:message>", Stamp{}, []int{0, 1}, "<message xmlns:c='jabber:client'><d/></message>"},
		{"a tail is added", "<message><b/></message>", Stamp{Tail: []byte("<t/>")}, nil, "<message><b/><t/></message>"},
		{"a tail is added to an empty element", "<message/>", Stamp{Tail: []byte("<t/>")}, nil, "<message><t/></message>"},
		{"a tail is added to what is written anew", "<c:message xmlns:c='jabber:client'/>", Stamp{Tail: []byte("<t/>")}, nil, "<message xmlns:c='jabber:client'><t/></message>"},
		{"an element of another namespace keeps it", "<r xmlns='urn:xmpp:sm:3'/>", Stamp{NS: NSServer}, nil, "<r xmlns='urn:xmpp:sm:3'/>"},
		{"a prefixed element of another namespace keeps all", "<stream:error><b/></stream:error>", Stamp{NS: NSClient}, nil,
			"<stream:error xmlns:stream='http://etherx.jabber.org/streams'><b/></stream:error>"},
		{"and its default namespace", "<stream:error><b/></stream:error>", Stamp{NS: NSServer}, nil,
			"<stream:error xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><b/></stream:error>"},
		{"an apostrophe can't end a value", "<message/>", Stamp{From: []byte("o'hara@x' evil='y")}, nil, "<message from='o&apos;hara@x&apos; evil=&apos;y'/>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := one(t, row.in)
			for _, i := range row.cut {
				row.stamp.Cut = append(row.stamp.Cut, span(st, i))
			}
			if got := string(st.AppendTo(nil, &row.stamp)); got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestAppendToAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for _, in := range []string{
		chatMessage,
		"<message><x:a b='c'/><body xmlns='jabber:client'>x</body></message>",
		"<c:message xmlns:c='jabber:client'><c:body a='b'>x</c:body><d xmlns='urn:d'><e/></d></c:message>",
	} {
		st := one(t, in)
		for _, s := range []*Stamp{
			{From: []byte("a@b/c"), To: []byte("d@e"), Lang: []byte("en"), NS: NSClient},
			{From: []byte("a@b/c"), NS: NSServer, Declare: true, Cut: []Span{span(st, 0)}, Tail: []byte("<t/>")},
		} {
			if n := testing.AllocsPerRun(100, func() { dst = st.AppendTo(dst[:0], s) }); n > 0 {
				t.Errorf("%v allocations for %s", n, in)
			}
		}
	}
}

func TestAppendAlone(t *testing.T) {
	st := one(t, "<message from='a@b'><x:y/></message>")
	want := "<message xmlns='jabber:client' from='a@b' xml:lang='en' xmlns:x='urn:example:x'><x:y/></message>"
	if got := string(st.AppendAlone(nil)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestDetach(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"the default namespace is declared", "<message><body>x</body></message>", "<body xmlns='jabber:client' xml:lang='en'>x</body>"},
		{"but not twice", "<message><a xmlns='urn:a'/></message>", "<a xml:lang='en' xmlns='urn:a'/>"},
		{"not even when it is none", "<message><a xmlns='' xml:lang=''/></message>", "<a xmlns='' xml:lang=''/>"},
		{"none is declared as none", "<y:m xmlns:y='urn:y' xmlns='' xml:lang='de'><a/></y:m>", "<a xmlns='' xml:lang='de' xmlns:y='urn:y'/>"},
		{"the language of the stanza goes before that of the stream", "<message xml:lang='de'><a xmlns='u'/></message>", "<a xml:lang='de' xmlns='u'/>"},
		{"a language of its own before both", "<message xml:lang='de'><a xmlns='u' xml:lang='fr'/></message>", "<a xmlns='u' xml:lang='fr'/>"},
		{"that of another child does not count", "<message><a xmlns='u'/><b xml:lang='fr'/></message>", "<a xml:lang='en' xmlns='u'/>"},
		{"prefixes of the stanza are declared", "<message xmlns:p='urn:p' xmlns:q='urn:q&amp;'><p:a xmlns='u'/></message>", "<p:a xml:lang='en' xmlns:q='urn:q&amp;' xmlns:p='urn:p' xmlns='u'/>"},
		{"but for those it declares itself", "<message xmlns:p='urn:p'><p:a xmlns='u' xmlns:p='urn:r'/></message>", "<p:a xml:lang='en' xmlns='u' xmlns:p='urn:r'/>"},
		{"prefixes of the header in use are declared", "<message><x:a xmlns='u'><b x:c='d'/></x:a></message>", "<x:a xml:lang='en' xmlns:x='urn:example:x' xmlns='u'><b x:c='d'/></x:a>"},
		{"attributes and content stay as they are", "<message><a xmlns='u'  b = \"c'd\"\n>&lt;<![CDATA[e]]><f/></a ></message>", "<a xml:lang='en' xmlns='u'  b = \"c'd\"\n>&lt;<![CDATA[e]]><f/></a >"},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := one(t, row.in)
			got := string(st.Detach([]byte("-"), st.ChildAt(0)))
			if got != "-"+row.want {
				t.Errorf("\n got %s\nwant -%s", got, row.want)
			}
		})
	}
}

func TestDetachFromDeepWithin(t *testing.T) {
	st := one(t, "<message><a xmlns='urn:a' xmlns:p='urn:p' xml:lang='it'><z xml:lang='no'/><b xmlns:p='urn:p2' xmlns:q='urn:q'><c><p:d/></c></b></a></message>")
	a := st.ChildAt(0)
	b, _ := st.Find(a, "urn:a", "b")
	c, ok := st.Find(b, "urn:a", "c")
	if !ok {
		t.Fatal("no c")
	}
	got := string(st.Detach(nil, c))
	if want := "<c xmlns='urn:a' xml:lang='it' xmlns:q='urn:q' xmlns:p='urn:p2'><p:d/></c>"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestDetachedFilesStandAlone(t *testing.T) {
	for name, in := range files(t, "good") {
		sts, _, err := elements(AfterLogin, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, st := range sts {
			checkAlone(t, name, st, roomy)
		}
	}
}

// checkAlone detaches all elements of st and wants them to stand alone with the
// same trees.
func checkAlone(t *testing.T, name string, st *Stanza, l Limits) {
	t.Helper()
	same := func(raw []byte, want *node, lang bool) {
		alone, err := Parse(raw, l)
		if err != nil {
			t.Fatalf("%s: %v in %s from %s", name, err, raw, st.Raw)
		}
		got := treeOf(alone)
		if !lang {
			got.without(NSXML, "lang")
			want.without(NSXML, "lang")
		}
		if got.String() != want.String() {
			t.Fatalf("%s: %s from %s\n got %s\nwant %s", name, raw, st.Raw, got, want)
		}
	}
	var each func(c Child)
	each = func(c Child) {
		same(st.Detach(nil, c), treeOfChild(st, c), false)
		for e := range st.Children(c) {
			each(e)
		}
	}
	for c := range st.All() {
		each(c)
	}
	same(st.AppendAlone(nil), treeOf(st), st.Lang() != nil)
}

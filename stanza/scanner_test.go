package stanza

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestGoodFiles(t *testing.T) {
	for name, in := range files(t, "good") {
		t.Run(name, func(t *testing.T) {
			sts, _, err := elements(AfterLogin, in)
			if err != nil {
				t.Fatal(err)
			}
			want, err := treesXML(append([]byte(openClient), in...))
			if err != nil {
				t.Fatalf("encoding/xml: %v", err)
			}
			if len(sts) != len(want) || len(sts) == 0 {
				t.Fatalf("%d elements, want %d", len(sts), len(want))
			}
			for i, st := range sts {
				if got := loosen(treeOf(st)).String(); got != want[i].String() {
					t.Errorf("tree of element %d\n got %s\nwant %s", i, got, want[i])
				}
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	for name, in := range files(t, "bad") {
		t.Run(name, func(t *testing.T) {
			_, _, err := elements(AfterLogin, in)
			se, ok := err.(*StreamError)
			if !ok {
				t.Fatalf("error is %v, want a stream error", err)
			}
			if want := path.Dir(name); se.Condition != want {
				t.Errorf("condition %s (%s), want %s", se.Condition, se.Text, want)
			}
		})
	}
}

// Where the bytes happen to be cut must make no difference, nor may the buffer's
// place in memory.
func TestSplitsMakeNoDifference(t *testing.T) {
	inputs := map[string]string{}
	for _, dir := range []string{"good", "bad"} {
		for name, in := range files(t, dir) {
			inputs[dir+"/"+name] = openClient + string(in)
		}
	}
	for _, row := range streams {
		inputs["stream/"+row.name] = row.in
	}
	for name, s := range inputs {
		in := []byte(s)
		want := feed(AfterLogin, in, whole(in))
		if len(in) > 20_000 {
			continue // the test itself takes quadratic time
		}
		if got := feed(AfterLogin, in, byteByByte); !slices.Equal(got, want) {
			t.Errorf("%s byte by byte\n got %q\nwant %q", name, got, want)
		}
		for seed := range uint64(10) {
			if got := feed(AfterLogin, in, randomly(seed)); !slices.Equal(got, want) {
				t.Errorf("%s in splits %d\n got %q\nwant %q", name, seed, got, want)
			}
		}
	}
}

const bareOpen = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

// streams are whole streams; want is how the log ends.
var streams = []struct{ name, in, want string }{
	{"a header with all attributes", "<?xml version='1.0' encoding='UTF-8'?>\n<stream:stream to='a.example' from='b@a.example' id='&lt;1&gt;' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
		"open {To:a.example From:b@a.example ID:<1> Lang:en Version:1.0 NS:jabber:client Prefix:stream Has:31}|partial false, 0 bytes left"},
	{"a header without declaration", bareOpen, "open {To: From: ID: Lang: Version: NS:jabber:client Prefix:stream Has:0}|partial false, 0 bytes left"},
	{"an empty to is not an absent one", "<s:stream to='' xmlns:s='http://etherx.jabber.org/streams'>",
		"open {To: From: ID: Lang: Version: NS: Prefix:s Has:1}|partial false, 0 bytes left"},
	{"any prefix is accepted", "<foobar:stream xmlns='jabber:client' xmlns:foobar='http://etherx.jabber.org/streams'></foobar:stream>",
		"open {To: From: ID: Lang: Version: NS:jabber:client Prefix:foobar Has:0}|close|partial false, 0 bytes left"},
	{"the stream namespace as default", "<stream xmlns='http://etherx.jabber.org/streams'><message xmlns='jabber:client'/></stream>",
		"open {To: From: ID: Lang: Version: NS:http://etherx.jabber.org/streams Prefix: Has:0}|message  <{jabber:client}message []></>|close|partial false, 0 bytes left"},
	{"standalone is ignored", "<?xml version=\"1.0\" encoding='utf-8' standalone='no' ?>" + bareOpen, "Has:0}|partial false, 0 bytes left"},
	{"white space after the declaration", "<?xml version='1.0'?> \r\n" + bareOpen, "Has:0}|partial false, 0 bytes left"},
	{"white space before a header without declaration", " \n" + bareOpen, "Has:0}|partial false, 0 bytes left"},
	{"half a declaration", "<?xml version='1", "partial true, 16 bytes left"},
	{"half a header", "<?xml version='1.0'?><stream:str", "partial true, 11 bytes left"},
	{"half an element", bareOpen + "<message><body>x", "partial true, 16 bytes left"},
	{"only the bracket of a header", "<", "partial true, 1 bytes left"},
	{"nothing", "", "partial false, 0 bytes left"},
	{"white space only", " \n ", "partial false, 0 bytes left"},
	{"what comes after the end is ignored", bareOpen + "</stream:stream > <message/>garbage\x00", "close|partial false, 0 bytes left"},
	{"the end tag of another prefix", bareOpen + "</s:stream>", "not-well-formed: end tag does not match"},
	{"a header prefix in use", "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'><db:result/>",
		"other  <{jabber:server:dialback}result []></>|partial false, 0 bytes left"},
	{"a client's content is not a server's", bareOpen + "<message xmlns='jabber:server'/>", "other  <{jabber:server}message []></>|partial false, 0 bytes left"},

	{"white space before the declaration", "\n<?xml version='1.0'?>" + bareOpen, "not-well-formed: white space before the XML declaration"},
	{"a declaration twice", "<?xml version='1.0'?><?xml version='1.0'?>" + bareOpen, "restricted-xml: processing instruction"},
	{"XML 1.1", "<?xml version='1.1'?>" + bareOpen, "not-well-formed: not XML 1.0"},
	{"a declaration without version", "<?xml encoding='UTF-8'?>" + bareOpen, "not-well-formed: malformed XML declaration"},
	{"a declaration in the wrong order", "<?xml encoding='UTF-8' version='1.0'?>" + bareOpen, "not-well-formed: malformed XML declaration"},
	{"a declaration with more", "<?xml version='1.0' foo='bar'?>" + bareOpen, "not-well-formed: malformed XML declaration"},
	{"a declaration with an odd standalone", "<?xml version='1.0' standalone='maybe'?>" + bareOpen, "not-well-formed: malformed XML declaration"},
	{"a declaration without end", "<?xml version='1.0' " + strings.Repeat(" ", 300), "not-well-formed: XML declaration too long"},
	{"a declaration of Latin 1", "<?xml version='1.0' encoding='ISO-8859-1'?>" + bareOpen, "unsupported-encoding: streams are in UTF-8"},
	{"a declaration of UTF-16", "<?xml version='1.0' encoding='UTF-16'?>" + bareOpen, "unsupported-encoding: streams are in UTF-8"},
	{"UTF-16 big-endian with mark", "\xfe\xff\x00<\x00?", "unsupported-encoding: streams are in UTF-8"},
	{"UTF-16 little-endian with mark", "\xff\xfe<\x00?\x00", "unsupported-encoding: streams are in UTF-8"},
	{"UTF-16 big-endian", "\x00<\x00?\x00x", "unsupported-encoding: streams are in UTF-8"},
	{"UTF-16 little-endian", "<\x00?\x00x\x00", "unsupported-encoding: streams are in UTF-8"},
	{"a byte order mark is text", "\ufeff" + bareOpen, "not-well-formed: no stream header"},
	{"HTTP", "GET / HTTP/1.1\r\n", "not-well-formed: no stream header"},
	{"a processing instruction first", "<?php ?>", "restricted-xml: processing instruction"},
	{"a document type first", "<!DOCTYPE stream>" + bareOpen, "restricted-xml: comment or document type"},
	{"a comment first", "<?xml version='1.0'?><!-- x -->" + bareOpen, "restricted-xml: comment or document type"},
	{"an end tag first", "</stream:stream>", "not-well-formed: end tag without a start tag"},
	{"the wrong stream namespace", "<stream:stream xmlns='jabber:client' xmlns:stream='http://wrong.example.org/'>", "invalid-namespace: not the stream namespace"},
	{"no stream namespace", "<stream xmlns='jabber:client'>", "invalid-namespace: not the stream namespace"},
	{"an undeclared stream prefix", "<stream:stream xmlns='jabber:client'>", "not-well-formed: undeclared namespace prefix"},
	{"another element of the stream namespace", "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>", "bad-format: not a stream header"},
	{"an empty stream", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>", "bad-format: empty stream"},
	{"a stanza instead of a header", "<message xmlns='jabber:client'/>", "invalid-namespace: not the stream namespace"},
	{"too many declarations on the header", "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'" + prefixes(32) + ">", "policy-violation: too many namespace declarations"},
	{"a header too big", "<stream:stream to='" + strings.Repeat("a", 256<<10), "policy-violation: more than 262144 bytes"},
}

func prefixes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" xmlns:p" + string(rune('a'+i/26)) + string(rune('a'+i%26)) + "='u'")
	}
	return b.String()
}

func TestStreams(t *testing.T) {
	for _, row := range streams {
		t.Run(row.name, func(t *testing.T) {
			in := []byte(row.in)
			if got := strings.Join(feed(AfterLogin, in, whole(in)), "|"); !strings.HasSuffix(got, row.want) {
				t.Errorf("got %s, want it to end with %s", got, row.want)
			}
		})
	}
}

func TestAnErrorIsFinal(t *testing.T) {
	s := NewScanner(AfterLogin)
	_, _, err := s.Next([]byte("</"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, more := range []string{"", openClient, "x"} {
		if ev, n, again := s.Next([]byte(more)); again != err || ev != More || n != 0 {
			t.Errorf("after an error Next returned %v, %d, %v", ev, n, again)
		}
	}
}

func TestRestartForgetsTheOldStream(t *testing.T) {
	s := NewScanner(AfterLogin)
	next := func(in string, want Event) {
		t.Helper()
		if ev, n, err := s.Next([]byte(in)); ev != want || err != nil || n != len(in) {
			t.Fatalf("%q: event %d, %d bytes, %v; want event %d", in, ev, n, err, want)
		}
	}
	next(openClient, StreamOpen)
	next("<x:auth/>", Element)
	st := s.Stanza
	s.Restart()
	if !st.Is("urn:example:x", "auth") {
		t.Error("a restart took away the stanza that caused it")
	}
	if *s.Header != (Header{}) || s.Stanza != nil {
		t.Error("header or stanza left after a restart")
	}
	next("\r\n", More) // left over from the old stream
	next("<?xml version='1.0'?>"+bareOpen, StreamOpen)
	if _, _, err := s.Next([]byte("<x:auth/>")); err == nil {
		t.Error("a prefix of the old header is still bound")
	}
}

func TestMoreTakesUpWhiteSpace(t *testing.T) {
	s := NewScanner(AfterLogin)
	if ev, n, err := s.Next([]byte(openClient + " ")); ev != StreamOpen || n != len(openClient) || err != nil {
		t.Fatal(ev, n, err)
	}
	if ev, n, err := s.Next([]byte(" \n<a")); ev != More || n != 2 || err != nil || !s.Partial() {
		t.Fatal(ev, n, err, s.Partial())
	}
	if ev, n, err := s.Next([]byte("<a/> ")); ev != Element || n != 4 || err != nil || s.Partial() {
		t.Fatal(ev, n, err, s.Partial())
	}
	if ev, n, err := s.Next([]byte(" ")); ev != More || n != 1 || err != nil || s.Partial() || s.Stanza != nil {
		t.Fatal(ev, n, err, s.Partial())
	}
}

func TestIdleScannerHoldsNoWorkArea(t *testing.T) {
	s := NewScanner(AfterLogin)
	buf := []byte(openClient + "<message><body>x</body></message>\n")
	for len(buf) > 0 {
		_, n, err := s.Next(buf)
		if err != nil {
			t.Fatal(err)
		}
		buf = buf[n:]
	}
	if s.w != nil {
		t.Error("the work area was not given back")
	}
}

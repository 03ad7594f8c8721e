package stanza

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// addFiles adds all stanza files as seeds, but for big ones.
func addFiles(f *testing.F, add func(in []byte)) {
	for _, dir := range []string{"good", "bad"} {
		found := files(f, dir)
		names := make([]string, 0, len(found))
		for name := range found {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if in := found[name]; len(in) < 4096 {
				add(in)
			}
		}
	}
}

// FuzzScanner compares with encoding/xml: what the scanner lets through,
// encoding/xml accepts, with the same expanded names, attribute values and text.
// (The other way round, what encoding/xml rejects the scanner rejects.) And each
// element in it can be detached and stands alone.
func FuzzScanner(f *testing.F) {
	addFiles(f, func(in []byte) { f.Add(in) })
	f.Fuzz(checkScan)
}

// roomy is for what rewriting makes, which may need more than the original.
var roomy = Limits{Attrs: 10_000, Namespaces: 10_000}

func checkScan(t *testing.T, in []byte) {
	if len(in) > 20_000 || bytes.Contains(in, []byte("<xmlns")) {
		return // encoding/xml gives an element of that name no namespace
	}
	sts, n, _ := elements(AfterLogin, in)
	if len(sts) == 0 {
		return
	}
	want, err := treesXML(append([]byte(openClient), in[:n]...))
	if err != nil {
		t.Fatalf("the scanner accepts %q, encoding/xml says %v", in[:n], err)
	}
	if len(sts) != len(want) {
		t.Fatalf("%d elements, encoding/xml has %d, in %q", len(sts), len(want), in[:n])
	}
	for i, st := range sts {
		if got := loosen(treeOf(st)).String(); got != want[i].String() {
			t.Fatalf("%q\n got %s\nwant %s", st.Raw, got, want[i])
		}
		if len(st.Raw) < 2000 {
			checkAlone(t, "fuzz", st, roomy)
		}
		_, _ = st.Body(), ErrorOf(st)
		if out, ok := AppendErrorReply(nil, st, BadRequest("x"), nil, nil); ok {
			if reply, err := ParseIn(out, NSClient, roomy); err != nil || reply.Type != TypeError {
				t.Fatalf("%q is answered by %q, %v", st.Raw, out, err)
			}
		}
	}
}

// FuzzSplit wants the same events and errors however the input is cut.
func FuzzSplit(f *testing.F) {
	addFiles(f, func(in []byte) { f.Add(append([]byte(openClient), in...), uint64(1)) })
	for _, row := range streams {
		if len(row.in) < 4096 {
			f.Add([]byte(row.in), uint64(2))
		}
	}
	f.Fuzz(checkSplits)
}

func checkSplits(t *testing.T, in []byte, seed uint64) {
	if len(in) > 4000 {
		return
	}
	small := Limits{Bytes: 2000, Depth: 5, Attrs: 10, Namespaces: 5, Memory: 2000}
	for _, l := range []Limits{AfterLogin, small} {
		want := feed(l, in, whole(in))
		if got := feed(l, in, byteByByte); !slices.Equal(got, want) {
			t.Fatalf("%q byte by byte\n got %q\nwant %q", in, got, want)
		}
		if got := feed(l, in, randomly(seed)); !slices.Equal(got, want) {
			t.Fatalf("%q in splits\n got %q\nwant %q", in, got, want)
		}
	}
}

// FuzzRewrite wants what AppendTo writes to be the same tree apart from what the
// Stamp says.
func FuzzRewrite(f *testing.F) {
	addFiles(f, func(in []byte) {
		for how := range uint16(4) {
			f.Add(in, how*0x55, uint64(how))
		}
	})
	f.Fuzz(checkRewrite)
}

func checkRewrite(t *testing.T, in []byte, how uint16, cut uint64) {
	if len(in) > 4000 {
		return
	}
	sts, _, _ := elements(AfterLogin, in)
	for _, st := range sts {
		s := stampFor(st, how, cut)
		want := expected(st, s)
		out := st.AppendTo([]byte("-"), s)[1:]
		around := s.NS
		switch {
		case s.Declare:
			around = ""
		case around == "":
			around = NSClient
		}
		got, err := ParseIn(out, around, roomy)
		if err != nil {
			t.Fatalf("%q became %q: %v", st.Raw, out, err)
		}
		if tree := treeOf(got); tree.String() != want.String() {
			t.Fatalf("%q with %+v became %q\n got %s\nwant %s", st.Raw, s, out, tree, want)
		}
		again := got.AppendTo(nil, &Stamp{From: got.From(), NS: s.NS, Declare: s.Declare})
		if _, err := ParseIn(again, around, roomy); err != nil {
			t.Fatalf("%q forwarded again became %q: %v", out, again, err)
		}
	}
}

// stampFor makes a Stamp from two numbers.
func stampFor(st *Stanza, how uint16, cut uint64) *Stamp {
	s := &Stamp{NS: []string{"", NSClient, NSServer, NSComponent}[how&3], Declare: how&4 != 0}
	if how&8 != 0 {
		s.From = []byte("o&apos;hara@example.com/&lt;")
	}
	if how&16 != 0 {
		s.To = []byte("to@example.com")
	}
	if how&32 != 0 {
		s.Lang = []byte("cs")
	}
	if how&64 != 0 {
		s.Tail = []byte("<tail xmlns='urn:tail'>&amp;</tail><tail xmlns='urn:tail'/>")
	}
	for i := range min(st.NumChildren(), 64) {
		if cut>>i&1 != 0 {
			s.Cut = append(s.Cut, st.ChildAt(i).Span())
		}
	}
	return s
}

// expected is the tree that AppendTo has to write.
func expected(st *Stanza, s *Stamp) *node {
	n := treeOf(st)
	content, child := n.content, 0
	n.content = nil
	for _, c := range content {
		if text, ok := c.(string); ok {
			n.text(text)
			continue
		}
		if at := st.ChildAt(child).Span(); !slices.Contains(s.Cut, at) {
			n.content = append(n.content, c)
		}
		child++
	}
	if from := n.ns; s.NS != "" && isContent([]byte(from)) {
		move(n, from, s.NS)
	}
	if s.Tail != nil {
		n.content = append(n.content,
			&node{ns: "urn:tail", local: "tail", content: []any{"&"}}, &node{ns: "urn:tail", local: "tail"})
	}
	n.without("", "from")
	if s.From != nil {
		n.attr("", "from", "o'hara@example.com/<")
	}
	if s.To != nil {
		n.without("", "to")
		n.attr("", "to", string(s.To))
	}
	if s.Lang != nil && st.Lang() == nil {
		n.attr(NSXML, "lang", string(s.Lang))
	}
	return n
}

// move brings n and what is in its namespace from it down into another one.
func move(n *node, from, to string) {
	if n.ns != from {
		return
	}
	n.ns = to
	for _, c := range n.content {
		if c, ok := c.(*node); ok {
			move(c, from, to)
		}
	}
}

// FuzzEscape wants any text to come back from an element it was put in.
func FuzzEscape(f *testing.F) {
	f.Add([]byte("a<b>&c\"d'e\tf\ng\rh\x00i\xffj"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := fmt.Appendf(nil, "<message id='%s'><body>%s</body></message>", AppendAttr(nil, in), AppendText(nil, string(in)))
		st, err := ParseIn(out, NSClient, Limits{Bytes: 1 << 24})
		if err != nil {
			t.Fatal(err)
		}
		if want := clean(in); st.IDString() != want || st.Body() != want {
			t.Fatalf("%q came back as %q and %q, want %q", in, st.IDString(), st.Body(), want)
		}
	})
}

// clean puts U+FFFD for what XML can't hold.
func clean(in []byte) string {
	var out bytes.Buffer
	for _, r := range string(in) { // invalid bytes are U+FFFD one by one
		if !isChar(r) {
			r = 0xFFFD
		}
		out.WriteRune(r)
	}
	return out.String()
}

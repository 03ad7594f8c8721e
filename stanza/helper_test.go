package stanza

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openClient is the header that all stanza files are read after.
const openClient = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:x='urn:example:x' to='example.com' version='1.0' xml:lang='en'>"

// files returns the files of a folder of testdata/stanzas by name, with the folder
// they are in for bad ones.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	root := filepath.Join("..", "testdata", "stanzas", dir)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		found[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no files in %s: %v", root, err)
	}
	return found
}

// feed runs a scanner over in, giving it as many more bytes at a time as next
// says, each time in another place in memory, and returns what it saw: one line
// an event, then the error or what state it is left in.
func feed(l Limits, in []byte, next func() int) []string {
	s := NewScanner(l)
	var log []string
	for off, have := 0, 0; ; {
		buf := bytes.Clone(in[off:have])
		ev, n, err := s.Next(buf)
		if err != nil {
			return append(log, err.Error())
		}
		off += n
		switch ev {
		case StreamOpen:
			log = append(log, fmt.Sprintf("open %+v", *s.Header))
		case Element:
			log = append(log, fmt.Sprintf("%v %v %s", s.Stanza.Kind, s.Stanza.Type, treeOf(s.Stanza)))
		case StreamClose:
			log = append(log, "close")
		case More:
			if have == len(in) {
				return append(log, fmt.Sprintf("partial %v, %d bytes left", s.Partial(), len(in)-off))
			}
			have = min(have+next(), len(in))
		}
	}
}

func whole(in []byte) func() int { return func() int { return len(in) } }
func byteByByte() int            { return 1 }

func randomly(seed uint64) func() int {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() int { return 1 + r.IntN(1+r.IntN(40)) }
}

// A node is an element of a tree in which only what namespaces and XML say counts:
// not prefixes, quotes, references or CDATA sections.
type node struct {
	ns, local string
	attrs     []string // "ns|local=value", sorted
	content   []any    // string or *node
}

func (n *node) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<{%s}%s %q>", n.ns, n.local, n.attrs)
	for _, c := range n.content {
		if s, ok := c.(string); ok {
			fmt.Fprintf(&b, "%q", s)
		} else {
			b.WriteString(c.(*node).String())
		}
	}
	b.WriteString("</>")
	return b.String()
}

func (n *node) text(s string) {
	if s == "" {
		return
	}
	if k := len(n.content) - 1; k >= 0 {
		if last, ok := n.content[k].(string); ok {
			n.content[k] = last + s
			return
		}
	}
	n.content = append(n.content, s)
}

func (n *node) attr(ns, local, value string) {
	n.attrs = append(n.attrs, ns+"|"+local+"="+value)
	slices.Sort(n.attrs)
}

func (n *node) without(ns, local string) {
	n.attrs = slices.DeleteFunc(n.attrs, func(a string) bool { return strings.HasPrefix(a, ns+"|"+local+"=") })
}

// treeOf makes the tree of a stanza by way of this package.
func treeOf(st *Stanza) *node {
	root := Child{
		Start: 0, End: uint32(len(st.Raw)), InnerStart: st.inner, InnerEnd: st.endTag,
		name: st.name, nameLen: st.nameLen, prefix: st.prefix, ns: st.ns, def: st.def, scope: st.scope,
	}
	return treeOfChild(st, root)
}

func treeOfChild(st *Stanza, c Child) *node {
	n := &node{ns: string(st.Space(c)), local: string(st.Local(c))}
	for a := range attrsOf(st.Raw, int(c.name)+int(c.nameLen)) {
		if a.flags&attrDecl != 0 {
			continue
		}
		ns := ""
		if a.prefix > 0 {
			uri, _, ok := st.lookup(st.Raw, c.scope, st.Raw[a.off:a.off+uint32(a.prefix)])
			if !ok {
				panic("prefix without a declaration")
			}
			ns = string(st.uriOf(st.Raw, uri))
		}
		n.attr(ns, string(localOf(st.Raw, &a)), a.text(st.Raw))
	}
	children := slices.Collect(st.Children(c))
	w := walker{b: st.Raw, pos: int(c.InnerStart), end: int(c.InnerEnd)}
	for {
		switch tok := w.next(); tok.kind {
		case tokEnd:
			if len(children) > 0 {
				panic("children that the walk does not come by")
			}
			return n
		case tokText:
			n.text(UnescapeText(st.Raw[tok.start:tok.end]))
		case tokCDATA:
			n.text(string(appendLines(nil, st.Raw[tok.start+9:tok.end-3])))
		default:
			child := children[0]
			children = children[1:]
			if int(child.Start) != tok.start {
				panic("child starts elsewhere")
			}
			n.content = append(n.content, treeOfChild(st, child))
			w.pos = int(child.End)
		}
	}
}

// treesXML makes the trees of the elements in a stream by way of encoding/xml.
func treesXML(stream []byte) ([]*node, error) {
	d := xml.NewDecoder(bytes.NewReader(stream))
	root := &node{}
	open := []*node{}
	for {
		tok, err := d.Token()
		if err == io.EOF || err != nil && strings.Contains(err.Error(), "unexpected EOF") && len(open) <= 1 {
			break
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &node{ns: blanks(tok.Name.Space), local: tok.Name.Local}
			for _, a := range tok.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					n.attr(blanks(a.Name.Space), a.Name.Local, blanks(a.Value))
				}
			}
			if len(open) > 0 {
				top := open[len(open)-1]
				top.content = append(top.content, n)
			} else {
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text(string(tok))
			}
		}
	}
	var trees []*node
	for _, c := range root.content {
		if n, ok := c.(*node); ok {
			trees = append(trees, n)
		}
	}
	return trees, nil
}

// blanks makes up for what encoding/xml does not do: XML 1.0 §3.3.3. It can't
// tell a reference to a line break from a line break, so neither do the tests.
func blanks(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, s)
}

// loosen makes values in the tree as blind to blanks as those of encoding/xml.
func loosen(n *node) *node {
	for i := range n.attrs {
		n.attrs[i] = blanks(n.attrs[i])
	}
	for _, c := range n.content {
		if c, ok := c.(*node); ok {
			loosen(c)
		}
	}
	return n
}

// elements scans bytes that follow openClient and returns clones of the elements
// before the first error, how many bytes they take, and the error.
func elements(l Limits, in []byte) (sts []*Stanza, n int, err error) {
	s := NewScanner(l)
	buf := append([]byte(openClient), in...)
	for {
		ev, k, err := s.Next(buf)
		if err != nil {
			return sts, n, err
		}
		buf = buf[k:]
		switch ev {
		case Element:
			sts = append(sts, s.Stanza.Clone())
			n = len(in) - len(buf)
		case More, StreamClose:
			return sts, n, nil
		}
	}
}

// one returns the only element of in.
func one(t testing.TB, in string) *Stanza {
	t.Helper()
	sts, _, err := elements(AfterLogin, []byte(in))
	if err != nil || len(sts) != 1 {
		t.Fatalf("%d elements and error %v in %s", len(sts), err, in)
	}
	return sts[0]
}

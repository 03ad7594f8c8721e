package stanza

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestRandomStanzas plays the fuzz targets' checks over stanzas made by a grammar,
// which get much deeper than mutated bytes: all are right and have to be let
// through. Each is then spoiled in one place.
func TestRandomStanzas(t *testing.T) {
	n := 1500
	if testing.Short() {
		n = 300
	}
	for seed := range uint64(n) {
		g := generator{r: rand.New(rand.NewPCG(seed, 2)), budget: 25}
		in := g.stanza()
		if _, used, err := elements(AfterLogin, in); err != nil || used != len(in) {
			t.Fatalf("seed %d: %v in %s", seed, err, in)
		}
		checkScan(t, in)
		checkRewrite(t, in, uint16(g.r.Uint32()), g.r.Uint64())
		if seed%10 == 0 {
			checkSplits(t, append([]byte(openClient), in...), seed)
		}

		at := g.r.IntN(len(in))
		switch g.r.IntN(3) {
		case 0:
			in = slices.Delete(in, at, at+1)
		case 1:
			in[at] = "<>&'\"/:= x]!\x00\x80\xff"[g.r.IntN(15)]
		case 2:
			in = slices.Insert(in, at, in[g.r.IntN(len(in))])
		}
		checkScan(t, in)
		checkRewrite(t, in, uint16(g.r.Uint32()), g.r.Uint64())
		if seed%10 == 0 {
			checkSplits(t, append([]byte(openClient), in...), seed)
		}
	}
}

// A generator writes random elements with namespaces in all ways that are
// allowed.
type generator struct {
	r      *rand.Rand
	out    []byte
	budget int // elements left
}

// A scope is what prefixes are bound to; "" is the default namespace.
type scope map[string]string

func (g *generator) stanza() []byte {
	g.element(scope{"": NSClient, "stream": NSStream, "x": "urn:example:x"}, 0)
	return g.out
}

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *generator) write(s ...string) {
	for _, s := range s {
		g.out = append(g.out, s...)
	}
}

func (g *generator) space() { g.write(g.one("", "", "", " ", "\n", "\t \r\n")) }

// declare makes up declarations and the scope within the element.
func (g *generator) declare(around scope) (attrs []string, within scope) {
	within = scope{}
	for p, ns := range around {
		within[p] = ns
	}
	for _, p := range []string{"", "p", "c", "x", "stream"} {
		if g.r.IntN(6) > 0 {
			continue
		}
		ns := g.one(NSClient, NSClient, NSServer, "urn:a", "urn:b", "urn:&amp;'", NSStream)
		if p == "" && g.r.IntN(3) == 0 {
			ns = ""
		}
		within[p] = Unescape([]byte(ns))
		name := "xmlns"
		if p != "" {
			name += ":" + p
		}
		attrs = append(attrs, name+`="`+ns+`"`)
	}
	return attrs, within
}

func (g *generator) name(s scope, local string) string {
	prefixes := []string{""}
	for p := range s {
		prefixes = append(prefixes, p, "")
	}
	slices.Sort(prefixes)
	if p := g.one(prefixes...); p != "" {
		return p + ":" + local
	}
	return local
}

func (g *generator) element(around scope, depth int) {
	g.budget--
	attrs, s := g.declare(around)
	local := g.one("a", "b", "body", "message", "иё.1-")
	if depth == 0 {
		local = g.one("message", "message", "presence", "iq", "r")
	}
	name := g.name(s, local)
	var seen []string
	for range g.r.IntN(4) {
		n := g.name(s, g.one("to", "from", "id", "type", "k", "ключ"))
		if g.r.IntN(8) == 0 {
			n = "xml:lang"
		}
		expanded := n
		if p, l, ok := strings.Cut(n, ":"); ok {
			expanded = s[p] + "|" + l
		}
		if slices.Contains(seen, expanded) {
			continue
		}
		seen = append(seen, expanded)
		q := g.one("'", `"`)
		v := g.one("", "v", "a@b/c", "&lt;&#x41;", "x\ny\tz", "chat", "é", "]]>") + g.one("", strings.Trim(`'"`, q))
		attrs = append(attrs, n+g.one("=", " =", "= ")+q+v+q)
	}
	g.r.Shuffle(len(attrs), func(i, j int) { attrs[i], attrs[j] = attrs[j], attrs[i] })
	g.write("<", name)
	for _, a := range attrs {
		g.write(g.one(" ", "\n "), a)
	}
	g.space()
	if g.r.IntN(4) == 0 {
		g.write("/>")
		return
	}
	g.write(">")
	for range g.r.IntN(5) {
		switch g.r.IntN(4) {
		case 0:
			g.write(g.one("text", " ", "&amp;&#13;", "]] >", "日本", "\r\n", "<![CDATA[]]>", "<![CDATA[<a>&]]]>"))
		default:
			if g.budget > 0 && depth < 8 {
				g.element(s, depth+1)
			}
		}
	}
	g.write("</", name)
	g.space()
	g.write(">")
}

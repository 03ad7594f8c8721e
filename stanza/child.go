package stanza

import (
	"bytes"
	"iter"
)

// A Child is an element within a Stanza, and means something only together with
// it. Offsets are into Stanza.Raw. An empty-element tag has InnerStart, InnerEnd
// and End in one place.
type Child struct {
	Start, End           uint32 // the whole element
	InnerStart, InnerEnd uint32 // its content

	name            uint32
	nameLen, prefix uint16
	scope           int32 // innermost declaration in scope within it
	ns, def         ref   // its namespace; the default namespace within it
}

// A Span is a piece of Stanza.Raw.
type Span struct{ Off, Len uint32 }

// none reports the zero Child, which Child and Find return where there is none: it
// has no name, no text, no attributes and no children.
func (c Child) none() bool { return c.End == 0 }

// Span returns where the whole element is.
func (c Child) Span() Span { return Span{c.Start, c.End - c.Start} }

// NumChildren returns the number of direct children.
func (st *Stanza) NumChildren() int { return len(st.children) }

// ChildAt returns the i-th direct child.
func (st *Stanza) ChildAt(i int) Child { return st.children[i] }

// Child returns the first direct child of this expanded name.
func (st *Stanza) Child(ns, local string) (Child, bool) {
	for i := range st.children {
		if c := &st.children[i]; st.is(c, ns, local) {
			return *c, true
		}
	}
	return Child{}, false
}

// HasNS reports whether a direct child is in the namespace ns.
func (st *Stanza) HasNS(ns string) bool {
	for i := range st.children {
		if string(st.uriOf(st.Raw, st.children[i].ns)) == ns {
			return true
		}
	}
	return false
}

// All ranges over the direct children.
func (st *Stanza) All() iter.Seq[Child] {
	return func(yield func(Child) bool) {
		for i := range st.children {
			if !yield(st.children[i]) {
				return
			}
		}
	}
}

// Space returns the namespace name of c.
func (st *Stanza) Space(c Child) []byte { return st.uriOf(st.Raw, c.ns) }

// Local returns the local name of c.
func (st *Stanza) Local(c Child) []byte { return st.localName(&c) }

// ChildIs reports whether c has this expanded name.
func (st *Stanza) ChildIs(c Child, ns, local string) bool { return st.is(&c, ns, local) }

// Bytes returns the raw bytes of the whole element c. They may lean on
// declarations outside of it: see Detach.
func (st *Stanza) Bytes(c Child) []byte { return st.Raw[c.Start:c.End:c.End] }

// InnerBytes returns the raw content of c.
func (st *Stanza) InnerBytes(c Child) []byte { return st.Raw[c.InnerStart:c.InnerEnd:c.InnerEnd] }

func (st *Stanza) localName(c *Child) []byte {
	name := st.Raw[c.name : c.name+uint32(c.nameLen)]
	if c.prefix > 0 {
		return name[c.prefix+1:]
	}
	return name
}

func (st *Stanza) is(c *Child, ns, local string) bool {
	return c.End > 0 && string(st.localName(c)) == local && string(st.uriOf(st.Raw, c.ns)) == ns
}

// Text returns the character data directly within c, unescaped. It is no longer
// than the stanza.
func (st *Stanza) Text(c Child) string {
	inner := st.InnerBytes(c)
	if bytes.IndexByte(inner, '<') < 0 {
		return UnescapeText(inner)
	}
	var out []byte
	w := walker{b: st.Raw, pos: int(c.InnerStart), end: int(c.InnerEnd)}
	for depth := 0; ; {
		switch tok := w.next(); tok.kind {
		case tokEnd:
			return string(out)
		case tokOpen:
			depth++
		case tokClose:
			depth--
		case tokText:
			if depth == 0 {
				out = appendUnescaped(out, st.Raw[tok.start:tok.end], false)
			}
		case tokCDATA:
			if depth == 0 {
				out = appendLines(out, st.Raw[tok.start+len("<![CDATA["):tok.end-len("]]>")])
			}
		}
	}
}

// ChildText returns the text of the first direct child of this expanded name.
func (st *Stanza) ChildText(ns, local string) (text string, ok bool) {
	c, ok := st.Child(ns, local)
	if !ok {
		return "", false
	}
	return st.Text(c), true
}

// Body returns the text of the first body of a message (RFC 6121 §5.2.3), "" when
// there is none. HasBody tells the two apart.
func (st *Stanza) Body() string {
	text, _ := st.ChildText(string(st.uriOf(st.Raw, st.ns)), "body")
	return text
}

// HasBody reports whether the message has a body.
func (st *Stanza) HasBody() bool {
	for i := range st.children {
		c := &st.children[i]
		if string(st.localName(c)) == "body" && bytes.Equal(st.uriOf(st.Raw, c.ns), st.uriOf(st.Raw, st.ns)) {
			return true
		}
	}
	return false
}

// ChildAttr returns the value, unescaped, of an attribute of c without a prefix.
func (st *Stanza) ChildAttr(c Child, name string) (value string, ok bool) {
	return st.ChildAttrNS(c, "", name)
}

// ChildAttrNS is ChildAttr for any expanded name.
func (st *Stanza) ChildAttrNS(c Child, ns, local string) (value string, ok bool) {
	raw, ok := st.ChildAttrRaw(c, ns, local)
	return Unescape(raw), ok
}

// ChildAttrRaw is ChildAttrNS with the raw value.
func (st *Stanza) ChildAttrRaw(c Child, ns, local string) (value []byte, ok bool) {
	if c.none() {
		return nil, false
	}
	for a := range attrsOf(st.Raw, int(c.name)+int(c.nameLen)) {
		if st.attrIs(&a, c.scope, ns, local) {
			return a.value(st.Raw), true
		}
	}
	return nil, false
}

// Children ranges over the direct child elements of c.
func (st *Stanza) Children(c Child) iter.Seq[Child] {
	return func(yield func(Child) bool) {
		w := walker{b: st.Raw, pos: int(c.InnerStart), end: int(c.InnerEnd)}
		var child Child
		for depth := 0; ; {
			tok := w.next()
			switch tok.kind {
			case tokEnd:
				return
			case tokOpen, tokEmpty:
				if depth == 0 {
					child = st.childAt(&c, tok)
				}
				if tok.kind == tokOpen {
					depth++
				} else if depth == 0 && !yield(child) {
					return
				}
			case tokClose:
				if depth--; depth == 0 {
					child.InnerEnd, child.End = uint32(tok.start), uint32(tok.end)
					if !yield(child) {
						return
					}
				}
			}
		}
	}
}

// Find returns the first direct child element of c of this expanded name.
func (st *Stanza) Find(c Child, ns, local string) (Child, bool) {
	for e := range st.Children(c) {
		if st.is(&e, ns, local) {
			return e, true
		}
	}
	return Child{}, false
}

// childAt makes the Child for a start tag within parent; its end is that of the
// tag.
func (st *Stanza) childAt(parent *Child, tok token) Child {
	c := Child{
		Start: uint32(tok.start), InnerStart: uint32(tok.end), InnerEnd: uint32(tok.end), End: uint32(tok.end),
		name: uint32(tok.start + 1), nameLen: uint16(tok.name), prefix: uint16(tok.prefix),
	}
	c.scope, c.def = st.declared(tok.start, tok.end, parent.scope, parent.def)
	c.ns = c.def
	if c.prefix > 0 {
		c.ns, _, _ = st.lookup(st.Raw, c.scope, st.Raw[c.name:c.name+uint32(c.prefix)])
	}
	return c
}

// declared returns scope and default namespace within an element, given those
// around it and where its start tag is.
func (st *Stanza) declared(start, end int, scope int32, def ref) (int32, ref) {
	lo, hi := 0, len(st.decls)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if int(st.decls[m].off) < start {
			lo = m + 1
		} else {
			hi = m
		}
	}
	for ; lo < len(st.decls) && int(st.decls[lo].off) < end; lo++ {
		scope = int32(lo)
		if st.decls[lo].prefix == 0 {
			def = st.decls[lo].uri
		}
	}
	return scope, def
}

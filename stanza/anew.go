package stanza

import "bytes"

// appendAnew is AppendTo for what can't be copied: each tag is looked at, and
// written so that its expanded name is right in the stream it goes to. Elements
// in the stanza's namespace, down to the first of another one, lose their
// prefixes and move along; RFC 6120 §4.8.3 exempts what is within an extension.
func (st *Stanza) appendAnew(dst []byte, s *Stamp) []byte {
	ns := st.uriOf(st.Raw, st.ns)
	out, around := st.target(s, ns)
	a := anew{st: st, s: s, from: ns, to: out}
	return a.element(dst, place{
		w:      walker{b: st.Raw, end: len(st.Raw)},
		scope:  -1,
		def:    st.hdr.def,
		out:    around,
		within: isContent(ns),
	})
}

// anew is what stays the same for one stanza.
type anew struct {
	st       *Stanza
	s        *Stamp
	from, to []byte // content namespace of the stanza, before and after
	pos      int    // where the last element ended
	cuts     int    // how many of s.Cut are dealt with
}

// A place is what an element is written in.
type place struct {
	w      walker // at its start tag
	scope  int32  // innermost declaration around it
	def    ref    // default namespace around it, as received
	out    []byte // default namespace around it, as written
	within bool   // all around it is in the stanza's namespace
	depth  int
}

func (a *anew) element(dst []byte, p place) []byte {
	st := a.st
	tok := p.w.next()
	p.scope, p.def = st.declared(tok.start, tok.end, p.scope, p.def)
	raw := st.Raw[tok.start+1 : tok.start+1+tok.name]
	name, ns := raw, st.uriOf(st.Raw, p.def)
	if tok.prefix > 0 {
		uri, _, _ := st.lookup(st.Raw, p.scope, raw[:tok.prefix])
		ns = st.uriOf(st.Raw, uri)
	}
	if p.within = p.within && bytes.Equal(ns, a.from); p.within {
		if tok.prefix > 0 {
			name = raw[tok.prefix+1:]
		}
		ns = a.to
	} else if tok.prefix > 0 {
		ns = p.out // a prefix makes do with any default
	}

	dst = append(append(dst, '<'), name...)
	if !bytes.Equal(ns, p.out) || p.depth == 0 && a.s.Declare {
		dst = appendXMLNS(dst, ns)
		p.out = ns
	}
	if p.depth == 0 {
		dst = st.appendAttrs(dst, a.s)
	} else {
		for at := range attrsOf(st.Raw, tok.start+1+tok.name) {
			if at.flags&attrDecl == 0 || at.prefix > 0 {
				dst = append(dst, ' ')
				dst = append(dst, st.Raw[at.off:at.val+at.valLen+1]...)
			}
		}
	}
	if tok.kind == tokEmpty && (p.depth > 0 || len(a.s.Tail) == 0) {
		a.pos = tok.end
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	a.pos = tok.end
	if tok.kind == tokOpen {
		dst = a.content(dst, p)
	}
	if p.depth == 0 {
		dst = append(dst, a.s.Tail...)
	}
	dst = append(append(dst, "</"...), name...)
	return append(dst, '>')
}

// content writes what is between the tags of an element and moves past its end
// tag.
func (a *anew) content(dst []byte, p place) []byte {
	p.depth++
	for {
		start := p.w.pos
		if p.depth == 1 {
			if end := a.cut(start); end > 0 {
				p.w.pos = end
				continue
			}
		}
		switch tok := p.w.next(); tok.kind {
		case tokOpen, tokEmpty:
			inner := p
			inner.w.pos = start
			dst = a.element(dst, inner)
			p.w.pos = a.pos
		case tokClose, tokEnd:
			a.pos = tok.end
			return dst
		default:
			dst = append(dst, a.st.Raw[tok.start:tok.end]...)
		}
	}
}

// cut returns the end of the child to leave out that starts at this offset, or 0.
// Children are asked for in order, so the cuts are gone through once.
func (a *anew) cut(start int) int {
	for ; a.cuts < len(a.s.Cut); a.cuts++ {
		switch c := a.s.Cut[a.cuts]; {
		case int(c.Off) > start:
			return 0
		case int(c.Off) == start && c.Len > 0:
			return int(c.Off + c.Len)
		}
	}
	return 0
}

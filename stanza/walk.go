package stanza

import (
	"bytes"
	"iter"
)

// A walker goes over the tags and texts of bytes that the scanner has let
// through, so it checks nothing.
type walker struct {
	b        []byte
	pos, end int
}

type tokenKind uint8

const (
	tokEnd   tokenKind = iota // nothing is left
	tokText                   // character data outside of CDATA sections
	tokCDATA                  // a whole CDATA section
	tokOpen                   // a start tag
	tokEmpty                  // an empty-element tag
	tokClose                  // an end tag
)

// A token is a piece of the bytes. name and prefix are lengths and set for
// tokOpen and tokEmpty; the name starts one byte after start.
type token struct {
	kind         tokenKind
	start, end   int
	name, prefix int
}

func (w *walker) next() token {
	b, i := w.b, w.pos
	if i >= w.end {
		return token{kind: tokEnd, start: i, end: i}
	}
	t := token{kind: tokText, start: i}
	switch {
	case b[i] != '<':
		t.end = w.end
		if n := bytes.IndexByte(b[i:w.end], '<'); n >= 0 {
			t.end = i + n
		}
	case b[i+1] == '/':
		t.kind = tokClose
		t.end = i + bytes.IndexByte(b[i:], '>') + 1
	case b[i+1] == '!':
		t.kind = tokCDATA
		t.end = i + bytes.Index(b[i:], []byte("]]>")) + len("]]>")
	default:
		t.kind = tokOpen
		t.name, t.prefix = nameLen(b[i+1:])
		t.end = tagEnd(b, i+1+t.name)
		if b[t.end-2] == '/' {
			t.kind = tokEmpty
		}
	}
	w.pos = t.end
	return t
}

// nameLen measures a name that ends with a blank, '/', '>' or '='.
func nameLen(b []byte) (n, prefix int) {
	for ; ; n++ {
		switch b[n] {
		case ':':
			prefix = n
		case ' ', '\t', '\n', '\r', '/', '>', '=':
			return n, prefix
		}
	}
}

// tagEnd returns the offset after the '>' of a start tag, from outside of an
// attribute value on.
func tagEnd(b []byte, i int) int {
	for {
		switch b[i] {
		case '>':
			return i + 1
		case '\'', '"':
			i += 1 + bytes.IndexByte(b[i+1:], b[i])
		}
		i++
	}
}

// attrsOf ranges over the attributes of a start tag, from the end of the element
// name on, with attrEntity set for all.
func attrsOf(b []byte, i int) iter.Seq[attr] {
	return func(yield func(attr) bool) {
		for {
			i = skipSpace(b, i)
			if b[i] == '>' || b[i] == '/' {
				return
			}
			n, prefix := nameLen(b[i:])
			a := attr{off: uint32(i), name: uint16(n), prefix: uint16(prefix), flags: attrEntity}
			if name := b[i : i+n]; n >= 5 && string(name[:5]) == "xmlns" && (n == 5 || prefix == 5) {
				a.flags |= attrDecl
			}
			i = skipSpace(b, i+n) + 1 // '='
			i = skipSpace(b, i)
			a.val = uint32(i + 1)
			a.valLen = uint32(bytes.IndexByte(b[i+1:], b[i]))
			i = int(a.val+a.valLen) + 1
			if !yield(a) {
				return
			}
		}
	}
}

package stanza

import "bytes"

// A Stamp says what AppendTo changes when a stanza leaves on another stream.
// Values are escaped as by AppendAttr.
type Stamp struct {
	From []byte // the from attribute; nil: none is written
	To   []byte // the to attribute; nil: as it was received
	Lang []byte // xml:lang for a stanza without one (RFC 6120 §4.7.4); nil: none is added
	// NS is the default namespace of the recipient's stream, to which a stanza
	// and its children in the same namespace are moved (RFC 6120 §4.8.3). "" is
	// that of the sender's stream, or when it had none that of the stanza.
	NS string
	// Declare writes the namespace on the start tag even though it is the
	// default of the recipient's stream: for what has to stand alone, as in
	// WebSocket messages, BOSH and the log.
	Declare bool
	// Cut holds the spans of direct children to leave out, ascending.
	Cut []Span
	// Tail is appended before the end tag: whole elements, serialised for the
	// recipient's default namespace.
	Tail []byte
}

// AppendTo appends the stanza as it goes to another stream: with a new start tag,
// else byte by byte. Attributes other than those of the Stamp are kept, in their
// order and spelling. Namespaces declared on the sender's stream header and used
// in the stanza are declared on it (RFC 6120 §4.8.5). Content with prefixes that
// can't be copied is written anew.
//
// It allocates only to grow dst. s may be shared; nil changes nothing but from,
// which is removed.
func (st *Stanza) AppendTo(dst []byte, s *Stamp) []byte {
	if s == nil {
		s = &Stamp{}
	}
	if st.mustRewrite(s) {
		return st.appendAnew(dst, s)
	}
	ns := st.uriOf(st.Raw, st.ns)
	out, around := st.target(s, ns)
	dst = append(dst, '<')
	dst = append(dst, st.Raw[st.name:st.name+uint32(st.nameLen)]...)
	if st.prefix > 0 { // not in a content namespace: the name and the default namespace stay
		if def := st.uriOf(st.Raw, st.def); s.Declare || !bytes.Equal(def, around) {
			dst = appendXMLNS(dst, def)
		}
	} else if s.Declare || string(out) != string(around) {
		dst = appendXMLNS(dst, out)
	}
	dst = st.appendAttrs(dst, s)
	if st.empty {
		if len(s.Tail) == 0 {
			return append(dst, "/>"...)
		}
		dst = append(dst, '>')
	} else {
		dst = append(dst, '>')
		at := st.inner
		for _, c := range s.Cut {
			if c.Off < at || c.Off+c.Len > st.endTag {
				continue
			}
			dst = append(dst, st.Raw[at:c.Off]...)
			at = c.Off + c.Len
		}
		dst = append(dst, st.Raw[at:st.endTag]...)
	}
	dst = append(dst, s.Tail...)
	dst = append(dst, "</"...)
	dst = append(dst, st.Raw[st.name:st.name+uint32(st.nameLen)]...)
	return append(dst, '>')
}

// AppendAlone appends the whole element so that it stands alone: namespaces of
// the stream declared, and xml:lang of the stream added when there is none. It is
// unchanged else, from included.
func (st *Stanza) AppendAlone(dst []byte) []byte {
	return st.AppendTo(dst, &Stamp{From: st.From(), Lang: st.hdr.lang, Declare: true})
}

// mustRewrite reports whether the content can't be copied as it is: names of the
// content namespace have prefixes, or the move to another namespace would miss
// elements or catch the wrong ones.
func (st *Stanza) mustRewrite(s *Stamp) bool {
	if st.flags&contentPrefixed != 0 {
		return true
	}
	if st.flags&(hasPrefixed|contentDeclared) == 0 || s.NS == "" {
		return false
	}
	ns := st.uriOf(st.Raw, st.ns)
	return isContent(ns) && string(ns) != s.NS
}

// target returns the namespace that the element gets, and the default namespace
// of the stream it goes to.
func (st *Stanza) target(s *Stamp, ns []byte) (out, around []byte) {
	content := isContent(ns)
	switch {
	case s.NS != "":
		around = nsBytes(s.NS)
		if content {
			return around, around
		}
	case content && !isContent(st.hdr.defBytes): // no default, or RFC 6120 §4.8.2's other style
		around = ns
	default:
		around = st.hdr.defBytes
	}
	return ns, around
}

// nsBytes is []byte(ns) without an allocation for the namespaces of streams.
func nsBytes(ns string) []byte {
	if h := headerFor(ns); h != nil {
		return h.defBytes
	}
	return []byte(ns)
}

// appendAttrs appends the attributes of the rewritten start tag but for xmlns.
func (st *Stanza) appendAttrs(dst []byte, s *Stamp) []byte {
	if s.From != nil {
		dst = appendQuoted(append(dst, " from="...), s.From)
	}
	if s.To != nil {
		dst = appendQuoted(append(dst, " to="...), s.To)
	}
	for i := range st.attrs {
		a := &st.attrs[i]
		switch {
		case a.flags&attrDecl != 0 && a.prefix == 0,
			i == int(st.from),
			i == int(st.to) && s.To != nil:
			continue
		}
		dst = append(dst, ' ')
		dst = append(dst, st.Raw[a.off:a.off+uint32(a.name)]...)
		quote := st.Raw[a.val-1]
		dst = append(dst, '=', quote)
		dst = append(dst, a.value(st.Raw)...)
		dst = append(dst, quote)
	}
	if st.lang < 0 && s.Lang != nil {
		dst = appendQuoted(append(dst, " xml:lang="...), s.Lang)
	}
	return st.appendUsed(dst)
}

// appendUsed appends declarations for the prefixes of the sender's stream header
// that the stanza uses.
func (st *Stanza) appendUsed(dst []byte) []byte {
	for i, used := 0, st.used; used != 0; i, used = i+1, used>>1 {
		if used&1 == 0 {
			continue
		}
		b := &st.hdr.binds[i]
		dst = appendPrefix(dst, b.prefix, b.bytes)
	}
	return dst
}

func appendXMLNS(dst, ns []byte) []byte {
	return append(AppendAttr(append(dst, " xmlns='"...), ns), '\'')
}

// appendQuoted appends an escaped value in quotes. An apostrophe, which is right
// in a value that was received in double quotes, is escaped.
func appendQuoted(dst, v []byte) []byte {
	dst = append(dst, '\'')
	for {
		i := bytes.IndexByte(v, '\'')
		if i < 0 {
			return append(append(dst, v...), '\'')
		}
		dst = append(append(dst, v[:i]...), "&apos;"...)
		v = v[i+1:]
	}
}

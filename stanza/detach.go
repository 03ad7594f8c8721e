package stanza

import "bytes"

// Detach appends the element c so that it stands alone, wherever it is put:
// the default namespace, prefixes and xml:lang that it has from around it are
// declared on it, and nothing else changes.
func (st *Stanza) Detach(dst []byte, c Child) []byte { return st.detach(dst, c, true) }

// DetachPayload is Detach without the xml:lang from around: for a payload whose
// schema has no room for one, and whose readers check that.
func (st *Stanza) DetachPayload(dst []byte, c Child) []byte { return st.detach(dst, c, false) }

func (st *Stanza) detach(dst []byte, c Child, withLang bool) []byte {
	if c.none() {
		return dst
	}
	raw := st.Raw
	nameEnd := c.name + uint32(c.nameLen)
	dst = append(dst, raw[c.Start:nameEnd]...)
	hasDefault, hasLang := false, false
	for a := range attrsOf(raw, int(nameEnd)) {
		name := raw[a.off : a.off+uint32(a.name)]
		hasDefault = hasDefault || string(name) == "xmlns"
		hasLang = hasLang || string(name) == "xml:lang"
	}
	if !hasDefault {
		dst = appendXMLNS(dst, st.uriOf(raw, c.def))
	}
	if withLang && !hasLang {
		if lang := st.langAround(c); lang != nil {
			dst = appendQuoted(append(dst, " xml:lang="...), lang)
		}
	}
	dst = st.appendScope(dst, c)
	return append(dst, raw[nameEnd:c.End]...)
}

// langAround returns the raw xml:lang that holds around c: of the innermost
// element that has one, or of the stream; nil when there is none.
func (st *Stanza) langAround(c Child) []byte {
	lang := st.Lang()
	if lang == nil {
		lang = st.hdr.lang
	}
	if !bytes.Contains(st.Raw[st.inner:c.Start], []byte("xml:lang")) {
		return lang
	}
	var outer [][]byte
	w := walker{b: st.Raw, pos: int(st.inner), end: int(c.Start)}
	for {
		switch tok := w.next(); tok.kind {
		case tokEnd:
			return lang
		case tokOpen:
			outer = append(outer, lang)
			for a := range attrsOf(st.Raw, tok.start+1+tok.name) {
				if string(st.Raw[a.off:a.off+uint32(a.name)]) == "xml:lang" {
					lang = a.value(st.Raw)
				}
			}
		case tokClose:
			lang = outer[len(outer)-1]
			outer = outer[:len(outer)-1]
		}
	}
}

// appendScope appends declarations of the prefixes in scope around c, but for
// those that c declares itself and those of the stream header that the stanza
// doesn't use.
func (st *Stanza) appendScope(dst []byte, c Child) []byte {
	for s := c.scope; s >= 0; s = st.decls[s].prev {
		d := &st.decls[s]
		if d.prefix == 0 || d.off > c.Start {
			continue
		}
		prefix := st.Raw[d.off+6 : d.off+6+uint32(d.prefix)]
		if uri, _, _ := st.lookup(st.Raw, c.scope, prefix); uri == d.uri && string(prefix) != "xml" {
			dst = appendPrefix(dst, prefix, st.uriOf(st.Raw, uri))
		}
	}
	for i := range st.hdr.binds {
		b := &st.hdr.binds[i]
		if st.used&(1<<i) == 0 {
			continue
		}
		if _, header, _ := st.lookup(st.Raw, c.scope, b.prefix); header == i {
			dst = appendPrefix(dst, b.prefix, b.bytes)
		}
	}
	return dst
}

// appendPrefix appends the declaration of a prefix.
func appendPrefix(dst, prefix, ns []byte) []byte {
	dst = append(append(dst, " xmlns:"...), prefix...)
	return append(AppendAttr(append(dst, "='"...), ns), '\'')
}

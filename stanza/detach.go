package stanza

// Detach appends the element c so that it stands alone, wherever it is put:
// the default namespace, prefixes and xml:lang that it has from around it are
// declared on it, nothing else changes (DESIGN: stored and wrapped elements are
// never decoded).
func (st *Stanza) Detach(dst []byte, c Child) []byte {
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
	if !hasLang {
		dst = st.appendLang(dst)
	}
	dst = st.appendScope(dst, c)
	return append(dst, raw[nameEnd:c.End]...)
}

// appendLang appends the xml:lang that holds for the stanza, its own or that of
// the stream.
func (st *Stanza) appendLang(dst []byte) []byte {
	lang := st.Lang()
	if lang == nil {
		lang = st.hdr.lang
	}
	if lang == nil {
		return dst
	}
	return appendQuoted(append(dst, " xml:lang="...), lang)
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

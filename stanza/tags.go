package stanza

import (
	"bytes"
	"unsafe"
)

// start takes in a whole start tag, which ends before b[end]: namespaces,
// duplicate attributes and what the Stanza has to know. done is set when the
// element is complete with it, or when it is the stream header.
func (w *work) start(b []byte, end int, empty bool) (done bool, err *StreamError) {
	depth := len(w.frames)
	if depth >= w.lim.Depth {
		return false, tooMuch("elements nest too deep")
	}
	f := frame{name: uint32(w.name), len: uint32(w.nameN), scope: w.scope, def: w.def}
	if len(w.attrs) > 1 {
		if err := w.duplicates(b); err != nil {
			return false, err
		}
	}
	if w.decls {
		if err := w.declare(b); err != nil {
			return false, err
		}
	}
	ns := w.def
	if w.colon > 0 {
		var ok bool
		if ns, ok = w.resolve(b, b[w.name:w.name+w.colon]); !ok {
			return false, notWellFormed("undeclared namespace prefix")
		}
		w.st.flags |= hasPrefixed
		if w.st.flags&contentPrefixed == 0 && isContent(w.st.uriOf(b, ns)) {
			w.st.flags |= contentPrefixed
		}
	}
	if w.prefix {
		if err := w.prefixes(b); err != nil {
			return false, err
		}
	}

	switch depth {
	case 0:
		w.first(b, end, ns, empty)
	case 1:
		st := w.st
		st.children = append(st.children, Child{
			Start: uint32(w.tag), InnerStart: uint32(end), InnerEnd: uint32(end), End: uint32(end),
			name: uint32(w.name), nameLen: uint16(w.nameN), prefix: uint16(w.colon),
			ns: ns, def: w.def, scope: w.scope,
		})
		if !w.affordable() {
			return false, tooMuch("too many elements or declarations")
		}
	}
	w.state = inText
	if empty {
		w.scope, w.def = f.scope, f.def
		if depth > 0 {
			return false, nil
		}
	} else {
		w.frames = append(w.frames, f)
		if !w.header {
			return false, nil
		}
	}
	w.st.Raw = b[:end:end]
	return true, nil
}

// first takes in the start tag of the first-level element.
func (w *work) first(b []byte, end int, ns ref, empty bool) {
	st := w.st
	st.name, st.nameLen, st.prefix = uint32(w.name), uint16(w.nameN), uint16(w.colon)
	st.ns, st.def, st.scope = ns, w.def, w.scope
	st.inner, st.endTag, st.empty = uint32(end), uint32(end), empty
	st.attrs, w.attrs = w.attrs, st.attrs[:0]
	for i := range st.attrs {
		a := &st.attrs[i]
		switch string(b[a.off : a.off+uint32(a.name)]) {
		case "to":
			st.to = int16(i)
		case "from":
			st.from = int16(i)
		case "id":
			st.id = int16(i)
		case "type":
			st.typ = int16(i)
		case "xml:lang":
			st.lang = int16(i)
		}
	}
	st.classify(b)
}

// end takes in an end tag between the two offsets. It returns true when the
// first-level element (or the stream) ends with it.
func (w *work) end(tag, end int) bool {
	n := len(w.frames) - 1
	if n < 0 {
		w.closed = true
		return true
	}
	f := w.frames[n]
	w.frames = w.frames[:n]
	w.scope, w.def = f.scope, f.def
	w.state = inText
	switch n {
	case 0:
		w.st.endTag = uint32(tag)
		return true
	case 1:
		c := &w.st.children[len(w.st.children)-1]
		c.InnerEnd, c.End = uint32(tag), uint32(end)
	}
	return false
}

// affordable reports whether the description of the element is still within the
// memory budget.
func (w *work) affordable() bool {
	st := w.st
	return len(st.children)*int(unsafe.Sizeof(Child{}))+
		len(st.decls)*int(unsafe.Sizeof(declaration{}))+
		len(st.attrs)*int(unsafe.Sizeof(attr{}))+
		len(st.arena) <= w.lim.Memory
}

// duplicates rejects two attributes of one name as written (XML 1.0 §3.1).
func (w *work) duplicates(b []byte) *StreamError {
	for i := 1; i < len(w.attrs); i++ {
		a := &w.attrs[i]
		name := b[a.off : a.off+uint32(a.name)]
		for j := range w.attrs[:i] {
			o := &w.attrs[j]
			if o.name == a.name && b[o.off] == name[0] && string(b[o.off:o.off+uint32(o.name)]) == string(name) {
				return notWellFormed("duplicate attribute")
			}
		}
	}
	return nil
}

// declare takes in the tag's namespace declarations, by the rules of
// Namespaces in XML §3.
func (w *work) declare(b []byte) *StreamError {
	st := w.st
	count := uint16(0)
	if w.scope >= 0 {
		count = st.decls[w.scope].count
	}
	for i := range w.attrs {
		a := &w.attrs[i]
		if a.flags&attrDecl == 0 {
			continue
		}
		if count++; int(count) > w.lim.Namespaces || w.header && count > maxHeaderNS {
			return tooMuch("too many namespace declarations")
		}
		uri := ref{off: a.val, n: a.valLen}
		if a.flags&(attrEntity|attrBlank) != 0 {
			uri.off = uint32(len(st.arena))
			st.arena = appendValue(st.arena, b[a.val:a.val+a.valLen])
			uri.n = uint32(len(st.arena)) - uri.off | inArena
		}
		var prefix []byte
		if a.prefix > 0 {
			prefix = b[a.off+6 : a.off+uint32(a.name)]
		}
		name := st.uriOf(b, uri)
		switch {
		case string(prefix) == "xmlns" || string(name) == NSXMLNS,
			(string(prefix) == "xml") != (string(name) == NSXML):
			return notWellFormed("reserved namespace or prefix declared")
		case a.prefix > 0 && len(name) == 0:
			return notWellFormed("namespace prefix undeclared again")
		}
		st.decls = append(st.decls, declaration{off: a.off, prefix: uint16(len(prefix)), count: count, prev: w.scope, uri: uri})
		w.scope = int32(len(st.decls) - 1)
		if a.prefix == 0 {
			w.def = uri
			if len(w.frames) > 0 && isContent(name) {
				st.flags |= contentDeclared
			}
		}
	}
	if !w.affordable() {
		return tooMuch("too many elements or declarations")
	}
	return nil
}

// resolve finds the namespace that a prefix is bound to, and notes when that was
// done on the stream header.
func (w *work) resolve(b, prefix []byte) (ref, bool) {
	uri, header, ok := w.st.lookup(b, w.scope, prefix)
	if header >= 0 {
		w.st.used |= 1 << header
	}
	return uri, ok
}

// lookup finds the namespace bound to a prefix where scope is the innermost
// declaration. header is the index of the stream header's binding that was
// used, or -1.
func (st *Stanza) lookup(b []byte, scope int32, prefix []byte) (uri ref, header int, ok bool) {
	for s := scope; s >= 0; {
		d := &st.decls[s]
		if int(d.prefix) == len(prefix) && string(b[d.off+6:d.off+6+uint32(d.prefix)]) == string(prefix) {
			return d.uri, -1, true
		}
		s = d.prev
	}
	if string(prefix) == "xml" {
		return ref{n: inConst}, -1, true
	}
	for i := range st.hdr.binds {
		if bytes.Equal(st.hdr.binds[i].prefix, prefix) {
			return ref{off: uint32(i + 1), n: inHeader}, i, true
		}
	}
	return ref{}, -1, false
}

// prefixes resolves the prefixes of attributes and rejects two that are the same
// by their expanded names (Namespaces in XML §6.3).
func (w *work) prefixes(b []byte) *StreamError {
	w.uris = w.uris[:0]
	for i := range w.attrs {
		a := &w.attrs[i]
		var uri ref
		if a.prefix > 0 && a.flags&attrDecl == 0 {
			var ok bool
			if uri, ok = w.resolve(b, b[a.off:a.off+uint32(a.prefix)]); !ok {
				return notWellFormed("undeclared namespace prefix")
			}
			if err := w.duplicateOf(b, i, uri); err != nil {
				return err
			}
		}
		w.uris = append(w.uris, uri)
	}
	return nil
}

// duplicateOf looks among the attributes before the i-th one for one with
// another prefix, the same local name and the namespace uri.
func (w *work) duplicateOf(b []byte, i int, uri ref) *StreamError {
	local := localOf(b, &w.attrs[i])
	for j := range w.attrs[:i] {
		o := &w.attrs[j]
		if o.prefix == 0 || o.flags&attrDecl != 0 || !bytes.Equal(localOf(b, o), local) {
			continue
		}
		if bytes.Equal(w.st.uriOf(b, uri), w.st.uriOf(b, w.uris[j])) {
			return notWellFormed("duplicate attribute")
		}
	}
	return nil
}

// localOf is the local name of an attribute.
func localOf(b []byte, a *attr) []byte {
	name := b[a.off : a.off+uint32(a.name)]
	if a.prefix > 0 {
		return name[a.prefix+1:]
	}
	return name
}

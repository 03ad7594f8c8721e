package stanza

import "bytes"

// A Stanza is a view of one first-level element: its raw bytes, and where in them
// are the things that routing asks for. Most are stanzas (see Kind), but stream
// management, SASL and other elements come in the same shape.
//
// A Stanza does not change. One from a Scanner points into the reader's buffer
// and is gone with the next call; Clone keeps it.
type Stanza struct {
	// Raw is the whole element as it was received.
	Raw []byte
	// Kind is Other outside of the content namespace.
	Kind Kind
	// Type is for stanzas only, TypeNone else.
	Type Type

	hdr                     *header // of the stream, never nil
	flags                   uint8
	empty                   bool   // written as <name/>
	nameLen, prefix         uint16 // of the element name
	to, from, id, typ, lang int16  // indexes of attrs, -1 none
	name                    uint32
	inner, endTag           uint32 // end of the start tag, start of the end tag
	used                    uint32 // bindings of the stream header in use, by index
	ns, def                 ref    // namespace of the element; default namespace within it
	scope                   int32  // innermost declaration of the start tag, -1 none
	attrs                   []attr
	children                []Child
	decls                   []declaration
	arena                   []byte // unescaped namespace names
}

// Bits of Stanza.flags.
const (
	hasPrefixed     = 1 << iota // an element has a prefix
	contentPrefixed             // one in a content namespace has
	contentDeclared             // one within the stanza declares a content namespace as default
)

func newStanza() *Stanza {
	return &Stanza{
		hdr:      noHeader,
		attrs:    make([]attr, 0, 16),
		children: make([]Child, 0, 16),
		decls:    make([]declaration, 0, 16),
	}
}

// reset makes st ready to be filled, keeping its memory.
func (st *Stanza) reset(h *header) {
	*st = Stanza{
		hdr: h, to: -1, from: -1, id: -1, typ: -1, lang: -1, scope: -1,
		attrs: st.attrs[:0], children: st.children[:0], decls: st.decls[:0], arena: st.arena[:0],
	}
}

// classify sets Kind and Type once the start tag is known.
func (st *Stanza) classify(b []byte) {
	ns := st.uriOf(b, st.ns)
	if !isContent(ns) || isContent(st.hdr.defBytes) && !bytes.Equal(ns, st.hdr.defBytes) {
		return
	}
	switch string(st.local(b)) {
	case "message":
		st.Kind = Message
	case "presence":
		st.Kind = Presence
	case "iq":
		st.Kind = IQ
	default:
		return
	}
	if st.typ >= 0 {
		a := &st.attrs[st.typ]
		v := b[a.val : a.val+a.valLen]
		if a.flags&(attrEntity|attrBlank) != 0 {
			v = appendValue(nil, v)
		}
		st.Type = typeOf(st.Kind, v)
	}
}

func (st *Stanza) local(b []byte) []byte {
	name := b[st.name : st.name+uint32(st.nameLen)]
	if st.prefix > 0 {
		return name[st.prefix+1:]
	}
	return name
}

// Name returns the expanded name of the element.
func (st *Stanza) Name() (ns, local []byte) {
	return st.uriOf(st.Raw, st.ns), st.local(st.Raw)
}

// Is reports whether the element has this expanded name.
func (st *Stanza) Is(ns, local string) bool {
	return string(st.local(st.Raw)) == local && string(st.uriOf(st.Raw, st.ns)) == ns
}

// Prefixed reports whether the stanza, or an element of a content namespace in
// it, is written with a prefix, or a prefix bound on the stream header is used:
// then it isn't forwarded byte by byte.
func (st *Stanza) Prefixed() bool {
	return st.flags&contentPrefixed != 0 || st.used != 0
}

// To returns the raw value of the to attribute: escaped, nil when absent, empty
// but not nil when empty. From, ID, Lang and TypeRaw are like it.
func (st *Stanza) To() []byte { return st.rawAt(st.to) }

// From returns the raw value of the from attribute.
func (st *Stanza) From() []byte { return st.rawAt(st.from) }

// ID returns the raw value of the id attribute.
func (st *Stanza) ID() []byte { return st.rawAt(st.id) }

// Lang returns the raw value of the xml:lang attribute.
func (st *Stanza) Lang() []byte { return st.rawAt(st.lang) }

// TypeRaw returns the raw value of the type attribute.
func (st *Stanza) TypeRaw() []byte { return st.rawAt(st.typ) }

func (st *Stanza) rawAt(i int16) []byte {
	if i < 0 {
		return nil
	}
	return st.attrs[i].value(st.Raw)
}

// PlainTo returns the to attribute when its raw value is its value: no reference
// and no line break in it. ok is not set when it is absent.
func (st *Stanza) PlainTo() (to []byte, ok bool) {
	if st.to < 0 || st.attrs[st.to].flags&(attrEntity|attrBlank) != 0 {
		return nil, false
	}
	return st.attrs[st.to].value(st.Raw), true
}

// ToString returns the value of the to attribute, unescaped; "" when absent.
func (st *Stanza) ToString() string { return st.stringAt(st.to) }

// FromString returns the value of the from attribute, like ToString.
func (st *Stanza) FromString() string { return st.stringAt(st.from) }

// IDString returns the value of the id attribute, like ToString.
func (st *Stanza) IDString() string { return st.stringAt(st.id) }

// LangString returns the value of the xml:lang attribute, like ToString.
func (st *Stanza) LangString() string { return st.stringAt(st.lang) }

func (st *Stanza) stringAt(i int16) string {
	if i < 0 {
		return ""
	}
	return st.attrs[i].text(st.Raw)
}

// Attr returns the raw value of an attribute of the element; ns is "" for one
// without a prefix.
func (st *Stanza) Attr(ns, local string) (value []byte, ok bool) {
	for i := range st.attrs {
		if a := &st.attrs[i]; st.attrIs(a, st.scope, ns, local) {
			return a.value(st.Raw), true
		}
	}
	return nil, false
}

// AttrString is Attr with the value unescaped.
func (st *Stanza) AttrString(ns, local string) (value string, ok bool) {
	v, ok := st.Attr(ns, local)
	return Unescape(v), ok
}

// attrIs compares the expanded name of an attribute, read where scope is the
// innermost declaration.
func (st *Stanza) attrIs(a *attr, scope int32, ns, local string) bool {
	if a.flags&attrDecl != 0 || string(localOf(st.Raw, a)) != local {
		return false
	}
	if a.prefix == 0 {
		return ns == ""
	}
	uri, _, ok := st.lookup(st.Raw, scope, st.Raw[a.off:a.off+uint32(a.prefix)])
	return ok && string(st.uriOf(st.Raw, uri)) == ns
}

// Inner returns the raw content of the element.
func (st *Stanza) Inner() []byte { return st.Raw[st.inner:st.endTag] }

// Clone returns a copy that shares no memory with the reader's buffer.
func (st *Stanza) Clone() *Stanza {
	c := *st
	c.Raw = bytes.Clone(st.Raw)
	c.attrs = append([]attr(nil), st.attrs...)
	c.children = append([]Child(nil), st.children...)
	c.decls = append([]declaration(nil), st.decls...)
	c.arena = append([]byte(nil), st.arena...)
	return &c
}

func (a *attr) value(b []byte) []byte {
	return b[a.val : a.val+a.valLen : a.val+a.valLen]
}

// text is the value unescaped.
func (a *attr) text(b []byte) string {
	if a.flags&(attrEntity|attrBlank) == 0 {
		return string(a.value(b))
	}
	return string(appendValue(nil, a.value(b)))
}

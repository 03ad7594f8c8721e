package stanza

import (
	"sync"
)

// A ref says where the bytes of a namespace name are: in the stanza, in its
// arena of unescaped values, in the stream header or in a constant. It stays
// right when the buffer moves. The zero ref is the empty name.
type ref struct{ off, n uint32 }

// The two high bits of ref.n.
const (
	inRaw    = 0 << 30
	inArena  = 1 << 30
	inHeader = 2 << 30 // off: 0 the default namespace, else a prefix of header.binds, from 1 on
	inConst  = 3 << 30 // the namespace of the prefix xml
	refMask  = 3 << 30
)

// A declaration of a namespace within a stanza. Those in scope form a chain.
type declaration struct {
	off    uint32 // of the attribute's name; declarations are in ascending order of it
	prefix uint16 // length; the prefix starts six bytes after off; 0: the default namespace
	count  uint16 // number of declarations in scope up to this one
	prev   int32  // the next outer one, -1 none
	uri    ref
}

// An attribute as it stands in the raw bytes.
type attr struct {
	off    uint32 // of the name
	val    uint32 // of the value, within the quotes
	valLen uint32
	name   uint16 // length of the name, with its prefix
	prefix uint16 // length of the prefix, 0 none
	flags  uint8
}

const (
	attrEntity = 1 << iota // the value holds a reference
	attrBlank              // the value holds a tab or a line break
	attrDecl               // it is a namespace declaration
)

// A frame is an open element.
type frame struct {
	name  uint32 // offset of the name
	len   uint32
	scope int32 // scope and default namespace outside of it
	def   ref
}

// work is what the scanner needs while an element is under way: positions in
// the bytes, never pointers to them. It lives in a pool between elements.
type work struct {
	st  *Stanza
	own *Stanza // the pool's, so that st may be a caller's for a while
	lim Limits

	pos    int // the next byte to look at
	tag    int // the '<' of the tag being read
	name   int // the element name in it
	state  state
	quote  byte
	header bool // the element is the stream header
	closed bool // the stream's end tag was read
	decls  bool // the tag has declarations
	prefix bool // the tag has prefixed attributes
	nameN  int  // length of the element name
	colon  int  // length of its prefix
	attr   attr // being read
	attrs  []attr
	uris   []ref // of prefixed attributes
	frames []frame
	scope  int32
	def    ref
}

var works = sync.Pool{New: func() any {
	st := newStanza()
	return &work{
		st: st, own: st,
		attrs:  make([]attr, 0, 16),
		frames: make([]frame, 0, 16),
	}
}}

// begin makes w ready for an element that starts at the first byte, which is a
// '<', of a stream with the header h.
func (w *work) begin(st *Stanza, h *header, lim Limits) {
	w.st, w.lim = st, lim
	st.reset(h)
	w.pos, w.tag, w.state = 1, 0, afterLT
	w.header, w.closed = false, false
	w.frames = w.frames[:0]
	w.scope, w.def = -1, h.def
}

// release gives w back to the pool, without the memory that an unusual element
// made it grow to and without a reference to anybody's bytes.
func (w *work) release() {
	const keep = 64
	w.st = w.own
	if cap(w.attrs) > keep {
		w.attrs = make([]attr, 0, 16)
	}
	if cap(w.frames) > keep {
		w.frames = make([]frame, 0, 16)
	}
	if cap(w.uris) > keep {
		w.uris = nil
	}
	st := w.st
	if cap(st.children) > keep || cap(st.attrs) > keep || cap(st.decls) > keep || cap(st.arena) > 1024 {
		w.own = newStanza()
		w.st = w.own
	}
	w.st.Raw, w.st.hdr = nil, nil
	works.Put(w)
}

// A header is what a stream header leaves behind for the stanzas of the stream.
// It does not change once made, so stanzas may share it.
type header struct {
	name     []byte // of the root element as it was written, nil when there is none
	def      ref    // the default namespace
	defBytes []byte // its name
	binds    []bind
	lang     []byte // raw xml:lang, nil when there is none
}

// A bind is a prefix bound on the stream header.
type bind struct{ prefix, bytes []byte }

var nsXML = []byte(NSXML)

// uriOf returns the bytes that r stands for. raw is the stanza so far.
func (st *Stanza) uriOf(raw []byte, r ref) []byte {
	n := r.n &^ refMask
	switch r.n & refMask {
	case inRaw:
		return raw[r.off : r.off+n]
	case inArena:
		return st.arena[r.off : r.off+n]
	case inHeader:
		if r.off == 0 {
			return st.hdr.defBytes
		}
		return st.hdr.binds[r.off-1].bytes
	}
	return nsXML
}

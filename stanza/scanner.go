package stanza

import (
	"bytes"
	"slices"
	"sync/atomic"
	"unicode/utf8"
)

// Event is what Scanner.Next found.
type Event uint8

// The events of a stream.
const (
	More        Event = iota // nothing whole: call again with more bytes
	StreamOpen               // the stream header; Scanner.Header is set
	Element                  // a whole first-level element; Scanner.Stanza is set
	StreamClose              // the stream's end tag
)

// A Scanner cuts an XML stream into its header and first-level elements and
// checks every byte of them (RFC 6120 §4.2, §11). It holds no input: the caller
// has the buffer. Between elements it is small, as what it needs for an element
// comes from a pool and goes back there.
//
// Use by one goroutine at a time.
type Scanner struct {
	// Header is the last stream header, an empty one before it and once it is
	// forgotten.
	Header *Header
	// Stanza is the last element, valid until the next call of Next and only as
	// long as the bytes it was found in don't change.
	Stanza *Stanza

	limits  Limits
	w       *work
	hdr     *header
	err     *StreamError
	phase   phase
	blank   bool // white space came before the header of the first stream
	partial bool
}

type phase uint8

const (
	atStart   phase = iota // an XML declaration may come, then the header
	atRestart              // the same, but white space may come first
	atHeader               // the header must come
	inStream
	afterStream
)

// Header is the start tag of a stream, or what stands for it. Values are copies,
// unescaped; Has tells apart an absent attribute from an empty one.
type Header struct {
	To, From, ID, Lang, Version string
	NS                          string // the default namespace: the content namespace, as a rule
	Prefix                      string // of the element name, usually "stream"
	Has                         HeaderField
}

// HeaderField is a set of attributes of a stream header.
type HeaderField uint8

// The attributes of RFC 6120 §4.7.
const (
	HasTo HeaderField = 1 << iota
	HasFrom
	HasID
	HasLang
	HasVersion
)

// NewScanner returns a scanner at the start of a stream.
func NewScanner(l Limits) *Scanner {
	return &Scanner{Header: &unopened, limits: l.orDefault()}
}

// SetLimits sets other limits: that on bytes at once, the others from the next
// element on.
func (s *Scanner) SetLimits(l Limits) { s.limits = l.orDefault() }

// Restart makes the scanner expect a new stream (RFC 6120 §4.3.3), as after
// STARTTLS and SASL. White space left over from the old stream may come first.
func (s *Scanner) Restart() {
	*s = Scanner{Header: &unopened, limits: s.limits, phase: atRestart} // the last Stanza stays with its holder
}

// Alone makes the scanner expect elements that stand alone, without a stream
// around them: each is given whole to Next, at the start of buf (RFC 7395 §3.3).
func (s *Scanner) Alone() {
	*s = Scanner{Header: &unopened, limits: s.limits, phase: inStream, hdr: noHeader}
}

// Partial reports whether part of something was seen but not its end.
func (s *Scanner) Partial() bool { return s.partial }

// Next looks at buf, whose first byte is the first unconsumed one of the stream,
// and returns the next event and how many bytes of buf it takes up. With More
// these are white space, or an XML declaration, which the caller drops as well;
// it calls again with the rest of buf and more bytes after it, in the same or
// another place. Bytes already looked at are not looked at again.
//
// An error is a *StreamError and final. After StreamClose all is ignored.
func (s *Scanner) Next(buf []byte) (ev Event, n int, err error) {
	s.Stanza = nil
	if s.err != nil {
		return More, 0, s.err
	}
	ev, n, serr := s.next(buf)
	if serr != nil {
		s.err = serr
		s.drop()
		return More, 0, serr
	}
	return ev, n, nil
}

func (s *Scanner) next(buf []byte) (Event, int, *StreamError) {
	n := 0
	if !s.partial {
		if s.phase == afterStream {
			return More, len(buf), nil
		}
		n = skipSpace(buf, 0)
	}
	if n == len(buf) {
		if !s.partial {
			s.blank = s.blank || n > 0
			s.drop()
		}
		return More, n, nil
	}
	if s.phase < inStream && s.w == nil {
		s.blank = s.blank || n > 0
		skip, more, err := s.before(buf[n:])
		if err != nil {
			return More, 0, err
		}
		n += skip
		if more {
			return More, n, nil
		}
	} else if !s.partial && buf[n] != '<' {
		return More, 0, strayText(buf[n:])
	}

	if !s.partial {
		if s.w == nil {
			s.w = works.Get().(*work)
		}
		hdr := s.hdr
		if s.phase < inStream {
			hdr = noHeader
		}
		s.w.begin(s.w.own, hdr, s.limits)
		s.w.header = s.phase < inStream
		s.partial = true
	}
	return s.element(buf, n)
}

// element scans what starts at buf[n].
func (s *Scanner) element(buf []byte, n int) (Event, int, *StreamError) {
	w := s.w
	b := buf[n:]
	if len(b) > s.limits.Bytes {
		b = b[:s.limits.Bytes]
	}
	done, err := w.scan(b)
	switch {
	case err != nil:
		return More, 0, err
	case !done && len(b) < len(buf)-n:
		return More, 0, tooBig(s.limits.Bytes)
	case !done:
		return More, n, nil
	}
	s.partial = false
	n += w.pos
	switch {
	case w.closed:
		s.phase = afterStream
		s.drop()
		return StreamClose, n, nil
	case w.header:
		if err := s.open(); err != nil {
			return More, 0, err
		}
		s.drop()
		return StreamOpen, n, nil
	}
	s.Stanza = w.st
	return Element, n, nil
}

// drop gives the work area back.
func (s *Scanner) drop() {
	if s.w != nil {
		s.w.release()
		s.w = nil
	}
	s.partial = false
}

// before looks at what comes before a stream header: an XML declaration, or
// something that is no XML in UTF-8 at all. skip is what of b is dealt with; more
// is set when nothing can be said without more bytes. Else b[skip] is the '<' of
// the header.
func (s *Scanner) before(b []byte) (skip int, more bool, err *StreamError) {
	s.partial = false
	for {
		rest := b[skip:]
		switch {
		case len(rest) == 0:
			return skip, true, nil
		case s.phase != atHeader && !s.blank && utf16(rest):
			return 0, false, &StreamError{Condition: "unsupported-encoding", Text: "streams are in UTF-8"}
		case rest[0] != '<':
			return 0, false, notWellFormed("no stream header")
		case len(rest) == 1:
			s.partial = true
			return skip, true, nil
		case rest[1] != '?' || s.phase == atHeader:
			return skip, false, nil
		}
		n, err := declarationLen(rest)
		switch {
		case err != nil:
			return 0, false, err
		case n == 0:
			s.partial = true
			return skip, true, nil
		case s.blank && s.phase == atStart:
			return 0, false, notWellFormed("white space before the XML declaration")
		}
		s.phase = atHeader
		skip += n + skipSpace(rest[n:], 0)
	}
}

// strayText is the error for what comes between elements and is no white space.
// It is well-formed XML as a rule, but nothing that can be processed
// (RFC 6120 §4.9.3.1).
func strayText(b []byte) *StreamError {
	c := b[0]
	if c < 0x80 && class[c]&okChar == 0 || c >= 0x80 && !utf8.RuneStart(c) || c >= 0xF5 {
		return notWellFormed("invalid UTF-8 or forbidden character")
	}
	return &StreamError{Condition: "bad-format", Text: "text between stanzas"}
}

// open makes the header from the start tag that was just scanned.
func (s *Scanner) open() *StreamError {
	st := s.w.st
	ns, local := st.Name()
	switch {
	case string(ns) != NSStream: // RFC 6120 §4.8.1
		return &StreamError{Condition: "invalid-namespace", Text: "not the stream namespace"}
	case string(local) != "stream":
		return &StreamError{Condition: "bad-format", Text: "not a stream header"}
	case st.empty:
		return &StreamError{Condition: "bad-format", Text: "empty stream"}
	}
	h := &header{
		name:     keep(st.Raw[st.name : st.name+uint32(st.nameLen)]),
		defBytes: keep(st.uriOf(st.Raw, st.def)),
		lang:     bytes.Clone(st.Lang()),
	}
	if len(h.defBytes) > 0 {
		h.def = ref{n: inHeader}
	}
	for i := range st.decls {
		d := &st.decls[i]
		if d.prefix > 0 {
			h.binds = append(h.binds, bind{
				prefix: keep(st.Raw[d.off+6 : d.off+6+uint32(d.prefix)]),
				bytes:  keep(st.uriOf(st.Raw, d.uri)),
			})
		}
	}
	s.hdr, s.phase = shared(h), inStream
	s.Header = &Header{NS: string(h.defBytes), Prefix: string(h.name[:st.prefix])}
	for _, f := range []struct {
		name string
		to   *string
		has  HeaderField
	}{
		{"to", &s.Header.To, HasTo},
		{"from", &s.Header.From, HasFrom},
		{"id", &s.Header.ID, HasID},
		{"version", &s.Header.Version, HasVersion},
	} {
		if v, ok := st.Attr("", f.name); ok {
			*f.to = Unescape(v)
			s.Header.Has |= f.has
		}
	}
	if h.lang != nil {
		s.Header.Lang = Unescape(h.lang)
		s.Header.Has |= HasLang
	}
	return nil
}

// unopened is the header of a stream that has none. It is not changed.
var unopened Header

// Forget lets go of the header; its text is not needed once a stream is set up.
func (s *Scanner) Forget() { s.Header = &unopened }

// recent is the stream header that was seen last.
var recent atomic.Pointer[header]

// shared returns h, or the header before it where that says the same: clients of
// one kind open their streams alike, and what is kept of it is kept once.
func shared(h *header) *header {
	if r := recent.Load(); r != nil && r.equal(h) {
		return r
	}
	recent.Store(h)
	return h
}

func (h *header) equal(o *header) bool {
	return bytes.Equal(h.name, o.name) && h.def == o.def && bytes.Equal(h.defBytes, o.defBytes) &&
		bytes.Equal(h.lang, o.lang) && (h.lang == nil) == (o.lang == nil) &&
		slices.EqualFunc(h.binds, o.binds, func(x, y bind) bool {
			return bytes.Equal(x.prefix, y.prefix) && bytes.Equal(x.bytes, y.bytes)
		})
}

// usual is what nearly every stream header says: streams share these bytes.
var usual = [...][]byte{
	[]byte("stream:stream"), []byte("stream"), []byte(NSClient), []byte(NSStream), []byte(NSServer), []byte("xml"),
}

// keep returns a copy of b that outlives the reader's buffer, nil for nil.
func keep(b []byte) []byte {
	for _, u := range usual {
		if bytes.Equal(u, b) {
			return u
		}
	}
	return bytes.Clone(b)
}

package stanza

// The headers of elements that come without a stream.
var (
	noHeader        = &header{}
	clientHeader    = &header{def: ref{n: inHeader}, defBytes: []byte(NSClient)}
	serverHeader    = &header{def: ref{n: inHeader}, defBytes: []byte(NSServer)}
	componentHeader = &header{def: ref{n: inHeader}, defBytes: []byte(NSComponent)}
)

// headerFor returns the ready-made header with the default namespace ns, or nil.
func headerFor(ns string) *header {
	switch ns {
	case "":
		return noHeader
	case NSClient:
		return clientHeader
	case NSServer:
		return serverHeader
	case NSComponent:
		return componentHeader
	}
	return nil
}

// Parse reads exactly one whole element that stands alone: a WebSocket message, a
// stored stanza. White space may surround it. There is no default namespace
// unless it declares one. The Stanza points into b. Errors are *StreamError; an
// element that isn't whole is not-well-formed.
func Parse(b []byte, l Limits) (*Stanza, error) { return ParseIn(b, "", l) }

// ParseIn is Parse with ns as the default namespace around the element.
func ParseIn(b []byte, ns string, l Limits) (*Stanza, error) {
	st := new(Stanza)
	if err := st.Parse(b, ns, l); err != nil {
		return nil, err
	}
	return st, nil
}

// Parse is ParseIn into st, whose memory it uses again. After an error st is
// empty.
func (st *Stanza) Parse(b []byte, ns string, l Limits) error {
	if err := st.parse(b, ns, l.orDefault()); err != nil {
		st.reset(noHeader)
		return err
	}
	return nil
}

func (st *Stanza) parse(b []byte, ns string, l Limits) *StreamError {
	h := headerFor(ns)
	if h == nil {
		h = &header{def: ref{n: inHeader}, defBytes: []byte(ns)}
	}
	i := skipSpace(b, 0)
	switch {
	case i == len(b):
		return notWellFormed("no element")
	case b[i] != '<':
		return strayText(b[i:])
	}
	b = b[i:]
	w := works.Get().(*work)
	defer w.release()
	w.begin(st, h, l)
	done, err := w.scan(b[:min(len(b), l.Bytes)])
	switch {
	case err != nil:
		return err
	case !done && len(b) > l.Bytes:
		return tooBig(l.Bytes)
	case !done:
		return notWellFormed("element is not complete")
	}
	if i = skipSpace(b, w.pos); i < len(b) {
		if b[i] == '<' {
			return notWellFormed("more than one element")
		}
		return strayText(b[i:])
	}
	return nil
}

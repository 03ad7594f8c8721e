package stanza

import "bytes"

// state is where within an element the scan is: what the next byte belongs to.
type state uint8

const (
	inText state = iota
	afterLT
	inName      // element name of a start tag
	afterValue  // after the element name or an attribute: a blank, '/' or '>'
	inTag       // after a blank
	inAttr      // attribute name
	afterAttr   // '='
	beforeValue // a quote
	inValue     // attribute value
	afterSlash  // the '>' of an empty-element tag
	inEnd       // name of an end tag
	afterEnd    // the '>' of an end tag
	afterBang   // after "<!"
	inCDATA
)

// scan goes on over the element that starts at b[0], from where it stopped. It
// returns true when the element (or the stream header, or the stream's end tag)
// is complete; w.pos is then its length. Each call may be given another b, as
// long as it starts with the same bytes.
func (w *work) scan(b []byte) (done bool, err *StreamError) {
	i := w.pos
	for i < len(b) {
		switch w.state {
		case inText:
			i, err = w.text(b, i)
			if err != nil {
				return false, err
			}
			if w.state == inText {
				w.pos = i
				return false, nil
			}

		case afterLT:
			w.tag = i - 1
			switch c := b[i]; {
			case c == '/':
				if len(w.frames) == 0 && w.st.hdr.name == nil {
					return false, notWellFormed("end tag without a start tag")
				}
				i++
				w.state, w.name = inEnd, i
			case c == '!':
				i++
				w.state, w.name = afterBang, i
			case c == '?':
				return false, restricted("processing instruction")
			case class[c]&isNameStart != 0 || c >= 0x80:
				w.state, w.name = inName, i
				w.decls, w.prefix = false, false
				w.attrs = w.attrs[:0]
			default:
				return false, notWellFormed("'<' that starts no tag")
			}

		case inName:
			end, ok, err := w.nameTo(b, i, w.name)
			if err != nil {
				return false, err
			}
			i = end
			if !ok {
				w.pos = i
				return false, nil
			}
			w.nameN = end - w.name
			if w.colon, ok = splitName(b[w.name:end]); !ok {
				return false, notWellFormed("malformed element name")
			}
			w.state = afterValue

		case afterValue:
			switch c := b[i]; {
			case c == '>':
				i++
				if done, err = w.start(b, i, false); done || err != nil {
					w.pos = i
					return done, err
				}
			case c == '/':
				i++
				w.state = afterSlash
			case class[c]&isSpace != 0:
				i++
				w.state = inTag
			default:
				return false, notWellFormed("malformed start tag")
			}

		case inTag:
			switch c := b[i]; {
			case class[c]&isNameStart != 0 || c >= 0x80:
				if len(w.attrs) >= w.lim.Attrs {
					return false, tooMuch("too many attributes")
				}
				w.attr = attr{off: uint32(i)}
				w.state = inAttr
			case class[c]&isSpace != 0:
				i = skipSpace(b, i)
			default:
				w.state = afterValue
			}

		case inAttr:
			end, ok, err := w.nameTo(b, i, int(w.attr.off))
			if err != nil {
				return false, err
			}
			i = end
			if !ok {
				w.pos = i
				return false, nil
			}
			if err := w.attrName(b[w.attr.off:end]); err != nil {
				return false, err
			}
			w.state = afterAttr

		case afterAttr:
			if i = skipSpace(b, i); i < len(b) {
				if b[i] != '=' {
					return false, notWellFormed("attribute without a value")
				}
				i++
				w.state = beforeValue
			}

		case beforeValue:
			if i = skipSpace(b, i); i < len(b) {
				if w.quote = b[i]; w.quote != '\'' && w.quote != '"' {
					return false, notWellFormed("attribute value without quotes")
				}
				i++
				w.attr.val = uint32(i)
				w.state = inValue
			}

		case inValue:
			i, err = w.value(b, i)
			if err != nil {
				return false, err
			}
			if w.state == inValue {
				w.pos = i
				return false, nil
			}

		case afterSlash:
			if b[i] != '>' {
				return false, notWellFormed("malformed start tag")
			}
			i++
			if done, err = w.start(b, i, true); done || err != nil {
				w.pos = i
				return done, err
			}

		case inEnd:
			ok, err := w.endName(b)
			if err != nil {
				return false, err
			}
			if !ok {
				w.pos = i
				return false, nil
			}
			i = w.name + w.nameN
			w.state = afterEnd

		case afterEnd:
			if i = skipSpace(b, i); i < len(b) {
				if b[i] != '>' {
					return false, notWellFormed("malformed end tag")
				}
				i++
				if w.end(w.tag, i) {
					w.pos = i
					w.st.Raw = b[:i:i]
					return true, nil
				}
			}

		case afterBang:
			ok, err := w.bang(b)
			if err != nil {
				return false, err
			}
			if !ok {
				w.pos = i
				return false, nil
			}
			i = w.name + len(cdataOpen)
			w.state = inCDATA

		case inCDATA:
			i, err = w.cdata(b, i)
			if err != nil {
				return false, err
			}
			if w.state == inCDATA {
				w.pos = i
				return false, nil
			}
		}
	}
	w.pos = i
	return false, nil
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && class[b[i]]&isSpace != 0 {
		i++
	}
	return i
}

// nameTo moves over a name that began at start. ok is not set when b ended
// before the name did.
func (w *work) nameTo(b []byte, i, start int) (end int, ok bool, err *StreamError) {
	end, more, valid := nameEnd(b, i)
	if end-start > maxName {
		return end, false, tooMuch("name too long")
	}
	if more {
		return end, false, nil
	}
	if !valid {
		return end, false, notWellFormed("invalid character in a name")
	}
	return end, true, nil
}

// attrName looks at the whole name of the attribute being read.
func (w *work) attrName(name []byte) *StreamError {
	colon, ok := splitName(name)
	if !ok {
		return notWellFormed("malformed attribute name")
	}
	a := &w.attr
	a.name, a.prefix = uint16(len(name)), uint16(colon)
	if len(name) >= 5 && string(name[:5]) == "xmlns" && (colon == 5 || len(name) == 5) {
		a.flags = attrDecl
		w.decls = true
	} else if colon > 0 {
		w.prefix = true
	}
	return nil
}

// endName compares what there is of an end tag's name with the open element's.
// ok is set when the whole name is there and right.
func (w *work) endName(b []byte) (ok bool, err *StreamError) {
	open := w.st.hdr.name
	if n := len(w.frames); n > 0 {
		f := &w.frames[n-1]
		open = b[f.name : f.name+f.len]
	}
	got := b[w.name:]
	if len(got) <= len(open) {
		if !bytes.HasPrefix(open, got) {
			return false, notWellFormed("end tag does not match")
		}
		return false, nil
	}
	if string(got[:len(open)]) != string(open) {
		return false, notWellFormed("end tag does not match")
	}
	w.nameN = len(open)
	return true, nil
}

const cdataOpen = "[CDATA["

// bang looks at what follows "<!": only a CDATA section within an element is
// allowed (RFC 6120 §11.1). ok is set when its opening is complete.
func (w *work) bang(b []byte) (ok bool, err *StreamError) {
	got := b[w.name:min(w.name+len(cdataOpen), len(b))]
	switch {
	case len(got) == 0:
		return false, nil
	case got[0] != '[':
		return false, restricted("comment or document type")
	case len(w.frames) == 0:
		return false, notWellFormed("CDATA section outside of an element")
	case string(got) != cdataOpen[:len(got)]:
		return false, notWellFormed("malformed CDATA section")
	}
	return len(got) == len(cdataOpen), nil
}

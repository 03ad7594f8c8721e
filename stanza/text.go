package stanza

// text moves over character data. It stays in this state when b ended, at an
// offset from which it can go on.
func (w *work) text(b []byte, i int) (int, *StreamError) {
	for {
		i += plainText(b[i:])
		if i == len(b) {
			return i, nil
		}
		switch b[i] {
		case '<':
			w.state = afterLT
			return i + 1, nil
		case '&':
			n, _, err := reference(b[i:])
			if n == 0 {
				return i, err
			}
			i += n
		case ']':
			if rest := b[i:min(i+3, len(b))]; string(rest) == "]]>" {
				return i, notWellFormed("']]>' in character data")
			} else if len(rest) < 3 && string(rest) == "]]>"[:len(rest)] {
				return i, nil
			}
			i++
		default:
			n := char(b[i:])
			if n <= 0 {
				return i, invalidChar(n)
			}
			i += n
		}
	}
}

// cdata moves over a CDATA section, like text.
func (w *work) cdata(b []byte, i int) (int, *StreamError) {
	for {
		i += plainText(b[i:])
		if i == len(b) {
			return i, nil
		}
		switch b[i] {
		case '<', '&':
			i++
		case ']':
			if rest := b[i:min(i+3, len(b))]; string(rest) == "]]>" {
				w.state = inText
				return i + 3, nil
			} else if len(rest) < 3 && string(rest) == "]]>"[:len(rest)] {
				return i, nil
			}
			i++
		default:
			n := char(b[i:])
			if n <= 0 {
				return i, invalidChar(n)
			}
			i += n
		}
	}
}

// value moves over an attribute value, like text.
func (w *work) value(b []byte, i int) (int, *StreamError) {
	for {
		i += plainValue(b[i:])
		if i == len(b) {
			return i, nil
		}
		switch c := b[i]; c {
		case w.quote:
			w.attr.valLen = uint32(i) - w.attr.val
			w.attrs = append(w.attrs, w.attr)
			w.state = afterValue
			return i + 1, nil
		case '\'', '"':
			i++
		case '\t', '\n', '\r':
			w.attr.flags |= attrBlank
			i++
		case '<':
			return i, notWellFormed("'<' in an attribute value")
		case '&':
			n, _, err := reference(b[i:])
			if n == 0 {
				return i, err
			}
			w.attr.flags |= attrEntity
			i += n
		default:
			n := char(b[i:])
			if n <= 0 {
				return i, invalidChar(n)
			}
			i += n
		}
	}
}

// invalidChar is the error for what char returned: none when it only wants more.
func invalidChar(n int) *StreamError {
	if n == 0 {
		return nil
	}
	return notWellFormed("invalid UTF-8 or forbidden character")
}

package stanza

// maxEcho is how many bytes of an offending stanza's content go back with the
// error.
const maxEcho = 1024

// AppendResult appends the result of the request st (RFC 6120 §8.2.3), with
// payload, which may be nil, as its serialised content. from and to are escaped;
// nil takes the to and from of st.
func AppendResult(dst []byte, st *Stanza, from, to, payload []byte) []byte {
	dst = appendReply(dst, "iq", "result", st, from, to)
	if len(payload) == 0 {
		return append(dst, "/>"...)
	}
	dst = append(append(dst, '>'), payload...)
	return append(dst, "</iq>"...)
}

// AppendFailure appends the error stanza that answers an IQ request with a payload
// of the answer's own beside the error, where a protocol has one. from and to are as
// for AppendResult.
func AppendFailure(dst []byte, st *Stanza, from, to, payload []byte, e *Error) []byte {
	dst = appendReply(dst, "iq", "error", st, from, to)
	dst = append(append(dst, '>'), payload...)
	return append(e.AppendTo(dst), "</iq>"...)
}

// AppendErrorReply appends the error stanza that answers st, for the stream that
// st came on: same kind and id, addresses swapped, the content of st when it is
// small (RFC 6120 §8.3.1). from and to are as for AppendResult. ok is not set,
// and nothing is appended, when there must be no answer: st is an error or a
// result itself, or no stanza.
func AppendErrorReply(dst []byte, st *Stanza, e *Error, from, to []byte) (out []byte, ok bool) {
	if st.Kind == Other || st.Type == TypeError || st.Type == Result {
		return dst, false
	}
	kind := st.Kind.String()
	dst = appendReply(dst, kind, "error", st, from, to)
	dst = append(dst, '>')
	if st.echoes() {
		dst = append(dst, st.Inner()...)
	}
	dst = e.AppendTo(dst)
	dst = append(append(dst, "</"...), kind...)
	return append(dst, '>'), true
}

// echoes reports whether the content of st may go back as it is: small, and with
// no prefix in it that is declared around it.
func (st *Stanza) echoes() bool {
	for i := range st.attrs {
		if a := &st.attrs[i]; a.flags&attrDecl != 0 && a.prefix > 0 {
			return false
		}
	}
	return st.used == 0 && int(st.endTag-st.inner) <= maxEcho
}

// appendReply appends a start tag up to the '>' for an answer to st.
func appendReply(dst []byte, kind, typ string, st *Stanza, from, to []byte) []byte {
	if from == nil {
		from = st.To()
	}
	if to == nil {
		to = st.From()
	}
	dst = append(append(dst, '<'), kind...)
	if from != nil {
		dst = appendQuoted(append(dst, " from="...), from)
	}
	if to != nil {
		dst = appendQuoted(append(dst, " to="...), to)
	}
	if id := st.ID(); id != nil || kind == "iq" {
		dst = appendQuoted(append(dst, " id="...), id)
	}
	dst = append(append(dst, " type='"...), typ...)
	return append(dst, '\'')
}

// AppendOpen appends a start tag. attrs are names and values in turn; a pair with
// an empty value is left out, values are escaped here. Close it with AppendClose.
func AppendOpen(dst []byte, name string, attrs ...string) []byte {
	return append(appendTag(dst, name, attrs), '>')
}

// AppendEmpty is AppendOpen for an empty-element tag.
func AppendEmpty(dst []byte, name string, attrs ...string) []byte {
	return append(appendTag(dst, name, attrs), "/>"...)
}

// AppendClose appends an end tag.
func AppendClose(dst []byte, name string) []byte {
	return append(append(append(dst, "</"...), name...), '>')
}

// AppendElement appends an element with text, which is escaped here, as content.
func AppendElement(dst []byte, name, text string, attrs ...string) []byte {
	if text == "" {
		return AppendEmpty(dst, name, attrs...)
	}
	return AppendClose(AppendText(AppendOpen(dst, name, attrs...), text), name)
}

func appendTag(dst []byte, name string, attrs []string) []byte {
	dst = append(append(dst, '<'), name...)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		dst = append(append(dst, ' '), attrs[i]...)
		dst = append(AppendAttr(append(dst, "='"...), attrs[i+1]), '\'')
	}
	return dst
}

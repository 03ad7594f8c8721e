package stanza

import "strconv"

// A StreamError is a stream-level error (RFC 6120 §4.9). It can't be recovered
// from: whoever meets one sends it and closes the stream.
type StreamError struct {
	Condition string // one of RFC 6120 §4.9.3, e.g. "not-well-formed"
	Text      string // for people, in English; may be empty
	Host      string // the other address, for see-other-host only (§4.9.3.19)
	App       []byte // a serialised application-specific condition, or nil
}

// Error describes the error for a log.
func (e *StreamError) Error() string {
	if e.Text == "" {
		return "stream error " + e.Condition
	}
	return "stream error " + e.Condition + ": " + e.Text
}

// AppendTo appends the error as a child of a stream that binds the prefix stream
// to the stream namespace.
func (e *StreamError) AppendTo(dst []byte) []byte {
	dst = append(dst, "<stream:error>"...)
	dst = e.content(dst)
	return append(dst, "</stream:error>"...)
}

// AppendAlone appends the error as an element that stands alone (RFC 7395 §3.4).
func (e *StreamError) AppendAlone(dst []byte) []byte {
	dst = append(dst, "<stream:error xmlns:stream='"+NSStream+"'>"...)
	dst = e.content(dst)
	return append(dst, "</stream:error>"...)
}

func (e *StreamError) content(dst []byte) []byte {
	dst = appendCondition(dst, e.Condition, NSStreamError, e.Host)
	dst = appendErrorText(dst, NSStreamError, e.Text)
	return append(dst, e.App...)
}

func appendCondition(dst []byte, condition, ns, content string) []byte {
	dst = append(append(dst, '<'), condition...)
	dst = append(append(dst, " xmlns='"...), ns...)
	if content == "" {
		return append(dst, "'/>"...)
	}
	dst = AppendText(append(dst, "'>"...), content)
	dst = append(append(dst, "</"...), condition...)
	return append(dst, '>')
}

func appendErrorText(dst []byte, ns, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(append(dst, "<text xml:lang='en' xmlns='"...), ns...)
	dst = AppendText(append(dst, "'>"...), text)
	return append(dst, "</text>"...)
}

// TooBig is the error for an element of more than limit bytes.
func TooBig(limit int) *StreamError { return tooBig(limit) }

// The stream errors that the scanner finds.

func notWellFormed(text string) *StreamError { // RFC 6120 §4.9.3.13, §11.3
	return &StreamError{Condition: "not-well-formed", Text: text}
}

func restricted(text string) *StreamError { // RFC 6120 §4.9.3.18, §11.1
	return &StreamError{Condition: "restricted-xml", Text: text}
}

func tooMuch(text string) *StreamError { // RFC 6120 §4.9.3.14
	return &StreamError{Condition: "policy-violation", Text: text}
}

// tooBig is tooMuch for a size, with the condition that RFC 6120 §4.9.3.14 shows.
func tooBig(limit int) *StreamError {
	e := tooMuch("more than " + strconv.Itoa(limit) + " bytes")
	e.App = []byte("<stanza-too-big xmlns='urn:xmpp:errors'/>")
	return e
}

package stanza

import (
	"bytes"
	"unicode/utf8"
	"unsafe"
)

// AppendText appends s escaped as character data. What XML can't hold, which is
// invalid UTF-8 and forbidden characters, becomes U+FFFD.
func AppendText[T string | []byte](dst []byte, s T) []byte { return appendEscaped(dst, s, false) }

// AppendAttr appends s escaped as an attribute value for either kind of quotes,
// without the quotes. Line breaks and tabs become references, so that they last.
func AppendAttr[T string | []byte](dst []byte, s T) []byte { return appendEscaped(dst, s, true) }

// Attr returns s escaped as AppendAttr does; where there is nothing to escape, in
// the memory of s itself: the bytes must not be changed.
func Attr(s string) []byte {
	var room [128]byte
	b := appendEscaped(room[:0], s, true)
	if string(b) != s {
		return bytes.Clone(b)
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

func appendEscaped[T string | []byte](dst []byte, s T, value bool) []byte {
	last := 0
	for i := 0; i < len(s); {
		n, with := 1, ""
		switch c := s[i]; {
		case c == '&':
			with = "&amp;"
		case c == '<':
			with = "&lt;"
		case c == '>':
			with = "&gt;"
		case c == '\r':
			with = "&#13;"
		case value && c == '\'':
			with = "&apos;"
		case value && c == '"':
			with = "&quot;"
		case value && c == '\n':
			with = "&#10;"
		case value && c == '\t':
			with = "&#9;"
		case c == '\t' || c == '\n':
		case c < 0x20:
			with = "\uFFFD"
		case c >= utf8.RuneSelf:
			var r rune
			r, n = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == utf8.RuneError && n <= 1 || !isChar(r) {
				with = "\uFFFD"
			}
		}
		if with != "" {
			dst = append(dst, s[last:i]...)
			dst = append(dst, with...)
			last = i + n
		}
		i += n
	}
	return append(dst, s[last:]...)
}

// Unescape returns the value of a raw attribute value, as XML 1.0 §3.3.3 says.
// raw must have passed the scanner.
func Unescape(raw []byte) string {
	if bytes.IndexByte(raw, '&') < 0 && !hasBlank(raw) {
		return string(raw)
	}
	return string(appendValue(nil, raw))
}

// UnescapeText returns what raw character data without tags stands for, with
// line ends as XML 1.0 §2.11 says. raw must have passed the scanner.
func UnescapeText(raw []byte) string {
	if bytes.IndexByte(raw, '&') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return string(raw)
	}
	return string(appendUnescaped(nil, raw, false))
}

func hasBlank(raw []byte) bool {
	for _, c := range raw {
		if c == '\t' || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// appendValue appends an attribute value unescaped.
func appendValue(dst, raw []byte) []byte { return appendUnescaped(dst, raw, true) }

func appendUnescaped(dst, raw []byte, value bool) []byte {
	for {
		n := bytes.IndexByte(raw, '&')
		if n < 0 {
			n = len(raw)
		}
		if value {
			dst = appendBlanks(dst, raw[:n])
		} else {
			dst = appendLines(dst, raw[:n])
		}
		raw = raw[n:]
		if len(raw) == 0 {
			return dst
		}
		n, r, _ := reference(raw)
		if n == 0 { // can't be in what was scanned
			dst, n = append(dst, '&'), 1
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		raw = raw[n:]
	}
}

// appendBlanks appends raw with each line end and tab as one space.
func appendBlanks(dst, raw []byte) []byte {
	for i, c := range raw {
		switch c {
		case '\n':
			if i > 0 && raw[i-1] == '\r' {
				continue
			}
			c = ' '
		case '\t', '\r':
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// appendLines appends raw with each line end as one line feed.
func appendLines(dst, raw []byte) []byte {
	for {
		n := bytes.IndexByte(raw, '\r')
		if n < 0 {
			return append(dst, raw...)
		}
		dst = append(append(dst, raw[:n]...), '\n')
		if raw = raw[n+1:]; len(raw) > 0 && raw[0] == '\n' {
			raw = raw[1:]
		}
	}
}

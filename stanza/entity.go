package stanza

import (
	"unicode/utf8"
)

// reference looks at the reference at the start of b, which begins with '&'. It
// returns its length and the character it stands for, or a length of 0 when b
// ends within it. References other than to characters and to the five
// predefined entities are restricted XML (RFC 6120 §11.1).
func reference(b []byte) (n int, r rune, err *StreamError) {
	if len(b) < 2 {
		return 0, 0, nil
	}
	if b[1] == '#' {
		return charReference(b)
	}
	end, more, ok := nameEnd(b[:min(len(b), maxEntity)], 1)
	switch {
	case more && len(b) < maxEntity:
		return 0, 0, nil
	case more:
		return 0, 0, restricted("reference to an entity")
	case !ok:
		return 0, 0, notWellFormed("invalid character in a reference")
	case b[end] != ';' || !startsName(b[1:end]):
		return 0, 0, notWellFormed("'&' without a reference")
	}
	switch string(b[1:end]) {
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "amp":
		r = '&'
	case "apos":
		r = '\''
	case "quot":
		r = '"'
	default:
		return 0, 0, restricted("reference to an entity")
	}
	return end + 1, r, nil
}

// charReference is reference for what starts with "&#".
func charReference(b []byte) (n int, r rune, err *StreamError) {
	i, base := 2, rune(10)
	if len(b) > 2 && b[2] == 'x' {
		i, base = 3, 16
	}
	first := i
	for ; i < len(b); i++ {
		d := rune(16)
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			d = rune(c - '0')
		case c >= 'a' && c <= 'f':
			d = rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = rune(c-'A') + 10
		}
		if d >= base {
			break
		}
		if r = r*base + d; r > utf8.MaxRune {
			return 0, 0, notWellFormed("reference to no character")
		}
		if i >= maxEntity {
			return 0, 0, tooMuch("character reference too long")
		}
	}
	switch {
	case i == len(b):
		return 0, 0, nil
	case i == first || b[i] != ';':
		return 0, 0, notWellFormed("malformed character reference")
	case !isChar(r):
		return 0, 0, notWellFormed("reference to no character")
	}
	return i + 1, r, nil
}

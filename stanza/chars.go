package stanza

import "unicode/utf8"

// Classes of single bytes. Bytes from 0x80 on are in none: they are looked at
// as runes.
const (
	okText      = 1 << iota // text between tags, but for '<', '&' and ']'
	okValue                 // attribute values, but for '<', '&', quotes and blanks other than space
	okChar                  // any character of XML
	isSpace                 // white space of XML 1.0 §2.3
	isName                  // a name goes on with it, ':' included
	isNameStart             // a name may start with it, ':' not included
)

var class = func() (t [256]uint8) {
	for c := range 0x80 {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
			continue
		}
		t[c] = okText | okValue | okChar
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			t[c] |= isName | isNameStart
		case c >= '0' && c <= '9', c == '-', c == '.', c == ':':
			t[c] |= isName
		}
	}
	for _, c := range " \t\n\r" {
		t[c] |= isSpace
	}
	for _, c := range "\t\n\r\"'<&" {
		t[c] &^= okValue
	}
	t['<'] &^= okText
	t['&'] &^= okText
	t[']'] &^= okText
	return t
}()

// char looks at the character at the start of b, whose first byte is no ASCII
// character allowed there. It returns its length, 0 when b ends within it, or -1
// when it is no character of XML 1.0 §2.2 in UTF-8.
func char(b []byte) int {
	if b[0] < utf8.RuneSelf {
		return -1
	}
	if len(b) > 1 && b[0] < 0xE0 { // two bytes: no forbidden code point among them
		if b[0] >= 0xC2 && b[1]&0xC0 == 0x80 {
			return 2
		}
		return -1
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 {
		if !utf8.FullRune(b) {
			return 0
		}
		return -1
	}
	if r == 0xFFFE || r == 0xFFFF {
		return -1
	}
	return n
}

// isChar reports whether XML 1.0 §2.2 allows r in a document.
func isChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r <= 0xD7FF:
		return true
	case r < 0xE000:
		return false
	}
	return r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// nameEnd moves over name characters from b[i] on and returns the offset of the
// first byte that is none. more is set when b ended first; ok is not set when
// there is an invalid or forbidden character.
func nameEnd(b []byte, i int) (end int, more, ok bool) {
	for i < len(b) {
		c := b[i]
		if class[c]&isName != 0 {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			return i, false, true
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i, !utf8.FullRune(b[i:]), false
		}
		if !inTable(nameStart[:], r) && !inTable(nameMore[:], r) {
			return i, false, false
		}
		i += n
	}
	return i, true, true
}

// splitName checks a whole qualified name, whose characters nameEnd has seen,
// and returns the length of its prefix, 0 when there is none (Namespaces in XML
// §4: at most one colon, and a name on each side of it).
func splitName(name []byte) (prefix int, ok bool) {
	if len(name) == 0 || !startsName(name) {
		return 0, false
	}
	for i, c := range name {
		if c == ':' {
			if prefix > 0 || !startsName(name[i+1:]) {
				return 0, false
			}
			prefix = i
		}
	}
	return prefix, true
}

func startsName(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if b[0] < utf8.RuneSelf {
		return class[b[0]]&isNameStart != 0
	}
	r, _ := utf8.DecodeRune(b)
	return inTable(nameStart[:], r)
}

// inTable reports whether r lies in one of the ranges, given as pairs of first
// and last, ascending.
func inTable(table []uint16, r rune) bool {
	lo, hi := 0, len(table)/2
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		switch {
		case r < rune(table[2*m]):
			hi = m
		case r > rune(table[2*m+1]):
			lo = m + 1
		default:
			return true
		}
	}
	return false
}

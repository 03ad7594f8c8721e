package stanza

import "bytes"

// utf16 reports whether b starts like XML in UTF-16 or UTF-32, with or without
// a byte order mark: then it isn't UTF-8 (RFC 6120 §11.6).
func utf16(b []byte) bool {
	switch b[0] {
	case 0, 0xFE, 0xFF:
		return true
	case '<':
		return len(b) > 1 && b[1] == 0
	}
	return false
}

// Declaration returns the length of the XML declaration, with the white space
// after it, that a document begins with; 0 when there is none.
func Declaration(b []byte) (int, error) {
	if !bytes.HasPrefix(b, []byte("<?")) {
		return 0, nil
	}
	n, err := declarationLen(b)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, notWellFormed("half an XML declaration")
	}
	return skipSpace(b, n), nil
}

// declarationLen returns the length of the XML declaration at the start of b,
// which begins with "<?", or 0 when b ends within it. Other processing
// instructions are restricted (RFC 6120 §11.1, §11.5; XML 1.0 §2.8).
func declarationLen(b []byte) (int, *StreamError) {
	const open = "<?xml"
	got := b[:min(len(b), len(open)+1)]
	for i, c := range got {
		if i < len(open) && c != open[i] || i == len(open) && class[c]&isSpace == 0 {
			return 0, restricted("processing instruction")
		}
	}
	end := bytes.Index(b[:min(len(b), maxDeclaration)], []byte("?>"))
	switch {
	case end < 0 && len(b) < maxDeclaration:
		return 0, nil
	case end < 0:
		return 0, notWellFormed("XML declaration too long")
	}
	d := declarationParser{b[len(open):end]}
	version, ok := d.attr("version")
	if !ok {
		return 0, notWellFormed("malformed XML declaration")
	}
	if string(version) != "1.0" { // RFC 6120 §11.8
		return 0, notWellFormed("not XML 1.0")
	}
	if enc, ok := d.attr("encoding"); ok && !bytes.EqualFold(enc, []byte("utf-8")) {
		return 0, &StreamError{Condition: "unsupported-encoding", Text: "streams are in UTF-8"}
	}
	if alone, ok := d.attr("standalone"); ok && string(alone) != "yes" && string(alone) != "no" {
		return 0, notWellFormed("malformed XML declaration")
	}
	if skipSpace(d.rest, 0) != len(d.rest) {
		return 0, notWellFormed("malformed XML declaration")
	}
	return end + 2, nil
}

// declarationParser reads the pseudo-attributes of an XML declaration, which
// have a fixed order.
type declarationParser struct{ rest []byte }

// attr takes the attribute off the front when it is the one called name.
func (d *declarationParser) attr(name string) (value []byte, ok bool) {
	b := d.rest
	i := skipSpace(b, 0)
	if i == 0 || !bytes.HasPrefix(b[i:], []byte(name)) {
		return nil, false
	}
	i = skipSpace(b, i+len(name))
	if i == len(b) || b[i] != '=' {
		return nil, false
	}
	i = skipSpace(b, i+1)
	if i == len(b) || b[i] != '\'' && b[i] != '"' {
		return nil, false
	}
	n := bytes.IndexByte(b[i+1:], b[i])
	if n < 0 {
		return nil, false
	}
	d.rest = b[i+1+n+1:]
	return b[i+1 : i+1+n], true
}

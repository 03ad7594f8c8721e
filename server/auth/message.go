package auth

import (
	"strings"
	"unicode/utf8"
)

// maxNonce bounds the client's part of the nonce in bytes; clients send 16 to 64.
const maxNonce = 512

// clientFirst is RFC 5802 §7's client-first-message.
type clientFirst struct {
	gs2         string // gs2-header as sent, with both commas
	flag        byte   // 'n', 'y' or 'p'
	bindingType string // with 'p'
	authzid     string // decoded
	username    string // decoded, not empty
	bare        string // client-first-message-bare as sent
	nonce       string
}

// clientFinal is RFC 5802 §7's client-final-message.
type clientFinal struct {
	binding      []byte
	nonce        string
	proof        []byte // as long as the hash
	withoutProof string
}

// parseClientFirst reads a client-first-message by the grammar of RFC 5802 §7 and
// nothing else. The reserved extension m= fails, as it must; other
// extensions are passed over, if well-formed.
func parseClientFirst(s string) (*clientFirst, bool) {
	if !utf8.ValidString(s) {
		return nil, false
	}
	var m clientFirst
	flag, rest, ok1 := strings.Cut(s, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	if !ok1 || !ok2 {
		return nil, false
	}
	m.bare = bare
	m.gs2 = s[:len(s)-len(bare)]
	switch {
	case flag == "n" || flag == "y":
		m.flag = flag[0]
	case strings.HasPrefix(flag, "p=") && isBindingName(flag[2:]):
		m.flag, m.bindingType = 'p', flag[2:]
	default:
		return nil, false
	}
	var ok bool
	if authzid != "" {
		if m.authzid, ok = saslName(authzid, "a="); !ok {
			return nil, false
		}
	}
	fields := strings.Split(bare, ",")
	if len(fields) < 2 {
		return nil, false
	}
	if m.username, ok = saslName(fields[0], "n="); !ok {
		return nil, false
	}
	if m.nonce, ok = strings.CutPrefix(fields[1], "r="); !ok || len(m.nonce) > maxNonce || !isNonce(m.nonce) {
		return nil, false
	}
	return &m, areExtensions(fields[2:])
}

// parseClientFinal reads a client-final-message, strictly as parseClientFirst, for a
// hash of size bytes.
func parseClientFinal(s string, size int) (*clientFinal, bool) {
	if !utf8.ValidString(s) {
		return nil, false
	}
	fields := strings.Split(s, ",")
	if len(fields) < 3 {
		return nil, false
	}
	var m clientFinal
	last := len(fields) - 1
	binding, ok1 := strings.CutPrefix(fields[0], "c=")
	nonce, ok2 := strings.CutPrefix(fields[1], "r=")
	proof, ok3 := strings.CutPrefix(fields[last], "p=")
	if !ok1 || !ok2 || !ok3 || !isNonce(nonce) || !areExtensions(fields[2:last]) {
		return nil, false
	}
	if m.binding, ok1 = strictBase64(binding); !ok1 {
		return nil, false
	}
	if m.proof, ok3 = strictBase64(proof); !ok3 || len(m.proof) != size {
		return nil, false
	}
	m.nonce = nonce
	m.withoutProof = s[:len(s)-len(fields[last])-1]
	return &m, true
}

// saslName decodes a saslname behind its attribute: "=2C" is a comma and "=3D"
// an equals sign, any other "=" is an error (RFC 5802 §5.1), NUL too, and so is
// nothing at all.
func saslName(field, attribute string) (string, bool) {
	s, ok := strings.CutPrefix(field, attribute)
	if !ok || s == "" || strings.IndexByte(s, 0) >= 0 {
		return "", false
	}
	if strings.IndexByte(s, '=') < 0 {
		return s, true
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "=")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		switch {
		case strings.HasPrefix(after, "2C"):
			b.WriteByte(',')
		case strings.HasPrefix(after, "3D"):
			b.WriteByte('=')
		default:
			return "", false
		}
		s = after[2:]
	}
}

// isNonce reports printable ASCII without comma, one character at least.
func isNonce(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == ',' {
			return false
		}
	}
	return s != ""
}

// isBindingName reports RFC 5056 §7's form of a channel-binding type.
func isBindingName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return s != ""
}

// areExtensions reports that each field is a letter, "=" and a value of at
// least one character, and that none repeats an attribute with a meaning.
func areExtensions(fields []string) bool {
	for _, f := range fields {
		if len(f) < 3 || !isLetter(f[0]) || f[1] != '=' ||
			strings.IndexByte("amnrcsipve", f[0]) >= 0 || strings.IndexByte(f, 0) >= 0 {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

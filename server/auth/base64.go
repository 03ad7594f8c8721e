package auth

import (
	"encoding/base64"
	"strings"
)

// maxText is the length of the base64 form of MaxMessage bytes.
var maxText = base64.StdEncoding.EncodedLen(MaxMessage)

// DecodeBase64 decodes the character data of <auth/> or <response/>, strictly
// (RFC 6120 §6.3.3 and RFC 4648 §4): no white space, whole padding, padding bits
// zero, nothing after it. It returns nil for no text at all and an empty slice
// that is not nil for "=" (RFC 6120 §6.4.2); [Exchange.Step] tells the two
// apart. Bad encoding is a *Failure with incorrect-encoding, text longer than an
// exchange takes one with malformed-request.
func DecodeBase64(text string) ([]byte, error) {
	switch {
	case text == "":
		return nil, nil
	case text == "=":
		return []byte{}, nil
	case len(text) > maxText:
		return nil, malformed("The message is too long.")
	}
	b, ok := strictBase64(text)
	if !ok {
		return nil, fail(IncorrectEncoding, "")
	}
	return b, nil
}

// EncodeBase64 encodes what [Exchange.Step] returned for <challenge/> or
// <success/>; nothing stays nothing.
func EncodeBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

var strictEncoding = base64.StdEncoding.Strict()

// strictBase64 decodes s if it is the one correct encoding of some bytes. The
// standard library's Strict still skips line breaks, hence the check for them.
func strictBase64(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	b, err := strictEncoding.DecodeString(s)
	if err != nil {
		return nil, false
	}
	return b, true
}

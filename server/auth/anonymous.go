package auth

import (
	"bytes"
	"unicode/utf8"
)

// maxTrace is the length of a trace in characters (RFC 4505 §2).
const maxTrace = 255

// anonymous is the one step of ANONYMOUS: who comes may say something about themselves,
// which is looked at no further (XEP-0175 §3), and is given a name.
func (x *Exchange) anonymous(in []byte) ([]byte, error) {
	if !utf8.Valid(in) || utf8.RuneCount(in) > maxTrace || bytes.IndexByte(in, 0) >= 0 {
		return nil, malformed("")
	}
	name, err := x.config.Guest(x.channel.Addr)
	if err != nil {
		return nil, fail(TemporaryAuthFailure, "Too many guests are here. Try again later, or log in with an account.")
	}
	x.name, x.known = name, true
	return nil, nil
}

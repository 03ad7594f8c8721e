package auth

import (
	"bytes"
	"unicode/utf8"
)

// plain is the one step of PLAIN (RFC 4616 §2): authzid NUL authcid NUL passwd, the
// latter two not empty, and nothing else.
func (x *Exchange) plain(in []byte) ([]byte, error) {
	parts := bytes.Split(in, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 || !utf8.Valid(in) {
		return nil, malformed("")
	}
	if err := x.identify(string(parts[1]), string(parts[0])); err != nil {
		return nil, err
	}
	keys, f, disabled, err := x.config.account(x.name, x.known, scramSHA256, scramSHA1)
	if err != nil {
		return nil, err
	}
	password := string(parts[2])
	return nil, x.judge(whenDisabled(disabled), func() bool { return f.verify(&keys, password) })
}

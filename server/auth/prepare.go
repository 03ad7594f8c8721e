package auth

import (
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/text/secure/precis"
	"mellium.im/xmpp/jid"
)

// MaxPassword is the longest password in bytes of UTF-8.
const MaxPassword = 1024

// ErrPassword refuses a password that no preparation accepts: an empty one, one
// over MaxPassword bytes, or one with control characters or bad UTF-8.
var ErrPassword = errors.New("auth: the password is empty, too long or holds characters that are not allowed")

// preparePassword returns the forms of a password that clients hash for it, the
// canonical one first, at most three, without repetition.
//
// Clients differ. RFC 5802 §2.2 has them use SASLprep, which folds compatibility
// forms ("…" becomes "..."); RFC 8265 §4 replaced it by OpaqueString, which leaves
// them; Gajim hashes what was typed. For nearly every password all three agree
// and there is one form; where they don't, keys of each are kept, so that no client
// is shut out of an account which another one can use.
func preparePassword(password string) ([]string, error) {
	if password == "" || len(password) > MaxPassword || !utf8.ValidString(password) {
		return nil, ErrPassword
	}
	if plainASCII(password) {
		return []string{password}, nil
	}
	var forms []string
	add := func(s string, err error) {
		if err == nil && s != "" && !slices.Contains(forms, s) {
			forms = append(forms, s)
		}
	}
	add(precis.OpaqueString.String(password))
	add(stringprep.SASLprep.Prepare(password))
	if len(forms) == 0 {
		return nil, ErrPassword
	}
	add(password, nil)
	return forms, nil
}

// plainASCII reports that every byte is printable ASCII or space: text that each
// preparation leaves as it is.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// prepareName returns the localpart a username stands for (RFC 7622 §3.3), or
// false where it can't be one. It must be a fixed point: a name whose prepared
// form would prepare to something else again has no account.
func prepareName(name string) (string, bool) {
	if simpleName(name) {
		return name, true
	}
	prepared, ok := localpart(name)
	if !ok {
		return "", false
	}
	again, ok := localpart(prepared)
	return prepared, ok && again == prepared
}

// localpart prepares a name as package jid does for addresses, so that the two
// can't disagree about who somebody is. An empty result is no localpart.
func localpart(name string) (string, bool) {
	if name == "" || len(name) > 1023 {
		return "", false
	}
	j, err := jid.New(name, "x", "")
	if err != nil || j.Localpart() == "" {
		return "", false
	}
	return j.Localpart(), true
}

// simpleName reports that a name is made of lower-case letters, digits and
// "-._" only, which preparation leaves as they are.
func simpleName(name string) bool {
	if name == "" || len(name) > 1023 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

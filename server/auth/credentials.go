package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
)

// Iterations is how often the password of a new account is hashed.
//
// RFC 7677 §4 asks for 4096 at least and finds 15,000 desirable; Prosody uses
// 10,000 and ejabberd 4,096. The server pays for it only when a password is set or
// comes by PLAIN; with SCRAM the client pays, once, as it may keep the result. So
// it does not bound the rate of logins, and 10,000 keeps phones and test suites quick.
const Iterations = 10_000

// saltSize is the length of every salt in bytes, real or made up.
const saltSize = 16

// maxIterations bounds what imported credentials may cost a client or PLAIN.
const maxIterations = 10_000_000

// KeyPair is what SCRAM keeps instead of a password (RFC 5802 §3), each as long
// as the hash.
type KeyPair struct {
	StoredKey []byte `json:"stored"`
	ServerKey []byte `json:"server"`
}

// Keys is one account's verifier for one hash. The zero value verifies nothing.
// It marshals to JSON for the store and prints as nothing but its kind anywhere else.
type Keys struct {
	Salt       []byte `json:"salt"`
	Iterations int    `json:"iterations"`
	StoredKey  []byte `json:"stored"`
	ServerKey  []byte `json:"server"`
	// Other holds the keys of the same password in the other forms that
	// clients prepare it to; empty for nearly every password.
	Other []KeyPair `json:"other,omitempty"`
}

// Credentials is what is stored of an account's password.
type Credentials struct {
	SHA1   Keys `json:"sha1"`
	SHA256 Keys `json:"sha256"`
	// Disabled refuses the account after, and only after, the right password:
	// to everybody else it looks like any other.
	Disabled bool `json:"disabled,omitempty"`
}

// family is one hash with the names and keys that go with it.
type family struct {
	name string // of the mechanism without -PLUS
	size int    // of the hash in bytes
	hash func() hash.Hash
	keys func(*Credentials) *Keys
}

var (
	scramSHA1 = &family{"SCRAM-SHA-1", sha1.Size, sha1.New,
		func(c *Credentials) *Keys { return &c.SHA1 }}
	scramSHA256 = &family{"SCRAM-SHA-256", sha256.Size, sha256.New,
		func(c *Credentials) *Keys { return &c.SHA256 }}
)

// NewCredentials makes the credentials of a password, with fresh random salts
// and [Iterations]. It costs a few milliseconds of CPU. The error is
// ErrPassword where the password can't be one.
func NewCredentials(password string) (Credentials, error) {
	return NewCredentialsIterations(password, Iterations)
}

// NewCredentialsIterations is [NewCredentials] with a count of one's own, for tests
// and load tools (a [Config] of theirs should name the same one) and for stricter
// sites. At least 4096, RFC 5802 §5.1; clients refuse fewer.
func NewCredentialsIterations(password string, iterations int) (Credentials, error) {
	if iterations < 4096 || iterations > maxIterations {
		return Credentials{}, fmt.Errorf("auth: %d iterations are out of range", iterations)
	}
	forms, err := preparePassword(password)
	if err != nil {
		return Credentials{}, err
	}
	var c Credentials
	for _, f := range []*family{scramSHA1, scramSHA256} {
		salt := make([]byte, saltSize)
		if _, err := rand.Read(salt); err != nil {
			return Credentials{}, fmt.Errorf("auth: making a salt: %w", err)
		}
		k, err := f.derive(forms, salt, iterations)
		if err != nil {
			return Credentials{}, err
		}
		*f.keys(&c) = k
	}
	return c, nil
}

// Verify reports whether the password is the account's: what PLAIN asks. It does
// not look at Disabled. Its time depends on the length of the password and the
// iteration count alone.
func (c Credentials) Verify(password string) bool {
	f := scramSHA256
	if !c.SHA256.usable(f) {
		f = scramSHA1
	}
	return f.verify(f.keys(&c), password)
}

// verify checks a password against one set of keys. Only its canonical form is
// hashed, but that may equal another form of what was set: a client may have
// prepared it before sending.
func (f *family) verify(k *Keys, password string) bool {
	forms, err := preparePassword(password)
	if err != nil || !k.usable(f) {
		return false
	}
	got, err := f.derive(forms[:1], k.Salt, k.Iterations)
	if err != nil {
		return false
	}
	same := subtle.ConstantTimeCompare(got.StoredKey, k.StoredKey)
	for _, p := range k.Other {
		same |= subtle.ConstantTimeCompare(got.StoredKey, p.StoredKey)
	}
	return same == 1
}

// derive computes the keys of a password's forms (RFC 5802 §3).
func (f *family) derive(forms []string, salt []byte, iterations int) (Keys, error) {
	k := Keys{Salt: salt, Iterations: iterations}
	for i, form := range forms {
		salted, err := pbkdf2.Key(f.hash, form, salt, iterations, f.size)
		if err != nil {
			return Keys{}, errors.New("auth: the password can't be hashed")
		}
		pair := KeyPair{
			StoredKey: f.sum(f.mac(salted, "Client Key")),
			ServerKey: f.mac(salted, "Server Key"),
		}
		if i == 0 {
			k.StoredKey, k.ServerKey = pair.StoredKey, pair.ServerKey
		} else {
			k.Other = append(k.Other, pair)
		}
	}
	return k, nil
}

func (f *family) mac(key []byte, text string) []byte {
	h := hmac.New(f.hash, key)
	io.WriteString(h, text)
	return h.Sum(nil)
}

func (f *family) sum(b []byte) []byte {
	h := f.hash()
	h.Write(b)
	return h.Sum(nil)
}

// usable reports that keys are whole. Keys that are missing (an import that had
// one hash only) or damaged verify nothing.
func (k *Keys) usable(f *family) bool {
	return len(k.Salt) > 0 && k.Iterations > 0 && k.Iterations <= maxIterations &&
		len(k.StoredKey) == f.size && len(k.ServerKey) == f.size
}

// Format keeps keys out of logs and error texts, whatever the verb.
func (Keys) Format(s fmt.State, _ rune) { io.WriteString(s, "[keys]") }

// LogValue keeps keys out of structured logs.
func (Keys) LogValue() slog.Value { return slog.StringValue("[keys]") }

// Format keeps keys out of logs and error texts, whatever the verb.
func (KeyPair) Format(s fmt.State, _ rune) { io.WriteString(s, "[keys]") }

// LogValue keeps keys out of structured logs.
func (KeyPair) LogValue() slog.Value { return slog.StringValue("[keys]") }

// Format keeps keys out of logs and error texts, whatever the verb.
func (Credentials) Format(s fmt.State, _ rune) { io.WriteString(s, "[credentials]") }

// LogValue keeps keys out of structured logs.
func (Credentials) LogValue() slog.Value { return slog.StringValue("[credentials]") }

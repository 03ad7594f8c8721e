package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
)

// Upgrade is the task of adding the keys of a hash that an account lacks
// (XEP-0480 version 0.2.0 §3).
type Upgrade struct {
	Salt       []byte
	Iterations int
}

// NewUpgrade begins an upgrade to SCRAM-SHA-256 with a fresh salt.
func NewUpgrade() (*Upgrade, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	return &Upgrade{Salt: salt, Iterations: Iterations}, nil
}

// SaltedSize is the length of a SaltedPassword of SCRAM-SHA-256 in bytes.
const SaltedSize = sha256.Size

var errSalted = errors.New("auth: a salted password is as long as its hash")

// Apply adds the keys that follow from the SaltedPassword the client has computed
// (RFC 5802 §3). The password behind it is not known: the caller makes sure that the
// client has just proven the account's.
func (u *Upgrade) Apply(c *Credentials, salted []byte) error {
	f := scramSHA256
	if len(salted) != f.size {
		return errSalted
	}
	*f.keys(c) = Keys{
		Salt: u.Salt, Iterations: u.Iterations,
		StoredKey: f.sum(f.mac(salted, "Client Key")),
		ServerKey: f.mac(salted, "Server Key"),
	}
	return nil
}

// Lacks256 reports that an account has no keys for SCRAM-SHA-256: it was imported.
func (c *Credentials) Lacks256() bool { return !c.SHA256.usable(scramSHA256) }

package bench

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
)

// mechanisms are the SASL mechanisms the load can use, strongest first.
var mechanisms = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}

// scramHash returns the hash of a SCRAM mechanism, nil for another mechanism.
func scramHash(mech string) func() hash.Hash {
	switch mech {
	case "SCRAM-SHA-1":
		return sha1.New
	case "SCRAM-SHA-256":
		return sha256.New
	}
	return nil
}

// scramKeys is what a client may keep per account, salt and iteration count so
// that the next login costs no PBKDF2 (RFC 5802 §5.1).
type scramKeys struct {
	client, stored, server []byte
}

// keyCache keeps scramKeys. It is safe for concurrent use.
type keyCache struct{ m sync.Map }

// get returns the keys for a password under these parameters.
func (k *keyCache) get(mech, password string, salt []byte, iterations int) (*scramKeys, error) {
	name := fmt.Sprintf("%s %d %x %s", mech, iterations, salt, password)
	if v, ok := k.m.Load(name); ok {
		return v.(*scramKeys), nil
	}
	h := scramHash(mech)
	salted, err := pbkdf2.Key(h, password, salt, iterations, h().Size())
	if err != nil {
		return nil, fmt.Errorf("salting a password: %w", err)
	}
	client := mac(h, salted, "Client Key")
	stored := h()
	stored.Write(client)
	keys := &scramKeys{client: client, stored: stored.Sum(nil), server: mac(h, salted, "Server Key")}
	k.m.Store(name, keys)
	return keys, nil
}

// mac returns HMAC(key, text).
func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// A scram is one exchange of RFC 5802 without channel binding, the client's side.
type scram struct {
	mech, user, password string
	nonce                string
	keys                 *keyCache
	firstBare            string
	signature            []byte // what the server must prove
}

// newScram returns an exchange with a fresh nonce.
func newScram(mech, user, password string, keys *keyCache) *scram {
	return &scram{mech: mech, user: user, password: password, nonce: rand.Text(), keys: keys}
}

// gs2 says that this client supports no channel binding (RFC 5802 §6).
const gs2 = "n,,"

// first returns the client's first message.
func (s *scram) first() []byte {
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.user)
	s.firstBare = "n=" + name + ",r=" + s.nonce
	return []byte(gs2 + s.firstBare)
}

// maxIterations bounds the work a server can ask for.
const maxIterations = 1 << 20

// final answers the server's first message.
func (s *scram) final(challenge []byte) ([]byte, error) {
	var nonce string
	var salt []byte
	var iterations int
	for field := range bytes.SplitSeq(challenge, []byte(",")) {
		name, value, _ := strings.Cut(string(field), "=")
		var err error
		switch name {
		case "r":
			nonce = value
		case "s":
			salt, err = base64.StdEncoding.DecodeString(value)
		case "i":
			iterations, err = strconv.Atoi(value)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the SCRAM challenge %q: %w", challenge, err)
		}
	}
	if !strings.HasPrefix(nonce, s.nonce) || len(nonce) == len(s.nonce) || len(salt) == 0 ||
		iterations < 1 || iterations > maxIterations {
		return nil, fmt.Errorf("the SCRAM challenge %q is not acceptable", challenge)
	}
	keys, err := s.keys.get(s.mech, s.password, salt, iterations)
	if err != nil {
		return nil, err
	}
	h := scramHash(s.mech)
	withoutProof := "c=" + base64.StdEncoding.EncodeToString([]byte(gs2)) + ",r=" + nonce
	auth := s.firstBare + "," + string(challenge) + "," + withoutProof
	proof := mac(h, keys.stored, auth)
	subtle.XORBytes(proof, proof, keys.client)
	s.signature = mac(h, keys.server, auth)
	return []byte(withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// verify checks the server's final message.
func (s *scram) verify(final []byte) error {
	value, ok := bytes.CutPrefix(final, []byte("v="))
	got, err := base64.StdEncoding.DecodeString(string(value))
	if !ok || err != nil || !hmac.Equal(got, s.signature) {
		return errors.New("the server does not know the password: its SCRAM signature is wrong")
	}
	return nil
}

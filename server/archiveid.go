package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"

	"natter/stanza"
)

// archiveIDs turn the log's ids, which tell when a message came and how busy the
// server was then, into what archives show of them: strings that tell nobody
// anything and cannot be guessed (XEP-0313 §3, XEP-0359 §5). An id is one AES block
// of the log's id and a hash of the archive's owner, under a key made from the
// host's secret. So it needs no place in the store, the archives of both sides of a
// message know it by different ids, and an id of another archive, or one that was
// made up, is found out without a look into the store.
type archiveIDs struct{ block cipher.Block }

// archiveIDLen is the length of an archive's id in characters.
const archiveIDLen = 22

func newArchiveIDs(secret []byte) (archiveIDs, error) {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("archive ids"))
	block, err := aes.NewCipher(mac.Sum(nil)[:16])
	return archiveIDs{block}, err
}

// AppendArchiveID appends the id by which the archive of owner, the bare JID of an
// account or a room of this host, knows the record id of the log. It needs no
// escaping.
func (h *Host) AppendArchiveID(dst []byte, owner string, id uint64) []byte {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint64(b[:8], id)
	binary.BigEndian.PutUint64(b[8:], hashOwner(owner))
	h.ids.block.Encrypt(b[:], b[:])
	return base64.RawURLEncoding.AppendEncode(dst, b[:])
}

// ParseArchiveID returns the record id of the log that s stands for in the archive
// of owner; false when s is no id of that archive. The record need not be there any
// more.
func (h *Host) ParseArchiveID(owner, s string) (id uint64, ok bool) {
	var b [aes.BlockSize]byte
	if len(s) != archiveIDLen {
		return 0, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(s)); err != nil || n != len(b) {
		return 0, false
	}
	h.ids.block.Decrypt(b[:], b[:])
	id = binary.BigEndian.Uint64(b[:8])
	return id, id != 0 && id>>63 == 0 && binary.BigEndian.Uint64(b[8:]) == hashOwner(owner)
}

// AppendStanzaID appends the <stanza-id/> by which the archive of by, an account or
// a room of this host, knows the record id of the log (XEP-0359 §3).
func (h *Host) AppendStanzaID(dst []byte, by string, id uint64) []byte {
	dst = append(dst, `<stanza-id xmlns='urn:xmpp:sid:0' by='`...)
	dst = stanza.AppendAttr(dst, by)
	dst = append(dst, `' id='`...)
	dst = h.AppendArchiveID(dst, by, id)
	return append(dst, `'/>`...)
}

func hashOwner(owner string) uint64 {
	f := fnv.New64a()
	f.Write([]byte(owner))
	return f.Sum64()
}

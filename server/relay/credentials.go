package relay

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// grace is how long after they have expired credentials keep going what was begun
// with them: a call does not end for it.
const grace = 12 * time.Hour

// Credentials returns what user may use the relay with until a time: the scheme that
// TURN servers have in common, a name that begins with when it expires, and a keyed
// hash of it. The name does not tell who it is.
func (s *Server) Credentials(user string, now time.Time) (name, password string, expires time.Time) {
	expires = now.Add(s.cfg.Valid).Truncate(time.Second)
	h := hmac.New(sha256.New, s.cfg.Secret)
	h.Write([]byte("user " + user))
	name = strconv.FormatInt(expires.Unix(), 10) + ":" + hex.EncodeToString(h.Sum(nil)[:10])
	return name, s.password(name), expires
}

func (s *Server) password(name string) string {
	h := hmac.New(sha1.New, s.cfg.Secret)
	h.Write([]byte(name))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// authenticate returns the key that a request has to be signed with; ok is false when
// none is right.
func (s *Server) authenticate(r *turn.RequestAttributes) (user string, key []byte, ok bool) {
	until, user, ok := parseName(r.Username)
	if r.Method != stun.MethodAllocate {
		until = until.Add(grace)
	}
	if !ok || time.Now().After(until) || r.Realm != s.cfg.Realm {
		return "", nil, false
	}
	return user, turn.GenerateAuthKey(r.Username, r.Realm, s.password(r.Username)), true
}

// parseName takes a user name apart.
func parseName(name string) (until time.Time, user string, ok bool) {
	stamp, user, ok := strings.Cut(name, ":")
	n, err := strconv.ParseInt(stamp, 10, 48)
	if !ok || err != nil || n <= 0 || user == "" || len(name) > 64 {
		return time.Time{}, "", false
	}
	return time.Unix(n, 0), user, true
}

// quota says whether a user may have one more allocation (RFC 8656 §7.2). It is
// enforced where ports are opened; here it has an error of its own.
func (s *Server) quota(user, _ string, _ net.Addr) bool { return s.ports.room(user) }

package vcard

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"natter/server"
	"natter/stanza"
)

// nsUpdate is the namespace of the hash in presence (XEP-0153 §3.1).
const nsUpdate = "vcard-temp:x:update"

// stateKey is the key of an account's state, stampedKey marks a session in whose
// presence the hash is ours.
type (
	stateKey   struct{}
	stampedKey struct{}
)

// state is what is known of an account's card, guarded by the account's lock.
type state struct {
	known   bool
	hash    string // of the photo, "" without one; when known
	pending int    // cards on their way to the store
}

// stateOf returns the account's state; the account must be locked.
func stateOf(a *server.Account) *state {
	if s, ok := a.Value(stateKey{}).(*state); ok {
		return s
	}
	s := new(state)
	a.SetValue(stateKey{}, s)
	return s
}

func pending(a *server.Account) bool {
	a.Lock()
	defer a.Unlock()
	s, ok := a.Value(stateKey{}).(*state)
	return ok && s.pending > 0
}

// stored notes the outcome of a card handed to the store; it reports whether the
// photo is another one now.
func (m *module) stored(a *server.Account, hash string, err error) bool {
	a.Lock()
	defer a.Unlock()
	s := stateOf(a)
	s.pending--
	if err != nil {
		return false
	}
	changed := s.hash != hash
	s.known, s.hash = true, hash
	return changed
}

// hashOf returns the hash of the account's photo, "" without one. It reads the
// store once for as long as the account is in memory.
func (m *module) hashOf(t *server.Turn, a *server.Account) (string, error) {
	a.Lock()
	s := stateOf(a)
	known, hash := s.known, s.hash
	a.Unlock()
	if known {
		return hash, nil
	}
	doc, _, err := m.host.Get(t, a.Local, kindPhoto, "")
	if err != nil {
		return "", err
	}
	a.Lock()
	defer a.Unlock()
	if !s.known { // else a card was stored meanwhile
		s.known, s.hash = true, string(doc.Data)
	}
	return s.hash, nil
}

// presence puts the hash into presence whose client has not said which photo it
// shows: it has no update element, or an empty one, by which it says that it does
// not know yet (XEP-0153 §4.1, and as XEP-0398 §4 has it). What a client does
// say, no photo included, stands.
func (m *module) presence(p *server.Passage) server.Verdict {
	if p.Stanza.Type != stanza.TypeNone {
		return server.Pass
	}
	update, has := p.Stanza.Child(nsUpdate, "x")
	ours := !has
	if has {
		_, said := p.Stanza.Find(update, nsUpdate, "photo")
		ours = !said
	}
	hash := ""
	if ours {
		var err error
		if hash, err = m.hashOf(p.Turn, p.Account); err != nil {
			m.host.Server.Log.Error("photo's hash not read", "account", p.Account.Bare, "err", err)
			return server.Pass
		}
	}
	if p.Stanza.To() == nil {
		p.Account.Lock()
		if s := p.Origin.Session; ours || s.Value(stampedKey{}) != nil {
			s.SetValue(stampedKey{}, ours)
		}
		p.Account.Unlock()
	}
	if hash != "" {
		stamp(p.Stanza, p.Stamp, hash)
	}
	return server.Pass
}

// stamp replaces the update elements in presence by one with the hash.
func stamp(st *stanza.Stanza, s *stanza.Stamp, hash string) {
	for c := range st.All() {
		if st.ChildIs(c, nsUpdate, "x") {
			s.Cut = append(s.Cut, c.Span())
		}
	}
	s.Tail = fmt.Appendf(s.Tail, "<x xmlns='%s'><photo>%s</photo></x>", nsUpdate, hash)
}

// announce sends the account's presence once more with the hash of its new photo,
// for those sessions whose clients leave that to the server.
func (m *module) announce(t *server.Turn, a *server.Account) {
	for _, s := range a.Snapshot() {
		m.host.Server.Refresh(t, s, func(st *stanza.Stanza, change *stanza.Stamp) bool {
			if ours, _ := s.Value(stampedKey{}).(bool); !ours {
				return false
			}
			// Where there was a photo and is none, <photo/> is empty.
			stamp(st, change, stateOf(a).hash)
			return true
		})
	}
}

// photoHash returns the SHA-1 hash, in hexadecimal digits, of the first photo in
// a card; "" where there is none, or none that can be decoded (XEP-0153 §3.1).
func photoHash(st *stanza.Stanza, card stanza.Child) string {
	for photo := range st.Children(card) {
		if !st.ChildIs(photo, ns, "PHOTO") {
			continue
		}
		if value, ok := st.Find(photo, ns, "BINVAL"); ok {
			if image := decode(st.Text(value)); len(image) > 0 {
				sum := sha1.Sum(image)
				return hex.EncodeToString(sum[:])
			}
		}
	}
	return ""
}

// decode decodes base64 with white space in it, as XEP-0153 §4.6 has it, and
// with or without padding; nil when that is not what it is.
func decode(text string) []byte {
	text = strings.Join(strings.Fields(text), "")
	image, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	return image
}

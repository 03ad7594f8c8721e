package vcard

import (
	"context"
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
	known bool
	picture
	pending int // changes on their way to the store
}

// picture is what is known of an account's picture at all times: its hash, "" for
// none, and whether it is the one published by PEP, or that there is none by PEP.
type picture struct {
	hash string
	pep  bool
}

func (p picture) marshal() []byte {
	if p.pep {
		return []byte(p.hash + " pep")
	}
	return []byte(p.hash)
}

func pictureOf(data []byte) picture {
	hash, _, pep := strings.Cut(string(data), " ")
	return picture{hash, pep}
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
func (m *module) stored(a *server.Account, now picture, err error) bool {
	a.Lock()
	defer a.Unlock()
	s := stateOf(a)
	s.pending--
	if err != nil {
		return false
	}
	changed := s.hash != now.hash
	s.known, s.picture = true, now
	return changed
}

// known returns what is known of the account's picture. It reads the store once
// for as long as the account is in memory.
func (m *module) known(t *server.Turn, a *server.Account) (picture, error) {
	a.Lock()
	s := stateOf(a)
	known, p := s.known, s.picture
	a.Unlock()
	if known {
		return p, nil
	}
	doc, _, err := m.host.Get(t, a.Local, kindPhoto, "")
	if err != nil {
		return picture{}, err
	}
	a.Lock()
	defer a.Unlock()
	if s.known { // a card was stored meanwhile
		return s.picture, nil
	}
	s.known, s.picture = true, pictureOf(doc.Data)
	e := server.Event{Kind: server.PictureLoaded, Account: a, By: "vcard", Hash: s.hash}
	if s.pep {
		e.Module = "pep"
	}
	m.host.Server.Go(func(context.Context) { // presence does not wait for that
		m.host.Server.Do(func(t *server.Turn) { m.host.Tell(t, e) })
	})
	return s.picture, nil
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
		known, err := m.known(p.Turn, p.Account)
		hash = known.hash
		if err != nil {
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

// hashOf returns the SHA-1 hash of a picture in hexadecimal digits (XEP-0153 §3.1);
// "" for none.
func hashOf(image []byte) string {
	if len(image) == 0 {
		return ""
	}
	sum := sha1.Sum(image)
	return hex.EncodeToString(sum[:])
}

// photoOf returns the first photo in a card and its media type; nil where there is
// none, or none that can be decoded.
func photoOf(st *stanza.Stanza, card stanza.Child) (image []byte, typ string) {
	for photo := range st.Children(card) {
		if !st.ChildIs(photo, ns, "PHOTO") {
			continue
		}
		if value, ok := st.Find(photo, ns, "BINVAL"); ok {
			if image = decode(st.Text(value)); len(image) > 0 {
				if t, ok := st.Find(photo, ns, "TYPE"); ok {
					typ = st.Text(t)
				}
				return image, typ
			}
		}
	}
	return nil, ""
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

// Package vcard implements XEP-0054 vcard-temp, version 1.3.0: the card an
// account shows to everybody; and the server's part in XEP-0153 vCard-Based
// Avatars, version 1.1.1: the hash of the card's photo goes along with presence
// of clients that do not send one themselves.
//
// A card is kept as the bytes that came and never written anew. What of it XEP-0292
// vCard4 Over XMPP, version 0.12.0, can say too is published so, and the other way
// round (vcard4.go).
package vcard

import (
	"context"
	"fmt"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const ns = "vcard-temp"

// Kinds of documents, one each an account: the card, the hash of its photo, which
// is read far more often, and the picture that the account has published by PEP,
// which then stands in the place of the card's (see avatar.go).
const (
	kindCard   = "vcard"
	kindPhoto  = "vcard-photo"
	kindAvatar = "vcard-avatar"
	kindFour   = "vcard-four" // what was published as vCard4 after the card, as a card
)

// maxCard bounds a card in bytes.
const maxCard = 256 << 10

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	return &server.Module{
		Name: "vcard", XEP: "0054 1.3.0, 0153 1.1.1, 0292 0.12.0", Summary: "a card with name, picture and whatever else one tells everybody",
		Features: []string{ns}, AccountFeatures: []string{ns, ns4},
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "vCard", To: server.AtSelf | server.AtAccount, Handle: m.get},
			{Type: stanza.Set, NS: ns, Name: "vCard", To: server.AtSelf, Handle: m.set},
			{Type: stanza.Set, NS: ns, Name: "vCard", To: server.AtAccount, Handle: func(*server.IQ) error {
				return stanza.Forbidden("a card is its owner's to write") // XEP-0054 §3.2
			}},
		},
		On:    m.on,
		Hooks: []server.Hook{{Stage: server.FromAccount, Kinds: server.OnPresence, Run: m.presence}},
		SaveSession: func(s *server.Session) []byte {
			if ours, _ := s.Value(stampedKey{}).(bool); ours {
				return []byte{1}
			}
			return nil
		},
		RestoreSession: func(s *server.Session, data []byte) {
			if len(data) > 0 {
				s.SetValue(stampedKey{}, true)
			}
		},
	}
}

// get answers with an account's card. Without one its owner is told so; others
// hear what they would if there were no such account (XEP-0054 §3.1, §3.3).
func (m *module) get(q *server.IQ) error {
	own := q.Origin.JID.Bare() == q.Account.JID
	if own && pending(q.Account) {
		// A client that does not wait for answers reads what it wrote.
		if err := q.Turn.Settle(); err != nil {
			return err
		}
	}
	may := m.reader(q)
	if own {
		may = owner
	}
	card, _, err := m.current(q.Turn, q.Account, may)
	if err != nil {
		return err
	}
	card, err = m.withAvatar(q, card, own)
	switch {
	case err != nil:
		return err
	case card != nil:
		q.Reply(q.Turn, card)
		return nil
	case own:
		return stanza.ItemNotFound("you have no card yet")
	}
	return stanza.ServiceUnavailable("")
}

// set replaces the sender's card (XEP-0054 §3.2).
func (m *module) set(q *server.IQ) error {
	data := q.Stanza.Detach(nil, q.Payload)
	if len(data) > maxCard {
		return stanza.PolicyViolation(fmt.Sprintf("a card may have up to %d bytes", maxCard))
	}
	a := q.Account
	was, err := m.known(q.Turn, a)
	if err != nil {
		return err
	}
	image, typ := photoOf(q.Stanza, q.Payload)
	now := picture{hash: hashOf(image)}
	if was.pep && (now.hash == "" || now.hash == was.hash) {
		now = was // another card around the same picture
	}
	seen, _, err := m.current(q.Turn, a, owner)
	if err != nil {
		return err
	}
	before, says := fromOld(seen), fromOld(data)
	b := new(store.Batch)
	b.Put(store.Doc{Key: m.host.Key(a.Local, kindCard, ""), Data: data})
	b.Delete(m.host.Key(a.Local, kindFour, ""))
	if !now.pep {
		b.Delete(m.host.Key(a.Local, kindAvatar, ""))
	}
	k := q.Keep()
	err = m.store(q.Turn, a, b, now, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		m.host.Tell(t, server.Event{Kind: server.CardChanged, Account: a, By: "vcard", Data: data})
		k.Reply(t, nil)
	}, func(t *server.Turn) {
		if now.hash != was.hash {
			m.host.Tell(t, server.Event{Kind: server.AvatarChanged, Account: a, By: "vcard", Hash: now.hash, Type: typ, Data: image})
		}
		m.followed(t, a, before, says)
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// store hands a change of the account's card or picture to the store. then is
// called with the outcome; after that the picture's hash is announced, if it is
// another one, and after runs. Both may read the store where there is no error.
func (m *module) store(t *server.Turn, a *server.Account, b *store.Batch, now picture, then func(*server.Turn, error), after func(*server.Turn)) error {
	if photo := m.host.Key(a.Local, kindPhoto, ""); now == (picture{}) {
		b.Delete(photo)
	} else {
		b.Put(store.Doc{Key: photo, Data: now.marshal()})
	}
	a.Lock()
	defer a.Unlock()
	p := stateOf(a)
	p.pending++
	err := t.Commit(b, func(t *server.Turn, err error) {
		changed := m.stored(a, now, err)
		if err != nil {
			then(t, err)
			return
		}
		// This may take its time, the committer has none.
		m.later(func(t *server.Turn) {
			then(t, nil)
			if changed {
				m.announce(t, a)
			}
			after(t)
		})
	})
	if err != nil {
		p.pending--
	}
	return err
}

// later runs fn on a goroutine of its own, where the store may be read.
func (m *module) later(fn func(*server.Turn)) {
	m.host.Server.Go(func(context.Context) { m.host.Server.Do(fn) })
}

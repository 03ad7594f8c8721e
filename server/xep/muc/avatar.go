package muc

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// kindCard is the kind of the document that is a room's card, one a room.
const kindCard = "room-vcard"

// maxCard bounds a room's card in bytes, and maxPhotos its pictures.
const (
	maxCard   = 128 << 10
	maxPhotos = 8
)

// card answers with the room's card (XEP-0486 §3.3): to whom may know the room.
func (x *exchange) card(r *room, q *server.IQ) error {
	if err := r.mayLook(q.Origin.JID); err != nil {
		return err
	}
	k := q.Keep()
	x.after = append(x.after, func(t *server.Turn) {
		doc, ok, err := r.svc.get(t, r.svc.key(r.name, kindCard, ""))
		switch {
		case err != nil:
			k.Fail(t, err)
		case ok:
			k.Reply(t, doc.Data)
		default:
			k.Fail(t, stanza.ItemNotFound("the room has no card"))
		}
	})
	return server.Pending
}

// setCard replaces the card (XEP-0486 §3.2); an empty one takes it away.
func (x *exchange) setCard(r *room, q *server.IQ) error {
	if r.affiliation(q.Origin.JID) < owner {
		return stanza.Forbidden("only owners give the room a picture")
	}
	data := q.Stanza.Detach(nil, q.Payload)
	if len(data) > maxCard {
		return stanza.PolicyViolation("the card is too large; take a smaller picture")
	}
	r.extras.Avatar = photos(q.Stanza, q.Payload)
	key := r.svc.key(r.name, kindCard, "")
	b := new(store.Batch)
	if len(q.Stanza.InnerBytes(q.Payload)) == 0 {
		b.Delete(key)
	} else {
		b.Put(store.Doc{Key: key, Data: data})
	}
	r.announce(x, statusConfigChanged) // §3.4
	return r.commit(x, q, b, nil)
}

// photos are the SHA-1 sums of a card's pictures, in hex.
func photos(st *stanza.Stanza, card stanza.Child) []string {
	var list []string
	for c := range st.Children(card) {
		if !st.ChildIs(c, nsVCard, "PHOTO") || len(list) == maxPhotos {
			continue
		}
		e, ok := st.Find(c, nsVCard, "BINVAL")
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(st.Text(e)), ""))
		if err != nil || len(raw) == 0 {
			continue
		}
		sum := sha1.Sum(raw)
		list = append(list, hex.EncodeToString(sum[:]))
	}
	return list
}

// mayLook refuses those from whom the room is hidden: who is banned, of a room for
// members only that is not listed, who is none, of one that takes no guests, guests, and
// of one that is not open yet (§10.1.1), everybody but its owner.
func (r *room) mayLook(j stanza.JID) *stanza.Error {
	switch a := r.affiliation(j); {
	case r.locked && a < owner:
		return stanza.ItemNotFound("there is no such room")
	case a == outcast:
		return stanza.Forbidden("you are banned from the room")
	case a < member && r.config.MembersOnly && !r.config.Public && r.byJID[j.String()] == nil:
		return stanza.Forbidden("only members see the room")
	case !r.config.Guests && r.svc.guest(j.Bare()):
		return stanza.Forbidden("the room takes no guests; log in with an account")
	}
	return nil
}

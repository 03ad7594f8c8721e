package vcard

import (
	"encoding/base64"
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// A picture that is published by PEP (XEP-0084) stands in the card in the place of
// the card's own, for those who may read both nodes (XEP-0398 §5.2, §7). It is kept
// beside the card as lines: the first one empty, the media type, the picture in
// base64, the last two empty where the account has taken its picture back.

// nodes are those of a picture that is published by PEP.
var nodes = []string{"urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata"}

// on hears that the account has published a picture, or a vCard4, by PEP, or that its
// card's own picture is wanted.
func (m *module) on(t *server.Turn, e server.Event) {
	switch {
	case e.Kind == server.NodeChanged && e.Node == node4 && e.Module != "vcard":
		if err := m.noted(t, e.Account); err != nil {
			m.host.Server.Log.Warn("vCard4 not put into the card", "account", e.Account.Bare, "err", err)
		}
		return
	case e.Kind == server.PictureWanted:
		m.tellOwn(t, e.Account)
		return
	case e.Kind != server.AvatarChanged:
		return
	}
	doc := "\n" + e.Type + "\n" + base64.StdEncoding.EncodeToString(e.Data)
	b := new(store.Batch)
	b.Put(store.Doc{Key: m.host.Key(e.Account.Local, kindAvatar, ""), Data: []byte(doc)})
	err := m.store(t, e.Account, b, picture{hash: e.Hash, pep: true}, func(*server.Turn, error) {}, func(*server.Turn) {})
	if err != nil {
		m.host.Server.Log.Warn("picture not put into the card", "account", e.Account.Bare, "err", err)
	}
}

// withAvatar returns the card, nil for none, as who asks may see it: with the
// picture published by PEP, if there is one.
func (m *module) withAvatar(q *server.IQ, card []byte, own bool) ([]byte, error) {
	p, err := m.known(q.Turn, q.Account)
	if err != nil || !p.pep {
		return card, err
	}
	doc, ok, err := m.host.Get(q.Turn, q.Account.Local, kindAvatar, "")
	if err != nil || !ok {
		return card, err
	}
	parts := strings.SplitN(string(doc.Data), "\n", 3)
	if len(parts) != 3 {
		return card, nil
	}
	typ, image := parts[1], parts[2]
	visible := own
	if !own && image != "" {
		visible = true
		for _, node := range nodes {
			may, err := m.host.PEP.Reads(q.Turn, q.Account, q.Origin.JID, node)
			if err != nil {
				return nil, err
			}
			visible = visible && may
		}
	}
	if card == nil && (image == "" || !visible) {
		return nil, nil
	}
	var photo []byte
	if image != "" && visible {
		photo = stanza.AppendOpen(nil, "PHOTO", "xmlns", ns)
		if typ != "" {
			photo = stanza.AppendElement(photo, "TYPE", typ)
		}
		photo = stanza.AppendElement(photo, "BINVAL", image)
		photo = stanza.AppendClose(photo, "PHOTO")
	}
	return replacePhoto(card, photo), nil
}

// tellOwn tells which picture the card itself has.
func (m *module) tellOwn(t *server.Turn, a *server.Account) {
	doc, _, err := m.host.Get(t, a.Local, kindCard, "")
	if err != nil {
		m.host.Server.Log.Warn("card not read", "account", a.Bare, "err", err)
		return
	}
	l := stanza.AfterLogin
	l.Bytes, l.Memory = max(l.Bytes, 2*len(doc.Data)), max(l.Memory, 2*len(doc.Data))
	st, err := stanza.Parse(append(append([]byte("<w xmlns='urn:natter:wrap'>"), doc.Data...), "</w>"...), l)
	if err != nil || st.NumChildren() != 1 {
		return
	}
	image, typ := photoOf(st, st.ChildAt(0))
	m.host.Tell(t, server.Event{Kind: server.AvatarChanged, Account: a, By: "vcard", Hash: hashOf(image), Type: typ, Data: image})
}

// replacePhoto returns the card with the photo, which may be nil, in the place of
// those that it has. A nil card is one with nothing in it.
func replacePhoto(card, photo []byte) []byte {
	if card == nil {
		card = stanza.AppendOpen(nil, "vCard", "xmlns", ns)
		return stanza.AppendClose(append(card, photo...), "vCard")
	}
	l := stanza.AfterLogin
	l.Bytes, l.Memory = max(l.Bytes, len(card)), max(l.Memory, 2*len(card))
	st, err := stanza.Parse(card, l)
	if err != nil {
		return card
	}
	var cut []stanza.Span
	for c := range st.All() {
		if st.ChildIs(c, ns, "PHOTO") {
			cut = append(cut, c.Span())
		}
	}
	return st.AppendTo(nil, &stanza.Stamp{Cut: cut, Tail: photo, Declare: true})
}

package vcard

import (
	"natter/server"
	"natter/server/store"
)

// node4 is where accounts publish their vCard4 (XEP-0292 §3.1).
const node4 = "urn:xmpp:vcard4"

// One format says what the other does, as far as both can say it (convert.go): the
// later word counts, whichever format it was in. A card that is set is published as
// vCard4 too. A vCard4 that a client publishes is kept beside the card, converted, and
// shown in its place to those who may read the node, until the next card is set; the
// card itself stays as it was.

// noted hears that the account has published a vCard4, or taken it back.
func (m *module) noted(t *server.Turn, a *server.Account) error {
	items, err := m.host.PEP.Items(t, a, node4)
	if err != nil {
		return err
	}
	var card []byte
	if len(items) > 0 {
		if list := fromNew(items[len(items)-1].Payload); len(list) > 0 {
			card = toOld(list)
		}
	}
	b := new(store.Batch)
	if key := m.host.Key(a.Local, kindFour, ""); card == nil || len(card) > maxCard {
		b.Delete(key)
	} else {
		b.Put(store.Doc{Key: key, Data: card})
	}
	return t.Commit(b, func(*server.Turn, error) { m.changed(a) })
}

// current returns the account's card as somebody may see it, but for pictures
// published by PEP: what it published as vCard4, if that came later, else the card.
// The node says where it is from, "" for the card.
func (m *module) current(t *server.Turn, a *server.Account, may func() (bool, error)) (card []byte, node string, err error) {
	doc, _, err := m.host.Get(t, a.Local, kindCard, "")
	if err != nil {
		return nil, "", err
	}
	four, ok, err := m.host.Get(t, a.Local, kindFour, "")
	if err != nil || !ok {
		return doc.Data, "", err
	}
	if may, err := may(); err != nil || !may {
		return doc.Data, "", err
	}
	return replacePhoto(four.Data, photosOf(doc.Data)), node4, nil
}

// photosOf returns the photos in a card as they stand in it; nil for none.
func photosOf(card []byte) (photos []byte) {
	if card == nil {
		return nil
	}
	st := element(card)
	if st == nil {
		return nil
	}
	for c := range st.All() {
		if st.ChildIs(c, ns, "PHOTO") {
			photos = st.Detach(photos, c)
		}
	}
	return photos
}

// anybody is what everybody may see, owner what its owner does, and reader what
// somebody who asks does, of an account's vCard4.
func (m *module) anybody(t *server.Turn, a *server.Account) func() (bool, error) {
	return func() (bool, error) {
		access, err := m.host.PEP.Access(t, a, node4)
		return access == "open", err
	}
}

func owner() (bool, error) { return true, nil }

func (m *module) reader(q *server.IQ) func() (bool, error) {
	return func() (bool, error) { return m.host.PEP.Reads(q.Turn, q.Account, q.Origin.JID, node4) }
}

// publish4 publishes what a card says as vCard4, or takes that back when it says
// nothing.
func (m *module) publish4(t *server.Turn, a *server.Account, list []property) error {
	items, err := m.host.PEP.Items(t, a, node4)
	if err != nil {
		return err
	}
	p := server.NodePublication{Node: node4, Module: "vcard", MaxItems: 1}
	id := "current"
	if len(items) > 0 {
		id = items[len(items)-1].ID
	}
	switch {
	case len(list) > 0:
		p.Items = []server.NodeItem{{ID: id, Payload: toNew(list, a.Local)}}
	case len(items) == 0:
		return nil
	default:
		p.Retract = []string{id}
	}
	access, err := m.host.PEP.Access(t, a, node4)
	if err != nil {
		return err
	}
	if access == "" {
		p.Access = "open" // as a card is, and as XEP-0222 has it
	}
	return m.host.PEP.Publish(t, a, p, func(*server.Turn, error) {})
}

// changed tells that what everybody sees in the account's card is another now.
func (m *module) changed(a *server.Account) {
	m.later(func(t *server.Turn) {
		card, node, err := m.current(t, a, m.anybody(t, a))
		if err != nil {
			m.host.Server.Log.Error("card not read", "account", a.Bare, "err", err)
			return
		}
		m.host.Tell(t, server.Event{Kind: server.CardChanged, Account: a, By: "vcard", Data: card, Node: node})
	})
}

// followed publishes a card as vCard4, unless it says what was seen before.
func (m *module) followed(t *server.Turn, a *server.Account, before, now []property) {
	if same(before, now) {
		return
	}
	if err := m.publish4(t, a, now); err != nil {
		m.host.Server.Log.Warn("card not published", "account", a.Bare, "err", err)
	}
}

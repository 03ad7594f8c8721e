// Package avatar implements the server's part in XEP-0398 User Avatar to
// vCard-Based Avatars Conversion, version 1.0.0: what is published as XEP-0084 User
// Avatar, version 1.1.4, has it shows in the account's card and presence, and the
// photo of a card that an old client stores is published.
package avatar

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"natter/server"
	"natter/stanza"
)

const (
	nsData     = "urn:xmpp:avatar:data"
	nsMetadata = "urn:xmpp:avatar:metadata"
)

// kindCard is the kind of an account's document that holds the hash of the card's
// picture that was published last.
const kindCard = "avatar-card"

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{h}
	return &server.Module{
		Name: "avatar", XEP: "0084 1.1.4, 0398 1.0.0", Summary: "pictures of accounts, the same for clients old and new",
		AccountFeatures: []string{"urn:xmpp:pep-vcard-conversion:0"},
		On:              m.on,
	}
}

func (m *module) on(t *server.Turn, e server.Event) {
	var err error
	switch {
	case e.Kind == server.NodeChanged && e.Module != "avatar" && (e.Node == nsData || e.Node == nsMetadata):
		err = m.toCard(t, e)
	case e.Kind == server.AvatarChanged:
		err = m.publish(t, e)
	case e.Kind == server.PictureLoaded:
		err = m.compare(t, e)
	}
	if err != nil {
		m.host.Server.Log.Error("picture not converted", "account", e.Account.Bare, "err", err)
	}
}

// compare puts right what is not the same in the card as by PEP, where the server
// ended, or the store failed, between the two.
func (m *module) compare(t *server.Turn, e server.Event) error {
	id, _, published, err := m.current(t, e.Account)
	if err != nil || strings.ToLower(id) == e.Hash || !published && e.Hash == "" {
		return err
	}
	doc, _, err := m.host.Get(t, e.Account.Local, kindCard, "")
	if err != nil {
		return err
	}
	if e.Hash != "" && e.Module != "pep" && string(doc.Data) != e.Hash { // the card was stored last
		m.host.Tell(t, server.Event{Kind: server.PictureWanted, Account: e.Account, By: "avatar"})
		return nil
	}
	e.Node, e.Retracted = nsMetadata, []string{e.Hash}
	return m.toCard(t, e)
}

// toCard tells which picture is published now (XEP-0398 §3.1). A picture whose data
// are not there yet, or are not what their id says, is none yet; one that was taken
// back, or whose data were, is none any more.
func (m *module) toCard(t *server.Turn, changed server.Event) error {
	a := changed.Account
	id, typ, published, err := m.current(t, a)
	gone := len(changed.Retracted) > 0 && len(changed.Published) == 0
	if err != nil || !published && !(gone && changed.Node == nsMetadata) {
		return err
	}
	e := server.Event{Kind: server.AvatarChanged, Account: a, By: "avatar"}
	if id != "" {
		items, err := m.host.PEP.Items(t, a, nsData, id)
		if err != nil || len(items) == 0 && !(gone && changed.Node == nsData) {
			return err
		}
		if len(items) > 0 {
			image := dataOf(items[0].Payload)
			sum := sha1.Sum(image)
			if hash := hex.EncodeToString(sum[:]); len(image) == 0 || hash != strings.ToLower(id) {
				return nil
			}
			e.Hash, e.Type, e.Data = strings.ToLower(id), typ, image
		}
	}
	m.host.Tell(t, e)
	return nil
}

// current returns the id and media type of the picture that the account has
// published, "" for none, of those that are not elsewhere on the web; published is
// not set where it has published nothing.
func (m *module) current(t *server.Turn, a *server.Account) (id, typ string, published bool, err error) {
	items, err := m.host.PEP.Items(t, a, nsMetadata)
	if err != nil || len(items) == 0 {
		return "", "", err == nil && items != nil, err
	}
	st, err := stanza.Parse(items[len(items)-1].Payload, stanza.AfterLogin)
	if err != nil || !st.Is(nsMetadata, "metadata") {
		return "", "", false, nil
	}
	for c := range st.All() {
		if _, elsewhere := st.ChildAttr(c, "url"); st.ChildIs(c, nsMetadata, "info") && !elsewhere {
			id, _ = st.ChildAttr(c, "id")
			typ, _ = st.ChildAttr(c, "type")
			if id != "" {
				return id, typ, true, nil
			}
		}
	}
	return "", "", st.NumChildren() == 0, nil
}

// dataOf returns the picture in a <data/>, nil where it is none.
func dataOf(payload []byte) []byte {
	l := stanza.AfterLogin
	l.Bytes = max(l.Bytes, len(payload))
	st, err := stanza.Parse(payload, l)
	if err != nil || !st.Is(nsData, "data") {
		return nil
	}
	text := strings.Join(strings.Fields(stanza.UnescapeText(st.Inner())), "")
	image, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil
	}
	return image
}

// publish publishes the photo of a card (XEP-0398 §3.2). A card that has lost its
// photo takes back what came from it, and nothing else.
func (m *module) publish(t *server.Turn, e server.Event) error {
	a := e.Account
	if e.Hash == "" {
		id, _, published, err := m.current(t, a)
		if err != nil || !published || id == "" {
			return err
		}
		return m.put(t, a, nsMetadata, "", server.NodeItem{ID: "none", Payload: stanza.AppendEmpty(nil, "metadata", "xmlns", nsMetadata)}, nil)
	}
	typ := e.Type
	if typ == "" {
		typ = http.DetectContentType(e.Data)
	}
	data := stanza.AppendElement(nil, "data", base64.StdEncoding.EncodeToString(e.Data), "xmlns", nsData)
	info := stanza.AppendOpen(nil, "metadata", "xmlns", nsMetadata)
	info = stanza.AppendEmpty(info, "info", "bytes", strconv.Itoa(len(e.Data)), "id", e.Hash, "type", typ)
	info = stanza.AppendClose(info, "metadata")
	return m.put(t, a, nsData, "", server.NodeItem{ID: e.Hash, Payload: data}, func() {
		// The data are there before anybody hears of them (XEP-0084 §3).
		m.host.Server.Go(func(context.Context) {
			m.host.Server.Do(func(t *server.Turn) {
				if err := m.put(t, a, nsMetadata, e.Hash, server.NodeItem{ID: e.Hash, Payload: info}, nil); err != nil {
					m.host.Server.Log.Error("picture not published", "account", a.Bare, "err", err)
				}
			})
		})
	})
}

// put publishes one item at a node, which is made as open as a card is where it is
// not there. card, when not "", is the hash of the card's picture that is published
// by that.
func (m *module) put(t *server.Turn, a *server.Account, node, card string, item server.NodeItem, then func()) error {
	p := server.NodePublication{Node: node, Module: "avatar", Items: []server.NodeItem{item}}
	if card != "" {
		p.Docs = []server.NodeDoc{{Kind: kindCard, Data: []byte(card)}}
	}
	access, err := m.host.PEP.Access(t, a, node)
	if err != nil {
		return err
	}
	if access == "" {
		p.Access = "open"
	}
	return m.host.PEP.Publish(t, a, p, func(t *server.Turn, err error) {
		if err == nil && then != nil {
			then()
		}
	})
}

package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const (
	nsOOB     = "jabber:x:oob"               // XEP-0066
	nsRetract = "urn:xmpp:message-retract:1" // XEP-0424
	nsSID     = "urn:xmpp:sid:0"             // XEP-0359
)

// Which messages tell of which file is kept with the account of who sent both, two
// documents for each pair:
//
//	m/MESSAGE/SLOT  the message tells of the file; data: the first name of the message where this is another
//	f/SLOT/MESSAGE  the same from the other side; data: its other name, if any
//
// MESSAGE is a hash of its id, and in rooms of the id that the room gave it too.
const (
	byMessage = "m/"
	byFile    = "f/"
)

// maxTold bounds the messages that are remembered of one file. One that more tell of
// is not deleted by retraction, but when it expires.
const (
	maxTold = 10
	tooMany = "+" // in the place of further messages
)

func messageKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// slotIn returns the slot that a URL names, "" for none.
func slotIn(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	rest, ok := strings.CutPrefix(u.Path, path)
	id, _, named := strings.Cut(rest, "/")
	if !ok || !named || len(id) != idLength || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return ""
	}
	return id
}

// slotsIn returns the slots that a message tells of (XEP-0066 §3).
func slotsIn(st *stanza.Stanza) (ids []string) {
	for c := range st.All() {
		if !st.ChildIs(c, nsOOB, "x") || len(ids) >= maxTold {
			continue
		}
		if u, ok := st.Find(c, nsOOB, "url"); ok {
			if id := slotIn(st.Text(u)); id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// sent remembers that a message tells of a file of its sender's.
func (m *module) sent(p *server.Passage) server.Verdict {
	ids, id := slotsIn(p.Stanza), p.Stanza.IDString()
	if len(ids) == 0 || id == "" || p.Stanza.Type == stanza.TypeError {
		return server.Pass
	}
	p.Turn.Flush()
	ctx, cancel := m.timeout()
	defer cancel()
	db, account, message := m.host.Server.Store, p.Account.Local, messageKey(id)
	b := new(store.Batch)
	for _, slot := range ids {
		if _, ours, err := db.Get(ctx, m.key(account, slot)); err != nil || !ours {
			continue
		}
		told, err := db.Keys(ctx, m.host.Name, account, kindSent, byFile+slot+"/", "", maxTold)
		if err != nil {
			continue
		}
		if len(told) >= maxTold {
			b.Put(store.Doc{Key: m.host.Key(account, kindSent, byFile+slot+"/"+tooMany)})
			continue
		}
		b.Put(store.Doc{Key: m.host.Key(account, kindSent, byMessage+message+"/"+slot)})
		b.Put(store.Doc{Key: m.host.Key(account, kindSent, byFile+slot+"/"+message)})
	}
	if !b.Empty() {
		db.Commit(b) // without it the file stays until it expires
	}
	return server.Pass
}

// reflected notes by which id a room knows a message of the account's: that is what
// it will be retracted by (XEP-0424 §5.1).
func (m *module) reflected(p *server.Passage) server.Verdict {
	if p.Stanza.Type != stanza.Groupchat || len(p.Stanza.ID()) == 0 {
		return server.Pass
	}
	other := ""
	for c := range p.Stanza.All() {
		if !p.Stanza.ChildIs(c, nsSID, "stanza-id") {
			continue
		}
		if by, _ := p.Stanza.ChildAttr(c, "by"); by == p.Origin.JID.Bare().String() {
			other, _ = p.Stanza.ChildAttr(c, "id")
		}
	}
	ids := slotsIn(p.Stanza)
	if other == "" || len(ids) == 0 {
		return server.Pass
	}
	p.Turn.Flush()
	ctx, cancel := m.timeout()
	defer cancel()
	db, account := m.host.Server.Store, p.Account.Local
	message, alias := messageKey(p.Stanza.IDString()), messageKey(other)
	b := new(store.Batch)
	for _, slot := range ids {
		if d, ours, err := db.Get(ctx, m.host.Key(account, kindSent, byFile+slot+"/"+message)); err != nil || !ours || len(d.Data) > 0 {
			continue
		}
		b.Put(store.Doc{Key: m.host.Key(account, kindSent, byMessage+alias+"/"+slot), Data: []byte(message)})
		b.Put(store.Doc{Key: m.host.Key(account, kindSent, byFile+slot+"/"+message), Data: []byte(alias)})
	}
	if !b.Empty() {
		db.Commit(b)
	}
	return server.Pass
}

// retracted deletes the files of a message that its sender retracts, unless other
// messages tell of them.
func (m *module) retracted(p *server.Passage) server.Verdict {
	c, ok := p.Stanza.Child(nsRetract, "retract")
	if !ok || p.Stanza.Type == stanza.TypeError {
		return server.Pass
	}
	id, _ := p.Stanza.ChildAttr(c, "id")
	if id == "" {
		return server.Pass
	}
	p.Turn.Await(1) // what was sent a moment ago counts
	ctx, cancel := m.timeout()
	defer cancel()
	if err := m.retract(ctx, p.Account.Local, messageKey(id)); err != nil {
		m.host.Server.Log.Error("deleting a retracted upload", "err", err)
	}
	return server.Pass
}

func (m *module) retract(ctx context.Context, account, message string) error {
	db := m.host.Server.Store
	docs, err := db.List(ctx, m.host.Name, account, kindSent, byMessage+message+"/", "", maxTold)
	if err != nil {
		return err
	}
	for _, d := range docs {
		slot := d.Key.Key[len(byMessage+message+"/"):]
		first := message
		if len(d.Data) > 0 {
			first = string(d.Data)
		}
		b := new(store.Batch)
		b.Delete(d.Key)
		b.Delete(m.host.Key(account, kindSent, byMessage+first+"/"+slot))
		b.Delete(m.host.Key(account, kindSent, byFile+slot+"/"+first))
		if err := db.CommitWait(ctx, b); err != nil {
			return err
		}
		left, err := db.Keys(ctx, m.host.Name, account, kindSent, byFile+slot+"/", "", 1)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			continue
		}
		if doc, ok, err := db.Get(ctx, m.key(account, slot)); err != nil || !ok {
			return err
		} else if s, err := slotOf(doc); err != nil {
			return err
		} else if err := m.remove(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// forget adds to b what deletes which messages tell of a slot.
func (m *module) forget(ctx context.Context, b *store.Batch, account, slot string) error {
	docs, err := m.host.Server.Store.List(ctx, m.host.Name, account, kindSent, byFile+slot+"/", "", store.MaxPage)
	for _, d := range docs {
		b.Delete(d.Key)
		b.Delete(m.host.Key(account, kindSent, byMessage+d.Key.Key[len(byFile+slot+"/"):]+"/"+slot))
		if len(d.Data) > 0 {
			b.Delete(m.host.Key(account, kindSent, byMessage+string(d.Data)+"/"+slot))
		}
	}
	return err
}

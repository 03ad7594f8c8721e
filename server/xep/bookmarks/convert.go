package bookmarks

import (
	"natter/server"
	"natter/stanza"
)

// bookmark is what both formats say of a room.
type bookmark struct {
	name, nick, password string
	join                 bool
	hasNick, hasPassword bool
}

// read reads a <conference/> of either name space.
func read(st *stanza.Stanza, c stanza.Child, space string) bookmark {
	var b bookmark
	b.name, _ = st.ChildAttr(c, "name")
	join, _ := st.ChildAttr(c, "autojoin")
	b.join = join == "1" || join == "true"
	if e, ok := st.Find(c, space, "nick"); ok {
		b.nick, b.hasNick = st.Text(e), true
	}
	if e, ok := st.Find(c, space, "password"); ok {
		b.password, b.hasPassword = st.Text(e), true
	}
	return b
}

// appendTo appends the bookmark: for the old list with the room's address, else
// with extensions, which are a whole element or nothing.
func (b *bookmark) appendTo(dst []byte, space, jid string, extensions []byte) []byte {
	join := ""
	if b.join {
		join = "true"
	}
	dst = stanza.AppendOpen(dst, "conference", "xmlns", space, "jid", jid, "name", b.name, "autojoin", join)
	if b.hasNick {
		dst = stanza.AppendElement(dst, "nick", b.nick)
	}
	if b.hasPassword {
		dst = stanza.AppendElement(dst, "password", b.password)
	}
	return stanza.AppendClose(append(dst, extensions...), "conference")
}

// parse reads an element that stands alone.
func parse(b []byte) (*stanza.Stanza, stanza.Child, error) {
	wrapped := append(append([]byte("<w xmlns='urn:natter:wrap'>"), b...), "</w>"...)
	l := stanza.AfterLogin
	l.Bytes = max(l.Bytes, len(wrapped))
	l.Memory = max(l.Memory, 2*len(wrapped))
	st, err := stanza.Parse(wrapped, l)
	if err != nil {
		return nil, stanza.Child{}, err
	}
	if st.NumChildren() != 1 {
		return nil, stanza.Child{}, stanza.BadRequest("there is not one element")
	}
	return st, st.ChildAt(0), nil
}

// list returns the old list: a bookmark for each item that is one, and the rest.
func list(items []server.NodeItem, rest []byte) []byte {
	b := stanza.AppendOpen(nil, "storage", "xmlns", nsOld)
	for _, i := range items {
		st, c, err := parse(i.Payload)
		if err != nil || !st.ChildIs(c, ns, "conference") {
			continue
		}
		m := read(st, c, ns)
		b = m.appendTo(b, "", i.ID, nil)
	}
	return stanza.AppendClose(append(b, rest...), "storage")
}

// split says what becomes of the items when an old list is stored. What stays as
// it is is not published again (XEP-0402 §5.3.2), and what the old format has no
// room for stays.
func split(current []server.NodeItem, payload []byte) (server.NodePublication, error) {
	var p server.NodePublication
	st, storage, err := parse(payload)
	if err != nil || !st.ChildIs(storage, nsOld, "storage") {
		return p, stanza.BadRequest("bookmarks are one <storage/>")
	}
	were := make(map[string]server.NodeItem, len(current))
	for _, i := range current {
		were[i.ID] = i
	}
	listed := make(map[string]bool)
	var rest []byte
	for c := range st.Children(storage) {
		jid, ok := room(st, c)
		switch {
		case !ok:
			rest = st.Detach(rest, c)
			continue
		case listed[jid]:
			continue
		}
		listed[jid] = true
		b := read(st, c, nsOld)
		was, extensions := old(were[jid])
		if was != nil && *was == b {
			continue
		}
		p.Items = append(p.Items, server.NodeItem{ID: jid, Payload: b.appendTo(nil, ns, "", extensions)})
	}
	for _, i := range current {
		// What is no bookmark is not in the old list, and not to be lost by it.
		if was, _ := old(i); was != nil && !listed[i.ID] {
			p.Retract = append(p.Retract, i.ID)
		}
	}
	p.Docs = []server.NodeDoc{{Kind: kindRest, Data: rest}}
	return p, nil
}

// room returns the address of the room that an element of the old list is a
// bookmark of.
func room(st *stanza.Stanza, c stanza.Child) (string, bool) {
	if !st.ChildIs(c, nsOld, "conference") {
		return "", false
	}
	text, _ := st.ChildAttr(c, "jid")
	j, err := stanza.ParseJID(text)
	if err != nil || j.Local() == "" {
		return "", false
	}
	return j.Bare().String(), true
}

// old returns what an item says, nil when it is no bookmark, and its extensions.
func old(i server.NodeItem) (*bookmark, []byte) {
	if i.Payload == nil {
		return nil, nil
	}
	st, c, err := parse(i.Payload)
	if err != nil || !st.ChildIs(c, ns, "conference") {
		return nil, nil
	}
	b := read(st, c, ns)
	var extensions []byte
	if e, ok := st.Find(c, ns, "extensions"); ok {
		extensions = st.Detach(nil, e)
	}
	return &b, extensions
}

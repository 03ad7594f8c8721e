package roster

import "natter/stanza"

// Namespace is the namespace of roster queries (RFC 6121 §2.1).
const Namespace = "jabber:iq:roster"

// Stream features this package carries out: they go into <stream:features/> as
// they are (RFC 6121 §2.6.1, §3.4).
const (
	VersioningFeature  = `<ver xmlns='urn:xmpp:features:rosterver'/>`
	PreApprovalFeature = `<sub xmlns='urn:xmpp:features:pre-approval'/>`
)

// AppendResult appends the payload of a roster result, the whole list as a
// <query/> with its version (RFC 6121 §2.1.4).
func (r *Roster) AppendResult(dst []byte) []byte {
	dst = appendQuery(dst, r.Version())
	if r.items == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for item := range r.All() {
		dst = appendItem(dst, item)
	}
	return append(dst, "</query>"...)
}

// AppendTo appends the payload of a roster push, a <query/> with one item
// (RFC 6121 §2.1.6).
func (p Push) AppendTo(dst []byte) []byte {
	dst = appendQuery(dst, p.Version)
	dst = append(dst, '>')
	if p.Removed {
		dst = append(dst, "<item jid='"...)
		dst = stanza.AppendAttr(dst, p.Item.JID.String())
		dst = append(dst, "' subscription='remove'/>"...)
	} else {
		dst = appendItem(dst, &p.Item)
	}
	return append(dst, "</query>"...)
}

func appendQuery(dst []byte, version string) []byte {
	dst = append(dst, "<query xmlns='"+Namespace+"' ver='"...)
	dst = append(dst, version...) // letters, digits and '-'
	return append(dst, '\'')
}

func appendItem(dst []byte, item *Item) []byte {
	dst = append(dst, "<item jid='"...)
	dst = stanza.AppendAttr(dst, item.JID.String())
	if item.Name != "" {
		dst = append(dst, "' name='"...)
		dst = stanza.AppendAttr(dst, item.Name)
	}
	dst = append(dst, "' subscription='"...)
	dst = append(dst, item.State.Subscription().String()...)
	dst = append(dst, '\'')
	if item.State.Ask() {
		dst = append(dst, " ask='subscribe'"...)
	}
	if item.State.Approved() {
		dst = append(dst, " approved='true'"...)
	}
	if len(item.Groups) == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for _, g := range item.Groups {
		dst = append(dst, "<group>"...)
		dst = stanza.AppendText(dst, g)
		dst = append(dst, "</group>"...)
	}
	return append(dst, "</item>"...)
}

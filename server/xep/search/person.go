package search

import (
	"fmt"
	"strings"

	"natter/server/xep/forms"
	"natter/stanza"
)

// field is what can be searched for: its name in both forms, and where it is in a card.
type field struct{ name, label, property, part string }

// fields are those of the schema (§7.2). An account's name is found as a nickname.
var fields = [4]field{
	{"first", "Given name", "N", "GIVEN"},
	{"last", "Family name", "N", "FAMILY"},
	{"nick", "Nickname", "NICKNAME", ""},
	{"email", "Email address", "EMAIL", "USERID"},
}

const nickField = 2

// maxKept bounds what is kept of one field of a card, in bytes.
const maxKept = 200

// person is what is known of an account: the fields of its card, and the full name,
// for those whose card has no other.
type person struct {
	jid    string
	fields [4]string
	folded [5]string // the fields and the full name as they are compared
	full   string
	node   string // it is made of this node's item, "" for a card
}

// readCard reads a card; nil where it tells nothing that can be searched for.
func readCard(card []byte, node string) *person {
	p := person{node: node}
	if card == nil {
		return nil
	}
	l := stanza.AfterLogin
	l.Bytes, l.Memory = max(l.Bytes, len(card)), max(l.Memory, 2*len(card))
	st, err := stanza.Parse(card, l)
	if err != nil || !st.Is("vcard-temp", "vCard") {
		return nil
	}
	for c := range st.All() {
		if string(st.Space(c)) != "vcard-temp" {
			continue
		}
		property := string(st.Local(c))
		if property == "FN" && p.full == "" {
			p.full = kept(st.Text(c))
		}
		for i, d := range fields {
			if d.property != property || p.fields[i] != "" {
				continue
			}
			if d.part == "" {
				p.fields[i] = kept(st.Text(c))
			} else if e, ok := st.Find(c, "vcard-temp", d.part); ok {
				p.fields[i] = kept(st.Text(e))
			}
		}
	}
	said := p.full
	for i, v := range append(p.fields[:], p.full) {
		p.folded[i] = fold(v)
		said += v
	}
	if said == "" {
		return nil
	}
	return &p
}

// kept is a value as it is kept: a copy, on one line, not too long.
func kept(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxKept {
		s = strings.ToValidUTF8(s[:maxKept], "")
	}
	return strings.Clone(s)
}

func (p *person) appendItem(b []byte) []byte {
	b = stanza.AppendOpen(b, "item", "jid", p.jid)
	for i, d := range fields {
		b = stanza.AppendElement(b, d.name, p.fields[i])
	}
	return stanza.AppendClose(b, "item")
}

// appendResult appends people as a form of several items (§3; XEP-0004 §3.4).
func appendResult(b []byte, list []person) []byte {
	b = stanza.AppendOpen(b, "x", "xmlns", forms.NS, "type", "result")
	b = append(b, "<field var='FORM_TYPE' type='hidden'><value>"+ns+"</value></field>"...)
	b = append(b, "<reported><field var='jid' type='jid-single' label='Address'/>"...)
	for _, d := range fields {
		b = stanza.AppendEmpty(b, "field", "var", d.name, "type", "text-single", "label", d.label)
	}
	b = append(b, "</reported>"...)
	for i := range list {
		p := &list[i]
		b = append(b, "<item>"...)
		b = appendField(b, "jid", p.jid)
		for i, d := range fields {
			b = appendField(b, d.name, p.fields[i])
		}
		b = append(b, "</item>"...)
	}
	return stanza.AppendClose(b, "x")
}

func appendField(b []byte, name, value string) []byte {
	b = stanza.AppendOpen(b, "field", "var", name)
	b = stanza.AppendElement(b, "value", value)
	return stanza.AppendClose(b, "field")
}

// wanted is what is looked for in each field, "" for anything.
type wanted [4]string

// prepare makes what is looked for comparable. A search for everybody is none: it is
// for who knows somebody, not to gather addresses.
func (w *wanted) prepare() error {
	any := false
	for i := range w {
		if len(w[i]) > maxValue {
			return stanza.NotAcceptable(fmt.Sprintf("what is looked for may have up to %d bytes", maxValue))
		}
		// Clients of other servers know * for what may follow: here it always may.
		w[i] = fold(strings.TrimRight(strings.TrimSpace(w[i]), "*"))
		any = any || w[i] != ""
	}
	if !any {
		return stanza.NotAcceptable("fill in at least one field")
	}
	return nil
}

// fold makes text comparable.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// matches reports whether a person, nil for one without a card, of an account's name
// is looked for: each field that is given begins the value, or a word in it.
func (w *wanted) matches(p *person, local string) bool {
	for i, v := range w {
		switch {
		case v == "", i == nickField && strings.HasPrefix(local, v):
		case p == nil:
			return false
		case begins(p.folded[i], v):
		case i != len(fields)-1 && p.fields[0]+p.fields[1] == "" && begins(p.folded[len(fields)], v): // a card with one name
		default:
			return false
		}
	}
	return true
}

// begins reports whether a value, or a word in it, begins with v.
func begins(value, v string) bool {
	return strings.HasPrefix(value, v) || strings.Contains(value, " "+v)
}

package vcard

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"natter/stanza"
)

// ns4 is the namespace of vCard4 (RFC 6351), of which XEP-0292 has one <vcard/>.
const ns4 = "urn:ietf:params:xml:ns:vcard-4.0"

// maxProperties bounds what is taken from a card, in properties.
const maxProperties = 200

// property is what both formats say: the name it has in vCard4, what it is of (home,
// work, cell…) and its value in parts.
type property struct {
	name  string
	types string // those of kinds, in its order, each between spaces
	parts []string
}

// shape is how a property is written. Properties of one part have no elements within
// in vcard-temp; part names are those of vCard4 and vcard-temp in turn.
type shape struct {
	name, old string
	value     string // element of the value in vCard4, "" with parts
	scheme    string // of a value that is a URI, cut off in vcard-temp
	parts     [][2]string
	kinds     bool // it may have types
}

// shapes are the properties that are converted, in the order of XEP-0292's example.
// Pictures are XEP-0398's business; the rest has no counterpart.
var shapes = []shape{
	{name: "fn", old: "FN", value: "text"},
	{name: "n", old: "N", parts: [][2]string{{"surname", "FAMILY"}, {"given", "GIVEN"}, {"additional", "MIDDLE"}, {"prefix", "PREFIX"}, {"suffix", "SUFFIX"}}},
	{name: "nickname", old: "NICKNAME", value: "text"},
	{name: "bday", old: "BDAY", value: "date"},
	{name: "adr", old: "ADR", kinds: true, parts: [][2]string{{"pobox", "POBOX"}, {"ext", "EXTADD"}, {"street", "STREET"}, {"locality", "LOCALITY"}, {"region", "REGION"}, {"code", "PCODE"}, {"country", "CTRY"}}},
	{name: "tel", old: "TEL", kinds: true, value: "uri", scheme: "tel:", parts: [][2]string{{"", "NUMBER"}}},
	{name: "email", old: "EMAIL", kinds: true, value: "text", parts: [][2]string{{"", "USERID"}}},
	{name: "impp", old: "JABBERID", value: "uri", scheme: "xmpp:"},
	{name: "tz", old: "TZ", value: "text"},
	{name: "geo", old: "GEO", value: "uri", scheme: "geo:", parts: [][2]string{{"", "LAT"}, {"", "LON"}}},
	{name: "title", old: "TITLE", value: "text"},
	{name: "role", old: "ROLE", value: "text"},
	{name: "org", old: "ORG", value: "text", parts: [][2]string{{"", "ORGNAME"}, {"", "ORGUNIT"}}},
	{name: "url", old: "URL", value: "uri"},
	{name: "note", old: "DESC", value: "text"},
}

// kinds are the types of addresses and numbers, in vCard4 and vcard-temp.
var kinds = [][2]string{
	{"home", "HOME"}, {"work", "WORK"}, {"voice", "VOICE"}, {"fax", "FAX"}, {"pager", "PAGER"},
	{"text", "MSG"}, {"cell", "CELL"}, {"video", "VIDEO"},
}

// old2 are further names in vcard-temp, read but not written.
var old2 = map[string]string{"NOTE": "DESC"}

// element parses an element that stands alone; nil where it is none.
func element(b []byte) *stanza.Stanza {
	l := stanza.AfterLogin
	l.Bytes, l.Memory = max(l.Bytes, len(b)), max(l.Memory, 2*len(b))
	st, err := stanza.Parse(b, l)
	if err != nil {
		return nil
	}
	return st
}

// fromOld reads the properties of a vcard-temp card.
func fromOld(card []byte) (list []property) {
	st := element(card)
	if st == nil || !st.Is(ns, "vCard") {
		return nil
	}
	for c := range st.All() {
		name := string(st.Local(c))
		if other, ok := old2[name]; ok {
			name = other
		}
		i := slices.IndexFunc(shapes, func(s shape) bool { return s.old == name })
		if i < 0 || string(st.Space(c)) != ns || len(list) == maxProperties {
			continue
		}
		s := &shapes[i]
		p := property{name: s.name}
		if s.parts == nil {
			p.parts = []string{strings.TrimSpace(st.Text(c))}
		} else {
			p.parts = make([]string, len(s.parts))
		}
		for e := range st.Children(c) {
			if j := slices.IndexFunc(s.parts, func(part [2]string) bool { return part[1] == string(st.Local(e)) }); j >= 0 {
				v := strings.TrimSpace(st.Text(e))
				if s.name == "org" && j == 1 && p.parts[1] != "" { // as many units as there are
					p.parts = append(p.parts, v)
				} else if p.parts[j] == "" {
					p.parts[j] = v
				}
			}
		}
		if s.kinds {
			for _, k := range kinds {
				if _, ok := st.Find(c, ns, k[1]); ok {
					p.types += " " + k[0] + " "
				}
			}
		}
		list = p.addTo(list)
	}
	return list
}

// fromNew reads the properties of a vCard4.
func fromNew(card []byte) (list []property) {
	st := element(card)
	if st == nil || !st.Is(ns4, "vcard") {
		return nil
	}
	for c := range st.All() {
		i := slices.IndexFunc(shapes, func(s shape) bool { return st.ChildIs(c, ns4, s.name) })
		if i < 0 || len(list) == maxProperties {
			continue
		}
		s := &shapes[i]
		p := property{name: s.name}
		if s.value == "" {
			p.parts = make([]string, len(s.parts))
		}
		for e := range st.Children(c) {
			name := string(st.Local(e))
			switch v := strings.TrimSpace(st.Text(e)); {
			case name == "parameters":
				if s.kinds {
					p.types = typesIn(st, e)
				}
			case s.value == "":
				j := slices.IndexFunc(s.parts, func(part [2]string) bool { return part[0] == name })
				if j >= 0 && p.parts[j] == "" {
					p.parts[j] = v
				}
			case len(p.parts) == 0 || s.name == "org":
				p.parts = append(p.parts, plain(s, name, v))
			}
		}
		if s.name == "geo" {
			lat, lon, ok := strings.Cut(strings.Join(p.parts, ""), ",")
			lon, _, _ = strings.Cut(lon, ";")
			if !ok || lat == "" || lon == "" {
				continue
			}
			p.parts = []string{lat, lon}
		}
		list = p.addTo(list)
	}
	return list
}

// typesIn reads the types among a property's parameters.
func typesIn(st *stanza.Stanza, parameters stanza.Child) (types string) {
	t, ok := st.Find(parameters, ns4, "type")
	if !ok {
		return ""
	}
	given := make(map[string]bool)
	for v := range st.Children(t) {
		given[strings.ToLower(strings.TrimSpace(st.Text(v)))] = true
	}
	for _, k := range kinds {
		if given[k[0]] {
			types += " " + k[0] + " "
		}
	}
	return types
}

// plain is a value of vCard4 as vcard-temp has it.
func plain(s *shape, element, v string) string {
	if element != "uri" || s.scheme == "" || len(v) < len(s.scheme) || !strings.EqualFold(v[:len(s.scheme)], s.scheme) {
		return v
	}
	v = v[len(s.scheme):]
	if u, err := url.PathUnescape(v); err == nil && s.scheme == "xmpp:" {
		return u
	}
	return v
}

// addTo appends the property where it says something, without the empty parts at its
// end.
func (p property) addTo(list []property) []property {
	if s := p.shape(); s.parts == nil || s.name == "org" {
		for len(p.parts) > 0 && p.parts[len(p.parts)-1] == "" {
			p.parts = p.parts[:len(p.parts)-1]
		}
	}
	if strings.Join(p.parts, "") == "" {
		return list
	}
	return append(list, p)
}

func (p property) shape() *shape {
	return &shapes[slices.IndexFunc(shapes, func(s shape) bool { return s.name == p.name })]
}

func same(a, b []property) bool {
	return slices.EqualFunc(a, b, func(x, y property) bool {
		return x.name == y.name && x.types == y.types && slices.Equal(x.parts, y.parts)
	})
}

// toOld writes a vcard-temp card.
func toOld(list []property) []byte {
	b := stanza.AppendOpen(nil, "vCard", "xmlns", ns)
	for _, p := range list {
		s := p.shape()
		if s.parts == nil {
			b = stanza.AppendElement(b, s.old, p.parts[0])
			continue
		}
		b = stanza.AppendOpen(b, s.old)
		for _, k := range kinds {
			if strings.Contains(p.types, " "+k[0]+" ") {
				b = stanza.AppendEmpty(b, k[1])
			}
		}
		if s.name == "email" {
			b = stanza.AppendEmpty(b, "INTERNET")
		}
		for i, v := range p.parts {
			if v != "" {
				b = stanza.AppendElement(b, s.parts[min(i, len(s.parts)-1)][1], v)
			}
		}
		b = stanza.AppendClose(b, s.old)
	}
	return stanza.AppendClose(b, "vCard")
}

// toNew writes a vCard4. It has a formatted name, as RFC 6350 §6.2.1 demands: where
// the list has none, one that is made of what there is, or who it is of.
func toNew(list []property, who string) []byte {
	b := stanza.AppendOpen(nil, "vcard", "xmlns", ns4)
	if !slices.ContainsFunc(list, func(p property) bool { return p.name == "fn" }) {
		for _, p := range list {
			if p.name == "nickname" {
				who = p.parts[0]
			}
		}
		for _, p := range list {
			if full := strings.TrimSpace(p.parts[min(1, len(p.parts)-1)] + " " + p.parts[0]); p.name == "n" && full != "" {
				who = full
			}
		}
		list = append([]property{{name: "fn", parts: []string{who}}}, list...)
	}
	for _, p := range list {
		s := p.shape()
		b = stanza.AppendOpen(b, s.name)
		if p.types != "" {
			b = append(b, "<parameters><type>"...)
			for _, t := range strings.Fields(p.types) {
				b = stanza.AppendElement(b, "text", t)
			}
			b = append(b, "</type></parameters>"...)
		}
		switch {
		case s.value == "":
			for i, v := range p.parts {
				if v != "" {
					b = stanza.AppendElement(b, s.parts[i][0], v)
				}
			}
		case s.name == "geo":
			b = stanza.AppendElement(b, "uri", s.scheme+strings.Join(p.parts, ","))
		default:
			for _, v := range p.parts {
				name, v := written(s, v)
				b = stanza.AppendElement(b, name, v)
			}
		}
		b = stanza.AppendClose(b, s.name)
	}
	return stanza.AppendClose(b, "vcard")
}

// written returns the element of vCard4 that holds a value of vcard-temp, and how it
// is spelled there.
func written(s *shape, v string) (element, text string) {
	switch {
	case s.value == "date":
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			return "text", v
		}
	case s.scheme == "tel:":
		if strings.Trim(v, "+0123456789-.()") != "" {
			return "text", v // spaces and words are no URI (RFC 3966)
		}
		return "uri", s.scheme + v
	case s.scheme == "xmpp:":
		return "uri", s.scheme + (&url.URL{Path: v}).EscapedPath()
	}
	return s.value, v
}

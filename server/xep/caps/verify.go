package caps

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"slices"
	"strings"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// hashes are those of the registry that XEP-0115 §4 names.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha-1": sha1.New, "sha-224": sha256.New224,
	"sha-256": sha256.New, "sha-384": sha512.New384, "sha-512": sha512.New,
}

// Bounds on an answer.
const (
	maxFeatures = 1000
	maxBytes    = 32 << 10 // of all features
)

// identity is what a client is (XEP-0030 §3.1).
type identity struct{ category, typ, lang, name string }

// read returns the features in the answer to a disco#info request, nil when it
// holds none or too many, and whether it hashes to what was claimed (XEP-0115 §5.4).
func read(st *stanza.Stanza, c claim) (*server.Features, bool) {
	query, ok := st.Child(nsInfo, "query")
	if !ok {
		return nil, false
	}
	var ids []identity
	var features []string
	var list []*forms.Form
	sound, size := true, 0
	for e := range st.Children(query) {
		switch {
		case st.ChildIs(e, nsInfo, "identity"):
			var i identity
			i.category, _ = st.ChildAttr(e, "category")
			i.typ, _ = st.ChildAttr(e, "type")
			i.name, _ = st.ChildAttr(e, "name")
			i.lang, _ = st.ChildAttrNS(e, stanza.NSXML, "lang")
			ids = append(ids, i)
		case st.ChildIs(e, nsInfo, "feature"):
			f, _ := st.ChildAttr(e, "var")
			features = append(features, f)
			size += len(f)
		case st.ChildIs(e, forms.NS, "x"):
			f, err := forms.Parse(st, e)
			if err != nil {
				sound = false
				continue
			}
			list = append(list, f)
		}
		if len(ids)+len(features)+len(list) > maxFeatures || size > maxBytes {
			return nil, false
		}
	}
	f := server.NewFeatures(features)
	s, ok := verification(ids, features, list)
	if !sound || !ok {
		return f, false
	}
	if hashes[c.hash] == nil {
		return f, false
	}
	h := hashes[c.hash]()
	h.Write(s)
	return f, base64.StdEncoding.EncodeToString(h.Sum(nil)) == c.ver
}

// verification returns the string S of §5.1; false when the answer is ill-formed
// (§5.4). So is what holds the separators of S, with which an answer could be
// made that hashes to another one's value (§8.2).
func verification(ids []identity, features []string, list []*forms.Form) ([]byte, bool) {
	var s bytes.Buffer
	add := func(v string) bool {
		s.WriteString(v)
		s.WriteByte('<')
		return !strings.ContainsAny(v, "<\n")
	}
	ok := true
	slices.SortFunc(ids, func(a, b identity) int {
		return cmp.Or(strings.Compare(a.category, b.category), strings.Compare(a.typ, b.typ), strings.Compare(a.lang, b.lang), strings.Compare(a.name, b.name))
	})
	for i, id := range ids {
		ok = ok && (i == 0 || ids[i-1] != id) && !strings.Contains(id.category+id.typ+id.lang, "/")
		ok = add(id.category+"/"+id.typ+"/"+id.lang+"/"+id.name) && ok
	}
	features = slices.Sorted(slices.Values(features))
	for i, f := range features {
		ok = ok && (i == 0 || features[i-1] != f)
		ok = add(f) && ok
	}
	list = slices.DeleteFunc(list, func(f *forms.Form) bool {
		t := f.Field("FORM_TYPE")
		return t == nil || t.Type != "hidden" && t.Type != "" || len(t.Values) == 0
	})
	slices.SortStableFunc(list, func(a, b *forms.Form) int { return strings.Compare(a.FormType(), b.FormType()) })
	for i, f := range list {
		types := f.List("FORM_TYPE")
		for _, t := range types {
			ok = ok && t == types[0]
		}
		ok = ok && (i == 0 || list[i-1].FormType() != f.FormType())
		ok = add(f.FormType()) && ok
		fields := slices.Clone(f.Fields)
		slices.SortStableFunc(fields, func(a, b forms.Field) int { return strings.Compare(a.Var, b.Var) })
		for _, d := range fields {
			if d.Var == "FORM_TYPE" {
				continue
			}
			ok = add(d.Var) && ok
			for _, v := range slices.Sorted(slices.Values(d.Values)) {
				// §8.2 is about features; a value may well hold line breaks.
				s.WriteString(v)
				s.WriteByte('<')
				ok = ok && !strings.Contains(v, "<")
			}
		}
	}
	return s.Bytes(), ok
}

package disco

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// Query returns a <query/> of NSInfo or NSItems, about a node when that is not
// empty, with serialised content.
func Query(ns, node string, inner []byte) []byte {
	b := stanza.AppendOpen(nil, "query", "xmlns", ns, "node", node)
	return stanza.AppendClose(append(b, inner...), "query")
}

// AppendInfo appends the content of a disco#info result: identities, features and
// forms (XEP-0128), which are whole elements.
func AppendInfo(b []byte, ids []server.Identity, features []string, xs ...[]byte) []byte {
	for _, id := range ids {
		b = stanza.AppendEmpty(b, "identity", "category", id.Category, "type", id.Type, "name", id.Name)
	}
	for _, f := range features {
		b = stanza.AppendEmpty(b, "feature", "var", f)
	}
	for _, x := range xs {
		b = append(b, x...)
	}
	return b
}

// Verification returns the SHA-1 verification string of XEP-0115 §5.1 for
// identities without xml:lang, features, and forms that are whole elements; ones
// that do not parse, or have no FORM_TYPE, do not count (§5.4).
func Verification(ids []server.Identity, features []string, xs [][]byte) string {
	var s bytes.Buffer
	var parts []string
	for _, id := range ids {
		parts = append(parts, id.Category+"/"+id.Type+"//"+id.Name)
	}
	slices.Sort(parts)
	fs := slices.Sorted(slices.Values(features))
	for _, p := range append(parts, fs...) {
		s.WriteString(p + "<")
	}
	var list []*forms.Form
	for _, x := range xs {
		if f, err := forms.ParseBytes(x); err == nil && f.FormType() != "" {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b *forms.Form) int { return strings.Compare(a.FormType(), b.FormType()) })
	for _, f := range list {
		s.WriteString(f.FormType() + "<")
		fields := slices.Clone(f.Fields)
		slices.SortFunc(fields, func(a, b forms.Field) int { return strings.Compare(a.Var, b.Var) })
		for _, field := range fields {
			if field.Var == "FORM_TYPE" {
				continue
			}
			s.WriteString(field.Var + "<")
			for _, v := range slices.Sorted(slices.Values(field.Values)) {
				s.WriteString(v + "<")
			}
		}
	}
	sum := sha1.Sum(s.Bytes())
	return base64.StdEncoding.EncodeToString(sum[:])
}

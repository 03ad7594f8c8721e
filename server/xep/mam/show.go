package mam

import (
	"bytes"

	"natter/server/store"
	"natter/stanza"
)

const nsSID = "urn:xmpp:sid:0"

// show appends a message as the archive shows it: without ids that others gave it,
// which say nothing about this archive (XEP-0359 §5).
func show(dst []byte, r *store.Record) []byte {
	if !bytes.Contains(r.Stanza, []byte("stanza-id")) {
		return append(dst, r.Stanza...)
	}
	st, err := stanza.Parse(r.Stanza, stanza.AfterLogin)
	if err != nil {
		return append(dst, r.Stanza...)
	}
	stamp := stanza.Stamp{From: st.From(), Lang: st.Lang(), Declare: true}
	for c := range st.All() {
		if st.ChildIs(c, nsSID, "stanza-id") {
			stamp.Cut = append(stamp.Cut, c.Span())
		}
	}
	return st.AppendTo(dst, &stamp)
}

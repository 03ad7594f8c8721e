// Package bookmarks keeps an account's bookmarks in one place, for clients of all
// times: as items of XEP-0402 PEP Native Bookmarks, version 1.2.0, of which the one
// list of XEP-0048 Bookmarks, version 1.2, is another view, by PEP and in private
// XML (XEP-0411 Bookmarks Conversion, version 1.1.0).
package bookmarks

import (
	"natter/server"
)

const (
	ns    = "urn:xmpp:bookmarks:1"
	nsOld = "storage:bookmarks"
)

// kindRest is the kind of the document with what of the old list is no room and so
// no item: addresses of web pages, and what is not understood. Each stands alone.
const kindRest = "bookmarks-rest"

type module struct{ host *server.Host }

// New makes the module. The module pep is made before it, private after.
func New(h *server.Host) *server.Module {
	m := &module{h}
	h.PEP.View(server.NodeView{Name: nsOld, Base: ns, Collate: m.collate, Split: split})
	h.PEP.Private = map[string]string{nsOld + "\nstorage": nsOld}
	return &server.Module{
		Name: "bookmarks", XEP: "0048 1.2, 0402 1.2.0, 0411 1.1.0", Summary: "rooms one comes back to, the same for all clients",
		AccountFeatures: []string{ns + "#compat", ns + "#compat-pep", "urn:xmpp:bookmarks-conversion:0"},
	}
}

// collate makes the old list from the items.
func (m *module) collate(t *server.Turn, local string, items []server.NodeItem) ([]byte, error) {
	rest, _, err := m.host.Get(t, local, kindRest, "")
	if err != nil {
		return nil, err
	}
	return list(items, rest.Data), nil
}

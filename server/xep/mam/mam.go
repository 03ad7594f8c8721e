// Package mam implements XEP-0313 Message Archive Management, version 1.1.3, for
// accounts: each has an archive of the messages it sent and got, which only its
// owner may read. What is kept is decided where messages are logged
// (server/message.go); package archive answers the queries.
package mam

import (
	"natter/server"
	"natter/server/xep/archive"
	"natter/stanza"
)

type module struct{ host *server.Host }

// New makes the module. Without the archive there is nothing to announce.
func New(h *server.Host) *server.Module {
	m := &module{h}
	mod := &server.Module{
		Name: "mam", XEP: "0313 1.1.3",
		Summary: "every device can read all of the account's conversations",
	}
	if !h.Server.Config.Archive {
		return mod
	}
	mod.AccountFeatures = []string{archive.NS, archive.NSExtended, archive.NSGroupchatField}
	for _, r := range []struct {
		typ  stanza.Type
		name string
	}{{stanza.Set, "query"}, {stanza.Get, "query"}, {stanza.Get, "metadata"}} {
		mod.IQ = append(mod.IQ,
			server.IQHandler{Type: r.typ, NS: archive.NS, Name: r.name, To: server.AtSelf, Handle: m.own},
			server.IQHandler{Type: r.typ, NS: archive.NS, Name: r.name, To: server.AtAccount, Handle: forbidden})
	}
	return mod
}

// own answers about the asker's own archive.
func (m *module) own(q *server.IQ) error {
	return archive.Archive{Host: m.host, Owner: q.Account.Bare, Groupchat: true}.Handle(q)
}

// forbidden answers whoever asks for the archive of somebody else, or of nobody
// (XEP-0313 §8.1).
func forbidden(*server.IQ) error {
	return stanza.Forbidden("an archive is for its owner only")
}

// Package mam implements XEP-0313 Message Archive Management, version 1.1.3, for
// accounts: each has an archive of the messages it sent and got, which only its
// owner may read. What is kept is decided where messages are logged
// (server/message.go, server/archive.go); package archive answers the queries. What
// an account wants kept is told with XEP-0441 MAM Preferences, version 0.2.0;
// what was said is found by XEP-0431 Full Text Search in MAM, version 0.2.0, and
// taken back by XEP-0424 Message Retraction, version 0.4.2.
package mam

import (
	"context"

	"natter/server"
	"natter/server/xep/archive"
	"natter/stanza"
)

type module struct {
	host   *server.Host
	graves retractions
}

// New makes the module. Without the archive there is nothing to announce.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	mod := &server.Module{
		Name: "mam", XEP: "0313 1.1.3, 0424 0.4.2, 0431 0.2.0, 0441 0.2.0",
		Summary: "every device can read and search all of the account's conversations",
	}
	if !h.Server.Config.Archive {
		return mod
	}
	mod.AccountFeatures = []string{archive.NS, archive.NSExtended, archive.NSGroupchatField, archive.NSSearch}
	mod.Features = []string{nsRetract, nsTombstone}
	mod.AccountFeatures = append(mod.AccountFeatures, nsRetract, nsTombstone)
	mod.Load = m.load
	mod.Inline = &server.Inline{Tell: m.tell}
	mod.Hooks = m.hooks()
	for _, r := range []struct {
		typ    stanza.Type
		name   string
		handle func(*server.IQ) error
	}{
		{stanza.Set, "query", m.own}, {stanza.Get, "query", m.own}, {stanza.Get, "metadata", m.own},
		{stanza.Get, "prefs", m.get}, {stanza.Set, "prefs", m.set},
	} {
		mod.IQ = append(mod.IQ,
			server.IQHandler{Type: r.typ, NS: archive.NS, Name: r.name, To: server.AtSelf, Handle: r.handle},
			server.IQHandler{Type: r.typ, NS: archive.NS, Name: r.name, To: server.AtAccount, Handle: forbidden})
	}
	return mod
}

// tell says what the archive holds to a session that is being bound (XEP-0386 §3.2):
// what is newer than that, the session gets.
func (m *module) tell(t *server.Turn, s *server.Session, dst []byte) []byte {
	srv := m.host.Server
	ctx, cancel := context.WithTimeout(context.Background(), srv.Config.StoreTimeout)
	defer cancel()
	t.Flush()
	stored := make(chan struct{})
	srv.Store.Barrier(func(error) { close(stored) }) // what came before the session
	select {
	case <-stored:
	case <-ctx.Done():
		return dst
	}
	dst, err := archive.Archive{Host: m.host, Owner: s.Account.Bare}.Metadata(ctx, dst)
	if err != nil {
		srv.Log.Error("archive not told at login", "account", s.Account.Bare, "err", err)
	}
	return dst
}

// own answers about the asker's own archive.
func (m *module) own(q *server.IQ) error {
	owner := q.Account.Bare
	return archive.Archive{
		Host: m.host, Owner: owner, Show: show, Groupchat: true, Search: true,
		Settle: func(ctx context.Context) error { return m.graves.settle(ctx, owner) },
	}.Handle(q)
}

// forbidden answers whoever asks for the archive of somebody else, or of nobody
// (XEP-0313 §8.1).
func forbidden(*server.IQ) error {
	return stanza.Forbidden("an archive is for its owner only")
}

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"natter/server/store"
	"natter/stanza"
)

// kindAdmins is the kind of the document, of no host, that lists administrators
// beside those of the configuration.
const kindAdmins = "admins"

// Admin reports whether j is the address, or a session, of an administrator.
func (srv *Server) Admin(j stanza.JID) bool {
	return slices.Contains(srv.Admins(), j.Bare().String())
}

// Admins returns the administrators' bare JIDs: those of the configuration first,
// which only the configuration can change. The slice must not be changed.
func (srv *Server) Admins() []string {
	if l := srv.admins.Load(); l != nil {
		return *l
	}
	return srv.Config.Admins
}

// loadAdmins reads those that were added while the server ran.
func (srv *Server) loadAdmins(ctx context.Context) error {
	doc, ok, err := srv.Store.Get(ctx, store.Key{Kind: kindAdmins})
	if err != nil || !ok {
		return err
	}
	var more []string
	if err := json.Unmarshal(doc.Data, &more); err != nil {
		return fmt.Errorf("list of administrators: %w", err)
	}
	srv.useAdmins(more)
	return nil
}

func (srv *Server) useAdmins(more []string) {
	list := slices.Clone(srv.Config.Admins)
	for _, a := range more {
		if !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	srv.admins.Store(&list)
}

// SetAdmins makes the bare JIDs in list the administrators, with those of the
// configuration. then is told when that is durable, unless an error is returned.
func (srv *Server) SetAdmins(t *Turn, list []string, then func(*Turn, error)) error {
	var more []string
	for _, a := range list {
		if !slices.Contains(srv.Config.Admins, a) && !slices.Contains(more, a) {
			more = append(more, a)
		}
	}
	data, err := json.Marshal(more)
	if err != nil {
		return err
	}
	b := new(store.Batch)
	b.Put(store.Doc{Key: store.Key{Kind: kindAdmins}, Data: data})
	return t.Commit(b, func(t *Turn, err error) {
		if err == nil {
			srv.useAdmins(more)
		}
		then(t, err)
	})
}

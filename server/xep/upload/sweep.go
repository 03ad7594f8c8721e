package upload

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"natter/server/store"
)

// sweepEvery is how often expired files are deleted. Nobody gets them before that
// either.
const sweepEvery = 10 * time.Minute

// kindSwept is the kind of the host's document that says up to which hour slots were
// swept.
const kindSwept = "upload-swept"

// start begins the sweeps: rubbish once, what has expired again and again.
func (m *module) start() {
	srv := m.host.Server
	m.sweep.Run = func() {
		srv.Go(func(ctx context.Context) {
			if err := m.expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
				srv.Log.Error("deleting expired uploads", "err", err)
			}
			srv.Wheel.Set(&m.sweep, sweepEvery)
		})
	}
	srv.Wheel.Set(&m.sweep, sweepEvery)
	if srv.Config.Files != "" && m.host == srv.Default() {
		srv.Go(m.tidy)
	}
}

// expire deletes the files and slots of all hours that are over.
func (m *module) expire(ctx context.Context, now time.Time) error {
	key := m.host.Key("", kindSwept, "")
	doc, ok, err := m.host.Server.Store.Get(ctx, key)
	if err != nil {
		return err
	}
	next, err := time.Parse("2006-01-02T15", string(doc.Data))
	if !ok || err != nil {
		next = now.UTC().Truncate(time.Hour)
	}
	for ; next.Add(time.Hour).Before(now); next = next.Add(time.Hour) {
		if err := m.expireHour(ctx, hour(next)); err != nil {
			return err
		}
	}
	if hour(next) == string(doc.Data) {
		return nil
	}
	b := new(store.Batch)
	b.Put(store.Doc{Key: key, Data: []byte(hour(next))})
	return m.host.Server.Store.CommitWait(ctx, b)
}

func (m *module) expireHour(ctx context.Context, hour string) error {
	for {
		docs, err := m.host.Server.Store.FindIndex(ctx, m.host.Name, kind, 1, hour, 100)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, d := range docs {
			s, err := slotOf(d)
			if err != nil {
				s = &slot{ID: d.Key.Key, Account: d.Account}
			}
			if err := m.remove(ctx, s); err != nil {
				return err
			}
		}
	}
}

// remove deletes a slot, which messages told of it, and its file. It waits for the
// store.
func (m *module) remove(ctx context.Context, s *slot) error {
	b := new(store.Batch)
	b.Delete(m.key(s.Account, s.ID))
	if err := m.forget(ctx, b, s.Account, s.ID); err != nil {
		return err
	}
	if err := m.host.Server.Store.CommitWait(ctx, b); err != nil {
		return err
	}
	if dir, err := m.folder(s.Account); err == nil && s.File != "" {
		os.Remove(filepath.Join(dir, s.File))
	}
	return nil
}

// removeAll deletes the files of an account that is gone from the store.
func (m *module) removeAll(account string) {
	dir, err := m.folder(account)
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		m.host.Server.Log.Error("deleting the uploads of a removed account", "err", err)
	}
}

// tidy deletes files that no slot knows: of uploads that broke off with the server,
// and of accounts and slots whose files could not be deleted.
func (m *module) tidy(ctx context.Context) {
	log := m.host.Server.Log
	dir, err := m.host.Server.Files()
	if err != nil {
		log.Error("looking through the uploads", "err", err)
		return
	}
	begun := time.Now().Add(-time.Second) // file systems are not that exact
	root := filepath.Join(dir, "upload")
	folders, _ := os.ReadDir(root) // none yet
	for _, folder := range folders {
		files, err := os.ReadDir(filepath.Join(root, folder.Name()))
		if err != nil {
			continue
		}
		for _, f := range files {
			if ctx.Err() != nil {
				return
			}
			if info, err := f.Info(); err != nil || info.ModTime().After(begun) {
				continue // it may be of an upload under way
			}
			known, err := m.known(ctx, f.Name())
			if err != nil {
				log.Error("looking through the uploads", "err", err)
				return
			}
			if !known {
				os.Remove(filepath.Join(root, folder.Name(), f.Name()))
			}
		}
	}
}

// known reports whether a slot of any host has a file of this name.
func (m *module) known(ctx context.Context, name string) (bool, error) {
	id, _, _ := strings.Cut(name, "-")
	for _, at := range m.everywhere() {
		s, err := at.slot(ctx, id)
		if err != nil || s != nil && s.File == name {
			return s != nil, err
		}
	}
	return false, nil
}

package muc

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// Kinds of documents, of the host conference.DOMAIN and an account that is the
// room's localpart: the room; one for each bare JID it has something to say about;
// and for a room that is listed one more, so that listing reads no others.
const (
	kindRoom     = "room"
	kindStanding = "room-standing"
	kindListed   = "room-listed"
)

// saved is a room as a document. Its index has who made it.
type saved struct {
	Config  config
	Creator string
	Created time.Time
	Locked  bool    `json:",omitempty"`
	Subject subject `json:",omitzero"`
	Extras  extras  `json:",omitzero"`

	Versions savedVersions `json:",omitzero"`
	Activity savedActivity `json:",omitzero"`
}

// listed is what the list of rooms says of one.
type listed struct {
	Name, Description, Lang string
	Open                    bool // for everybody to enter
}

func (s *service) key(name, kind, key string) store.Key {
	return store.Key{Host: s.domain, Account: name, Kind: kind, Key: key}
}

// get reads a document.
func (s *service) get(t *server.Turn, k store.Key) (store.Doc, bool, error) {
	t.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	return s.srv.Store.Get(ctx, k)
}

// lock returns the room of a name, locked, and nil when there is none. It may block
// on the store.
func (s *service) lock(t *server.Turn, name string) (*room, error) {
	for {
		s.mu.Lock()
		r := s.rooms[name]
		s.mu.Unlock()
		if r == nil {
			t.Flush()
			v, err, _ := s.loads.Do(name, func() (any, error) { return s.load(name) })
			if err != nil {
				return nil, err
			}
			if r = v.(*room); r == nil {
				return nil, nil
			}
		}
		if r.mu.Lock(); !r.gone {
			return r, nil
		}
		r.mu.Unlock()
	}
}

// create makes a room for who enters it first (§10.1), locked, unless a guest does;
// another one may have been quicker, then that one's is returned. created says that
// the room is the user's to configure.
func (s *service) create(t *server.Turn, name string, by stanza.JID) (_ *room, created bool, _ error) {
	guest := s.guest(by)
	switch {
	case guest && s.srv.Config.GuestRooms != "on":
		return nil, false, stanza.NotAllowed("guests enter rooms and make none; log in with an account")
	case !s.local(by):
		return nil, false, stanza.NotAllowed("only users of this server make rooms")
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	t.Flush()
	most := s.srv.Config.RoomsPerAccount
	if guest {
		most = min(most, maxGuestRooms)
	}
	// It counts from now on: others of the same account may be on their way beside it.
	s.mu.Lock()
	coming := s.creating[by.String()]
	s.creating[by.String()]++
	s.mu.Unlock()
	arrived := func() {
		s.mu.Lock()
		if s.creating[by.String()]--; s.creating[by.String()] == 0 {
			delete(s.creating, by.String())
		}
		s.mu.Unlock()
	}
	saving := false
	defer func() {
		if !saving {
			arrived()
		}
	}()
	made, err := s.srv.Store.CountIndex(ctx, s.domain, kindRoom, 0, by.String(), most)
	if err != nil {
		return nil, false, err
	}
	if made+coming >= most {
		return nil, false, stanza.ResourceConstraint(fmt.Sprintf("you have made %d rooms, which is as many as you may; destroy one first", made+coming))
	}
	r := s.newRoom(name)
	r.config, r.creator, r.created, r.locked = s.defaults(), by.String(), time.Now(), true
	if guest { // it is nobody's, and open at once
		r.locked = false
	} else {
		r.setStanding(by.String(), standing{Affiliation: owner})
	}
	r.mu.Lock()
	s.mu.Lock()
	old := s.rooms[name]
	if old == nil {
		s.rooms[name] = r
	}
	s.mu.Unlock()
	if old != nil {
		r.mu.Unlock()
		r, err := s.lock(t, name)
		if err == nil && r == nil {
			err = stanza.ItemNotFound("the room was just destroyed; try again")
		}
		return r, false, err
	}
	x := &exchange{t: t, svc: s}
	saving = true
	r.saveThen(x, arrived)
	s.wake()
	return r, !guest, nil
}

// maxGuestRooms bounds the rooms that a guest makes.
const maxGuestRooms = 5

// load reads a room from the store; nil when there is none.
func (s *service) load(name string) (*room, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	for {
		s.mu.Lock()
		r, dying, removals := s.rooms[name], s.dying[name], s.removals
		s.mu.Unlock()
		if r != nil || dying > 0 {
			return r, nil
		}
		r, err := s.read(ctx, name)
		if r == nil || err != nil {
			return nil, err
		}
		if r.placeRestored(); len(r.clients) == 0 && !r.config.Persistent {
			// Nobody has come back to it after a restart.
			b := new(store.Batch)
			r.deleteAll(b)
			return nil, s.srv.Store.CommitWait(ctx, b)
		}
		s.mu.Lock()
		if s.removals != removals {
			s.mu.Unlock()
			continue // what was read may be gone
		}
		s.rooms[name] = r
		s.mu.Unlock()
		s.wake()
		return r, nil
	}
}

// read reads a room's documents, and what its archive has for those who enter.
func (s *service) read(ctx context.Context, name string) (*room, error) {
	doc, ok, err := s.srv.Store.Get(ctx, s.key(name, kindRoom, ""))
	if !ok || err != nil {
		return nil, err
	}
	var v saved
	if err := json.Unmarshal(doc.Data, &v); err != nil {
		return nil, fmt.Errorf("room %s: %w", name, err)
	}
	r := s.newRoom(name)
	r.config, r.creator, r.created, r.locked, r.subject, r.extras = v.Config, v.Creator, v.Created, v.Locked, v.Subject, v.Extras
	r.versions.restore(v.Versions)
	r.activity.restore(v.Activity)
	for after := ""; ; {
		docs, err := s.srv.Store.List(ctx, s.domain, name, kindStanding, "", after, store.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			var st standing
			if err := json.Unmarshal(d.Data, &st); err != nil {
				return nil, fmt.Errorf("room %s: what it has of %s: %w", name, d.Key.Key, err)
			}
			r.restoreStanding(d.Key.Key, st)
			after = d.Key.Key
		}
		if len(docs) < store.MaxPage {
			break
		}
	}
	return r, r.remember(ctx)
}

// remember fills the history from the archive.
func (r *room) remember(ctx context.Context) error {
	if !r.config.Archive || r.history.most == 0 {
		return nil
	}
	records, err := r.svc.srv.Store.Range(ctx, r.jid.String(), store.RangeQuery{N: r.history.most, Reverse: true})
	if err != nil {
		return err
	}
	for i := len(records) - 1; i >= 0; i-- {
		if l, ok := lineOf(&records[i]); ok {
			r.history.add(l)
		}
	}
	return nil
}

// lineOf makes a line of what the archive has; false for what is not replayed.
func lineOf(rec *store.Record) (line, bool) {
	st, err := stanza.Parse(rec.Stanza, stanza.Limits{Bytes: len(rec.Stanza) + 1})
	if err != nil || st.HasNS(nsRetract) || isSubject(st) {
		return line{}, false
	}
	from, err := stanza.ParseJID(st.FromString())
	if err != nil {
		return line{}, false
	}
	return line{id: rec.ID, at: rec.Time(), nick: from.Resource(), bare: rec.From, wire: wireOf(st, st.From(), nil, nil, nil)}, true
}

// save hands the room's document to the store, with the standings that have changed;
// what a trial is about, when that is over. Should it fail it is tried again later.
func (r *room) save(x *exchange) {
	if r.trial != nil {
		r.owed = true
		return
	}
	r.saveThen(x, func() {})
}

// saveThen is save for a room without a trial; then runs when that has ended.
func (r *room) saveThen(x *exchange, then func()) {
	r.owed = false
	b := new(store.Batch)
	if err := r.put(b); err != nil {
		r.svc.srv.Log.Error("room not saved", "room", r.jid.String(), "err", err)
		then()
		return
	}
	failed := func(_ *server.Turn, err error) {
		if err != nil {
			r.dirty.Store(true)
		}
		then()
	}
	if err := r.hand(x, b, failed); err != nil {
		failed(nil, err)
	}
}

// everything has all standings stored with the next document: some were refused.
func (r *room) everything() {
	for bare := range r.affs {
		r.unsaved[bare] = true
	}
	for bare := range r.removed {
		r.unsaved[bare] = true
	}
}

// hand hands changes to the store; then hears of the end. It is not called when they
// are not even taken.
func (r *room) hand(x *exchange, b *store.Batch, then func(*server.Turn, error)) error {
	r.storing.Add(1)
	err := x.t.Commit(b, func(t *server.Turn, err error) {
		r.storing.Add(-1)
		then(t, err)
	})
	if err != nil {
		r.storing.Add(-1)
	}
	return err
}

// put adds the room's document to b, its place in the list, and the standings that
// have changed.
func (r *room) put(b *store.Batch) error {
	data, err := json.Marshal(saved{r.config, r.creator, r.created, r.locked, r.subject, r.extras, r.versions.saved(), r.activity.saved()})
	if err != nil {
		return err
	}
	for bare := range r.unsaved {
		r.putStanding(b, bare)
	}
	clear(r.unsaved)
	b.Put(store.Doc{Key: r.svc.key(r.name, kindRoom, ""), Index: [2]string{r.creator}, Data: data})
	key := r.svc.key(r.name, kindListed, "")
	if !r.config.Public || !r.config.Persistent || r.locked {
		b.Delete(key)
		return nil
	}
	data, err = json.Marshal(r.listed())
	if err != nil {
		return err
	}
	b.Put(store.Doc{Key: key, Data: data})
	return nil
}

// putStanding adds what the room has of a bare JID to b.
func (r *room) putStanding(b *store.Batch, bare string) {
	key := r.svc.key(r.name, kindStanding, bare)
	st := r.standing(bare)
	if st.empty() && st.Since == 0 {
		b.Delete(key)
		return
	}
	data, _ := json.Marshal(st) // strings and numbers
	b.Put(store.Doc{Key: key, Data: data})
}

// deleteAll adds to b what deletes the room from the store, archive included.
func (r *room) deleteAll(b *store.Batch) {
	b.DeleteAll(r.svc.domain, r.name)
	b.DeleteOwner(r.jid.String())
}

// drop takes a room out of memory that is off the store.
func (s *service) drop(r *room) {
	r.gone = true
	s.mu.Lock()
	delete(s.rooms, r.name)
	s.removals++
	s.mu.Unlock()
}

// discard ends a room, which is locked and empty, that nobody asked to be destroyed.
func (s *service) discard(x *exchange, r *room) {
	r.gone = true
	s.mu.Lock()
	delete(s.rooms, r.name)
	s.dying[r.name]++
	s.mu.Unlock()
	done := func(_ *server.Turn, err error) {
		if err != nil { // it goes when somebody asks for it
			s.srv.Log.Error("room not deleted", "room", r.jid.String(), "err", err)
		}
		s.mu.Lock()
		s.removals++
		if s.dying[r.name]--; s.dying[r.name] == 0 {
			delete(s.dying, r.name)
		}
		s.mu.Unlock()
	}
	b := new(store.Batch)
	r.deleteAll(b)
	if err := x.t.Commit(b, done); err != nil {
		done(x.t, err)
	}
}

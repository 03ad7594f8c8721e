package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"natter/presence"
	"natter/server/store"
	"natter/stanza"
)

// savedSession is what a restart has to know of a session that can be resumed.
type savedSession struct {
	Resource   string
	Since      time.Time
	Remote     string            `json:",omitempty"`
	Client     string            `json:",omitempty"`
	Lang       string            `json:",omitempty"`
	Flags      uint32            `json:",omitempty"`
	Interested bool              `json:",omitempty"`
	Presence   []byte            `json:",omitempty"` // the last broadcast one
	Priority   int8              `json:",omitempty"`
	Directed   []string          `json:",omitempty"`
	Modules    map[string][]byte `json:",omitempty"`
}

// savedFlags are the session flags that a restart keeps.
const savedFlags = SessionCarbons | SessionInactive

// Save returns the session's state for a restart.
func (s *Session) Save() ([]byte, error) {
	a := s.Account
	a.mu.Lock()
	v := savedSession{
		Resource: s.Resource, Since: s.Since, Remote: s.Remote, Client: s.Client, Lang: string(s.Lang),
		Flags: s.flags.Load() & savedFlags, Interested: s.interested, Presence: s.current,
	}
	if i := a.index(s); i >= 0 {
		r := &a.view.Resources[i]
		v.Priority = r.Priority
		for _, j := range r.Directed.List() {
			v.Directed = append(v.Directed, j.String())
		}
	}
	for _, m := range a.Host.Modules {
		if m.SaveSession == nil {
			continue
		}
		if data := m.SaveSession(s); data != nil {
			if v.Modules == nil {
				v.Modules = make(map[string][]byte)
			}
			v.Modules[m.Name] = data
		}
	}
	a.mu.Unlock()
	return json.Marshal(v)
}

// Waiting is a message that a restored session was sent and had not confirmed.
type Waiting struct {
	Bytes    []byte // as it goes to the client
	Delivery *Delivery
	Seq      uint32 // its number in the stream before the restart, 0 for none
}

// Restore registers a session as it was before a restart, without telling
// anybody: for its contacts it never went. It returns what its client had not
// confirmed, in order.
func (h *Host) Restore(ctx context.Context, t *Turn, local, id string, state []byte, out Stream) (*Session, []Waiting, error) {
	var v savedSession
	if err := json.Unmarshal(state, &v); err != nil {
		return nil, nil, err
	}
	bare, err := stanza.ParseJID(h.account(local))
	if err != nil {
		return nil, nil, err
	}
	jid, err := bare.WithResource(v.Resource)
	if err != nil {
		return nil, nil, err
	}
	records, err := h.Server.spoolOf(ctx, bare.String(), id)
	if err != nil {
		return nil, nil, err
	}
	a, err := h.LockAccount(t, local)
	if err != nil {
		return nil, nil, err
	}
	if a == nil {
		return nil, nil, fmt.Errorf("%s: %w", bare, ErrUnknown)
	}
	defer a.mu.Unlock()
	s := a.newSession(jid, Binding{Local: local, Remote: v.Remote, Client: v.Client, Out: out})
	s.ID, s.Since = id, v.Since
	if v.Lang != "" {
		s.Lang = []byte(v.Lang)
	}
	s.flags.Store(v.Flags & savedFlags)
	s.interested, s.current = v.Interested, v.Presence
	r := &a.view.Resources[a.index(s)]
	r.Available, r.Priority = v.Presence != nil, v.Priority
	var directed []stanza.JID
	for _, d := range v.Directed {
		if j, err := stanza.ParseJID(d); err == nil {
			directed = append(directed, j)
		}
	}
	r.Directed.Restore(directed)
	for _, m := range h.Modules {
		if m.RestoreSession != nil {
			m.RestoreSession(s, v.Modules[m.Name])
		}
	}
	a.retarget()
	a.holdDrain()
	return s, a.again(records), nil
}

// again serialises messages that were sent before the restart: as they were
// first sent, with their stanza-id. The account must be locked.
func (a *Account) again(records []store.SpoolRecord) []Waiting {
	var list []Waiting
	if a.spool.restored == nil {
		a.spool.restored = make(map[uint64]*Delivery)
	}
	for _, r := range records {
		st, err := alone(r.Record.Stanza)
		if err != nil {
			continue
		}
		d := a.spool.restored[r.Record.ID]
		if d == nil {
			d = &Delivery{ID: r.Record.ID}
			a.spool.restored[d.ID] = d
		}
		d.Copies++
		d.Confirmed = d.Confirmed || r.Done
		stamp := a.late(st, &r.Record)
		list = append(list, Waiting{Bytes: st.AppendTo(nil, &stamp), Delivery: d, Seq: r.Seq})
	}
	return list
}

// Resumed tells that the session's client is back. After a restart it is told
// the presence of its contacts anew: those whose sessions went with the old
// process were never announced as unavailable.
func (srv *Server) Resumed(t *Turn, s *Session, restarted bool) {
	a := s.Account
	a.mu.Lock()
	a.activate(t, s)
	a.startDrain(s)
	var contacts []stanza.JID
	if i := a.index(s); restarted && i >= 0 && a.view.Resources[i].Available {
		for item := range a.Roster.All() {
			if item.State.HasTo() {
				contacts = append(contacts, item.JID)
			}
		}
	}
	a.mu.Unlock()
	for _, j := range contacts {
		h := srv.hosts[j.Domain()]
		if h == nil {
			continue
		}
		if contact := h.Online(j.Local()); contact != nil && contact.online() {
			srv.probe(t, a, &step{kind: presence.Probe, own: s, to: j})
			continue
		}
		srv.made(t, a, NewOrigin(j), "unavailable", &step{own: s})
	}
}

// activate gives a session that was inactive what was held back for it: a stream
// that is resumed is active until it says otherwise (XEP-0352 §5.2). The account must
// be locked.
func (a *Account) activate(t *Turn, s *Session) {
	if !s.Has(SessionInactive) {
		return
	}
	for _, m := range a.Host.Modules {
		if m.Wake != nil {
			m.Wake(t, s)
		}
	}
	s.Clear(SessionInactive)
	a.retarget()
}

// SessionByID returns the session with this id, nil without.
func (srv *Server) SessionByID(id string) *Session {
	var found *Session
	srv.EachSession(func(s *Session) {
		if s.ID == id {
			found = s
		}
	})
	return found
}

// SweepSpool returns to the offline spool what waits for sessions that alive
// does not know.
func (srv *Server) SweepSpool(ctx context.Context, alive func(session string) bool) error {
	after := ""
	for {
		owners, err := srv.Store.SpoolOwners(ctx, after, store.MaxPage)
		if err != nil {
			return err
		}
		for _, owner := range owners {
			if err := srv.sweepOwner(ctx, owner, alive); err != nil {
				return err
			}
			after = owner
		}
		if len(owners) < store.MaxPage {
			return nil
		}
	}
}

func (srv *Server) sweepOwner(ctx context.Context, owner string, alive func(session string) bool) error {
	sessions, err := srv.Store.SpoolSessions(ctx, owner)
	if err != nil {
		return err
	}
	held := make(map[uint64]bool) // a session that is alive still has it to confirm
	for _, w := range sessions {
		if w.Session == "" || !alive(w.Session) {
			continue
		}
		records, err := srv.spoolOf(ctx, owner, w.Session)
		if err != nil {
			return err
		}
		for _, r := range records {
			held[r.Record.ID] = held[r.Record.ID] || !r.Done
		}
	}
	for _, w := range sessions {
		if w.Session == "" || alive(w.Session) {
			continue
		}
		records, err := srv.spoolOf(ctx, owner, w.Session)
		if err != nil {
			return err
		}
		b := new(store.Batch)
		for _, r := range records {
			switch id := r.Record.ID; {
			case r.Done:
				b.SpoolConfirm(owner, id, w.Session)
			case held[id]:
				dropRow(b, owner, id, w.Session)
			default:
				b.SpoolMove(owner, id, w.Session, "", 0)
			}
		}
		if err := srv.Store.CommitWait(ctx, b); err != nil {
			return err
		}
	}
	e, _ := srv.reg.get(owner)
	if e.account == nil {
		return nil
	}
	n, size, err := srv.offlineStats(ctx, owner)
	if err == nil {
		e.account.mu.Lock()
		e.account.spool.count, e.account.spool.bytes = n, size
		e.account.holdDrain()
		e.account.spool.restored = nil // every session that was to be restored is
		e.account.mu.Unlock()
	}
	return err
}

// dropRow takes a session's row of a message off the spool, of which another
// session has its own and has not confirmed it: what is done goes when it is moved.
func dropRow(b *store.Batch, owner string, id uint64, session string) {
	b.SpoolAdd(store.Spool{Owner: owner, ID: id, Session: session, Done: true})
	b.SpoolMove(owner, id, session, "", 0)
}

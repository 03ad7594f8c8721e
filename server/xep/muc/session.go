package muc

import (
	"encoding/json"
	"slices"
	"time"

	"natter/server"
	"natter/stanza"
)

// occupancy is what a session keeps of a room it is in, so that a restart that its
// client does not notice is not noticed by the room either.
type occupancy struct {
	Room    string // bare JID
	Nick    string
	Payload []byte `json:",omitempty"`
	Lang    []byte `json:",omitempty"`
	Role    role

	session *server.Session
}

// occupanciesKey keeps a session's []occupancy, guarded by its account's lock.
type occupanciesKey struct{}

// note keeps with the session that it is in the room, and how.
func (r *room) note(x *exchange, c *client) {
	r.setOccupancy(x, c, &occupancy{Room: r.jid.String(), Nick: c.oc.nick, Payload: c.payload, Lang: c.lang, Role: c.oc.role})
}

// forget takes that back.
func (r *room) forget(x *exchange, c *client) { r.setOccupancy(x, c, nil) }

func (r *room) setOccupancy(x *exchange, c *client, o *occupancy) {
	s := c.session
	if s == nil {
		return
	}
	room := r.jid.String()
	s.Account.Lock()
	list, _ := s.Value(occupanciesKey{}).([]occupancy)
	list = slices.DeleteFunc(slices.Clone(list), func(o occupancy) bool { return o.Room == room })
	if o != nil {
		list = append(list, *o)
	}
	s.SetValue(occupanciesKey{}, list)
	s.Account.Unlock()
	if s.Has(server.SessionResumable) && !slices.Contains(x.changed, s) {
		x.changed = append(x.changed, s)
	}
}

// saveSession is called with the account locked.
func saveSession(s *server.Session) []byte {
	list, _ := s.Value(occupanciesKey{}).([]occupancy)
	if len(list) == 0 {
		return nil
	}
	data, _ := json.Marshal(list) // strings, bytes and numbers
	return data
}

// restoreSession notes where a session was before a restart; the rooms take it in
// when they are loaded. The account is locked.
func (s *service) restoreSession(sess *server.Session, data []byte) {
	var list []occupancy
	if json.Unmarshal(data, &list) != nil {
		return
	}
	sess.SetValue(occupanciesKey{}, list)
	for _, o := range list {
		j, err := stanza.ParseJID(o.Room)
		if err != nil {
			continue
		}
		o.session = sess
		// The room may be at another of the server's domains.
		for _, name := range s.srv.Config.Domains {
			if h := s.srv.Host(name); h != nil && h.Rooms != nil && h.Rooms.Domain == j.Domain() {
				h.Rooms.Return(sess, j, o)
			}
		}
	}
}

// comeBack notes that a session was in one of the service's rooms.
func (s *service) comeBack(sess *server.Session, room stanza.JID, where any) {
	o, ok := where.(occupancy)
	if !ok {
		return
	}
	s.mu.Lock()
	s.restored[room.Local()] = append(s.restored[room.Local()], o)
	s.mu.Unlock()
}

// placeRestored puts those back into a room that were in it before a restart. The
// room is not shared yet.
func (r *room) placeRestored() {
	r.svc.mu.Lock()
	list := r.svc.restored[r.name]
	delete(r.svc.restored, r.name)
	r.svc.mu.Unlock()
	for _, o := range list {
		attr, _, err := r.addressOf(o.Nick)
		if err != nil || r.byJID[o.session.Full] != nil {
			continue
		}
		bare := o.session.JID.Bare()
		oc := r.nicks[o.Nick]
		if oc == nil {
			oc = &occupant{nick: o.Nick, attr: attr, bare: bare, id: r.occupantID(bare.String()), aff: r.affiliation(bare), role: o.Role}
			r.named(oc)
		} else if oc.bare != bare {
			continue
		}
		c := &client{oc: oc, jid: o.session.JID, attr: o.session.Attr, session: o.session, payload: o.Payload, lang: o.Lang, heard: time.Now().Unix()}
		oc.clients = append(oc.clients, c)
		r.clients = append(r.clients, c)
		r.byJID[c.jid.String()] = c
	}
}

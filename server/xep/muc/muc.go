// Package muc implements XEP-0045 Multi-User Chat, version 1.35.5, as the service
// conference.DOMAIN of each host, with what extends it: XEP-0249 Direct MUC
// Invitations, version 1.2; XEP-0317 Hats, version 0.3.1; XEP-0410 MUC Self-Ping,
// version 1.1.0; XEP-0421 Occupant identifiers, version 1.0.1; XEP-0424 Message
// Retraction, version 0.4.2; XEP-0425 Moderated Message Retraction, version 0.3.0;
// XEP-0433 Extended Channel Search, version 0.1.0; XEP-0463 MUC Affiliations
// Versioning, version 0.2.0; XEP-0486 MUC Avatars, version 0.1.0; XEP-0488 MUC
// Token Invite, version 0.1.0; XEP-0500 MUC Slow Mode, version 0.1.1; XEP-0502 MUC
// Activity Indicator, version 0.1.0; XEP-0513 Explicit Mentions, version 0.1.0.
//
// A room is a value with a lock of its own. An operation locks it, decides, changes
// it, appends to the queues of those who are told, and lets go; what may block or
// lead back to a room waits in the operation's exchange until then. A broadcast is
// serialised once. In a room with an archive it is told when it is stored: the
// reflection is the sender's receipt.
package muc

import (
	"sync"
	"time"

	"natter/server"
	"natter/server/xep/archive"
	"natter/server/xep/disco"
	"natter/stanza"

	"golang.org/x/sync/singleflight"
)

const prefix = "conference"

// service is the rooms of one host.
type service struct {
	host   *server.Host
	srv    *server.Server
	domain string
	jid    stanza.JID
	iq     map[request]handler

	// mu is held for one operation on these maps, and nothing is locked under it.
	mu       sync.Mutex
	rooms    map[string]*room       // in memory, by localpart
	dying    map[string]int         // being deleted from the store
	creating map[string]int         // rooms on their way to it, by the bare JID of who makes them
	removals uint64                 // counts what was deleted
	restored map[string][]occupancy // of sessions of before a restart, by the room's localpart
	loads    singleflight.Group

	searching chan struct{} // holds whoever goes through all rooms

	alarm server.Alarm // looks for rooms that nobody needs
	awake bool         // it is set
}

// New makes the module.
func New(h *server.Host) *server.Module {
	s := newService(h)
	h.Rooms = s.api()
	return &server.Module{
		Name: "muc", XEP: "0045 1.35.5, 0249 1.2, 0317 0.3.1, 0410 1.1.0, 0421 1.0.1, 0424 0.4.2, 0425 0.3.0, 0433 0.1.0, 0463 0.2.0, 0486 0.1.0, 0488 0.1.0, 0500 0.1.1, 0502 0.1.0, 0513 0.1.0", Summary: "chat rooms",
		Service:        &server.Service{Prefix: prefix, Name: "Chat rooms", Guests: true, Route: s.route},
		SaveSession:    saveSession,
		RestoreSession: s.restoreSession,
	}
}

func newService(h *server.Host) *service {
	s := &service{
		host: h, srv: h.Server, domain: prefix + "." + h.Name,
		rooms: make(map[string]*room), dying: make(map[string]int), creating: make(map[string]int), restored: make(map[string][]occupancy),
		searching: make(chan struct{}, 1),
	}
	s.jid, _ = stanza.ParseJID(s.domain)
	s.iq = s.handlers()
	s.alarm.Run = s.sweep
	return s
}

// guest reports whether an address is that of an anonymous user.
func (s *service) guest(j stanza.JID) bool { return s.srv.IsGuest(j) }

// local reports whether an address is of this server.
func (s *service) local(j stanza.JID) bool { return s.srv.Host(j.Domain()) != nil }

// route takes every stanza for the service and its rooms.
func (s *service) route(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
	switch st.Kind {
	case stanza.Presence:
		s.presence(t, o, to, st)
	case stanza.Message:
		s.message(t, o, to, st)
	case stanza.IQ:
		s.request(t, o, to, st)
	}
}

// presence handles presence for a room.
func (s *service) presence(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
	switch st.Type {
	case stanza.TypeNone, stanza.Unavailable, stanza.TypeError:
	default:
		return // a room is nobody's contact
	}
	muc, joins := st.Child(nsMUC, "x")
	joins = joins && st.Type == stanza.TypeNone
	if to.Local() == "" {
		if joins {
			s.srv.Bounce(t, o, st, stanza.JIDMalformed("a room's address has a name before the @"))
		}
		return
	}
	r, err := s.lock(t, to.Local())
	created := false
	if err == nil && r == nil {
		switch {
		case joins && to.Resource() != "":
			r, created, err = s.create(t, to.Local(), o.JID.Bare())
		case st.Type == stanza.TypeNone:
			x := &exchange{t: t, svc: s}
			s.stranger(x, to, o)
			x.end()
			return
		default:
			return
		}
	}
	if err != nil {
		s.srv.Bounce(t, o, st, asStanzaError(err))
		return
	}
	x := &exchange{t: t, svc: s}
	refused := r.later(x, o, st, func(x *exchange, o *server.Origin, st *stanza.Stanza) *stanza.Error {
		if muc, joins = st.Child(nsMUC, "x"); joins && st.Type == stanza.TypeNone {
			err := r.join(x, o, to.Resource(), st, muc, created)
			if err != nil && created {
				s.discard(x, r)
			}
			return err
		}
		c := r.byJID[o.JID.String()]
		switch {
		case c == nil && st.Type == stanza.TypeNone:
			s.stranger(x, to, o)
		case c == nil:
		case st.Type == stanza.TypeNone:
			return r.refresh(x, c, to.Resource(), st, o)
		case st.Type == stanza.Unavailable:
			r.leave(x, c, left(o, st))
		default:
			r.failed(x, c, st)
		}
		return nil
	})
	r.mu.Unlock()
	x.end()
	if refused != nil {
		s.srv.Bounce(t, o, st, refused)
	}
}

// later carries out an operation now, or after what waits in the room's queue of
// the same sender, so that what one does happens in the order it was done.
func (r *room) later(x *exchange, o *server.Origin, st *stanza.Stanza, do func(*exchange, *server.Origin, *stanza.Stanza) *stanza.Error) *stanza.Error {
	waits, full := r.queue.has(o.JID)
	switch {
	case !waits:
		return do(x, o, st)
	case full:
		return stanza.ResourceConstraint("the room has too much to do; try again later")
	}
	origin, kept := *o, st.Clone()
	r.queue.put(&queued{from: o.JID, size: len(st.Raw), ready: true, run: func(x *exchange, _ error) {
		if err := do(x, &origin, kept); err != nil {
			x.after = append(x.after, func(t *server.Turn) { x.svc.srv.Bounce(t, &origin, kept, err) })
		}
	}})
	return nil
}

// message handles a message for the service, a room or an occupant.
func (s *service) message(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
	if to.Local() == "" {
		s.srv.Bounce(t, o, st, stanza.ServiceUnavailable("nobody reads messages to the room service; write to a room"))
		return
	}
	r, err := s.lock(t, to.Local())
	if err == nil && r == nil {
		err = stanza.ItemNotFound("there is no such room")
	}
	if err != nil {
		s.srv.Bounce(t, o, st, asStanzaError(err))
		return
	}
	x := &exchange{t: t, svc: s}
	var refused *stanza.Error
	switch {
	case r.locked && r.byJID[o.JID.String()] == nil: // §16.2 of the business rules
		if st.Type != stanza.TypeError {
			refused = stanza.ItemNotFound("there is no such room")
		}
	case st.Type == stanza.TypeError:
		if c := r.byJID[o.JID.String()]; c != nil {
			r.failed(x, c, st)
		}
	case to.Resource() != "":
		refused = r.private(x, o, to.Resource(), st)
	case st.Type == stanza.Groupchat:
		refused = r.groupchat(x, o, st)
	default:
		refused = r.mediated(x, o, st)
	}
	r.mu.Unlock()
	x.end()
	if refused != nil {
		s.srv.Bounce(t, o, st, refused)
	}
}

// failures are the conditions by which an error says that who was sent a stanza is
// not there any more (§11.1).
var failures = map[string]bool{
	"gone": true, "internal-server-error": true, "item-not-found": true, "jid-malformed": true, "recipient-unavailable": true,
	"redirect": true, "remote-server-not-found": true, "remote-server-timeout": true, "service-unavailable": true,
}

// failed handles an error that comes back from an occupant: one that cannot be
// reached is taken out. Whether a session of this server is there is known.
func (r *room) failed(x *exchange, c *client, st *stanza.Stanza) {
	e := stanza.ErrorOf(st)
	if c.session == nil && e != nil && failures[e.Condition] {
		r.leave(x, c, kicked("could not be reached"))
	}
}

// errEnding is what those are told who do something in a room that is being destroyed.
func errEnding() *stanza.Error {
	return stanza.ResourceConstraint("the room is being destroyed; try again later")
}

// asStanzaError is what an error means to who asked.
func asStanzaError(err error) *stanza.Error {
	if e, ok := err.(*stanza.Error); ok {
		return e
	}
	e := stanza.InternalServerError("something went wrong on the server; try again later")
	e.Type = stanza.Wait
	return e
}

// request handles an IQ for the service, a room or an occupant.
func (s *service) request(t *server.Turn, o *server.Origin, to stanza.JID, st *stanza.Stanza) {
	if st.Type != stanza.Get && st.Type != stanza.Set {
		return
	}
	q := s.host.Request(t, o, to, st)
	if err := s.answer(q); err != nil && err != server.Pending {
		q.Fail(t, err)
	}
}

// request names a kind of request; handler answers one to a room, which is locked.
type request struct {
	typ      stanza.Type
	ns, name string
}

type handler func(x *exchange, r *room, q *server.IQ) error

func (s *service) handlers() map[request]handler {
	return map[request]handler{
		{stanza.Get, disco.NSInfo, "query"}:  (*exchange).info,
		{stanza.Get, disco.NSItems, "query"}: (*exchange).items,
		{stanza.Get, nsPing, "ping"}:         (*exchange).ping,
		{stanza.Get, nsAdmin, "query"}:       (*exchange).list,
		{stanza.Set, nsAdmin, "query"}:       (*exchange).administer,
		{stanza.Get, nsOwner, "query"}:       (*exchange).configuration,
		{stanza.Set, nsOwner, "query"}:       (*exchange).own,
		{stanza.Get, nsQuery, "query"}:       (*exchange).registration,
		{stanza.Set, nsQuery, "query"}:       (*exchange).register,
		{stanza.Get, nsVCard, "vCard"}:       (*exchange).card,
		{stanza.Set, nsVCard, "vCard"}:       (*exchange).setCard,
		{stanza.Set, nsCommands, "command"}:  (*exchange).command,
		{stanza.Set, nsModerate, "moderate"}: (*exchange).moderate,
		{stanza.Set, nsToken, "request"}:     (*exchange).issueToken,
		{stanza.Get, nsToken, "tokens"}:      (*exchange).listTokens,
		{stanza.Set, nsToken, "revoke"}:      (*exchange).revokeToken,
		{stanza.Get, nsMentions, "query"}:    (*exchange).mentionForm,
		{stanza.Set, nsMentions, "query"}:    (*exchange).setMentions,
		{stanza.Get, archive.NS, "query"}:    (*exchange).query,
		{stanza.Set, archive.NS, "query"}:    (*exchange).query,
		{stanza.Get, archive.NS, "metadata"}: (*exchange).query,
	}
}

func (s *service) answer(q *server.IQ) error {
	if q.To.Local() == "" {
		return s.answerService(q)
	}
	r, err := s.lock(q.Turn, q.To.Local())
	switch {
	case err != nil:
		return err
	case r == nil:
		return stanza.ItemNotFound("there is no such room") // §6.4
	}
	x := &exchange{t: q.Turn, svc: s}
	if q.To.Resource() != "" {
		err = r.relay(x, q)
	} else {
		key := request{q.Stanza.Type, string(q.Stanza.Space(q.Payload)), string(q.Stanza.Local(q.Payload))}
		switch h := s.iq[key]; {
		case h == nil:
			err = stanza.ServiceUnavailable("a room does not answer that")
		case changes(key):
			r.used = time.Now()
			err = r.try(x, q, h)
		default:
			r.used = time.Now()
			err = h(x, r, q)
		}
	}
	r.mu.Unlock()
	x.end()
	return err
}

// reply answers a request once the room is let go.
func (x *exchange) reply(q *server.IQ, payload []byte) error {
	x.after = append(x.after, func(t *server.Turn) { q.Reply(t, payload) })
	return nil
}

package muc

import (
	"context"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// api is the service for what is no XMPP client.
func (s *service) api() *server.Rooms {
	return &server.Rooms{
		Domain: s.domain, Post: s.post, Watch: s.watch, Occupants: s.list, History: s.past, After: s.since, May: s.may, Info: s.describe, Return: s.comeBack,
	}
}

// find is lock for a room that has to be there.
func (s *service) find(t *server.Turn, j stanza.JID) (*room, error) {
	if j.Domain() != s.domain || j.Local() == "" {
		return nil, stanza.ItemNotFound("that is not a room of this server")
	}
	r, err := s.lock(t, j.Local())
	if err == nil && r == nil {
		err = stanza.ItemNotFound("there is no such room: whoever enters it first with a chat program makes it")
	}
	return r, err
}

func (s *service) post(t *server.Turn, j stanza.JID, p server.RoomPost, then func(*server.Turn, server.RoomMessage, error)) {
	if then == nil {
		then = func(*server.Turn, server.RoomMessage, error) {}
	}
	r, err := s.find(t, j)
	if err != nil {
		then(t, server.RoomMessage{}, err)
		return
	}
	x := &exchange{t: t, svc: s}
	err = r.postAs(x, p, then)
	r.mu.Unlock()
	x.end()
	if err != nil {
		then(t, server.RoomMessage{}, err)
	}
}

// postAs sends a message of one who is not an occupant.
func (r *room) postAs(x *exchange, p server.RoomPost, then func(*server.Turn, server.RoomMessage, error)) error {
	attr, as, refused := r.addressOf(p.As)
	if refused != nil {
		return refused
	}
	p.As = as.Resource()
	from := p.From
	if from.IsZero() {
		from = r.svc.host.JID
	}
	switch {
	case r.holder(p.As, from): // who is in the room posts under their own nick too
		return stanza.Conflict("somebody in the room goes by that name; take another one")
	case r.affiliation(from) == outcast:
		return stanza.Forbidden("you are banned from the room")
	case p.Body == "" && len(p.Payload) == 0:
		return stanza.BadRequest("the message is empty: write something")
	case len(p.Body)+len(p.Payload) > x.svc.srv.Config.MaxStanza/2:
		return stanza.PolicyViolation("the message is too long")
	}
	if p.ID == "" {
		p.ID = server.NewID()
	}
	b := stanza.AppendOpen(nil, "message", "type", "groupchat", "id", p.ID)
	if p.Body != "" {
		b = stanza.AppendElement(b, "body", p.Body)
	}
	b = stanza.AppendClose(append(b, p.Payload...), "message")
	st, err := stanza.ParseIn(b, stanza.NSClient, stanza.Limits{Bytes: len(b) + 1})
	if err != nil {
		return err
	}
	l := line{id: x.svc.srv.Store.NextID(), at: time.Now(), nick: p.As, bare: from.Bare().String()}
	l.wire = wireOf(st, attr, nil, nil, r.appendStanzaID(appendOccupantID(nil, r.occupantID(l.bare)), l.id))
	r.activity.count(l.at, st)
	refused = r.send(x, &server.Origin{}, st, l, deed{
		then: func(x *exchange) {
			m := l.message()
			x.after = append(x.after, func(t *server.Turn) { then(t, m, nil) })
		},
		fail: func(t *server.Turn, e *stanza.Error) { then(t, server.RoomMessage{}, e) },
	})
	if refused != nil {
		return refused
	}
	return nil
}

// message is a line as others get it.
func (l *line) message() server.RoomMessage {
	m := server.RoomMessage{ID: l.id, Time: l.at, Nick: l.nick, Stanza: l.wire.alone(nil)}
	if st, err := stanza.Parse(m.Stanza, stanza.Limits{Bytes: len(m.Stanza) + 1}); err == nil {
		m.Body = st.Body()
		m.Subject, m.HasSubject = st.ChildText(stanza.NSClient, "subject")
		m.HasSubject = m.HasSubject && isSubject(st)
	}
	return m
}

func (s *service) watch(t *server.Turn, j stanza.JID, fn func(server.RoomMessage)) (func(), error) {
	r, err := s.find(t, j)
	if err != nil {
		return nil, err
	}
	defer r.mu.Unlock()
	if len(r.watchers) >= maxWatchers {
		return nil, stanza.ResourceConstraint("too many follow the room; try again later")
	}
	if r.watchers == nil {
		r.watchers = make(map[int]func(server.RoomMessage))
	}
	r.watched++
	n := r.watched
	r.watchers[n] = fn
	return func() {
		r.mu.Lock()
		delete(r.watchers, n)
		r.mu.Unlock()
	}, nil
}

// maxWatchers bounds those who follow one room without being in it.
const maxWatchers = 1000

// watch tells those who follow the room.
func (r *room) watch(l line) {
	if len(r.watchers) == 0 {
		return
	}
	m := l.message()
	for _, fn := range r.watchers {
		fn(m)
	}
}

func (s *service) list(t *server.Turn, j stanza.JID) ([]server.RoomOccupant, error) {
	r, err := s.find(t, j)
	if err != nil {
		return nil, err
	}
	defer r.mu.Unlock()
	var list []server.RoomOccupant
	for oc := range r.everybody() {
		list = append(list, server.RoomOccupant{Nick: oc.nick, Role: oc.role.String(), Affiliation: oc.aff.String()})
	}
	return list, nil
}

func (s *service) past(t *server.Turn, j stanza.JID, before uint64, n int) ([]server.RoomMessage, error) {
	r, err := s.find(t, j)
	if err != nil {
		return nil, err
	}
	var list []server.RoomMessage
	archived := r.config.Archive
	if !archived {
		for i := range r.history.lines {
			if l := &r.history.lines[i]; before == 0 || l.id < before {
				list = append(list, l.message())
			}
		}
	}
	r.mu.Unlock()
	if !archived {
		return list[max(0, len(list)-n):], nil
	}
	t.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	records, err := s.srv.Store.Range(ctx, j.Bare().String(), store.RangeQuery{BeforeID: before, N: n, Reverse: true})
	if err != nil {
		return nil, err
	}
	for i := len(records) - 1; i >= 0; i-- {
		if l, ok := lineOf(&records[i]); ok {
			list = append(list, l.message())
		}
	}
	return list, nil
}

// since returns messages above an id.
func (s *service) since(t *server.Turn, j stanza.JID, after uint64, n int) ([]server.RoomMessage, error) {
	r, err := s.find(t, j)
	if err != nil {
		return nil, err
	}
	var list []server.RoomMessage
	archived := r.config.Archive
	if !archived {
		for i := range r.history.lines {
			if l := &r.history.lines[i]; l.id > after {
				list = append(list, l.message())
			}
		}
	}
	r.mu.Unlock()
	if !archived {
		return list[:min(n, len(list))], nil
	}
	t.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	records, err := s.srv.Store.Range(ctx, j.Bare().String(), store.RangeQuery{AfterID: after, N: n})
	if err != nil {
		return nil, err
	}
	for i := range records {
		if l, ok := lineOf(&records[i]); ok {
			list = append(list, l.message())
		}
	}
	return list, nil
}

// may tells whether somebody who is not in the room may read it, or write to it.
func (s *service) may(t *server.Turn, j, who stanza.JID, speak bool) error {
	r, err := s.find(t, j)
	if err != nil {
		return err
	}
	defer r.mu.Unlock()
	aff := r.affiliation(who.Bare())
	if _, _, refused := r.admit(who.Bare(), aff, "", time.Now()); refused != nil {
		return refused
	}
	if speak && r.config.Moderated && defaultRole[1][aff] < participant {
		return stanza.Forbidden("the room is moderated: only who has a voice may write")
	}
	return nil
}

func (s *service) describe(t *server.Turn, j stanza.JID) (server.RoomInfo, error) {
	r, err := s.find(t, j)
	if err != nil {
		return server.RoomInfo{}, err
	}
	defer r.mu.Unlock()
	c := &r.config
	return server.RoomInfo{
		Name: c.Name, Description: c.Description, Subject: r.subject.text(), Occupants: r.occupants(),
		Public: c.Public, MembersOnly: c.MembersOnly, Password: c.Password != "", Guests: c.Guests, Archived: c.Archive,
	}, nil
}

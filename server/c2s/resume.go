package c2s

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"natter/server"
	"natter/stanza"
)

// managed handles the elements of stream management on a bound session
// (XEP-0198).
func (c *conn) managed(t *server.Turn, st *stanza.Stanza, name string) error {
	s := c.stream
	switch name {
	case "enable":
		c.enable(t, st)
		return nil
	case "resume": // only before a resource is bound (§5)
		s.DeliverNonza(t, smFailed("unexpected-request", ""))
		return nil
	case "r", "a":
		if s.acks == nil {
			return &stanza.StreamError{Condition: "policy-violation", Text: "stream management is not enabled"}
		}
		if name == "r" {
			s.asksAck(t)
			return nil
		}
		if err := s.acknowledged(t, st); err != nil {
			return err
		}
		return nil
	}
	return unsupported(st)
}

// enable turns acknowledgements on (§3): counting starts here, in both
// directions.
func (c *conn) enable(t *server.Turn, st *stanza.Stanza) {
	s := c.stream
	if s.acks != nil {
		s.DeliverNonza(t, smFailed("unexpected-request", ""))
		return
	}
	resume, _ := st.AttrString("", "resume")
	a := newAcks(s, resume)
	s.session.Set(a.flags())
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.push(c.enabled(a))
	s.acks = a // what follows <enabled/> is counted, all of it
	s.appended(t)
	if a.resumable {
		c.c2s.remember(s)
		s.Changed(t)
	}
}

// newAcks begins to count for a stream, which can be resumed when the attribute says
// so.
func newAcks(s *Stream, resume string) *acks {
	a := &acks{stream: s, resumable: resume == "true" || resume == "1"}
	if a.resumable {
		a.id = server.NewID()
	}
	return a
}

// flags are those of the session.
func (a *acks) flags() uint32 {
	if a.resumable {
		return server.SessionAcks | server.SessionResumable
	}
	return server.SessionAcks
}

// enabled is <enabled/> (§3).
func (c *conn) enabled(a *acks) []byte {
	b := append([]byte(nil), "<enabled xmlns='urn:xmpp:sm:3'"...)
	if a.resumable {
		b = append(b, " resume='true' id='"...)
		b = append(b, a.id...)
		b = append(b, "' max='"...)
		b = strconv.AppendInt(b, int64(c.host.ResumeTime().Seconds()), 10)
		b = append(b, '\'')
	}
	return append(b, "/>"...)
}

// beforeBind handles stream management on an authenticated stream without a
// session: <resume/> (§5).
func (c *conn) beforeBind(t *server.Turn, st *stanza.Stanza, name string) error {
	if name != "resume" {
		c.stream.DeliverNonza(t, smFailed("unexpected-request", ""))
		return nil
	}
	id, _ := st.AttrString("", "previd")
	h, _ := st.AttrString("", "h")
	refused, err := c.tryResume(t, id, h, func(_ *server.Session, resumed string) [][]byte { return [][]byte{[]byte(resumed)} })
	if refused != nil {
		c.stream.DeliverNonza(t, refused)
	}
	return err
}

// tryResume resumes the session that a client names, or returns the <failed/> that is
// to be answered. answer makes what is sent first from <resumed/>.
func (c *conn) tryResume(t *server.Turn, id, count string, answer func(*server.Session, string) [][]byte) (refused []byte, err error) {
	h, err := strconv.ParseUint(count, 10, 32)
	if err != nil {
		return smFailed("bad-request", ""), nil
	}
	old := c.c2s.find(id)
	if old == nil || old.session.Account.Host != c.host || old.session.Account.Local != c.login.user && !c.host.Anonymous {
		// Guests have nothing to show but the id, which nobody else has.
		return smFailed("item-not-found", ""), nil
	}
	old.acks.taking.Lock()
	defer old.acks.taking.Unlock()
	if err := old.caughtUp(t); err != nil {
		c.c2s.core.Log.Error("session not resumed", "account", old.session.Account.Bare, "err", err)
		return smFailed("internal-server-error", ""), nil
	}
	return c.resume(t, old, uint32(h), answer)
}

// resume gives the session of old this connection. What the client lacks is sent
// again; the old connection, if it is still there, is told that it has been
// replaced.
func (c *conn) resume(t *server.Turn, old *Stream, h uint32, answer func(*server.Session, string) [][]byte) (refused []byte, err error) {
	user := c.login.user
	s := c.stream // its connection and what is queued move over
	s.mu.Lock()
	tr, secure, framing, pull, out, queued, written, busy := s.tr, s.secure, s.framing, s.pull, s.out, s.queued, s.written, s.writing
	rest, taken := s.rest, s.taken // of BOSH, what was not confirmed
	s.mu.Unlock()
	if busy { // it does not even read the greeting
		return nil, &stanza.StreamError{Condition: "resource-constraint"}
	}
	old.mu.Lock()
	if old.ended || old.acks == nil {
		old.mu.Unlock()
		return smFailed("item-not-found", ""), nil
	}
	if !old.acks.covers(h) {
		sent := old.acks.sent
		old.mu.Unlock()
		return nil, tooHigh(uint64(h), sent)
	}
	before, as, quiet := old.tr, old.framing, !old.writing
	restarted := old.acks.restored
	done := old.acks.resumed(h)
	var early server.Leftover // from before <enable/>, and never written
	for _, m := range old.marks {
		early.Logged = append(early.Logged, m.d)
	}
	old.framing, old.pull = framing, pull
	old.tr, old.secure, old.out, old.rest, old.taken, old.marks = tr, secure, out, rest, taken, nil
	old.queued, old.written, old.writing = queued, written, false
	old.closing, old.sealed = false, false
	for _, e := range answer(old.session, "<resumed xmlns='urn:xmpp:sm:3' previd='"+old.acks.id+
		"' h='"+strconv.FormatUint(uint64(old.acks.durable), 10)+"'/>") {
		old.push(e)
	}
	for i := range old.acks.kept {
		if e := &old.acks.kept[i]; e.shared != nil {
			old.pushShared(e.shared, e.b)
		} else {
			old.push(e.b)
		}
	}
	old.touched = true
	old.session.Clear(server.SessionDetached)
	renumbered := old.acks.renumbered(restarted)
	if before != nil && !quiet {
		old.acks.ousted = &ousted{before, as}
		before.SetDeadline(time.Now().Add(linger)) // by then who writes has had to give up
	}
	old.mu.Unlock()
	s.mu.Lock()
	s.tr, s.out, s.rest, s.taken, s.ended = nil, nil, nil, 0, true
	s.mu.Unlock()
	if before != nil && quiet {
		supersede(before, as)
	}
	c.host.GuestLeaves(user) // of the name it was given now
	c.stream, c.login = old, nil
	c.sc.SetLimits(c.c2s.limits)
	t.Touch(old)
	old.beat()
	c.c2s.core.GiveBack(t, old.session, early)
	c.c2s.core.Renumber(t, old.session, renumbered)
	old.confirm(t, done)
	old.Changed(t)
	c.c2s.core.Resumed(t, old.session, restarted)
	return nil, nil
}

// covers reports whether the client may have handled h stanzas: no fewer than it
// acknowledged, no more than were sent. After a restart the count is not known.
func (a *acks) covers(h uint32) bool {
	return a.restored || int64(h-a.acked) <= int64(len(a.kept))
}

// resumed takes the client's count at resumption, drops what it has and numbers
// the rest anew. It returns the logged deliveries it confirms.
func (a *acks) resumed(h uint32) []*server.Delivery {
	var done []*server.Delivery
	if a.restored {
		kept := a.kept[:0:0]
		a.size = 0
		for _, e := range a.kept {
			if e.seq != 0 && int32(h-e.seq) >= 0 {
				done = append(done, e.d)
				continue
			}
			kept = append(kept, e)
			a.size += e.len()
		}
		a.kept, a.restored = kept, false
		a.acked, a.sent = h, h+uint32(len(kept))
	} else {
		done, _ = a.confirm(h)
	}
	a.asked, a.askedAt, a.owed = false, a.acked, false
	return done
}

// renumbered returns the logged deliveries by their new numbers, after a restart;
// nil else. It makes the entries' numbers of before void.
func (a *acks) renumbered(restarted bool) map[uint32]*server.Delivery {
	if !restarted {
		return nil
	}
	m := make(map[uint32]*server.Delivery)
	for i := range a.kept {
		if e := &a.kept[i]; e.d != nil {
			m[a.acked+1+uint32(i)] = e.d
			e.seq = 0
		}
	}
	return m
}

// supersede ends a connection whose session has moved to another one (§5), and to
// which nobody is writing. Most often it is dead. Its read loop ends it when the peer
// has closed, or the linger time is over.
func supersede(tr Transport, as framing) {
	e := stanza.StreamError{Condition: "conflict", Text: "the session was resumed on another connection"}
	tr.SetDeadline(time.Now().Add(linger))
	tr.TryWrite(as.appendEnd(nil, &e))
	tr.CloseWrite()
}

func tooHigh(h uint64, sent uint32) *stanza.StreamError {
	return &stanza.StreamError{
		Condition: "undefined-condition", Text: "more was acknowledged than was sent",
		App: []byte("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + strconv.FormatUint(h, 10) +
			"' send-count='" + strconv.FormatUint(uint64(sent), 10) + "'/>"),
	}
}

// smFailed is <failed/> (§3, §5).
func smFailed(condition, h string) []byte {
	b := "<failed xmlns='urn:xmpp:sm:3'"
	if h != "" {
		b += " h='" + h + "'"
	}
	return []byte(b + "><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
}

// remember makes the stream's session resumable.
func (c *Server) remember(s *Stream) {
	c.mu.Lock()
	c.resumable[s.acks.id] = s
	c.mu.Unlock()
}

func (c *Server) find(id string) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resumable[id]
}

// forget drops what is remembered of a stream that has ended, here and in the
// store.
func (c *Server) forget(s *Stream) {
	s.mu.Lock()
	resumable := s.acks != nil && s.acks.resumable
	s.mu.Unlock()
	if !resumable {
		return
	}
	c.mu.Lock()
	delete(c.resumable, s.acks.id)
	c.mu.Unlock()
	c.unsave(s)
}

// limitDetached ends those of the account's detached sessions beyond the bound that
// have been without a connection for longest.
func (c *Server) limitDetached(t *server.Turn, a *server.Account) {
	list := a.Snapshot()
	if len(list) <= c.core.Config.DetachedSessions {
		return
	}
	mine := make(map[*server.Session]bool, len(list))
	for _, s := range list {
		mine[s] = s.Has(server.SessionDetached)
	}
	type waiting struct {
		s     *Stream
		until int64
	}
	var detached []waiting
	c.mu.Lock()
	for _, s := range c.resumable {
		if mine[s.session] {
			detached = append(detached, waiting{s: s})
		}
	}
	c.mu.Unlock()
	for i := range detached {
		w := &detached[i]
		w.s.mu.Lock()
		w.until = w.s.until
		w.s.mu.Unlock()
	}
	slices.SortFunc(detached, func(x, y waiting) int { return cmp.Compare(x.until, y.until) })
	for len(detached) > c.core.Config.DetachedSessions {
		detached[0].s.End(t, nil)
		detached = detached[1:]
	}
}

package c2s

import (
	"errors"
	"slices"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

// bind2 binds a resource within the login (XEP-0386, version 1.1.0): success makes the
// answer from the session and <bound/>. Everything that others send to the new session
// while it is made ready follows that.
//
// Offline messages are not cleared as §3.2 has it: they come, with their stanza-ids, so
// that a client which reads the archive knows them and one that does not misses nothing.
func (c *conn) bind2(t *server.Turn, r *request, bind stanza.Child, success func(*server.Session, string) [][]byte) error {
	s := c.stream
	inner := ""
	var a *acks
	if on, ok := r.st.Find(bind, nsSM, "enable"); ok {
		resume, _ := r.st.ChildAttr(on, "resume")
		a = newAcks(s, resume)
		inner = string(c.enabled(a))
	}
	t.Flush()
	s.hold(a)
	sess, err := c.bindTag(t, r, bind, func(sess *server.Session) {
		if a != nil {
			sess.Set(a.flags())
		}
		s.bound(sess)
	})
	if err != nil {
		s.mu.Lock()
		s.acks = nil
		s.mu.Unlock()
		s.release(t)
		c.host.GuestLeaves(c.login.user)
		c.login.user = ""
		var refused *stanza.Error
		f := &auth.Failure{Condition: auth.TemporaryAuthFailure}
		if errors.As(err, &refused) {
			f.Text = refused.Text
		} else {
			f.Err = err
		}
		return c.failed(t, nsSASL2, f)
	}
	bound := c.host.Inline(t, sess, r.st, bind, []byte(inner))
	answer := "<bound xmlns='" + nsBind2 + "'/>"
	if len(bound) > 0 {
		answer = "<bound xmlns='" + nsBind2 + "'>" + string(bound) + "</bound>"
	}
	c.login = nil
	c.sc.SetLimits(c.c2s.limits)
	c.c2s.core.Stats.Login(true)
	if a != nil && a.resumable {
		c.c2s.remember(s)
	}
	s.release(t, success(sess, answer)...)
	s.Changed(t)
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended { // by somebody else, meanwhile
		c.c2s.forget(s)
	}
	c.host.EndClient(t, sess)
	return nil
}

// bindTag binds the resource that a client's tag and device give (§3.2.1): always the
// same, so that who knew its full JID still does.
func (c *conn) bindTag(t *server.Turn, r *request, bind stanza.Child, made func(*server.Session)) (*server.Session, error) {
	b := server.Binding{
		Local: c.login.user, Lang: c.lang, Remote: c.remote, Out: c.stream, Made: made,
		Client: c.host.ClientID(c.login.user, r.login.Device),
	}
	tag := ""
	if e, ok := r.st.Find(bind, nsBind2, "tag"); ok {
		tag = r.st.Text(e)
	}
	b.Resource = server.NewID()[:13]
	if r.login.Device != "" {
		b.Resource = c.host.Derive("resource", c.login.user, r.login.Device, tag)[:13]
	}
	if tag == "" {
		return c.host.Bind(t, b)
	}
	plain := b.Resource
	b.Resource = tag + "/" + plain
	sess, err := c.host.Bind(t, b)
	if e := new(stanza.Error); errors.As(err, &e) && e.Condition == "bad-request" {
		b.Resource = plain // the tag can't be part of an address
		return c.host.Bind(t, b)
	}
	return sess, err
}

// hold keeps everything that is queued from now on from being written, until release
// has put before it what comes first. With acks, all of it is counted.
func (s *Stream) hold(a *acks) {
	s.mu.Lock()
	s.held, s.heldAt = true, len(s.out)
	s.acks = a
	s.mu.Unlock()
}

// release ends hold: the elements go before everything that was queued meanwhile.
func (s *Stream) release(t *server.Turn, elements ...[]byte) {
	s.mu.Lock()
	s.held = false
	if s.tr == nil { // and nothing in the queue
		s.mu.Unlock()
		return
	}
	var b []byte
	for _, e := range elements {
		b = s.framing.appendElement(b, e)
	}
	s.grow()
	s.out = slices.Insert(s.out, s.heldAt, b...)
	s.queued += uint64(len(b))
	for i := range s.marks {
		s.marks[i].end += uint64(len(b))
	}
	s.appended(t)
}

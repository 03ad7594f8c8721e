package c2s

import (
	"errors"
	"strconv"

	"natter/server"
	"natter/stanza"
)

// bind handles the request that binds a resource (RFC 6120 §7); any other stanza
// at this point ends the stream (§7.1).
func (c *conn) bind(t *server.Turn, st *stanza.Stanza) error {
	req, ok := st.Child(nsBind, "bind")
	if st.Kind != stanza.IQ || st.Type != stanza.Set || !ok {
		return &stanza.StreamError{Condition: "not-authorized", Text: "bind a resource first"}
	}
	if len(st.ID()) == 0 {
		return c.refuse(t, st, stanza.BadRequest("an IQ needs an id"))
	}
	// Clients put more into <bind/> than belongs there; only <resource/> counts.
	resource := ""
	if r, ok := st.Find(req, nsBind, "resource"); ok {
		resource = st.Text(r)
	}
	s := c.stream
	sess, err := c.host.Bind(t, server.Binding{
		Local: c.login.user, Resource: resource, Lang: c.lang, Remote: c.remote, Out: s, Made: s.bound,
	})
	var refused *stanza.Error
	if errors.As(err, &refused) {
		return c.refuse(t, st, refused)
	}
	if err != nil {
		c.c2s.core.Log.Error("bind failed", "remote", c.remote, "err", err)
		return c.refuse(t, st, stanza.InternalServerError("try again later"))
	}
	c.login = nil
	c.sc.SetLimits(c.c2s.limits)
	b := []byte("<iq type='result' id='")
	b = append(b, st.ID()...)
	b = append(b, "'><bind xmlns='"+nsBind+"'><jid>"...)
	b = stanza.AppendText(b, sess.Full)
	s.DeliverRaw(t, append(b, "</jid></bind></iq>"...))
	return nil
}

// maxBinds is how often a stream may try to bind a resource (RFC 6120 §7.7.3 asks
// for 5 to 10 retries).
const maxBinds = 10

// refuse answers a bind request with an error; the client may try again, up to
// maxBinds.
func (c *conn) refuse(t *server.Turn, st *stanza.Stanza, e *stanza.Error) error {
	if b, ok := stanza.AppendErrorReply(nil, st, e, nil, nil); ok {
		c.stream.DeliverNonza(t, b)
	}
	if c.login.binds++; c.login.binds >= maxBinds {
		return &stanza.StreamError{Condition: "policy-violation", Text: "too many tries to bind a resource"}
	}
	return nil
}

// bound connects a stream with its session and starts the heartbeat.
func (s *Stream) bound(sess *server.Session) {
	s.mu.Lock()
	s.session = sess
	s.alarm.Run = s.ring
	s.mu.Unlock()
	s.beat()
}

// limits announces what a stream may carry (XEP-0478).
func (c *conn) limits(bytes int) string {
	idle := int(c.c2s.core.Config.Idle.Seconds())
	return "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" + strconv.Itoa(bytes) +
		"</max-bytes><idle-seconds>" + strconv.Itoa(idle) + "</idle-seconds></limits>"
}

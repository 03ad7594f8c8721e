package c2s

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

const (
	nsSASL2 = "urn:xmpp:sasl:2"
	nsBind2 = "urn:xmpp:bind:0"
	nsFast  = "urn:xmpp:fast:0"
)

// request is a client's <authenticate/> (XEP-0388 §2.3), version 1.0.4: what it says of
// itself, and what is to be done once it is authenticated.
type request struct {
	st      *stanza.Stanza // stands alone
	login   server.Login   // Local and Token are not known yet
	upgrade bool           // it would have SCRAM-SHA-256 added (XEP-0480)
}

// authentication is the feature <authentication/> for a channel (XEP-0388 §2.1), ""
// where nobody could log in.
func (c *conn) authentication(ch auth.Channel) string {
	mechs := c.host.Auth.Mechanisms(ch)
	if len(mechs) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("<authentication xmlns='" + nsSASL2 + "'>")
	for _, m := range mechs {
		b.WriteString("<mechanism>" + m + "</mechanism>")
	}
	b.WriteString("<inline><bind xmlns='" + nsBind2 + "'><inline><feature var='" + nsSM + "'/>")
	for _, ns := range c.host.InlineFeatures() {
		b.WriteString("<feature var='" + ns + "'/>")
	}
	b.WriteString("</inline></bind><sm xmlns='" + nsSM + "'/>")
	if tokens := c.host.Auth.TokenMechanisms(ch); len(tokens) > 0 {
		// No tls-0rtt: crypto/tls takes no early data.
		b.WriteString("<fast xmlns='" + nsFast + "'>")
		for _, m := range tokens {
			b.WriteString("<mechanism>" + m + "</mechanism>")
		}
		b.WriteString("</fast>")
	}
	b.WriteString("</inline>")
	b.WriteString(upgrades(mechs))
	b.WriteString("</authentication>")
	return b.String()
}

// sasl2 handles the elements of XEP-0388.
func (c *conn) sasl2(t *server.Turn, st *stanza.Stanza, name string, deadline time.Time) error {
	l := c.login
	switch {
	case l.task != nil:
		return c.task(t, st, name)
	case name == "authenticate" && l.exchange == nil:
		return c.authenticate(t, st, deadline)
	case name == "response" && l.request != nil:
		in, err := data(st.Inner(), st.NumChildren())
		if err != nil {
			return c.failed(t, nsSASL2, err)
		}
		return c.step(t, in, deadline)
	case name == "abort" && l.request != nil:
		return c.failed(t, nsSASL2, &auth.Failure{Condition: auth.Aborted})
	}
	// §2.4: nothing else has a place here.
	return outOfPlace()
}

func outOfPlace() error {
	return &stanza.StreamError{Condition: "policy-violation", Text: "that element has no place at this point of the login"}
}

// data decodes what an element holds (§2.2): never nil without an error, as an empty
// element is an empty string.
func data(inner []byte, children int) ([]byte, error) {
	if children > 0 {
		return nil, &auth.Failure{Condition: auth.MalformedRequest, Text: "only base64 belongs in there"}
	}
	text := strings.TrimSpace(stanza.UnescapeText(inner)) // §2.2: a SHOULD, and its examples have some
	if text == "" {
		return []byte{}, nil
	}
	if text == "=" { // of RFC 6120's profile
		return nil, &auth.Failure{Condition: auth.IncorrectEncoding}
	}
	return auth.DecodeBase64(text)
}

// authenticate begins an exchange (§2.3).
func (c *conn) authenticate(t *server.Turn, st *stanza.Stanza, deadline time.Time) error {
	r := newRequest(st)
	mechanism, _ := st.AttrString("", "mechanism")
	ch := c.channel()
	ch.From = c.claimed()
	var err error
	if auth.IsTokenMechanism(mechanism) {
		c.login.exchange, err = c.startToken(r, mechanism, ch)
	} else {
		c.login.exchange, err = c.host.Auth.Start(mechanism, ch)
	}
	if err != nil {
		return c.failed(t, nsSASL2, err)
	}
	for _, m := range c.host.Auth.TokenMechanisms(ch) {
		r.login.RequestAvailable = r.login.RequestAvailable || m == r.login.Request
	}
	c.login.request = r
	var in []byte
	if first, ok := r.st.Child(nsSASL2, "initial-response"); ok {
		n := 0
		for range r.st.Children(first) {
			n++
		}
		if in, err = data(r.st.InnerBytes(first), n); err != nil {
			return c.failed(t, nsSASL2, err)
		}
	}
	return c.step(t, in, deadline)
}

// claimed is the bare JID that the stream's 'from' names, "" without one.
func (c *conn) claimed() string {
	j, err := stanza.ParseJID(c.sc.Header.From)
	if err != nil {
		return ""
	}
	return j.Bare().String()
}

// startToken begins the exchange of a client with a token (XEP-0484 §3.4).
func (c *conn) startToken(r *request, mechanism string, ch auth.Channel) (*auth.Exchange, error) {
	fast, ok := r.st.Child(nsFast, "fast")
	if !ok || r.login.Device == "" {
		return nil, &auth.Failure{Condition: auth.MalformedRequest, Text: "a token comes with <fast/> and the id of the <user-agent/>"}
	}
	if raw, ok := r.st.ChildAttr(fast, "count"); ok {
		n, err := strconv.ParseUint(raw, 10, 63)
		if err != nil {
			return nil, &auth.Failure{Condition: auth.MalformedRequest, Text: "the count is not a number"}
		}
		r.login.Counted, r.login.Count = true, n
	}
	invalidate, _ := r.st.ChildAttr(fast, "invalidate")
	r.login.Invalidate = invalidate == "true" || invalidate == "1"
	return c.host.Auth.StartToken(mechanism, ch, auth.Presented{
		Device: r.login.Device, Counted: r.login.Counted, Count: r.login.Count,
	})
}

// step hands the exchange the client's next message.
func (c *conn) step(t *server.Turn, in []byte, deadline time.Time) error {
	t.Flush()
	x := c.login.exchange
	out, done, err := x.Step(in)
	if wait := x.Wait(); wait > 0 {
		c.c2s.pause(min(wait, time.Until(deadline)))
	}
	switch {
	case err != nil:
		return c.failed(t, nsSASL2, err)
	case !done:
		c.stream.DeliverNonza(t, []byte("<challenge xmlns='"+nsSASL2+"'>"+auth.EncodeBase64(out)+"</challenge>"))
		return nil
	}
	l := c.login
	l.exchange = nil
	l.request.login.Local, l.request.login.Token = x.Username(), x.TokenUsed()
	extra := additional(out)
	if begun, err := c.beginUpgrade(t, extra); begun || err != nil {
		return err
	}
	return c.welcome(t, extra)
}

// additional is what the mechanism has to say at its end (§2.6.1), nothing for
// nothing.
func additional(out []byte) string {
	if out == nil {
		return ""
	}
	return "<additional-data>" + auth.EncodeBase64(out) + "</additional-data>"
}

// newRequest takes down what an <authenticate/> says and asks for.
func newRequest(st *stanza.Stanza) *request {
	r := &request{st: st.Clone()}
	if ua, ok := r.st.Child(nsSASL2, "user-agent"); ok {
		id, _ := r.st.ChildAttr(ua, "id")
		if isUUID(id) {
			r.login.Device = strings.ToLower(id)
		}
		r.login.Software = short(r.st, ua, "software")
		r.login.Name = short(r.st, ua, "device")
	}
	if ask, ok := r.st.Child(nsFast, "request-token"); ok {
		r.login.Request, _ = r.st.ChildAttr(ask, "mechanism")
	}
	for c := range r.st.All() {
		if r.st.ChildIs(c, nsUpgrade, "upgrade") && strings.TrimSpace(r.st.Text(c)) == upgradeTask {
			r.upgrade = true
		}
	}
	return r
}

// maxName bounds a user agent's description, in bytes.
const maxName = 200

// short returns the text of a child, cut to maxName.
func short(st *stanza.Stanza, c stanza.Child, name string) string {
	e, ok := st.Find(c, nsSASL2, name)
	if !ok {
		return ""
	}
	s := strings.TrimSpace(st.Text(e))
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// isUUID reports the form of RFC 9562 §4. Which version it is makes no difference
// here.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if s[i] != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// welcome ends a login that has succeeded: it does what the client asked for and
// answers <success/> and the features that go on (§2.6.1).
func (c *conn) welcome(t *server.Turn, extra string) error {
	l := c.login
	r := l.request
	issued, err := c.host.LogIn(t, r.login)
	switch {
	case errors.Is(err, server.ErrReplayed):
		return c.failed(t, nsSASL2, &auth.Failure{Condition: auth.NotAuthorized})
	case err != nil:
		return c.failed(t, nsSASL2, &auth.Failure{Condition: auth.TemporaryAuthFailure, Err: err})
	}
	token := ""
	if issued != nil {
		token = "<token xmlns='" + nsFast + "' expiry='" + issued.Expiry.UTC().Format(time.RFC3339) + "' token='" + issued.Token + "'/>"
	}
	l.user = r.login.Local
	managed := false
	success := func(who, more string) [][]byte {
		b := []byte("<success xmlns='" + nsSASL2 + "'>" + extra + "<authorization-identifier>")
		b = stanza.AppendText(b, who)
		b = append(b, "</authorization-identifier>"+more+token+"</success>"...)
		return [][]byte{b, c.features(!managed)}
	}
	failed := ""
	if resume, ok := r.st.Child(nsSM, "resume"); ok {
		previd, _ := r.st.ChildAttr(resume, "previd")
		h, _ := r.st.ChildAttr(resume, "h")
		refused, err := c.tryResume(t, previd, h, func(s *server.Session, resumed string) [][]byte {
			c.login, managed = nil, true
			return success(s.Full, resumed)
		})
		if err != nil || refused == nil {
			if err == nil {
				c.c2s.core.Stats.Login(true)
			}
			return err
		}
		failed = string(refused)
	}
	if bind, ok := r.st.Child(nsBind2, "bind"); ok {
		return c.bind2(t, r, bind, func(s *server.Session, bound string) [][]byte {
			managed = s.Has(server.SessionAcks)
			return success(s.Full, failed+bound)
		})
	}
	c.c2s.core.Stats.Login(true)
	l.request = nil
	for _, e := range success(l.user+"@"+c.host.Name, failed) {
		c.stream.DeliverNonza(t, e)
	}
	return nil
}

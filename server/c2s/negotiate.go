package c2s

import (
	"context"
	"strings"
	"time"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

const (
	nsStream = "http://etherx.jabber.org/streams"
	nsTLS    = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL   = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind   = "urn:ietf:params:xml:ns:xmpp-bind"
)

// header answers a stream header (RFC 6120 §4.7) and offers features (§4.3.2).
func (c *conn) header(t *server.Turn) error {
	if c.login == nil || c.login.features {
		return &stanza.StreamError{Condition: "bad-format", Text: "a stream header inside the stream"}
	}
	h := c.sc.Header
	host := c.hostNamed(h.To)
	known := host != nil && (c.login.user == "" || c.host == host) // once authenticated, it stays the same
	switch {
	case known:
		c.host = host
	case c.host == nil:
		c.host = c.c2s.core.Default() // who says so
	}
	if h.Lang != "" {
		c.lang = stanza.AppendAttr(nil, h.Lang)
	}
	c.free = h.NS == ""
	c.open(t)
	switch {
	case h.To == "":
		return &stanza.StreamError{Condition: "host-unknown", Text: "the stream header needs a 'to': the domain"}
	case !known:
		return &stanza.StreamError{Condition: "host-unknown", Text: "this server does not serve that domain"}
	case h.NS != stanza.NSClient && h.NS != "": // without one each stanza says its own (§4.8.2)
		return &stanza.StreamError{Condition: "invalid-namespace", Text: "the content namespace here is jabber:client"}
	case !speaks(h.Version):
		return &stanza.StreamError{Condition: "unsupported-version", Text: "this server speaks version 1.0"}
	}
	if from := c.claimed(); from != "" { // XEP-0388 §2.1
		if j, err := stanza.ParseJID(from); err == nil && j.Domain() != c.host.Name {
			return &stanza.StreamError{Condition: "invalid-from", Text: "the stream's 'from' is at another domain"}
		}
	}
	c.login.features = true
	c.stream.DeliverNonza(t, c.features(true))
	return nil
}

// hostNamed returns the host that the 'to' of a stream header names, nil where it
// names none: it is not one of ours, or not a domain.
func (c *conn) hostNamed(to string) *server.Host {
	j, err := stanza.ParseJID(to)
	if err != nil || j.Local() != "" || !j.IsBare() {
		return nil
	}
	return c.c2s.core.Host(j.Domain())
}

// speaks reports whether a peer of this version and this server understand each
// other: of two versions the lower one counts, which has to be 1.0 (RFC 6120
// §4.7.5). It is then for a newer peer to say that it can't go that low.
func speaks(version string) bool {
	major, minor, ok := strings.Cut(version, ".")
	return ok && digits(major) && digits(minor) && strings.Trim(major, "0") != ""
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// open sends the server's stream header.
func (c *conn) open(t *server.Turn) {
	c.begun = true
	b := append([]byte(nil), "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='"...)
	end := ">"
	if c.stream.framing == inMessages {
		b, end = append(b[:0], "<open xmlns='"+nsFraming+"' id='"...), "/>" // RFC 7395 §3.4
	}
	b = append(b, server.NewID()...)
	b = append(b, "' from='"...)
	b = append(b, c.host.Self.Attr...)
	if from, err := stanza.ParseJID(c.sc.Header.From); err == nil && from.IsBare() {
		// §4.7.2. A 'from' should be the account's bare JID; the mellium library
		// names the full one and gives up on any other answer than that or none.
		b = append(b, "' to='"...)
		b = stanza.AppendAttr(b, from.String())
	}
	b = append(b, "' version='1.0' xml:lang='en'"...)
	c.stream.DeliverNonza(t, append(b, end...))
}

// openForError makes sure that a stream error finds an open stream (RFC 6120
// §4.9.1.2).
func (c *conn) openForError(t *server.Turn) {
	if c.begun {
		return
	}
	if c.host == nil {
		c.host = c.c2s.core.Default()
	}
	c.open(t)
}

// features returns <stream:features/> for the state the stream is in. manage says
// whether stream management is still to be had: some clients take it up wherever it is
// offered.
func (c *conn) features(manage bool) []byte {
	var b strings.Builder
	b.WriteString("<stream:features>")
	switch {
	case c.login != nil && c.login.user == "":
		ch := c.channel()
		if c.maySecure() {
			b.WriteString("<starttls xmlns='" + nsTLS + "'>")
			if !ch.Secure {
				b.WriteString("<required/>")
			}
			b.WriteString("</starttls>")
		}
		if mechs := c.host.Auth.Mechanisms(ch); len(mechs) > 0 {
			b.WriteString("<mechanisms xmlns='" + nsSASL + "'>")
			for _, m := range mechs {
				b.WriteString("<mechanism>" + m + "</mechanism>")
			}
			b.WriteString("</mechanisms>")
			b.WriteString(c.authentication(ch))
			if types := c.host.Auth.BindingTypes(ch); len(types) > 0 {
				b.WriteString("<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>")
				for _, typ := range types {
					b.WriteString("<channel-binding type='" + typ + "'/>")
				}
				b.WriteString("</sasl-channel-binding>")
			}
			b.WriteString(c.host.StreamFeatures(false))
		}
		b.WriteString(c.limits(stanza.BeforeLogin.Bytes))
	default:
		if c.login != nil { // else it has a session
			b.WriteString("<bind xmlns='" + nsBind + "'/>")
		}
		if manage {
			b.WriteString("<sm xmlns='" + nsSM + "'><optional/></sm>")
		}
		b.WriteString(c.host.StreamFeatures(true))
		b.WriteString(c.limits(c.c2s.core.Config.MaxStanza))
	}
	b.WriteString("</stream:features>")
	return []byte(b.String())
}

// maySecure reports whether STARTTLS has a place here: over HTTP it is HTTP's (RFC 7395
// §3.9), and behind a proxy that has done it, the proxy's.
func (c *conn) maySecure() bool {
	return c.sec == nil && c.via == nil && !c.covered && c.c2s.canTLS()
}

// channel describes the connection to SASL.
func (c *conn) channel() auth.Channel {
	ch := auth.Channel{Addr: c.addr, Secure: c.sec != nil || c.covered, Proxied: c.covered}
	if c.via != nil {
		ch = c.via.channel()
	}
	if c.sec != nil {
		st := c.sec.conn.ConnectionState()
		ch.TLS, ch.Leaf = &st, c.sec.leaf
	} else if !ch.Secure && c.c2s.core.Config.Dev && (!c.addr.IsValid() || c.addr.IsLoopback()) {
		ch.Secure = true // SCRAM in the clear from loopback, for protocol tests
	}
	return ch
}

// negotiateElement handles an element before a session is bound.
func (c *conn) negotiateElement(t *server.Turn, st *stanza.Stanza, deadline time.Time) error {
	ns, name := st.Name()
	if c.login.request != nil && string(ns) != nsSASL2 {
		return outOfPlace() // XEP-0388 §2.4
	}
	switch string(ns) {
	case nsTLS:
		if string(name) != "starttls" || c.login.user != "" {
			return unsupported(st)
		}
		if !c.maySecure() {
			// RFC 6120 §5.4.2.2: failure, then the stream ends.
			c.stream.DeliverNonza(t, []byte("<failure xmlns='"+nsTLS+"'/>"))
			c.stream.End(t, nil)
			return errEnded
		}
		c.stream.DeliverNonza(t, []byte("<proceed xmlns='"+nsTLS+"'/>"))
		t.Flush()
		// What came in the clear after <starttls/> is not read (RFC 6120 §5.4.3.3).
		if err := c.startTLS(nil, deadline); err != nil {
			return err
		}
		return errSwitch
	case nsSASL, nsSASL2:
		if c.login.user != "" {
			return &stanza.StreamError{Condition: "policy-violation", Text: "this stream is authenticated already"}
		}
		if string(ns) == nsSASL2 {
			return c.sasl2(t, st, string(name), deadline)
		}
		return c.sasl(t, st, string(name), deadline)
	case nsSM:
		if c.login.user != "" {
			return c.beforeBind(t, st, string(name))
		}
	}
	if string(ns) != stanza.NSClient {
		if c.login.user == "" {
			return notAuthorized()
		}
		return unsupported(st)
	}
	if c.login.user == "" {
		return c.beforeLogin(t, st)
	}
	return c.bind(t, st)
}

func notAuthorized() *stanza.StreamError {
	return &stanza.StreamError{Condition: "not-authorized", Text: "log in first"}
}

// beforeLogin handles a stanza on a stream that is not authenticated: only a
// request for registration has a place there (XEP-0077), and only when the
// stream could also log in (RFC 6120 §4.9.3.12 else).
func (c *conn) beforeLogin(t *server.Turn, st *stanza.Stanza) error {
	if st.Kind != stanza.IQ || st.Type != stanza.Get && st.Type != stanza.Set || !c.channel().Secure {
		return notAuthorized()
	}
	s := c.stream
	c.login.stranger.Addr = c.addr
	if !c.host.HandleBeforeLogin(t, st, &c.login.stranger, func(t *server.Turn, b []byte) { s.DeliverNonza(t, b) }) {
		return notAuthorized()
	}
	return nil
}

// startTLS performs a handshake and lets the stream begin anew over it. ahead
// is what has been read of the ClientHello.
func (c *conn) startTLS(ahead []byte, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	sec, err := secure(ctx, c.tr, c.c2s.tls, ahead)
	if err != nil {
		return errEnded // and nothing in the clear (RFC 6120 §5.4.3.2), whatever it was
	}
	c.stream.replace(sec)
	c.tr, c.sec = sec, sec
	c.restart()
	return nil
}

// restart makes the connection expect a stream header (RFC 6120 §4.3.3).
func (c *conn) restart() {
	if c.frames != nil || c.bosh != nil {
		c.sc.Alone()
	} else {
		c.sc.Restart()
	}
	c.begun, c.login.features, c.partial = false, false, nil
}

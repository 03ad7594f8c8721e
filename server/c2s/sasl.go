package c2s

import (
	"errors"
	"time"

	"natter/server"
	"natter/server/auth"
	"natter/stanza"
)

// maxTries is how often a stream may try to log in (RFC 6120 §6.4.5 asks for at
// least two retries).
const maxTries = 5

// sasl handles the elements of RFC 6120 §6.4.
func (c *conn) sasl(t *server.Turn, st *stanza.Stanza, name string, deadline time.Time) error {
	l := c.login
	switch name {
	case "auth":
		mechanism, _ := st.Attr("", "mechanism")
		x, err := c.host.Auth.Start(stanza.Unescape(mechanism), c.channel())
		if err != nil {
			return c.failed(t, nsSASL, err)
		}
		l.exchange = x
	case "response":
		if l.exchange == nil {
			return c.failed(t, nsSASL, &auth.Failure{Condition: auth.MalformedRequest, Text: "a response to no challenge"})
		}
	case "abort":
		l.exchange = nil
		return c.failed(t, nsSASL, &auth.Failure{Condition: auth.Aborted})
	default:
		return unsupported(st)
	}
	if st.NumChildren() > 0 {
		return c.failed(t, nsSASL, &auth.Failure{Condition: auth.MalformedRequest, Text: "only base64 belongs in there"})
	}
	in, err := auth.DecodeBase64(stanza.UnescapeText(st.Inner()))
	if err != nil {
		return c.failed(t, nsSASL, err)
	}
	if in == nil && name == "response" {
		in = []byte{}
	}
	out, done, err := l.exchange.Step(in)
	if wait := l.exchange.Wait(); wait > 0 {
		t.Flush()
		c.c2s.pause(min(wait, time.Until(deadline)))
	}
	switch {
	case err != nil:
		return c.failed(t, nsSASL, err)
	case !done:
		c.reply(t, "challenge", out)
		return nil
	}
	c.c2s.core.Stats.Login(true)
	l.user, l.exchange = l.exchange.Username(), nil
	c.reply(t, "success", out)
	c.restart() // what was sent ahead is read on: it is the same connection
	return nil
}

func (c *conn) reply(t *server.Turn, name string, data []byte) {
	b := "<" + name + " xmlns='" + nsSASL + "'"
	if text := auth.EncodeBase64(data); text != "" {
		b += ">" + text + "</" + name + ">"
	} else {
		b += "/>"
	}
	c.stream.DeliverNonza(t, []byte(b))
}

// failed answers a failure; the stream stays for another try, up to maxTries.
func (c *conn) failed(t *server.Turn, ns string, err error) error {
	c.login.exchange, c.login.request, c.login.task = nil, nil, nil
	var f *auth.Failure
	if !errors.As(err, &f) {
		f = &auth.Failure{Condition: auth.TemporaryAuthFailure}
	}
	if f.Err != nil {
		c.c2s.core.Log.Error("login failed", "remote", c.remote, "err", f.Err)
	}
	if f.Condition != auth.Aborted {
		c.c2s.core.Stats.Login(false)
	}
	b := []byte("<failure xmlns='" + ns + "'><" + string(f.Condition))
	if ns != nsSASL {
		b = append(b, " xmlns='"+nsSASL+"'"...)
	}
	b = append(b, "/>"...)
	if f.Text != "" {
		b = append(b, "<text xml:lang='en'>"...)
		b = stanza.AppendText(b, f.Text)
		b = append(b, "</text>"...)
	}
	c.stream.DeliverNonza(t, append(b, "</failure>"...))
	if c.login.tries++; c.login.tries >= maxTries {
		return &stanza.StreamError{Condition: "policy-violation", Text: "too many tries to log in"}
	}
	return nil
}

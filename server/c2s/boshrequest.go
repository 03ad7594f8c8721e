package c2s

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/stanza"
)

// errBOSH is returned for a request that is no body of BOSH.
var errBOSH = errors.New("not a <body/> of BOSH")

// boshEnvelope is what a <body/> may add to the bytes of the stanzas in it.
const boshEnvelope = 64 << 10

// BOSHBytes is the largest request that ServeBOSH takes.
func (c *Server) BOSHBytes() int { return c.limits.Bytes + boshEnvelope }

// BOSHContent is the Content-Type of responses whose client asks for no other.
const BOSHContent = "text/xml; charset=utf-8"

// boshContent are what clients may have instead of it (XEP-0124 §7.1).
var boshContent = []string{"text/xml", "application/xml", "text/plain", "text/html"}

// ServeBOSH handles one request of XMPP over BOSH (XEP-0124, XEP-0206) and returns
// the response, for which it waits as long as the client asked for, and its
// Content-Type. There is none when the client has gone. An error means that the
// request is none, which HTTP says with the status 400.
func (c *Server) ServeBOSH(ctx context.Context, raw []byte, via Via) (out []byte, content string, err error) {
	l := stanza.AfterLogin
	l.Bytes, l.Depth = c.BOSHBytes(), l.Depth+1
	decl, err := stanza.Declaration(raw)
	if err != nil {
		return nil, "", errBOSH
	}
	body, err := stanza.Parse(bytes.TrimSpace(raw[decl:]), l)
	if err != nil || !body.Is(nsBOSH, "body") {
		return nil, "", errBOSH
	}
	number, _ := body.AttrString("", "rid")
	rid, err := strconv.ParseUint(number, 10, 53) // §14.1
	if err != nil || rid == 0 {
		return boshOver("bad-request"), BOSHContent, nil
	}
	secure := via.TLS != nil || via.Proxied
	if via.TLS != nil {
		via.TLS, via.Proxied = nil, true // confidential, but nothing to bind to
	}
	sid, ok := body.AttrString("", "sid")
	if !ok {
		content, ok := boshContentOf(body)
		if !ok {
			return boshOver("bad-request"), BOSHContent, nil
		}
		return c.openBOSH(ctx, body, rid, via, secure, content), content, nil
	}
	c.mu.Lock()
	b := c.bosh[sid]
	c.mu.Unlock()
	if b == nil || b.secure && !secure {
		return boshOver("item-not-found"), BOSHContent, nil
	}
	return b.serve(ctx, body, rid), b.content, nil
}

// boshContentOf returns the Content-Type that a client wants its responses to have;
// false when it is none that is given. Whatever it is, they are UTF-8.
func boshContentOf(body *stanza.Stanza) (string, bool) {
	v, ok := body.AttrString("", "content")
	if !ok {
		return BOSHContent, true
	}
	media, params, err := mime.ParseMediaType(v)
	if charset, ok := params["charset"]; err != nil || ok && !strings.EqualFold(charset, "utf-8") || !slices.Contains(boshContent, media) {
		return "", false
	}
	return mime.FormatMediaType(media, params), true
}

// boshVersion returns what both sides speak: what the client asks for, or ours if that
// is lower (§7.2).
func boshVersion(body *stanza.Stanza) string {
	const major, minor = 1, 11
	v, _ := body.AttrString("", "ver")
	a, b, ok := strings.Cut(v, ".")
	m, err := strconv.ParseUint(a, 10, 16)
	n, err2 := strconv.ParseUint(b, 10, 16)
	if !ok || err != nil || err2 != nil || m > major || m == major && n > minor {
		m, n = major, minor
	}
	return strconv.FormatUint(m, 10) + "." + strconv.FormatUint(n, 10)
}

// openBOSH makes a session (XEP-0124 §7).
func (c *Server) openBOSH(ctx context.Context, body *stanza.Stanza, rid uint64, via Via, secure bool, content string) []byte {
	number := func(name string, or, most int) int {
		v, _ := body.AttrString("", name)
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return or
		}
		return min(n, most)
	}
	b := &bosh{sid: server.NewID(), secure: secure, content: content, pending: make(map[uint64]*boshRequest), last: rid - 1}
	wait := number("wait", boshWait, boshWait)
	b.wait, b.hold = time.Duration(wait)*time.Second, number("hold", 1, boshHold)
	if wait == 0 {
		b.hold = 0 // §12: it polls
	}
	b.requests = b.hold + 1
	ack, _ := body.AttrString("", "ack")
	b.acks = ack == "1"
	b.alarm.Run = b.ring
	cn := c.newConn(b, via.Addr.String())
	b.c, b.stream = cn, cn.stream
	cn.via, cn.addr = &via, via.Addr
	cn.bosh = b
	cn.sc.Alone()
	s := cn.stream
	s.framing, s.secure, s.pull = inMessages, secure, true
	if !c.admit(cn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.draining { // its client comes back when the server does
			return boshOver("system-shutdown")
		}
		return boshOver("policy-violation")
	}
	c.mu.Lock()
	c.bosh[b.sid] = b
	c.mu.Unlock()
	b.SetDeadline(time.Now().Add(c.core.Config.LoginTimeout))

	attrs := " xmlns:xmpp='" + nsXBOSH + "' xmpp:version='1.0' xmpp:restartlogic='true' ver='" + boshVersion(body) + "' sid='" + b.sid +
		"' wait='" + strconv.Itoa(wait) + "' hold='" + strconv.Itoa(b.hold) + "' requests='" + strconv.Itoa(b.requests) +
		"' inactivity='" + strconv.Itoa(int(boshInactivity.Seconds())) + "' maxpause='" + strconv.Itoa(int(boshPause.Seconds())) +
		"' polling='" + strconv.Itoa(int(boshPolling.Seconds())) + "'"
	if b.acks {
		attrs += " ack='" + strconv.FormatUint(rid, 10) + "'"
	}
	if h := cn.hostNamed(boshTo(body)); h != nil {
		attrs += " from='" + string(h.Self.Attr) + "'"
	}
	return b.take(ctx, body, &boshRequest{rid: rid, attrs: attrs, turn: make(chan bool, 1), out: make(chan []byte, 1)}, true)
}

func boshTo(body *stanza.Stanza) string {
	to, _ := body.AttrString("", "to")
	return to
}

// serve handles a request of a session: in the order of their numbers, each once
// (XEP-0124 §14).
func (b *bosh) serve(ctx context.Context, body *stanza.Stanza, rid uint64) []byte {
	r := &boshRequest{rid: rid, turn: make(chan bool, 1), out: make(chan []byte, 1)}
	b.mu.Lock()
	switch {
	case b.dead:
		b.mu.Unlock()
		return boshOver("item-not-found")
	case rid <= b.last:
		out := b.again(r)
		b.mu.Unlock()
		if out == nil {
			return b.await(ctx, r)
		}
		return out
	case rid > b.last+uint64(b.requests)+1: // §14.2; one more, for pause and terminate
		b.mu.Unlock()
		return b.abort("item-not-found")
	case len(b.held)+len(b.pending) > b.requests+1: // §11
		b.mu.Unlock()
		return b.abort("policy-violation")
	case rid > b.last+1 || b.busy:
		if old := b.pending[rid]; old != nil {
			old.turn <- false
		}
		b.pending[rid] = r
		b.mu.Unlock()
		timer := time.NewTimer(max(b.wait, boshPolling))
		defer timer.Stop()
		select {
		case now := <-r.turn:
			if !now {
				return boshBody("", nil)
			}
		case <-ctx.Done():
		case <-timer.C:
		}
		b.mu.Lock()
		if b.pending[rid] == r { // its turn has not come; the client asks again
			delete(b.pending, rid)
			b.mu.Unlock()
			return b.abort("item-not-found")
		}
		if b.dead {
			b.mu.Unlock()
			return boshOver("item-not-found")
		}
	}
	b.last, b.busy = rid, true
	b.mu.Unlock()
	return b.take(ctx, body, r, false)
}

// again answers a request that comes again: with the same response, or in place of
// the one that waits. nil means that it waits now. b.mu must be held.
func (b *bosh) again(r *boshRequest) []byte {
	for _, s := range b.sent {
		if s.rid == r.rid {
			return s.body
		}
	}
	for i, old := range b.held {
		if old.rid == r.rid {
			r.attrs = old.attrs
			b.held[i] = r
			old.out <- boshBody(" type='error'", nil) // §14.3, §17.3: ask again
			return nil
		}
	}
	if b.busy && r.rid == b.last || r.rid+uint64(b.requests) > b.last { // its client went away before the response
		at := 0
		for at < len(b.held) && b.held[at].rid < r.rid {
			at++
		}
		b.held = append(b.held[:at:at], append([]*boshRequest{r}, b.held[at:]...)...)
		s := b.stream
		s.c2s.core.Go(func(context.Context) { s.c2s.core.Do(s.touch) })
		return nil
	}
	b.c.c2s.core.Go(func(context.Context) { b.die() }) // §14.3: it has left the window
	return boshOver("item-not-found")
}

// abort ends the session for what a request did (XEP-0124 §17.2).
func (b *bosh) abort(condition string) []byte {
	b.die()
	return boshOver(condition)
}

// take handles the input of a request whose turn it is, then lets the next have
// its own, and waits for the response.
func (b *bosh) take(ctx context.Context, body *stanza.Stanza, r *boshRequest, first bool) []byte {
	attr := func(name string) string {
		v, _ := body.AttrString("", name)
		return v
	}
	b.mu.Lock()
	b.last, b.busy = r.rid, true
	b.c.c2s.core.Wheel.Stop(&b.alarm)
	b.paused = 0
	if !b.keyed(attr("key"), attr("newkey")) {
		b.busy = false
		b.mu.Unlock()
		return b.abort("item-not-found")
	}
	if !first {
		b.confirmed(r.rid, attr("ack"))
	}
	empty := body.NumChildren() == 0 && attr("type") == "" && attr("pause") == ""
	restart, _ := body.AttrString(nsXBOSH, "restart")
	if b.hold == 0 && empty && restart == "" && !first && !b.c.c2s.core.Config.NoLimits {
		if now := time.Now(); now.Sub(b.polled) < boshPolling { // §12
			b.busy = false
			b.mu.Unlock()
			return b.abort("policy-violation")
		}
		b.polled = time.Now()
	}
	b.held = append(b.held, r)
	if !b.until.IsZero() {
		b.idle()
	}
	b.mu.Unlock()

	b.input(body, first, restart == "true" || restart == "1")

	b.mu.Lock()
	b.busy, b.stream = false, b.c.stream // which a resumption has changed
	if b.doomed {
		b.mu.Unlock()
		b.die()
		return b.await(ctx, r)
	}
	if next := b.pending[b.last+1]; next != nil {
		delete(b.pending, b.last+1)
		b.last, b.busy = next.rid, true
		next.turn <- true
	}
	if seconds, err := strconv.Atoi(attr("pause")); err == nil && seconds > 0 { // §10
		b.paused = min(time.Duration(seconds)*time.Second, boshPause)
		for len(b.held) > 0 {
			b.respond("", nil, 0)
		}
	}
	for len(b.held) > b.hold || b.ended && len(b.held) > 0 {
		end := ""
		if b.ended {
			end = boshEnd(nil)
		}
		b.respond(end, nil, 0)
	}
	b.mu.Unlock()
	return b.await(ctx, r)
}

// await waits for the response to a request, no longer than the client asked for.
func (b *bosh) await(ctx context.Context, r *boshRequest) []byte {
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case out := <-r.out:
		return out
	case <-ctx.Done():
	case <-timer.C:
	}
	b.mu.Lock()
	for i, h := range b.held {
		if h != r {
			continue
		}
		if ctx.Err() != nil { // the client is gone: it asks again, or the session ends
			b.held = append(b.held[:i:i], b.held[i+1:]...)
			if len(b.held) == 0 {
				b.idle()
			}
			b.mu.Unlock()
			return nil
		}
		for range i + 1 { // those before it have waited for longer
			b.respond("", nil, 0)
		}
		break
	}
	b.mu.Unlock()
	return <-r.out
}

// input handles what a request carries, as one turn.
func (b *bosh) input(body *stanza.Stanza, first, restart bool) {
	c := b.c
	core := c.c2s.core
	c.stream.alive()
	if wait := c.spend(len(body.Raw)); wait > 0 {
		c.c2s.pause(wait)
	}
	var err error
	func() {
		defer c.recover(&err)
		t := core.Turn()
		defer t.End()
		c.stream.touch(t) // what was confirmed, and the request itself
		err = b.elements(t, body, first, restart)
	}()
	bound := c.login == nil
	var se *stanza.StreamError
	switch {
	case errors.As(err, &se) && !c.stream.over(b):
		core.Do(func(t *server.Turn) {
			c.openForError(t)
			c.stream.End(t, se)
		})
	case err != nil && !errors.Is(err, errEnded):
		b.Close()
	case bound && !c.stream.over(b):
		b.mu.Lock()
		early := !b.until.IsZero()
		b.until = time.Time{}
		b.mu.Unlock()
		if early {
			core.Wheel.Stop(&b.alarm)
			c.sc.Forget()
			c.c2s.loggedIn(c)
		}
	}
}

// elements handles the stream header that a request stands for, its elements, and
// its end.
func (b *bosh) elements(t *server.Turn, body *stanza.Stanza, first, restart bool) error {
	c := b.c
	deadline := time.Now().Add(c.c2s.core.Config.LoginTimeout)
	if first || restart { // XEP-0206 §2, §5
		h := headerOf(body)
		h.Version, _ = body.AttrString(nsXBOSH, "version")
		if h.Version == "" {
			h.Version = "1.0"
		}
		if h.To == "" && restart && c.host != nil {
			h.To = c.host.Name
		}
		c.sc.Header = h
		if err := c.event(t, stanza.StreamOpen, deadline); err != nil {
			return err
		}
	}
	for child := range body.All() {
		el := body.Detach(nil, child)
		if len(el) > c.maxMessage() {
			return stanza.TooBig(c.maxMessage())
		}
		if err := c.message(t, el, deadline); err != nil {
			return err
		}
	}
	if typ, _ := body.AttrString("", "type"); typ == "terminate" { // XEP-0124 §13
		return c.event(t, stanza.StreamClose, deadline)
	}
	return nil
}

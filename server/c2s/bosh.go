package c2s

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"natter/server"
	"natter/stanza"
)

const (
	nsBOSH  = "http://jabber.org/protocol/httpbind"
	nsXBOSH = "urn:xmpp:xbosh"
)

// What BOSH sessions are told (XEP-0124 §7, §10, §12).
const (
	boshWait       = 60               // longest time that a request is held, in seconds
	boshHold       = 2                // most requests held at a time
	boshInactivity = 60 * time.Second // without a request
	boshPause      = 120 * time.Second
	boshPolling    = 2 * time.Second // least time between empty requests of who polls
	boshBytes      = 256 << 10       // of stanzas, after which a response ends
)

// bosh is the Transport of a BOSH session (XEP-0124, XEP-0206): requests bring
// input, and their responses carry what the stream's queue holds, a frame an
// element. It has no reader: whoever serves a request feeds its input. What a
// response carries stays with the stream until a later request shows that it has
// arrived; until then the response is given again to who asks again.
//
// mu comes after Stream.mu: nothing of the stream is called with it held.
type bosh struct {
	c      *conn
	sid    string
	secure bool // its requests come encrypted

	wait     time.Duration
	hold     int
	requests int
	acks     bool // the client acknowledges responses, and we requests (§9)
	content  string

	mu      sync.Mutex
	last    uint64 // rid of the last request that was taken up
	busy    bool   // its input is being handled
	doomed  bool   // … after which the session dies
	stream  *Stream
	held    []*boshRequest
	pending map[uint64]*boshRequest // that came before their turn
	sent    []boshResponse          // that may not have arrived, oldest first
	key     string                  // the next key has to hash to it (§15)
	dead    bool
	ended   bool // the end of the stream is out
	polled  time.Time
	paused  time.Duration // until the next request
	alarm   server.Alarm
	until   time.Time // set by SetDeadline
}

// boshResponse is a response that was given.
type boshResponse struct {
	rid   uint64
	body  []byte
	bytes int // of the stream's queue that it carries
	acked bool
}

// boshRequest is a request that waits for its turn or its response.
type boshRequest struct {
	rid   uint64
	attrs string      // of the response
	turn  chan bool   // its input is to be handled now; false: not any more
	out   chan []byte // the response
}

// boshPayload takes whole frames from p for one response. It returns the elements in
// them, how many bytes they took, and the body's attributes when the stream has
// ended.
func boshPayload(p []byte) (payload []byte, n int, end string) {
	var failed []byte
	for n < len(p) {
		op, b, k := cutFrame(p[n:])
		if k == 0 || len(payload) > 0 && len(payload)+len(b) > boshBytes {
			break
		}
		n += k
		switch {
		case op != opText || bytes.HasPrefix(b, []byte("<open xmlns='"+nsFraming)):
		case bytes.HasPrefix(b, []byte("<close xmlns='"+nsFraming)):
			return payload, n, boshEnd(failed)
		default:
			payload = append(payload, b...)
			if bytes.HasPrefix(b, []byte("<stream:error")) {
				failed = b
			}
		}
	}
	return payload, n, ""
}

// boshEnd returns the attributes that end a session: with the binding's condition
// for a stream error (XEP-0124 §17.2), which is in the body too (XEP-0206 §8).
func boshEnd(streamError []byte) string {
	const end = " type='terminate'"
	if streamError == nil {
		return end
	}
	condition := "remote-stream-error"
	for _, c := range []string{"host-unknown", "improper-addressing", "internal-server-error", "policy-violation", "system-shutdown"} {
		if bytes.Contains(streamError, []byte("<"+c+" xmlns=")) {
			condition = c
			break
		}
	}
	return end + " condition='" + condition + "'"
}

// boshBody returns a response.
func boshBody(attrs string, payload []byte) []byte {
	b := append([]byte(nil), "<body xmlns='"+nsBOSH+"'"...)
	if len(payload) > 0 {
		b = append(b, " xmlns:stream='"+stanza.NSStream+"'"...)
	}
	b = append(append(b, attrs...), '>')
	return append(append(b, payload...), "</body>"...)
}

// boshOver is the response that says that a session is over, or never was.
func boshOver(condition string) []byte {
	return boshBody(" type='terminate' condition='"+condition+"'", nil)
}

// TryWrite gives p to the request that has waited for longest, if there is one. What
// it took is held until it is known to have arrived.
func (b *bosh) TryWrite(p []byte) (n, held int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead {
		return 0, b.unconfirmed(), errClosed
	}
	for n < len(p) && len(b.held) > 0 {
		payload, k, end := boshPayload(p[n:])
		n += k
		if len(payload) == 0 && end == "" {
			b.owe(k)
			continue
		}
		b.respond(end, payload, k)
		b.ended = b.ended || end != ""
	}
	return n, b.unconfirmed(), nil
}

// owe counts bytes that carry nothing for the client with the last response.
func (b *bosh) owe(n int) {
	if len(b.sent) > 0 && n > 0 {
		b.sent[len(b.sent)-1].bytes += n
	}
}

func (b *bosh) unconfirmed() (n int) {
	for i := range b.sent {
		if !b.sent[i].acked {
			n += b.sent[i].bytes
		}
	}
	return n
}

// respond answers the oldest held request. b.mu must be held.
func (b *bosh) respond(end string, payload []byte, n int) {
	r := b.held[0]
	b.held = b.held[1:]
	attrs := r.attrs + end
	if b.acks && b.last > r.rid && !strings.Contains(r.attrs, " ack=") { // §9.1
		attrs += " ack='" + strconv.FormatUint(b.last, 10) + "'"
	}
	body := boshBody(attrs, payload)
	b.sent = append(b.sent, boshResponse{rid: r.rid, body: body, bytes: n})
	r.out <- body
	if len(b.held) == 0 {
		b.idle()
	}
}

// idle starts the time in which a request has to come. b.mu must be held.
func (b *bosh) idle() {
	d := boshInactivity
	if b.paused > 0 {
		d = b.paused
	}
	if !b.until.IsZero() {
		d = min(d, time.Until(b.until))
	}
	b.c.c2s.core.Wheel.Set(&b.alarm, d)
}

// ring is what the alarm runs: no request has come for too long, or a deadline has
// passed.
func (b *bosh) ring() {
	b.mu.Lock()
	over := !b.until.IsZero() && time.Until(b.until) <= 0
	quiet := len(b.held) == 0 && !b.busy
	if !over && !quiet {
		b.idle()
	}
	b.mu.Unlock()
	if over || quiet {
		b.c.c2s.core.Go(func(context.Context) { b.die() })
	}
}

// die ends the session as a broken connection ends a stream over TCP: one that can
// be resumed waits for that.
func (b *bosh) die() {
	b.mu.Lock()
	if b.dead || b.busy { // whoever handles input binds and resumes: never under his hands
		b.doomed = b.busy
		b.mu.Unlock()
		return
	}
	b.dead = true
	stream := b.stream
	held, pending := b.held, b.pending
	b.held, b.pending = nil, nil
	condition := "item-not-found"
	if b.ended {
		condition = ""
	}
	b.mu.Unlock()
	c := b.c.c2s
	c.core.Wheel.Stop(&b.alarm)
	c.mu.Lock()
	delete(c.bosh, b.sid)
	c.mu.Unlock()
	for _, r := range held {
		if condition == "" {
			r.out <- boshBody(r.attrs+boshEnd(nil), nil)
		} else {
			r.out <- boshOver(condition)
		}
	}
	for _, r := range pending {
		r.turn <- false
	}
	c.core.Do(func(t *server.Turn) { stream.gone(t, b) })
	c.closed(b.c)
}

// Pending reports whether a request waits for a response.
func (b *bosh) Pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.held) > 0
}

// WriteAll is TryWrite: nobody waits for a request.
func (b *bosh) WriteAll(p []byte) (n, held int, err error) { return b.TryWrite(p) }

// Read is not called: there is no reader.
func (b *bosh) Read() (*Buffer, error) { return nil, errClosed }

// SetDeadline ends the session at t; a time that has passed ends it now.
func (b *bosh) SetDeadline(t time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = t
	if !t.IsZero() && !b.dead {
		b.c.c2s.core.Wheel.Set(&b.alarm, max(time.Until(t), 0))
	}
	return nil
}

func (b *bosh) Serve(f func(*Buffer) error) error { return serveReads(b, f) }

// CloseWrite is called when the end of the stream is out: the session is over.
func (b *bosh) CloseWrite() error { return b.Close() }

// Close implements Transport.
func (b *bosh) Close() error {
	b.mu.Lock()
	dead := b.dead
	b.mu.Unlock()
	if !dead {
		b.c.c2s.core.Go(func(context.Context) { b.die() })
	}
	return nil
}

// Net implements Transport; there is no connection below.
func (b *bosh) Net() net.Conn { return nil }

// confirmed takes in what a request says about the responses that have arrived
// (XEP-0124 §9.1): all up to that of the request before, from a client that
// acknowledges; those that have left the window, from another. b.mu must be held.
func (b *bosh) confirmed(rid uint64, ack string) {
	upTo := rid - min(rid, uint64(b.requests))
	if b.acks {
		upTo = rid - 1
		if n, err := strconv.ParseUint(ack, 10, 53); ack != "" && err == nil {
			upTo = min(upTo, n)
		}
	}
	keep := b.sent[:0]
	for _, r := range b.sent {
		r.acked = r.acked || r.rid <= upTo
		if !r.acked || r.rid+uint64(b.requests) > rid { // §14.3: it may be asked for again
			keep = append(keep, r)
		}
	}
	clear(b.sent[len(keep):])
	b.sent = keep
}

// keyed checks the key of a request and takes in the next (XEP-0124 §15.4).
func (b *bosh) keyed(key, next string) bool {
	if b.key != "" {
		sum := sha1.Sum([]byte(key))
		if !strings.EqualFold(hex.EncodeToString(sum[:]), b.key) {
			return false
		}
		b.key = key
	}
	if next != "" {
		b.key = next
	}
	return true
}

package server

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/netip"

	"natter/server/store"
	"natter/stanza"

	"mellium.im/xmlstream"
)

// Address says which addresses an IQ handler answers for; the values may be
// combined.
type Address uint8

const (
	AtHost      Address = 1 << iota // the domain
	AtSelf                          // the sender's own bare JID, or no address at all
	AtAccount                       // another account's bare JID, which the server answers for
	BeforeLogin                     // the host, from a stream that is not authenticated
)

// IQHandler answers requests with one payload.
type IQHandler struct {
	Type     stanza.Type // stanza.Get or stanza.Set; TypeNone: both
	NS, Name string      // of the payload
	To       Address
	Handle   func(*IQ) error
}

type iqKey struct {
	typ      stanza.Type
	to       Address
	ns, name string
}

func (h *IQHandler) add(m map[iqKey]*IQHandler) {
	types := []stanza.Type{h.Type}
	if h.Type == stanza.TypeNone {
		types = []stanza.Type{stanza.Get, stanza.Set}
	}
	for _, typ := range types {
		for to := AtHost; to <= BeforeLogin; to <<= 1 {
			if h.To&to != 0 {
				m[iqKey{typ, to, h.NS, h.Name}] = h
			}
		}
	}
}

// Pending is what a handler returns that will answer later, with Reply or Fail.
//
//lint:ignore ST1012 it is no error, as io.EOF is none
var Pending = errors.New("answered later")

// IQ is a request at its handler: valid during the call, and after it only when
// Keep was called.
type IQ struct {
	Turn    *Turn
	Host    *Host
	Origin  *Origin
	Account *Account // addressed account (AtSelf, AtAccount), nil for the host
	To      stanza.JID
	Stanza  *stanza.Stanza
	Payload stanza.Child
	// Respond, when set, takes the reply instead of the router: before login
	// the stream has no address yet, and Stranger is who has sent it.
	Respond  func(t *Turn, reply []byte)
	Stranger *Stranger
}

// Stranger is who is at a stream that is not authenticated. It belongs to the stream's
// read loop.
type Stranger struct {
	Addr    netip.Addr // not valid for a pipe
	Invited *Invited   // what it has shown; nil for nothing
}

// Session returns the sender's session, nil when the sender is not local.
func (q *IQ) Session() *Session { return q.Origin.Session }

// Keep detaches the request from the read buffer, so that it can be answered
// after the handler has returned Pending.
func (q *IQ) Keep() *IQ {
	k := *q
	k.Stanza = q.Stanza.Clone()
	k.Turn = nil
	return &k
}

// Decode decodes the payload into v with encoding/xml.
func (q *IQ) Decode(v any) error {
	b := q.Stanza.Detach(nil, q.Payload)
	if err := xml.NewDecoder(bytes.NewReader(b)).Decode(v); err != nil {
		return stanza.BadRequest("the payload does not have the form its specification gives")
	}
	return nil
}

// Reply answers with a result holding payload, which may be nil.
func (q *IQ) Reply(t *Turn, payload []byte) {
	b := stanza.AppendResult(nil, q.Stanza, q.toAttr(), q.Origin.Attr, payload)
	q.respond(t, b)
}

// ReplyTokens answers with a result whose payload is read from r.
func (q *IQ) ReplyTokens(t *Turn, r xml.TokenReader) error {
	b, err := EncodeTokens(r)
	if err != nil {
		return err
	}
	q.Reply(t, b)
	return nil
}

// EncodeTokens serialises a token stream, as mellium's builders make them.
func EncodeTokens(r xml.TokenReader) ([]byte, error) {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	if _, err := xmlstream.Copy(e, xmlstream.RemoveAttr(func(_ xml.StartElement, a xml.Attr) bool {
		return a.Name.Local == "xmlns" && a.Name.Space == "" // the encoder writes its own
	})(r)); err != nil {
		return nil, fmt.Errorf("serialising a payload: %w", err)
	}
	if err := e.Flush(); err != nil {
		return nil, fmt.Errorf("serialising a payload: %w", err)
	}
	return b.Bytes(), nil
}

// Fail answers with the error; one that is not a *stanza.Error becomes
// internal-server-error and is logged.
func (q *IQ) Fail(t *Turn, err error) {
	b, ok := stanza.AppendErrorReply(nil, q.Stanza, q.Host.Server.stanzaError(err), q.toAttr(), q.Origin.Attr)
	if ok {
		q.respond(t, b)
	}
}

// FailWith answers with an error beside a payload that says what could not be done.
func (q *IQ) FailWith(t *Turn, payload []byte, e *stanza.Error) {
	q.respond(t, stanza.AppendFailure(nil, q.Stanza, q.toAttr(), q.Origin.Attr, payload, e))
}

// Commit hands b to the store and answers when it is durable: with payload, or
// with a wait error. It returns Pending, or the error to return at once.
func (q *IQ) Commit(b *store.Batch, payload []byte, after func(*Turn)) error {
	k := q.Keep()
	err := q.Turn.Commit(b, func(t *Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, payload)
		if after != nil {
			after(t)
		}
	})
	if err != nil {
		return err
	}
	return Pending
}

func (q *IQ) toAttr() []byte {
	if q.Stanza.To() == nil && q.Account != nil {
		return q.Account.Self.Attr
	}
	return q.Stanza.To()
}

func (q *IQ) respond(t *Turn, b []byte) {
	if q.Respond != nil {
		q.Respond(t, b)
		return
	}
	q.Host.Server.respond(t, q.Origin, b)
}

// stanzaError turns any error into the stanza error it causes.
func (srv *Server) stanzaError(err error) *stanza.Error {
	var e *stanza.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, store.ErrBusy):
		return stanza.ResourceConstraint("the server cannot store that just now; try again later")
	}
	srv.Log.Error("request failed", "err", err)
	e = stanza.InternalServerError("something went wrong on the server; try again later")
	e.Type = stanza.Wait
	return e
}

// Request returns a stanza as a request to be answered by a service of the host,
// with its payload; to is the address it came to. The stanza is an IQ of type get
// or set, which the router has checked.
func (h *Host) Request(t *Turn, o *Origin, to stanza.JID, st *stanza.Stanza) *IQ {
	return &IQ{Turn: t, Host: h, Origin: o, To: to, Stanza: st, Payload: st.ChildAt(0)}
}

// Requests makes the Route of a service that answers requests to its domain, and
// has nobody at other addresses. answer replies by itself, or returns an error.
func (h *Host) Requests(answer func(*IQ) error) func(*Turn, *Origin, stanza.JID, *stanza.Stanza) {
	return func(t *Turn, o *Origin, to stanza.JID, st *stanza.Stanza) {
		switch {
		case st.Kind == stanza.Presence, st.Type == stanza.TypeError, st.Type == stanza.Result:
			return
		case !to.IsDomain():
			h.Server.Bounce(t, o, st, stanza.ItemNotFound("there is nobody at that address"))
			return
		case st.Kind != stanza.IQ:
			h.Server.Bounce(t, o, st, stanza.ServiceUnavailable("nobody reads messages to the service"))
			return
		}
		q := h.Request(t, o, to, st)
		if err := answer(q); err != nil && err != Pending {
			q.Fail(t, err)
		}
	}
}

// handleIQ answers a request for the host or for an account.
func (h *Host) handleIQ(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID, kind Address, a *Account) {
	q := &IQ{Turn: t, Host: h, Origin: o, Account: a, To: to, Stanza: st}
	if err := q.dispatch(kind); err != nil && err != Pending {
		q.Fail(t, err)
	}
}

// HandleBeforeLogin answers a request on a stream that is not authenticated;
// false when no module wants it, or it is for somebody else than the host.
func (h *Host) HandleBeforeLogin(t *Turn, st *stanza.Stanza, who *Stranger, respond func(*Turn, []byte)) bool {
	if raw := st.To(); raw != nil {
		if to, err := parseAddr(raw); err != nil || to != h.JID {
			return false
		}
	}
	q := &IQ{Turn: t, Host: h, Origin: &Origin{}, To: h.JID, Stanza: st, Stranger: who, Respond: respond}
	err := q.dispatch(BeforeLogin)
	if err == errNoHandler {
		return false
	}
	if err != nil && err != Pending {
		q.Fail(t, err)
	}
	return true
}

var errNoHandler = error(stanza.ServiceUnavailable("nobody answers this request at that address"))

func (q *IQ) dispatch(kind Address) error {
	if err := checkIQ(q.Stanza); err != nil {
		return err
	}
	q.Payload = q.Stanza.ChildAt(0)
	ns, name := q.Stanza.Space(q.Payload), q.Stanza.Local(q.Payload)
	h, ok := q.Host.iq[iqKey{q.Stanza.Type, kind, string(ns), string(name)}]
	if !ok {
		return errNoHandler
	}
	return h.Handle(q)
}

// checkIQ checks what RFC 6120 §8.2.3 asks of a request.
func checkIQ(st *stanza.Stanza) error {
	switch {
	case len(st.ID()) == 0:
		return stanza.BadRequest("an IQ needs an id")
	case st.Type != stanza.Get && st.Type != stanza.Set && st.Type != stanza.Result && st.Type != stanza.TypeError:
		return stanza.BadRequest("an IQ needs a type: get, set, result or error")
	case (st.Type == stanza.Get || st.Type == stanza.Set) && st.NumChildren() != 1:
		return stanza.BadRequest("a request holds exactly one element")
	}
	return nil
}

package server

import (
	"context"
	"errors"
	"sync"

	"natter/stanza"
)

// sink is the stream of who has none: it takes what is sent to a poster, of which
// errors matter.
type sink struct {
	mu      sync.Mutex // a commit that fails tells it from the committer's goroutine
	refused *stanza.Error
}

func (k *sink) DeliverRaw(_ *Turn, b []byte) bool {
	if st, err := built(b); err == nil && st.Type == stanza.TypeError {
		k.mu.Lock()
		defer k.mu.Unlock()
		if e := stanza.ErrorOf(st); e != nil && k.refused == nil {
			if k.refused = e; e.Condition == "service-unavailable" && e.Text == "" {
				e.Text = "nobody there takes it" // the same for who is not there and who has blocked the sender
			}
		}
	}
	return true
}

func (k *sink) DeliverShared(t *Turn, w *Wire, to []byte) bool {
	return k.DeliverRaw(t, w.Append(nil, to))
}

func (k *sink) Deliver(*Turn, *stanza.Stanza, *stanza.Stamp, *Delivery) (uint32, bool) {
	return 0, true
}
func (k *sink) Flush(*Turn)                     {}
func (k *sink) DeliverNonza(*Turn, []byte) bool { return true }
func (k *sink) End(*Turn, *stanza.StreamError)  {}
func (k *sink) Room(*Turn) bool                 { return false }
func (k *sink) Allow(int)                       {}
func (k *sink) Changed(*Turn)                   {}
func (k *sink) TLS() bool                       { return false }

// PostMessage sends a message from the bare JID of an account to another account of
// this server, for what is no XMPP client, and waits until it is durable. message is
// a whole stanza without addresses. It returns the id of the message in the sender's
// archive, "" where that does not keep it. An error of the recipient's is a
// *stanza.Error.
func (h *Host) PostMessage(ctx context.Context, local string, to stanza.JID, message []byte) (id string, err error) {
	srv := h.Server
	st, err := built(message)
	if err != nil {
		return "", stanza.BadRequest("the message cannot be sent: " + err.Error())
	}
	at := srv.hosts[to.Domain()]
	switch {
	case srv.service(to.Domain()) != nil:
		return "", stanza.NotAllowed("that is a service: messages to rooms are posted to the room")
	case at == nil:
		return "", stanza.RemoteServerNotFound("this server does not reach other domains")
	case to.Local() == "":
		return "", stanza.ServiceUnavailable("nobody reads messages to the server")
	}
	srv.Do(func(t *Turn) {
		var from, a *Account
		if from, err = h.Account(t, local); from == nil || err != nil {
			err = errors.Join(err, stanza.NotAuthorized("the account is gone"))
			return
		}
		if a, err = at.Account(t, to.Local()); err != nil {
			return
		}
		out := &sink{}
		s := &Session{Origin: Origin{JID: from.JID, Attr: from.Self.Attr}, Account: from, Full: from.Bare, Out: out}
		s.Origin.Session = s
		stamp := stanza.Stamp{From: s.Attr, To: stanza.AppendAttr(nil, to.String())}
		p := Passage{Turn: t, Origin: &s.Origin, Stanza: st, To: to, Account: a, Stamp: &stamp, Hints: HintsOf(st)}
		at.passMessage(&p)
		if err = out.err(); err == nil && p.ID != 0 && p.archived[0] {
			id = string(h.AppendArchiveID(nil, from.Bare, p.ID))
		}
		t.Flush()
		done := make(chan error, 1)
		srv.Store.Barrier(func(err error) { done <- err })
		select {
		case failed := <-done:
			err = errors.Join(err, failed)
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
		}
		err = errors.Join(err, out.err()) // of a commit that failed
	})
	if err != nil {
		return "", srv.stanzaError(err)
	}
	return id, nil
}

func (k *sink) err() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refused == nil {
		return nil
	}
	return k.refused
}

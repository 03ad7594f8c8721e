package server

import (
	"sync"
	"time"

	"natter/stanza"
)

// asked are the requests that the server has sent and awaits the answers to.
type asked struct {
	mu sync.Mutex
	m  map[string]*question // by id
}

type question struct {
	to    stanza.JID
	alarm Alarm
	then  func(*Turn, *stanza.Stanza, *stanza.Error)
}

// maxAsked bounds the questions under way.
const maxAsked = 100_000

// Ask sends a request of type get or set in the name of from, which is the host, an
// account's bare JID or an address at a service, and calls then once: with the
// answer, which is valid during the call, or with the error it was answered with.
// An answer that does not come in time is remote-server-timeout; the time is
// rounded up to seconds. then must not block and is called with no lock held.
func (srv *Server) Ask(t *Turn, from, to stanza.JID, typ stanza.Type, payload []byte, timeout time.Duration, then func(t *Turn, answer *stanza.Stanza, err *stanza.Error)) {
	id := "ask-" + NewID()
	q := &question{to: to, then: then}
	q.alarm.Run = func() {
		if srv.asked.take(id) != nil {
			srv.Do(func(t *Turn) { then(t, nil, stanza.RemoteServerTimeout("no answer came")) })
		}
	}
	srv.asked.mu.Lock()
	full := len(srv.asked.m) >= maxAsked
	if !full {
		if srv.asked.m == nil {
			srv.asked.m = make(map[string]*question)
		}
		srv.asked.m[id] = q
	}
	srv.asked.mu.Unlock()
	if full {
		then(t, nil, stanza.ResourceConstraint("too many requests are under way"))
		return
	}
	srv.Wheel.Set(&q.alarm, timeout)
	b := stanza.AppendOpen(nil, "iq", "type", typ.String(), "id", id, "from", from.String(), "to", to.String())
	b = stanza.AppendClose(append(b, payload...), "iq")
	// A session is asked whether or not it shares its presence with who asks.
	if s := srv.Session(to.String()); s != nil {
		s.Out.DeliverRaw(t, b)
		return
	}
	srv.send(t, b)
}

func (a *asked) take(id string) *question {
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.m[id]
	delete(a.m, id)
	return q
}

// answered takes the answer to a question of the server's; false when st is none. An
// answer counts only from who was asked.
func (srv *Server) answered(t *Turn, o *Origin, to stanza.JID, st *stanza.Stanza) bool {
	srv.asked.mu.Lock()
	q := srv.asked.m[string(st.ID())]
	if q == nil || q.to != o.JID && (q.to.IsZero() || q.to != o.JID.Bare()) {
		srv.asked.mu.Unlock()
		return false
	}
	delete(srv.asked.m, string(st.ID()))
	srv.asked.mu.Unlock()
	srv.Wheel.Stop(&q.alarm)
	if st.Type == stanza.TypeError {
		e := stanza.ErrorOf(st)
		if e == nil {
			e = stanza.UndefinedCondition("")
		}
		q.then(t, nil, e)
		return true
	}
	q.then(t, st, nil)
	return true
}

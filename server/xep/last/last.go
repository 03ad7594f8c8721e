// Package last implements XEP-0012 Last Activity, version 2.0: how long the
// server has been up, and for those who may see an account's presence how long
// ago its last session ended, with what it said on leaving.
//
// Requests to a full JID are not answered here: the core passes them to the
// client or refuses them (RFC 6121 §8.5.3).
package last

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const ns = "jabber:iq:last"

// kind is the kind of the document, one an account, that says when it was last
// seen.
const kind = "last"

// maxStatus bounds in bytes what is kept of a status text.
const maxStatus = 1024

// seen is when the last session of an account ended.
type seen struct {
	At     time.Time
	Status string `json:",omitempty"` // of its unavailable presence
}

// Keys of what is kept with accounts and sessions: a seen, while it is in memory;
// and the status text of the last unavailable presence, while that is the last
// presence.
type (
	seenKey   struct{}
	statusKey struct{}
)

type module struct {
	host   *server.Host
	since  time.Time
	writer *writer
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h, since: time.Now(), writer: newWriter(h)}
	return &server.Module{
		Name: "last", XEP: "0012 2.0", Summary: "when a contact was last online",
		Features: []string{ns}, AccountFeatures: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "query", To: server.AtHost, Handle: m.uptime},
			{Type: stanza.Get, NS: ns, Name: "query", To: server.AtSelf | server.AtAccount, Handle: m.account},
		},
		Hooks: []server.Hook{
			{Stage: server.FromAccount, Kinds: server.OnPresence, Run: m.presence},
			{Stage: server.SessionEnded, Run: m.ended},
		},
		LastSeen: m.lastSeen,
		// The core deletes what is stored; what waits must not come after.
		Remove: func(a *server.Account, _ *store.Batch) { m.writer.drop(a.Local) },
	}
}

// uptime answers for the host (§5).
func (m *module) uptime(q *server.IQ) error {
	q.Reply(q.Turn, query(seen{At: m.since}))
	return nil
}

// account answers for an account (§3). Only those who see its presence are told;
// the condition for others is §3's.
func (m *module) account(q *server.IQ) error {
	a := q.Account
	if !a.SeenBy(q.Origin.JID) {
		return stanza.Forbidden("only who sees the account's presence may ask")
	}
	a.Lock()
	online := len(a.Sessions()) > 0
	a.Unlock()
	v := seen{At: time.Now()}
	if !online {
		var err error
		if v, err = m.read(q.Turn, a); err != nil {
			return err
		}
	}
	q.Reply(q.Turn, query(v))
	return nil
}

// lastSeen tells probes since when an account is unavailable (RFC 6121 §4.3.2).
func (m *module) lastSeen(t *server.Turn, a *server.Account) (time.Time, bool) {
	v, err := m.read(t, a)
	return v.At, err == nil
}

func (m *module) read(t *server.Turn, a *server.Account) (v seen, err error) {
	a.Lock()
	v, known := a.Value(seenKey{}).(seen)
	a.Unlock()
	if known {
		return v, nil
	}
	doc, ok, err := m.host.Get(t, a.Local, kind, "")
	if err != nil {
		return v, err
	}
	if !ok {
		return v, stanza.ItemNotFound("the account was never online")
	}
	if err := json.Unmarshal(doc.Data, &v); err != nil {
		return v, fmt.Errorf("last activity of %s: %w", a.Bare, err)
	}
	return v, nil
}

func query(v seen) []byte {
	ago := max(0, time.Since(v.At))
	return stanza.AppendElement(nil, "query", v.Status, "xmlns", ns, "seconds", strconv.FormatInt(int64(ago/time.Second), 10))
}

// presence notes what a session says when it becomes unavailable, and forgets it
// when it is available again.
func (m *module) presence(p *server.Passage) server.Verdict {
	if p.Stanza.To() != nil {
		return server.Pass
	}
	status := ""
	if p.Stanza.Type == stanza.Unavailable {
		status, _ = p.Stanza.ChildText(stanza.NSClient, "status")
	}
	s := p.Origin.Session
	p.Account.Lock()
	defer p.Account.Unlock()
	if status != "" || s.Value(statusKey{}) != nil {
		s.SetValue(statusKey{}, shorten(status))
	}
	return server.Pass
}

// shorten cuts text to maxStatus bytes, between characters. It shares no memory
// with what it was cut from.
func shorten(text string) string {
	if len(text) <= maxStatus {
		return text
	}
	n := maxStatus
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return string([]byte(text[:n]))
}

// ended notes when the last session of an account ends.
func (m *module) ended(p *server.Passage) server.Verdict {
	a := p.Account
	a.Lock()
	defer a.Unlock()
	if len(a.Sessions()) > 0 || !m.host.Exists(a.Local) {
		return server.Pass
	}
	v := seen{At: time.Now().UTC().Truncate(time.Second)}
	v.Status, _ = p.Session.Value(statusKey{}).(string)
	a.SetValue(seenKey{}, v)
	m.writer.put(a.Local, v)
	return server.Pass
}

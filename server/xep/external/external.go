// Package external implements XEP-0215 External Service Discovery, version 1.0.0: where
// the STUN and TURN server for calls is, with credentials that last for hours.
package external

import (
	"strconv"
	"time"

	"natter/server"
	"natter/stanza"
)

const ns = "urn:xmpp:extdisco:2"

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{h}
	return &server.Module{
		Name: "external", XEP: "0215 1.0.0", Summary: "where calls find a relay, with credentials for it",
		Features: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "services", To: server.AtHost, Handle: m.services},
			{Type: stanza.Get, NS: ns, Name: "credentials", To: server.AtHost, Handle: m.credentials},
		},
	}
}

// service is one <service/> without credentials (XEP-0215 §2).
type service struct {
	typ, transport, host, port string
}

// list returns the services there are.
func (m *module) list() (all []service) {
	r := m.host.Server.Relay()
	if r == nil {
		return nil
	}
	port := strconv.Itoa(int(r.Port))
	for _, typ := range []string{"stun", "turn"} {
		for _, host := range r.Hosts {
			if r.UDP {
				all = append(all, service{typ, "udp", host, port})
			}
			if r.TCP {
				all = append(all, service{typ, "tcp", host, port})
			}
		}
	}
	return all
}

// mayAsk checks that somebody of the host asks, on behalf of whom things are relayed.
func (m *module) mayAsk(q *server.IQ) error {
	if s := q.Session(); s == nil || s.Account.Host != m.host {
		return stanza.Forbidden("only people of " + m.host.Name + " may use what it has for calls")
	}
	return nil
}

// services lists what there is, or what there is of a type (XEP-0215 §3.1, §3.2).
func (m *module) services(q *server.IQ) error {
	if err := m.mayAsk(q); err != nil {
		return err
	}
	typ, _ := q.Stanza.ChildAttr(q.Payload, "type")
	until := m.answer(q, "services", typ, func(s service) bool { return typ == "" || s.typ == typ })
	if typ != "" && !until.IsZero() {
		m.renew(q.Session(), typ, until)
	}
	return nil
}

// credentials answers for one service (XEP-0215 §3.3).
func (m *module) credentials(q *server.IQ) error {
	if err := m.mayAsk(q); err != nil {
		return err
	}
	asked, ok := q.Stanza.Find(q.Payload, ns, "service")
	host, _ := q.Stanza.ChildAttr(asked, "host")
	typ, _ := q.Stanza.ChildAttr(asked, "type")
	if !ok || host == "" || typ == "" {
		return stanza.BadRequest("name the service by its host and type")
	}
	port, _ := q.Stanza.ChildAttr(asked, "port")
	transport, _ := q.Stanza.ChildAttr(asked, "transport")
	match := func(s service) bool {
		return s.typ == typ && s.typ == "turn" && s.host == host && (port == "" || s.port == port) && (transport == "" || s.transport == transport)
	}
	for _, s := range m.list() {
		if match(s) {
			m.answer(q, "credentials", "", match)
			return nil
		}
	}
	return stanza.ItemNotFound("there are no credentials for such a service")
}

// answer replies with the services that match, and returns until when credentials
// among them are valid.
func (m *module) answer(q *server.IQ, element, typ string, match func(service) bool) time.Time {
	b, until := m.content(q.Session().Account, element, typ, "", match)
	q.Reply(q.Turn, b)
	return until
}

// content is the payload with the services that match: element is its name.
func (m *module) content(a *server.Account, element, typ, action string, match func(service) bool) ([]byte, time.Time) {
	var name, password, expires string
	var until time.Time
	b := stanza.AppendOpen(nil, element, "xmlns", ns, "type", typ)
	for _, s := range m.list() {
		if !match(s) {
			continue
		}
		attrs := []string{"action", action, "type", s.typ, "host", s.host, "port", s.port, "transport", s.transport}
		if s.typ == "turn" {
			if until.IsZero() {
				name, password, until = m.host.Server.Relay().Credentials(a.Bare, time.Now())
				expires = until.UTC().Format(time.RFC3339)
			}
			attrs = append(attrs, "restricted", "true", "username", name, "password", password, "expires", expires)
		}
		b = stanza.AppendEmpty(b, "service", attrs...)
	}
	return stanza.AppendClose(b, element), until
}

// Package search implements XEP-0055 Jabber Search, version 1.3, at search.DOMAIN:
// people of the domain find each other by what their cards (XEP-0054) tell everybody.
// It is off by default. Answers come in pages (XEP-0059), as fields or as a form
// (XEP-0004).
package search

import (
	"time"

	"natter/server"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/server/xep/rsm"
	"natter/stanza"
)

const (
	ns     = "jabber:iq:search"
	prefix = "search"
	name   = "Search for people"
)

// Bounds on a search.
const (
	maxPage  = 50  // people in one answer
	maxFound = 500 // people that one search finds, in all its pages
	maxValue = 256 // bytes of what is looked for in one field

	// An account may search so often at once, and once more each interval.
	burst       = 20
	interval    = 3 * time.Second
	maxSearches = 16_384 // accounts remembered for it
)

type module struct {
	host   *server.Host
	people directory
	limit  server.Limit[string]
}

// New makes the module.
func New(h *server.Host) *server.Module {
	mod := &server.Module{Name: "search", XEP: "0055 1.3", Summary: "people of the domain find each other, where that is turned on"}
	cfg := &h.Server.Config
	if cfg.UserSearch == "" || cfg.UserSearch == "off" {
		return mod
	}
	m := &module{host: h, limit: server.Limit[string]{Burst: burst, Interval: interval, Most: maxSearches}}
	m.people.init()
	m.people.all = cfg.UserSearch == "all"
	mod.Start = m.start
	mod.On = m.on
	mod.Service = &server.Service{Prefix: prefix, Name: name, Route: h.Requests(m.answer)}
	if !m.people.all {
		mod.Commands = []server.Command{m.listing()}
	}
	return mod
}

func (m *module) answer(q *server.IQ) error {
	st := q.Stanza
	get := st.Type == stanza.Get
	switch {
	case get && st.ChildIs(q.Payload, disco.NSInfo, "query"):
		q.Reply(q.Turn, disco.Query(disco.NSInfo, "", disco.AppendInfo(nil,
			[]server.Identity{{Category: "directory", Type: "user", Name: name}},
			[]string{disco.NSInfo, disco.NSItems, ns, forms.NS, rsm.NS, "urn:xmpp:ping"})))
		return nil
	case get && st.ChildIs(q.Payload, disco.NSItems, "query"):
		q.Reply(q.Turn, disco.Query(disco.NSItems, "", nil))
		return nil
	case get && st.ChildIs(q.Payload, "urn:xmpp:ping", "ping"):
		q.Reply(q.Turn, nil)
		return nil
	case !st.ChildIs(q.Payload, ns, "query"):
		return stanza.ServiceUnavailable("the service does not do that")
	}
	s := q.Session()
	switch {
	case s == nil || s.Account.Host != m.host:
		return stanza.Forbidden("only people of " + m.host.Name + " may search here")
	case m.host.Server.Config.UserSearchBy == "admins" && !m.host.Server.Admin(q.Origin.JID):
		return stanza.Forbidden("only administrators may search here")
	case get:
		q.Reply(q.Turn, ask())
		return nil
	}
	return m.search(q, s)
}

const howTo = "Fill in one or more fields. What begins with it is found, in any spelling of capitals."

// ask returns the fields that can be searched, and the form of the same (§2.1, §3).
func ask() []byte {
	b := stanza.AppendOpen(nil, "query", "xmlns", ns)
	b = stanza.AppendElement(b, "instructions", howTo)
	f := forms.New("form", ns)
	f.Title, f.Instructions = name, howTo
	for _, d := range fields {
		b = stanza.AppendEmpty(b, d.name)
		f.Add("text-single", d.name, d.label)
	}
	b = f.AppendTo(b)
	return stanza.AppendClose(b, "query")
}

// search answers who is found (§2.1, §3).
func (m *module) search(q *server.IQ, s *server.Session) error {
	form, err := forms.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	page, err := rsm.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	var w wanted
	switch {
	case form == nil:
		for i, d := range fields {
			if c, ok := q.Stanza.Find(q.Payload, ns, d.name); ok {
				w[i] = q.Stanza.Text(c)
			}
		}
	case form.Type != "submit" || form.FormType() != ns:
		return stanza.BadRequest("a form that is submitted, of the type " + ns + ", says what to search for")
	default:
		for i, d := range fields {
			w[i] = form.Get(d.name)
		}
	}
	if err := w.prepare(); err != nil {
		return err
	}
	if !m.limit.Allow(s.Account.Bare) {
		e := stanza.PolicyViolation("too many searches; wait a minute")
		e.Type = stanza.Wait
		return e
	}
	found, ready := m.people.find(&w, m.host.Name)
	if !ready {
		e := stanza.ResourceConstraint("the directory is being made; try again in a moment")
		e.Type = stanza.Wait
		return e
	}
	if found, err = m.visible(q.Turn, found); err != nil {
		return err
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].jid
	}
	from, to, result, err := rsm.Page(page, ids, maxPage)
	if err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", ns)
	if form == nil {
		for _, p := range found[from:to] {
			b = p.appendItem(b)
		}
	} else if len(found) > 0 {
		b = appendResult(b, found[from:to])
	}
	if page.Present || len(found) > to-from {
		b = result.AppendTo(b)
	}
	q.Reply(q.Turn, stanza.AppendClose(b, "query"))
	return nil
}

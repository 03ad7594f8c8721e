// Package blocking implements XEP-0191 Blocking Command, version 1.3, with the
// reports of XEP-0377 Blocking Command Reports, version 0.4.1, which go to the
// server's administrators.
package blocking

import (
	"context"
	"encoding/json"
	"slices"

	"natter/presence"
	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const (
	ns       = "urn:xmpp:blocking"
	nsErrors = "urn:xmpp:blocking:errors"
	kind     = "blocklist"
	maxItems = 10_000
)

// listKey keeps an account's block list, a sorted []stanza.JID never changed in
// place; askedKey marks a session that asked for it and so is told of changes.
type (
	listKey  struct{}
	askedKey struct{}
)

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{h}
	return &server.Module{
		Name: "blocking", XEP: "0191 1.3, 0377 0.4.1", Summary: "nothing passes between an account and those it blocks, who may be reported",
		Features: []string{ns, nsReport}, AccountFeatures: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "blocklist", To: server.AtSelf, Handle: m.get},
			{Type: stanza.Set, NS: ns, Name: "block", To: server.AtSelf, Handle: m.block},
			{Type: stanza.Set, NS: ns, Name: "unblock", To: server.AtSelf, Handle: m.unblock},
		},
		Hooks: []server.Hook{
			{Stage: server.FromAccount, Flag: server.AccountBlocks, Run: outbound},
			{Stage: server.ToAccount, Flag: server.AccountBlocks, Run: inbound},
		},
		Load: m.load,
		SaveSession: func(s *server.Session) []byte {
			if s.Value(askedKey{}) != nil {
				return []byte{1}
			}
			return nil
		},
		RestoreSession: func(s *server.Session, data []byte) {
			if len(data) > 0 {
				s.SetValue(askedKey{}, true)
			}
		},
	}
}

// load reads the account's list.
func (m *module) load(a *server.Account) error {
	list, err := m.stored(a)
	if err == nil {
		use(a, list)
	}
	return err
}

// stored returns the list as it is in the store.
func (m *module) stored(a *server.Account) ([]stanza.JID, error) {
	doc, ok, err := m.host.Get(nil, a.Local, kind, "")
	if err != nil || !ok {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(doc.Data, &names); err != nil {
		return nil, err
	}
	list := make([]stanza.JID, 0, len(names))
	for _, n := range names {
		if j, err := stanza.ParseJID(n); err == nil {
			list = append(list, j)
		}
	}
	return list, nil
}

// reload takes back what could not be stored.
func (m *module) reload(a *server.Account) { server.Reread(a, "block list", m.stored, use) }

// use makes list the account's; the account must be locked or not yet shared.
func use(a *server.Account, list []stanza.JID) {
	a.SetValue(listKey{}, list)
	if len(list) == 0 {
		a.SetBlocked(nil)
		return
	}
	a.SetBlocked(func(j stanza.JID) bool { return j.Bare() != a.JID && blocks(list, j) })
}

// blocks reports whether an item of list stands for j (§6): j itself, its bare
// JID, its domain with that resource, or its domain.
func blocks(list []stanza.JID, j stanza.JID) bool {
	return slices.ContainsFunc(list, func(item stanza.JID) bool { return presence.Matches(item, j) })
}

func current(a *server.Account) []stanza.JID {
	list, _ := a.Value(listKey{}).([]stanza.JID)
	return list
}

// get answers with the list (§3.2).
func (m *module) get(q *server.IQ) error {
	a, s := q.Account, q.Session()
	a.Lock()
	list := current(a)
	if s != nil {
		s.SetValue(askedKey{}, true)
	}
	a.Unlock()
	q.Reply(q.Turn, appendItems(nil, "blocklist", list))
	if s != nil {
		s.Out.Changed(q.Turn)
	}
	return nil
}

func appendItems(b []byte, name string, list []stanza.JID) []byte {
	b = stanza.AppendOpen(b, name, "xmlns", ns)
	for _, j := range list {
		b = stanza.AppendEmpty(b, "item", "jid", j.String())
	}
	return stanza.AppendClose(b, name)
}

// items reads the addresses of a request.
func items(q *server.IQ) ([]stanza.JID, error) {
	var list []stanza.JID
	for c := range q.Stanza.Children(q.Payload) {
		if !q.Stanza.ChildIs(c, ns, "item") {
			continue // §3.3: extensions such as reports (XEP-0377) may stand beside
		}
		text, ok := q.Stanza.ChildAttr(c, "jid")
		if !ok {
			return nil, stanza.BadRequest("an item needs a jid")
		}
		j, err := stanza.ParseJID(text)
		if err != nil {
			return nil, stanza.JIDMalformed("an item's jid is not an address")
		}
		list = append(list, j)
	}
	return list, nil
}

// block adds to the list (§3.3). Whoever loses sight of the account is told that
// it is unavailable.
func (m *module) block(q *server.IQ) error {
	add, err := items(q)
	if err != nil {
		return err
	}
	if len(add) == 0 {
		return stanza.BadRequest("nobody is named to be blocked")
	}
	said, err := reports(q)
	if err != nil {
		return err
	}
	a := q.Account
	a.Lock()
	defer a.Unlock()
	list := slices.Clone(current(a))
	var plan server.Plan
	for _, j := range add {
		if !slices.Contains(list, j) {
			plan = append(plan, a.Plan(a.View().Block(nil, j))...)
			list = append(list, j)
		}
	}
	if len(list) > maxItems {
		return stanza.ResourceConstraint("the block list is full")
	}
	return m.change(q, list, appendItems(nil, "block", add), plan, said)
}

// unblock takes some or all off the list (§3.4, §3.5). Who may see the account
// is told that it is there.
func (m *module) unblock(q *server.IQ) error {
	del, err := items(q)
	if err != nil {
		return err
	}
	a := q.Account
	a.Lock()
	defer a.Unlock()
	old := current(a)
	gone := func(j stanza.JID) bool { return len(del) == 0 || slices.Contains(del, j) }
	list := slices.DeleteFunc(slices.Clone(old), gone)
	was := slices.Clone(old)
	was = slices.DeleteFunc(was, func(j stanza.JID) bool { return !gone(j) })
	use(a, list) // Unblock has to see who is blocked no more
	var plan server.Plan
	for _, j := range was {
		plan = append(plan, a.Plan(a.View().Unblock(nil, j))...)
	}
	err = m.change(q, list, appendItems(nil, "unblock", del), plan, nil)
	if err != nil && err != server.Pending {
		use(a, old)
	}
	return err
}

// change stores the list and, when that is durable, answers, tells the sessions
// that asked for the list, carries out the plan and passes on what was reported. The account is locked.
func (m *module) change(q *server.IQ, list []stanza.JID, push []byte, plan server.Plan, said []*report) error {
	slices.SortFunc(list, func(x, y stanza.JID) int { return cmp(x.String(), y.String()) })
	names := make([]string, len(list))
	for i, j := range list {
		names[i] = j.String()
	}
	data, err := json.Marshal(names)
	if err != nil {
		return err
	}
	a, before := q.Account, current(q.Account)
	b := new(store.Batch)
	b.Put(store.Doc{Key: m.host.Key(a.Local, kind, ""), Data: data})
	use(a, list)
	k := q.Keep()
	err = q.Turn.Commit(b, func(t *server.Turn, err error) {
		if err != nil {
			m.reload(a)
			k.Fail(t, err)
			return
		}
		k.Reply(t, nil)
		a.Lock()
		sessions := slices.DeleteFunc(a.Sessions(), func(s *server.Session) bool { return s.Value(askedKey{}) == nil })
		a.Unlock()
		for _, s := range sessions {
			s.Push(t, push)
		}
		plan.Run(t, a)
		if len(said) > 0 {
			m.host.Server.Go(func(ctx context.Context) { m.pass(ctx, a, said) })
		}
	})
	if err != nil {
		use(a, before)
		return err
	}
	return server.Pending
}

func cmp(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// outbound refuses what the account sends to those it blocks (§3.3).
func outbound(p *server.Passage) server.Verdict {
	p.Account.Lock()
	blocked := p.To.Bare() != p.Account.JID && blocks(current(p.Account), p.To)
	p.Account.Unlock()
	if !blocked {
		return server.Pass
	}
	p.Err = stanza.NotAcceptable("you have blocked that address")
	p.Err.Type = stanza.Cancel
	p.Err.App = []byte("<blocked xmlns='" + nsErrors + "'/>")
	return server.Reply
}

// inbound keeps what the blocked send from the account (§3.3).
func inbound(p *server.Passage) server.Verdict {
	p.Account.Lock()
	from := p.Origin.JID
	blocked := from.Bare() != p.Account.JID && blocks(current(p.Account), from)
	p.Account.Unlock()
	st := p.Stanza
	switch {
	case !blocked:
		return server.Pass
	case st.Kind == stanza.Presence,
		st.Kind == stanza.IQ && st.Type != stanza.Get && st.Type != stanza.Set:
		return server.Stop
	}
	p.Err = stanza.ServiceUnavailable("")
	return server.Reply
}

package mam

import (
	"encoding/json"
	"fmt"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/archive"
	"natter/stanza"
)

// kind is the kind of the document that holds an account's preferences.
const kind = "archive"

// maxListed bounds each of the two lists.
const maxListed = 1000

// prefs are an account's preferences (XEP-0441 §2.1), as they are stored too. What is
// shared is never changed.
type prefs struct {
	Default       string // always, never or roster; "" is always
	Always, Never []string
	always, never map[stanza.JID]bool
}

type prefsKey struct{}

// everything is archived where nothing was said.
var everything = &prefs{Default: "always"}

// current returns the account's preferences; the account must be locked.
func current(a *server.Account) *prefs {
	if p, ok := a.Value(prefsKey{}).(*prefs); ok {
		return p
	}
	return everything
}

// use makes p the account's; the account must be locked, or not yet shared.
func use(a *server.Account, p *prefs) {
	a.SetValue(prefsKey{}, p)
	if p.Default == "always" && len(p.Never) == 0 {
		a.SetArchivePolicy(nil)
		return
	}
	a.SetArchivePolicy(p.archives)
}

// archives decides about one message (XEP-0441 §2.1, §2.3). A full address that is
// listed comes before its bare one, and never before always.
func (p *prefs) archives(a *server.Account, peer stanza.JID) bool {
	for _, j := range [...]stanza.JID{peer, peer.Bare()} {
		switch {
		case p.never[j]:
			return false
		case p.always[j]:
			return true
		}
	}
	switch p.Default {
	case "never":
		return false
	case "roster":
		_, ok := a.Roster.Get(peer.Bare())
		return ok
	}
	return true
}

// ready fills in what is looked up.
func (p *prefs) ready() error {
	switch p.Default {
	case "":
		p.Default = "always"
	case "always", "never", "roster":
	default:
		return fmt.Errorf("default %q", p.Default)
	}
	var err error
	if p.always, err = addresses(p.Always); err == nil {
		p.never, err = addresses(p.Never)
	}
	return err
}

func addresses(list []string) (map[stanza.JID]bool, error) {
	m := make(map[stanza.JID]bool, len(list))
	for i, s := range list {
		j, err := stanza.ParseJID(s)
		if err != nil {
			return nil, err
		}
		list[i] = j.String()
		m[j] = true
	}
	return m, nil
}

// load reads the account's preferences.
func (m *module) load(a *server.Account) error {
	p, err := m.stored(a)
	if err == nil {
		use(a, p)
	}
	return err
}

func (m *module) stored(a *server.Account) (*prefs, error) {
	doc, ok, err := m.host.Get(nil, a.Local, kind, "prefs")
	if err != nil || !ok {
		return everything, err
	}
	p := new(prefs)
	if err := json.Unmarshal(doc.Data, p); err != nil {
		return nil, err
	}
	return p, p.ready()
}

// get answers with the preferences (XEP-0441 §2.1).
func (m *module) get(q *server.IQ) error {
	q.Account.Lock()
	p := current(q.Account)
	q.Account.Unlock()
	q.Reply(q.Turn, p.element())
	return nil
}

// set stores preferences, has them obeyed from then on, and answers with them.
func (m *module) set(q *server.IQ) error {
	p, err := parsePrefs(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	a, b := q.Account, new(store.Batch)
	b.Put(store.Doc{Key: m.host.Key(a.Local, kind, "prefs"), Data: data})
	a.Lock()
	defer a.Unlock()
	before := current(a)
	use(a, p)
	k := q.Keep()
	err = q.Turn.Commit(b, func(t *server.Turn, err error) {
		if err != nil {
			m.reload(a)
			k.Fail(t, err)
			return
		}
		k.Reply(t, p.element())
	})
	if err != nil {
		use(a, before)
		return err
	}
	return server.Pending
}

// reload takes back what could not be stored.
func (m *module) reload(a *server.Account) { server.Reread(a, "archive preferences", m.stored, use) }

// parsePrefs reads <prefs/>. The error is a bad-request, or not-acceptable for lists
// that are too long.
func parsePrefs(st *stanza.Stanza, c stanza.Child) (*prefs, error) {
	p := new(prefs)
	p.Default, _ = st.ChildAttr(c, "default")
	if p.Default == "" { // XEP-0441 §2.1.1
		return nil, stanza.BadRequest("preferences need a default: always, never or roster")
	}
	for _, list := range []struct {
		name string
		jids *[]string
	}{{"always", &p.Always}, {"never", &p.Never}} {
		l, ok := st.Find(c, archive.NS, list.name)
		if !ok {
			continue
		}
		for j := range st.Children(l) {
			if !st.ChildIs(j, archive.NS, "jid") {
				continue
			}
			if len(*list.jids) == maxListed {
				return nil, stanza.NotAcceptable(fmt.Sprintf("up to %d addresses can be listed", maxListed))
			}
			*list.jids = append(*list.jids, st.Text(j))
		}
	}
	if err := p.ready(); err != nil {
		return nil, stanza.BadRequest("the default is always, never or roster, and what is listed are addresses")
	}
	return p, nil
}

// element is the preferences as they are told: both lists always there (XEP-0441
// §2.1).
func (p *prefs) element() []byte {
	b := stanza.AppendOpen(nil, "prefs", "xmlns", archive.NS, "default", p.Default)
	b = appendList(b, "always", p.Always)
	b = appendList(b, "never", p.Never)
	return stanza.AppendClose(b, "prefs")
}

func appendList(b []byte, name string, list []string) []byte {
	b = stanza.AppendOpen(b, name)
	for _, j := range list {
		b = stanza.AppendElement(b, "jid", j)
	}
	return stanza.AppendClose(b, name)
}

package search

import (
	"context"
	"slices"
	"strings"
	"sync"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// Kinds of documents: an account's card and what it published as vCard4 later, which
// are another module's (package vcard), and that it wants to be found.
const (
	kindCard   = "vcard"
	kindFour   = "vcard-four"
	kindListed = "search-listed"
	node4      = "urn:xmpp:vcard4"
)

// directory is who can be found, in memory: some 200 bytes a person with a card. It is
// made of the cards when the server starts and follows their changes.
type directory struct {
	all bool // everybody is found, not only who wants to be

	mu     sync.RWMutex
	ready  bool
	cards  map[string]*person  // by localpart; nil for who has none
	listed map[string]struct{} // by localpart; who wants to be found
	// touched are those whose cards have changed while the directory was made.
	touched map[string]struct{}
}

// find returns who is looked for, in the order of their addresses; ready is not set
// while the directory is being made.
func (d *directory) find(w *wanted, host string) (list []person, ready bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if !d.ready {
		return nil, false
	}
	for local, p := range d.cards {
		if _, ok := d.listed[local]; (ok || d.all) && w.matches(p, local) {
			found := person{}
			if p != nil {
				found = *p
			}
			found.jid = local + "@" + host
			list = append(list, found)
		}
	}
	slices.SortFunc(list, func(a, b person) int { return strings.Compare(a.jid, b.jid) })
	return list[:min(len(list), maxFound)], true
}

// visible drops people whose node is not for everybody any more.
func (m *module) visible(t *server.Turn, list []person) ([]person, error) {
	var err error
	list = slices.DeleteFunc(list, func(p person) bool {
		if p.node == "" || err != nil {
			return false
		}
		local, _, _ := strings.Cut(p.jid, "@")
		var a *server.Account
		var access string
		if a, err = m.host.Account(t, local); a != nil && err == nil {
			access, err = m.host.PEP.Access(t, a, p.node)
		}
		return access != "open"
	})
	return list, err
}

// init makes a directory that is not ready.
func (d *directory) init() {
	d.cards, d.listed, d.touched = make(map[string]*person), make(map[string]struct{}), make(map[string]struct{})
}

// start makes the directory.
func (m *module) start() {
	d := &m.people
	d.mu.Lock()
	for _, local := range m.host.Accounts() {
		if _, there := d.cards[local]; !there {
			d.cards[local] = nil
		}
	}
	d.mu.Unlock()
	m.host.Server.Go(func(ctx context.Context) {
		if err := m.read(ctx); err != nil && ctx.Err() == nil {
			m.host.Server.Log.Error("no directory to search", "host", m.host.Name, "err", err)
		}
	})
}

// cardsAtOnce is how many cards are read in one go: each may be large.
const cardsAtOnce = 50

// read reads all cards and lists, and then lets people search.
func (m *module) read(ctx context.Context) error {
	d := &m.people
	err := m.each(ctx, kindCard, cardsAtOnce, func(doc *store.Doc) {
		if _, newer := d.touched[doc.Account]; !newer {
			d.cards[doc.Account] = readCard(doc.Data, "")
		}
	})
	if err == nil {
		err = m.each(ctx, kindFour, cardsAtOnce, func(doc *store.Doc) {
			if _, newer := d.touched[doc.Account]; !newer {
				d.cards[doc.Account] = readCard(doc.Data, node4)
			}
		})
	}
	if err == nil {
		err = m.each(ctx, kindListed, store.MaxPage, func(doc *store.Doc) { d.listed[doc.Account] = struct{}{} })
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ready, d.touched = true, nil
	return nil
}

// each calls fn, with the directory locked, with the documents of a kind of accounts
// that are there.
func (m *module) each(ctx context.Context, kind string, n int, fn func(*store.Doc)) error {
	d := &m.people
	account, key := "", ""
	for {
		page, err := m.host.Server.Store.ListKind(ctx, m.host.Name, kind, account, key, n)
		if err != nil {
			return err
		}
		d.mu.Lock()
		for i := range page {
			if _, there := d.cards[page[i].Account]; there {
				fn(&page[i])
			}
			account, key = page[i].Account, page[i].Key.Key
		}
		d.mu.Unlock()
		if len(page) < n {
			return nil
		}
	}
}

// on follows accounts and their cards.
func (m *module) on(_ *server.Turn, e server.Event) {
	d := &m.people
	d.mu.Lock()
	defer d.mu.Unlock()
	switch e.Kind {
	case server.AccountCreated:
		if _, there := d.cards[e.Local]; !there {
			d.cards[e.Local] = nil
		}
	case server.AccountRemoved:
		if e.Account.Host != m.host { // of that name elsewhere
			return
		}
		delete(d.cards, e.Account.Local)
		delete(d.listed, e.Account.Local)
	case server.CardChanged:
		if d.touched != nil {
			d.touched[e.Account.Local] = struct{}{}
		}
		if _, there := d.cards[e.Account.Local]; there {
			d.cards[e.Account.Local] = readCard(e.Data, e.Node)
		}
	}
}

// listing is the command by which people say that they want to be found.
func (m *module) listing() server.Command {
	const node = "urn:natter:search:listed"
	return server.Command{
		Node: node, Name: "Whether others find me by searching", To: server.AtSelf,
		Form: func(c *server.CommandCall) ([]byte, error) {
			m.people.mu.RLock()
			_, on := m.people.listed[c.Account.Local]
			m.people.mu.RUnlock()
			f := forms.New("form", node)
			f.Title = "Being found"
			f.Instructions = "People of " + m.host.Name + " can search for names, nicknames and email addresses in cards."
			return f.AddBool("listed", "Let others find me", on).Bytes(), nil
		},
		Run: func(c *server.CommandCall) (server.CommandResult, error) {
			f, err := forms.Parse(c.Stanza, c.Submitted)
			if err != nil {
				return server.CommandResult{}, err
			}
			on, given, err := f.Bool("listed")
			if err == nil && !given {
				err = stanza.BadRequest("say whether others may find you")
			}
			if err == nil {
				err = m.list(c, on)
			}
			if err != nil {
				return server.CommandResult{}, err
			}
			note := "Others do not find you."
			if on {
				note = "Others find you by your name, and what your card tells."
			}
			return server.CommandResult{Note: note}, nil
		},
	}
}

// list stores whether an account wants to be found.
func (m *module) list(c *server.CommandCall, on bool) error {
	local := c.Account.Local
	b := new(store.Batch)
	if key := m.host.Key(local, kindListed, ""); on {
		b.Put(store.Doc{Key: key})
	} else {
		b.Delete(key)
	}
	c.Turn.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), m.host.Server.Config.StoreTimeout)
	defer cancel()
	if err := m.host.Server.Store.CommitWait(ctx, b); err != nil {
		return err
	}
	m.people.mu.Lock()
	defer m.people.mu.Unlock()
	if on {
		m.people.listed[local] = struct{}{}
	} else {
		delete(m.people.listed, local)
	}
	return nil
}

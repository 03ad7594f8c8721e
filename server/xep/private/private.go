// Package private implements XEP-0049 Private XML Storage, version 1.2: elements
// that an account keeps on the server for itself, such as Profanity's bookmarks
// or Gajim's roster delimiter. They are kept as the bytes that came, under their
// namespace and name.
package private

import (
	"fmt"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const ns = "jabber:iq:private"

// kind is the kind of the documents. Their key is the namespace, a line feed and
// the local name; what is in them are the elements of that name, one after the
// other, each standing alone.
const kind = "private"

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	return &server.Module{
		Name: "private", XEP: "0049 1.2", Summary: "what clients keep for themselves on the server",
		Features: []string{ns}, AccountFeatures: []string{ns},
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "query", To: server.AtSelf, Handle: m.get},
			{Type: stanza.Set, NS: ns, Name: "query", To: server.AtSelf, Handle: m.set},
			{NS: ns, Name: "query", To: server.AtAccount, Handle: func(*server.IQ) error {
				return stanza.Forbidden("private data are their owner's alone") // §2.3
			}},
		},
	}
}

// get answers with what is kept under the name of the one element in the query,
// or with that element, empty, when nothing is (§2.3).
func (m *module) get(q *server.IQ) error {
	list := elements(q)
	switch {
	case len(list) == 0:
		return stanza.BadRequest("name what to get: one element in a namespace of its own")
	case len(list) > 1:
		return stanza.BadRequest("one element can be asked for at a time")
	}
	c := list[0]
	key, ok := keyOf(q.Stanza, c)
	if !ok {
		return stanza.BadRequest("name what to get: one element in a namespace of its own")
	}
	if node, ok := m.host.PEP.Private[key]; ok {
		if items, err := m.host.PEP.Items(q.Turn, q.Account, node); err != nil {
			return err
		} else if len(items) > 0 {
			q.Reply(q.Turn, wrap(items[0].Payload))
			return nil
		}
	}
	if pending(q.Account) {
		// A client that does not wait for answers reads what it wrote.
		if err := q.Turn.Settle(); err != nil {
			return err
		}
	}
	doc, ok, err := m.host.Get(q.Turn, q.Account.Local, kind, key)
	if err != nil {
		return err
	}
	if !ok {
		doc.Data = stanza.AppendEmpty(nil, string(q.Stanza.Local(c)), "xmlns", string(q.Stanza.Space(c)))
	}
	q.Reply(q.Turn, wrap(doc.Data))
	return nil
}

// set replaces what is kept under the names of the elements in the query; a
// client may send several of one namespace (§2.3).
func (m *module) set(q *server.IQ) error {
	docs, err := m.parse(q)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if node, ok := m.host.PEP.Private[d.Key.Key]; ok {
			return m.publish(q, node, docs)
		}
	}
	a := q.Account
	u, err := m.lockUsage(q)
	if err != nil {
		return err
	}
	defer a.Unlock()
	if err := u.fits(docs, int64(m.host.Server.Config.PrivateTotal)); err != nil {
		return err
	}
	b := new(store.Batch)
	for _, d := range docs {
		b.Put(d)
	}
	k := q.Keep()
	err = q.Turn.Commit(b, func(t *server.Turn, err error) {
		a.Lock()
		u.pending--
		if err != nil && usageOf(a) == u {
			a.SetValue(usageKey{}, nil) // to be read anew
		}
		a.Unlock()
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, nil)
	})
	if err != nil {
		return err
	}
	u.pending++
	u.note(docs)
	return server.Pending
}

// publish stores what is kept at a node of the account instead (XEP-0411 §3).
func (m *module) publish(q *server.IQ, node string, docs []store.Doc) error {
	if len(docs) != 1 {
		return stanza.NotAcceptable("store that by itself")
	}
	k := q.Keep()
	err := m.host.PEP.Publish(q.Turn, q.Account, server.NodePublication{
		Node: node, Module: "private", Items: []server.NodeItem{{Payload: docs[0].Data}},
	}, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, err)
			return
		}
		k.Reply(t, nil)
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// parse returns the documents that a set makes, in the order of the query.
func (m *module) parse(q *server.IQ) ([]store.Doc, error) {
	list := elements(q)
	if len(list) == 0 {
		return nil, stanza.NotAcceptable("there is nothing to keep")
	}
	var docs []store.Doc
	at := make(map[string]int)
	space := q.Stanza.Space(list[0])
	for _, c := range list {
		key, ok := keyOf(q.Stanza, c)
		if !ok {
			return nil, stanza.NotAcceptable("what is to be kept needs a namespace of its own")
		}
		if string(q.Stanza.Space(c)) != string(space) {
			return nil, stanza.BadRequest("what is kept at once is of one namespace")
		}
		i, again := at[key]
		if !again {
			i = len(docs)
			at[key] = i
			docs = append(docs, store.Doc{Key: m.host.Key(q.Account.Local, kind, key)})
		}
		docs[i].Data = q.Stanza.Detach(docs[i].Data, c)
	}
	for _, d := range docs {
		if bound := m.host.Server.Config.PrivateBytes; len(d.Data) > bound {
			return nil, stanza.PolicyViolation(fmt.Sprintf("an element may have up to %d bytes", bound))
		}
	}
	return docs, nil
}

// elements returns the elements in the query.
func elements(q *server.IQ) []stanza.Child {
	var list []stanza.Child
	for c := range q.Stanza.Children(q.Payload) {
		list = append(list, c)
	}
	return list
}

// keyOf returns the key an element is kept under; false for one that has no
// namespace of its own.
func keyOf(st *stanza.Stanza, c stanza.Child) (string, bool) {
	space := string(st.Space(c))
	if space == "" || space == ns {
		return "", false
	}
	return space + "\n" + string(st.Local(c)), true
}

func wrap(data []byte) []byte {
	b := stanza.AppendOpen(nil, "query", "xmlns", ns)
	return stanza.AppendClose(append(b, data...), "query")
}

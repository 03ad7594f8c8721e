package private

import (
	"context"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// overhead is what a document counts beyond its bytes, so that many small ones
// are bounded too.
const overhead = 256

// usageKey is the key of an account's usage, once it was needed.
type usageKey struct{}

// usage is how much an account keeps, changes on their way to the store included.
// It is guarded by the account's lock.
type usage struct {
	size    map[string]int64 // by key, overhead included
	total   int64
	pending int // changes on their way
}

// usageOf returns the account's usage, nil when it is not known. The account must
// be locked.
func usageOf(a *server.Account) *usage {
	u, _ := a.Value(usageKey{}).(*usage)
	return u
}

func sizeOf(d *store.Doc) int64 { return int64(len(d.Data)+len(d.Key.Key)) + overhead }

// fits checks that the account stays within its bound with docs in the place of
// what they replace. What does not grow is let pass, so that who is over a bound
// that was lowered can clean up.
func (u *usage) fits(docs []store.Doc, bound int64) error {
	grow := int64(0)
	for i := range docs {
		grow += sizeOf(&docs[i]) - u.size[docs[i].Key.Key]
	}
	if grow > 0 && u.total+grow > bound {
		return stanza.ResourceConstraint("the account's private storage is full")
	}
	return nil
}

// note counts docs as kept.
func (u *usage) note(docs []store.Doc) {
	for i := range docs {
		key := docs[i].Key.Key
		n := sizeOf(&docs[i])
		u.total += n - u.size[key]
		u.size[key] = n
	}
}

// page is how many documents are read at once.
const page = 100

// lockUsage locks the sender's account and returns its usage, for which it reads
// the store if need be. With an error the account is not locked.
func (m *module) lockUsage(q *server.IQ) (*usage, error) {
	for {
		q.Account.Lock()
		if u := usageOf(q.Account); u != nil {
			return u, nil
		}
		q.Account.Unlock()
		if err := m.load(q); err != nil {
			return nil, err
		}
	}
}

// load reads the usage of the sender's account.
func (m *module) load(q *server.IQ) error {
	if err := q.Turn.Settle(); err != nil {
		return err
	}
	a := q.Account
	u := &usage{size: make(map[string]int64)}
	ctx, cancel := context.WithTimeout(context.Background(), m.host.Server.Config.StoreTimeout)
	defer cancel()
	for after := ""; ; {
		docs, err := m.host.Server.Store.List(ctx, m.host.Name, a.Local, kind, "", after, page)
		if err != nil {
			return err
		}
		u.note(docs)
		if len(docs) < page {
			break
		}
		after = docs[len(docs)-1].Key.Key
	}
	a.Lock()
	defer a.Unlock()
	if usageOf(a) == nil { // else another session has read it, and maybe changed it
		a.SetValue(usageKey{}, u)
	}
	return nil
}

// pending reports whether changes of the account are on their way to the store.
func pending(a *server.Account) bool {
	a.Lock()
	defer a.Unlock()
	u := usageOf(a)
	return u != nil && u.pending > 0
}

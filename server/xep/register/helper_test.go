package register_test

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"natter/server/auth"
	"natter/server/servertest"
	"natter/server/store"
)

// breaker makes a store fail while it is on.
type breaker struct{ on atomic.Bool }

func (b *breaker) gate() error {
	if b.on.Load() {
		return errors.New("the disk is full")
	}
	return nil
}

// accountDoc is an account's document as the core writes it.
type accountDoc struct {
	Credentials auth.Credentials
	Created     json.RawMessage
}

func stored(t *testing.T, srv *servertest.Server, name string) (doc store.Doc, d accountDoc) {
	t.Helper()
	doc, ok, err := srv.Core.Default().Get(nil, name, "account", "")
	if err != nil || !ok {
		t.Fatalf("the account of %s: found %t, %v", name, ok, err)
	}
	if err := json.Unmarshal(doc.Data, &d); err != nil {
		t.Fatal(err)
	}
	return doc, d
}

// hasPassword reports whether the password is the account's.
func hasPassword(t *testing.T, srv *servertest.Server, name, password string) bool {
	t.Helper()
	_, d := stored(t, srv, name)
	return d.Credentials.Verify(password)
}

func disabled(t *testing.T, srv *servertest.Server, name string) bool {
	t.Helper()
	_, d := stored(t, srv, name)
	return d.Credentials.Disabled
}

func disable(t *testing.T, srv *servertest.Server, name string) {
	t.Helper()
	doc, d := stored(t, srv, name)
	d.Credentials.Disabled = true
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(store.Doc{Key: doc.Key, Data: data})
	if err := srv.Store.CommitWait(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

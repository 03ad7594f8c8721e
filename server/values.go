package server

import "context"

// values is what modules keep with an account or a session: a handful of pairs,
// smaller and quicker than a map.
type values []value

type value struct{ key, v any }

func (vs values) get(key any) any {
	for i := range vs {
		if vs[i].key == key {
			return vs[i].v
		}
	}
	return nil
}

func (vs *values) set(key, v any) {
	for i := range *vs {
		if (*vs)[i].key == key {
			(*vs)[i].v = v
			return
		}
	}
	*vs = append(*vs, value{key, v})
}

// Reread takes back what the store has refused: on a goroutine of its own it reads
// what is there, and use makes that the account's, which is locked then. what names
// it in the log.
func Reread[T any](a *Account, what string, stored func(*Account) (T, error), use func(*Account, T)) {
	srv := a.Host.Server
	srv.Go(func(context.Context) {
		v, err := stored(a)
		if err != nil {
			srv.Log.Error(what+" not read", "account", a.Bare, "err", err)
			return
		}
		a.Lock()
		use(a, v)
		a.Unlock()
	})
}

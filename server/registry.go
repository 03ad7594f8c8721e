package server

import (
	"hash/maphash"
	"sync"
)

// entry is what an address leads to: a session for a full JID, an account for
// a bare one.
type entry struct {
	session *Session
	account *Account
}

// registry maps addresses in normal form to what is online under them. It is
// split into shards so that readers on many cores do not meet on one lock. A
// lookup by raw bytes does not allocate.
type registry struct {
	seed   maphash.Seed
	shards [64]shard
}

type shard struct {
	mu sync.RWMutex
	m  map[string]entry
}

func newRegistry() *registry {
	r := &registry{seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].m = make(map[string]entry)
	}
	return r
}

func (r *registry) lookup(addr []byte) (entry, bool) {
	s := &r.shards[maphash.Bytes(r.seed, addr)%uint64(len(r.shards))]
	s.mu.RLock()
	e, ok := s.m[string(addr)]
	s.mu.RUnlock()
	return e, ok
}

func (r *registry) get(addr string) (entry, bool) {
	s := r.shard(addr)
	s.mu.RLock()
	e, ok := s.m[addr]
	s.mu.RUnlock()
	return e, ok
}

func (r *registry) shard(addr string) *shard {
	return &r.shards[maphash.String(r.seed, addr)%uint64(len(r.shards))]
}

func (r *registry) put(addr string, e entry) {
	s := r.shard(addr)
	s.mu.Lock()
	s.m[addr] = e
	s.mu.Unlock()
}

// remove drops addr if it still leads to e.
func (r *registry) remove(addr string, e entry) {
	s := r.shard(addr)
	s.mu.Lock()
	if s.m[addr] == e {
		delete(s.m, addr)
	}
	s.mu.Unlock()
}

// each calls fn with every entry, one shard's snapshot at a time.
func (r *registry) each(fn func(entry)) {
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.RLock()
		list := make([]entry, 0, len(s.m))
		for _, e := range s.m {
			list = append(list, e)
		}
		s.mu.RUnlock()
		for _, e := range list {
			fn(e)
		}
	}
}

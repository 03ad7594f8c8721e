package caps

import (
	"container/list"
	"context"
	"strings"
	"sync"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// kind is the kind of the host's documents that hold verified features, by the
// claim's key, each on a line.
const kind = "caps"

// Bounds on the cache: how many sets of features, and their size. What has not
// been asked for the longest goes first.
const (
	maxSets  = 2000
	maxTotal = 4 << 20
)

// Bounds on those who wait for an answer.
const (
	maxAsking  = 5000
	maxWaiting = 1000 // for one answer
)

// cache holds features by what they hash to. It is all in memory and in the store
// as well, for after a restart.
type cache struct {
	host *server.Host
	load sync.Once

	mu     sync.Mutex // of the rank of Server.asked
	sets   map[string]*list.Element
	order  *list.List // of *set, the last used first
	total  int
	asking map[string][]question // by key: who waits, asked or not
	busy   map[stanza.JID]bool   // who is being asked
}

type set struct {
	key      string
	features *server.Features
}

func newCache(h *server.Host) *cache {
	return &cache{host: h, sets: make(map[string]*list.Element), order: list.New(), asking: make(map[string][]question), busy: make(map[stanza.JID]bool)}
}

// restore reads what is in the store, once, when it is needed first.
func (c *cache) restore() {
	srv := c.host.Server
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for after := ""; ; {
		docs, err := srv.Store.List(ctx, c.host.Name, "", kind, "", after, 500)
		if err != nil {
			srv.Log.Error("capabilities not read", "err", err)
			return
		}
		c.mu.Lock()
		for _, d := range docs {
			c.add(d.Key.Key, server.NewFeatures(strings.Split(string(d.Data), "\n")))
			after = d.Key.Key
		}
		c.mu.Unlock()
		if len(docs) < 500 {
			return
		}
	}
}

// get returns the features a claim stands for, nil when that is not known.
func (c *cache) get(of claim) *server.Features {
	if hashes[of.hash] == nil {
		return nil
	}
	c.load.Do(c.restore)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.sets[of.key(stanza.JID{})]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*set).features
}

// put keeps features that hash to the claim, and returns the set to use.
func (c *cache) put(t *server.Turn, of claim, f *server.Features) *server.Features {
	b := new(store.Batch)
	key := of.key(stanza.JID{})
	c.mu.Lock()
	if e := c.sets[key]; e != nil {
		c.mu.Unlock()
		return e.Value.(*set).features
	}
	for _, gone := range c.add(key, f) {
		b.Delete(c.host.Key("", kind, gone))
	}
	c.mu.Unlock()
	b.Put(store.Doc{Key: c.host.Key("", kind, key), Data: []byte(strings.Join(f.List(), "\n"))})
	if err := t.Commit(b, nil); err != nil {
		c.host.Server.Log.Warn("capabilities not stored", "err", err)
	}
	return f
}

// add adds a set and returns the keys of those that had to go. c.mu is held.
func (c *cache) add(key string, f *server.Features) (gone []string) {
	if c.sets[key] != nil {
		return nil
	}
	c.sets[key] = c.order.PushFront(&set{key, f})
	c.total += f.Size()
	for c.order.Len() > maxSets || c.total > maxTotal {
		last := c.order.Back()
		s := c.order.Remove(last).(*set)
		delete(c.sets, s.key)
		c.total -= s.features.Size()
		gone = append(gone, s.key)
	}
	return gone
}

// wait reports whether q is to be asked; else it waits for the answer of one who
// makes the same claim, or is given up where too many do, or where the client has yet
// to answer for another claim: one question a client at a time.
func (c *cache) wait(of claim, q question) bool {
	key := of.key(q.to)
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting, asking := c.asking[key]
	switch {
	case !asking && len(c.asking) < maxAsking && !c.busy[q.to]:
		c.asking[key] = []question{q}
		c.busy[q.to] = true
		return true
	case asking && len(waiting) < maxWaiting:
		c.asking[key] = append(waiting, q)
	}
	return false
}

// next returns who is to be asked now that asked did not help, false for nobody.
func (c *cache) next(of claim, asked stanza.JID) (question, bool) {
	key := of.key(asked)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, asked)
	waiting := c.asking[key]
	rest := waiting[:0:0]
	for _, q := range waiting {
		if q.to != asked {
			rest = append(rest, q)
		}
	}
	for _, q := range rest {
		if !c.busy[q.to] {
			c.asking[key], c.busy[q.to] = rest, true
			return q, true
		}
	}
	delete(c.asking, key)
	return question{}, false
}

// done returns all who wait for an answer that has come.
func (c *cache) done(of claim, asked stanza.JID) []question {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, asked)
	key := of.key(asked)
	waiting := c.asking[key]
	delete(c.asking, key)
	return waiting
}

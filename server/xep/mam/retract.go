package mam

import (
	"bytes"
	"context"
	"sync"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const (
	nsRetract    = "urn:xmpp:message-retract:1"
	nsTombstone  = "urn:xmpp:message-retract:1#tombstone"
	nsCorrection = "urn:xmpp:message-correct:0"
	nsMUCUser    = "http://jabber.org/protocol/muc#user"
)

const (
	// maxRetractions bounds how many retractions wait to be carried out; more are
	// delivered and archived as any message, without a tombstone.
	maxRetractions = 1000
	// maxOfOne is how many of them one author may have waiting.
	maxOfOne = 20
	// settleTime bounds how long a query waits for its owner's.
	settleTime = time.Second
	// maxLook is how many messages back, between the same two, the one that is
	// retracted is looked for.
	maxLook  = 5000
	lookPage = 200
)

// retraction is a message that takes another back (XEP-0424 §3).
type retraction struct {
	at       uint64 // the retraction's own id in the log
	id       string // of the message that is taken back
	own      string // id attribute of the retraction
	author   stanza.JID
	to       stanza.JID
	exact    bool     // the author is known by the full address only: an occupant of a room
	archives []lookup // where it may be
}

// lookup is an archive and whom the message is with.
type lookup struct{ owner, with string }

// retractions are those that wait. One goroutine carries them out, and is there only
// while some wait.
type retractions struct {
	mu      sync.Mutex
	waiting []retraction
	running bool
	added   uint64           // how many were noted
	done    uint64           // how many of them were carried out, or given up
	last    map[string]noted // of those that wait or are carried out, by the bare JIDs of both sides
	moved   chan struct{}    // closed when done changes; nil while nobody waits
}

// noted are the retractions of one side that are not finished.
type noted struct {
	number  uint64 // of the last one, as added counts
	waiting int
	own     int // of these, the side being the author
}

// settle waits until what the owner of an archive has noted so far is carried out, but
// not for long: there may be many before it.
func (g *retractions) settle(ctx context.Context, owner string) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	for until := g.last[owner].number; g.done < until; {
		if g.moved == nil {
			g.moved = make(chan struct{})
		}
		moved := g.moved
		g.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
		}
		g.mu.Lock()
		if ctx.Err() != nil {
			return nil
		}
	}
	return nil
}

// note adds one, unless too many wait, of its author's or of all.
func (g *retractions) note(r retraction) (first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	author := r.author.Bare().String()
	if len(g.waiting) >= maxRetractions || g.last[author].own >= maxOfOne {
		return false
	}
	g.waiting = append(g.waiting, r)
	g.added++
	if g.last == nil {
		g.last = make(map[string]noted)
	}
	for _, who := range r.sides() {
		n := g.last[who]
		n.number, n.waiting = g.added, n.waiting+1
		if who == author {
			n.own++
		}
		g.last[who] = n
	}
	first = !g.running
	g.running = true
	return first
}

// sides are the two that a retraction is between.
func (r *retraction) sides() []string {
	from, to := r.author.Bare().String(), r.to.Bare().String()
	if from == to {
		return []string{from}
	}
	return []string{from, to}
}

// next returns what is to be carried out next, false when nothing waits.
func (g *retractions) next() (retraction, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.waiting = nil
		return retraction{}, false
	}
	r := g.waiting[0]
	g.waiting = g.waiting[1:]
	return r, true
}

// finished notes that one is over.
func (g *retractions) finished(r *retraction) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done++
	for _, who := range r.sides() {
		n := g.last[who]
		if who == r.author.Bare().String() {
			n.own--
		}
		if n.waiting--; n.waiting == 0 {
			delete(g.last, who)
			continue
		}
		g.last[who] = n
	}
	if g.moved != nil {
		close(g.moved)
		g.moved = nil
	}
}

// hooks has retractions noted: those of local senders when they have been sent, those
// of others when they came in. Only what was accepted and logged counts.
func (m *module) hooks() []server.Hook {
	return []server.Hook{
		{Stage: server.Sent, Kinds: server.OnMessage, NS: nsRetract, Run: m.retracts},
		{Stage: server.Stored, Kinds: server.OnMessage, NS: nsRetract, Run: func(p *server.Passage) server.Verdict {
			if p.Origin.Session == nil {
				m.retracts(p)
			}
			return server.Pass
		}},
	}
}

func (m *module) retracts(p *server.Passage) server.Verdict {
	st := p.Stanza
	e, ok := st.Child(nsRetract, "retract")
	id, _ := st.ChildAttr(e, "id")
	if !ok || p.ID == 0 || id == "" || st.IDString() == "" || st.Type == stanza.Groupchat {
		return server.Pass
	}
	from := p.Origin.JID
	r := retraction{at: p.ID, id: id, own: st.IDString(), author: from, to: p.To}
	_, room := st.Child(nsMUCUser, "x")
	srv := m.host.Server
	r.exact = p.Origin.Session == nil && (room || srv.Serves(from.Domain()))
	if srv.Host(from.Domain()) != nil {
		r.archives = append(r.archives, lookup{from.Bare().String(), p.To.Bare().String()})
	}
	if srv.Host(p.To.Domain()) != nil && p.To.Bare() != from.Bare() {
		r.archives = append(r.archives, lookup{p.To.Bare().String(), from.Bare().String()})
	}
	if m.graves.note(r) {
		srv.Go(m.dig)
	}
	return server.Pass
}

// dig carries out what waits, one after the other.
func (m *module) dig(ctx context.Context) {
	g := &m.graves
	defer func() { // also after a panic
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.running = len(g.waiting) > 0 && ctx.Err() == nil; g.running {
			m.host.Server.Go(m.dig)
		}
	}()
	for ctx.Err() == nil {
		r, ok := g.next()
		if !ok {
			return
		}
		m.carryOut(ctx, r)
	}
}

func (m *module) carryOut(ctx context.Context, r retraction) {
	defer m.graves.finished(&r)
	if err := m.bury(ctx, r); err != nil && ctx.Err() == nil {
		m.host.Server.Log.Warn("message not retracted", "account", r.author.Bare().String(), "err", err)
	}
}

// bury puts a tombstone in the place of the message, which is in the archives of both
// sides then, and in that of its corrections (XEP-0424 §4).
func (m *module) bury(ctx context.Context, r retraction) error {
	db := m.host.Server.Store
	ctx, cancel := context.WithTimeout(ctx, m.host.Server.Config.StoreTimeout)
	defer cancel()
	if err := settled(ctx, db); err != nil { // the message may still be on its way
		return err
	}
	for _, in := range r.archives {
		b := new(store.Batch)
		found, err := r.look(ctx, db, in, b)
		if err != nil {
			return err
		}
		if !b.Empty() {
			if err := db.CommitWait(ctx, b); err != nil {
				return err
			}
		}
		if found {
			return nil
		}
	}
	return nil
}

func settled(ctx context.Context, db *store.Store) error {
	done := make(chan error, 1)
	db.Barrier(func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look goes back from the retraction and adds tombstones to b; found is set once the
// message itself is among them.
func (r *retraction) look(ctx context.Context, db *store.Store, in lookup, b *store.Batch) (found bool, err error) {
	q := store.RangeQuery{With: in.with, BeforeID: r.at, N: lookPage, Bytes: 1 << 20, Reverse: true}
	for seen := 0; seen < maxLook; {
		page, err := db.Range(ctx, in.owner, q)
		if err != nil || len(page) == 0 {
			return false, err
		}
		seen += len(page)
		for i := range page {
			rec := &page[i]
			q.BeforeID = rec.ID
			st := r.names(rec)
			if st == nil {
				continue
			}
			b.Replace(rec.ID, r.tombstone(st), "")
			if st.IDString() == r.id {
				return true, nil
			}
		}
	}
	return false, nil
}

// names returns the message of a record when it is the one that is retracted, or a
// correction of it, and by the same author; else nil.
func (r *retraction) names(rec *store.Record) *stanza.Stanza {
	if !bytes.Contains(rec.Stanza, stanza.AppendAttr(nil, r.id)) {
		return nil
	}
	from, err := stanza.ParseJID(rec.From)
	to, terr := stanza.ParseJID(rec.To)
	if err != nil || terr != nil || from.Bare() != r.author.Bare() || to.Bare() != r.to.Bare() {
		return nil
	}
	st, err := stanza.Parse(rec.Stanza, stanza.Limits{Bytes: len(rec.Stanza) + 1})
	if err != nil {
		return nil
	}
	if _, room := st.Child(nsMUCUser, "x"); (room || r.exact) && from != r.author && rec.From != r.author.String() {
		return nil
	}
	if st.IDString() == r.id {
		return st
	}
	if c, ok := st.Child(nsCorrection, "replace"); ok {
		if id, _ := st.ChildAttr(c, "id"); id == r.id {
			return st
		}
	}
	return nil
}

// tombstone is what is left of a message: whose it was, and what took it back.
func (r *retraction) tombstone(st *stanza.Stanza) []byte {
	b := stanza.AppendOpen(nil, "message", "xmlns", stanza.NSClient, "from", st.FromString(), "to", st.ToString(),
		"type", string(st.TypeRaw()), "id", st.IDString())
	b = stanza.AppendEmpty(b, "retracted", "xmlns", nsRetract, "id", r.own,
		"stamp", store.TimeOf(r.at).Format("2006-01-02T15:04:05.000Z"))
	return stanza.AppendClose(b, "message")
}

package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// runPresence measures presence broadcast: account 1 has o.Clients contacts
// online, accounts 2 and up, and changes its show and status; each change
// reaches each contact. o.Window changes are under way at a time. An operation
// is one presence delivered.
func runPresence(ctx context.Context, t *target, o *Options, r *Result) error {
	in := &login{o: o, keys: &keyCache{}, roster: true, presence: true}
	clients := make([]*conn, o.Clients+1)
	var working sync.WaitGroup
	f := &flips{o: o, tokens: make(chan struct{}, o.Window)}
	f.set()
	defer func() {
		f.phase.Store(over)
		for _, c := range clients {
			if c != nil {
				c.bye()
			}
		}
		working.Wait()
	}()
	err := rush(ctx, len(clients), o.Rush, func(ctx context.Context, i int) (err error) {
		clients[i], err = in.open(ctx, t.addr, i+1)
		return err
	})
	if err != nil {
		return err
	}
	if !t.own {
		if err := befriend(ctx, clients, o); err != nil {
			return fmt.Errorf("making contacts: %w", err)
		}
	}
	f.from = []byte("from='" + o.jid(1) + "/" + resource + "'")
	f.fromDouble = bytes.ReplaceAll(f.from, []byte("'"), []byte(`"`))
	watchers := make([]*watcher, o.Clients)
	for i, c := range clients[1:] {
		w := &watcher{c: c, flips: f}
		watchers[i] = w
		working.Go(func() { f.fail(w.read()) })
	}
	working.Go(func() { // account 1 hears its own presence: read it away
		for {
			if _, _, err := clients[0].element(); err != nil {
				f.fail(err)
				return
			}
		}
	})
	working.Go(func() { f.fail(f.send(clients[0])) })
	err = f.watch(ctx, t, r)
	for _, w := range watchers {
		r.Lost += w.seen.lost(f.sent.Load())
		r.Doubled += w.seen.doubled
		r.Reordered += w.seen.reordered
	}
	r.Sent = f.sent.Load() * int64(o.Clients)
	r.memory(t)
	return err
}

// flips is the state that a presence run's goroutines share.
type flips struct {
	stage
	o       *Options
	sent    atomic.Int64 // changes sent
	arrived atomic.Int64 // presences delivered
	tokens  chan struct{}

	from, fromDouble []byte

	mu   sync.Mutex
	lat  histogram
	open [256]int32 // deliveries of change seq so far, at seq modulo the length
}

// A watcher is one contact.
type watcher struct {
	c     *conn
	flips *flips
	seen  tracker
}

// A change carries its number and time in its status, as marks in messages do.
var statusStart = []byte("<status>f")

// send changes presence as often as the window allows, until the run drains.
func (f *flips) send(c *conn) error {
	shows := [2]string{"away", "dnd"}
	for range f.o.Window {
		f.tokens <- struct{}{}
	}
	for range f.tokens {
		if f.phase.Load() >= draining {
			return nil
		}
		seq := f.sent.Load()
		c.out = fmt.Appendf(c.out, "<presence><show>%s</show><status>f%0*dt%0*d</status></presence>",
			shows[seq%2], seqDigits, seq, timeDigits, f.now())
		f.sent.Store(seq + 1)
		if err := c.flush(); err != nil {
			return err
		}
	}
	return nil
}

// read takes the contact's presences. The contact that completes a change lets
// the next one go.
func (w *watcher) read() error {
	for {
		if err := w.c.in.fill(w.c.Conn); err != nil {
			return err
		}
		now := w.flips.now()
		for {
			elem, k, ok := w.c.in.next()
			if !ok {
				break
			}
			switch k {
			case kindPresence:
				w.presence(elem, now)
			case kindOther, kindClose:
				return unexpected("watching presence", elem)
			}
		}
	}
}

// presence counts one that is a change of account 1's.
func (w *watcher) presence(elem []byte, now int64) {
	f := w.flips
	i := bytes.Index(elem, statusStart)
	if i < 0 || !bytes.Contains(elem, f.from) && !bytes.Contains(elem, f.fromDouble) {
		return
	}
	b := elem[i+len(statusStart):]
	if len(b) < seqDigits+1+timeDigits {
		return
	}
	seq, ok1 := readDigits(b[:seqDigits])
	at, ok2 := readDigits(b[seqDigits+1 : seqDigits+1+timeDigits])
	if !ok1 || !ok2 || !w.seen.see(seq) {
		return
	}
	f.arrived.Add(1)
	slot := &f.open[seq%int64(len(f.open))]
	if atomic.AddInt32(slot, 1) < int32(f.o.Clients) {
		return
	}
	atomic.StoreInt32(slot, 0)
	if f.phase.Load() == measuring {
		f.mu.Lock()
		f.lat.record(now - at)
		f.mu.Unlock()
	}
	select {
	case f.tokens <- struct{}{}:
	default:
	}
}

// watch leads the run through its phases. The latency it reports is that of a
// whole change: from its sending until the last contact has it.
func (f *flips) watch(ctx context.Context, t *target, r *Result) error {
	if err := f.measure(ctx, t, f.o, &f.arrived, r); err != nil {
		return err
	}
	select {
	case f.tokens <- struct{}{}: // let the sender see it
	default:
	}
	if err := f.drain(ctx, f.o, func() bool { return f.arrived.Load() >= f.sent.Load()*int64(f.o.Clients) }); err != nil {
		return err
	}
	f.mu.Lock()
	r.Latency = f.lat.latency()
	f.mu.Unlock()
	return nil
}

// befriend subscribes account 1 and every other client to each other, over the
// wire (RFC 6121 §3.1): for servers whose store this tool can't fill. Done
// again it changes nothing.
func befriend(ctx context.Context, clients []*conn, o *Options) error {
	stop := context.AfterFunc(ctx, func() {
		for _, c := range clients {
			_ = c.SetDeadline(time.Now())
		}
	})
	defer stop()
	for i, c := range clients[1:] {
		contact := o.jid(i + 2)
		for _, step := range []struct {
			from *conn
			to   string
			typ  string
		}{
			{clients[0], contact, "subscribe"}, {c, o.jid(1), "subscribed"},
			{c, o.jid(1), "subscribe"}, {clients[0], contact, "subscribed"},
		} {
			if err := step.from.send("<presence to='%s' type='%s'/>", step.to, step.typ); err != nil {
				return err
			}
			if _, err := ask(step.from, "online", "get", "<ping xmlns='urn:xmpp:ping'/>"); err != nil {
				return err
			}
		}
	}
	return nil
}

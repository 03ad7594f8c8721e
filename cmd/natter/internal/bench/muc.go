package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// runMUC measures one chat room (XEP-0045): o.Clients occupants enter it, o.Senders
// of them talk, each with o.Window messages of its own under way: the next is sent
// when the room has reflected one. An operation is one message delivered to one
// occupant. The time until everybody has entered and has been told of everybody is
// reported beside.
func runMUC(ctx context.Context, t *target, o *Options, r *Result) error {
	room := fmt.Sprintf("bench-%x@conference.%s", time.Now().UnixNano(), o.Domain)
	in := &login{o: o, keys: &keyCache{}, sm: true}
	p := &party{o: o, sent: make([]atomic.Int64, o.Senders), talk: make(chan struct{})}
	p.set()
	all := make([]*guest, o.Clients)
	var working sync.WaitGroup
	defer func() {
		p.phase.Store(over)
		for _, g := range all {
			if g != nil {
				g.c.bye()
			}
		}
		working.Wait()
	}()
	err := rush(ctx, o.Clients, o.Rush, func(ctx context.Context, i int) error {
		c, err := in.open(ctx, t.addr, i+1)
		if err != nil {
			return err
		}
		g := &guest{c: c, i: i, party: p, seen: make([]tracker, o.Senders), entered: make(chan struct{})}
		if i < o.Senders {
			g.words = newTemplate(i, room, "groupchat", o.Size)
		}
		all[i] = g
		working.Go(func() { p.fail(g.read()) })
		return nil
	})
	if err != nil {
		return err
	}
	if err := p.enter(ctx, all, room, r); err != nil {
		return err
	}
	for _, g := range all[:o.Senders] {
		if err := g.begin(); err != nil {
			return err
		}
	}
	err = p.watch(ctx, t, r)
	for _, g := range all {
		for s := range g.seen {
			r.Lost += g.seen[s].lost(p.sent[s].Load())
			r.Doubled += g.seen[s].doubled
			r.Reordered += g.seen[s].reordered
		}
	}
	r.Sent, r.Errors = p.due(), p.errors.Load()
	r.memory(t)
	return err
}

// party is the state that the goroutines of a room's run share.
type party struct {
	stage
	o       *Options
	sent    []atomic.Int64 // messages of each sender
	told    atomic.Int64   // presences of occupants delivered
	arrived atomic.Int64   // messages delivered
	errors  atomic.Int64
	talk    chan struct{}

	mu  sync.Mutex
	lat histogram
}

// A guest is one occupant. Its fields belong to the goroutine that reads, but for
// the first window of messages, which is written before any can come back.
type guest struct {
	c       *conn
	i       int
	party   *party
	seen    []tracker // by sender
	entered chan struct{}
	inside  bool
	words   *template // nil: it only listens

	mu sync.Mutex // guards what is written: begin and read do
}

// due is how many deliveries what was sent so far is to cause.
func (p *party) due() (n int64) {
	for i := range p.sent {
		n += p.sent[i].Load()
	}
	return n * int64(p.o.Clients)
}

// joinLimit is how long the occupants may take to enter, all together.
const joinLimit = 5 * time.Minute

// enter has everybody enter the room, o.Rush at a time, the first alone: it makes
// the room and takes it as it is (XEP-0045 §10.1.2). It returns when everybody has
// been told of everybody.
func (p *party) enter(ctx context.Context, all []*guest, room string, r *Result) error {
	ctx, cancel := context.WithTimeoutCause(ctx, joinLimit, fmt.Errorf("the occupants have not all entered within %v", joinLimit))
	defer cancel()
	join := func(ctx context.Context, g *guest) error {
		err := g.c.sendStanza("<presence to='%s/nick%d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room, g.i+1)
		if err != nil {
			return err
		}
		select {
		case <-g.entered:
			return nil
		case err := <-p.failure:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	began := time.Now()
	if err := join(ctx, all[0]); err != nil {
		return err
	}
	err := all[0].c.sendStanza("<iq type='set' id='instant' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", room)
	if err != nil {
		return err
	}
	select {
	case <-p.talk:
	case err := <-p.failure:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := rush(ctx, len(all)-1, p.o.Rush, func(ctx context.Context, i int) error { return join(ctx, all[i+1]) }); err != nil {
		return err
	}
	n := int64(len(all))
	for p.told.Load() < n*n {
		if err := p.sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	r.JoinSeconds = time.Since(began).Seconds()
	return nil
}

// begin sends a sender's first window.
func (g *guest) begin() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range g.party.o.Window {
		g.say()
	}
	return g.c.flush()
}

// say puts the next message into the batch to be written; g.mu is held.
func (g *guest) say() {
	p := g.party
	seq := p.sent[g.i].Add(1) - 1
	g.c.out = g.words.append(g.c.out, seq, p.now())
	g.c.sent++
}

// read takes what comes to the occupant, and says the next message for each of its
// own.
func (g *guest) read() error {
	p := g.party
	for {
		if err := g.c.in.fill(g.c.Conn); err != nil {
			return err
		}
		now := p.now()
		var told, messages int64
		own, asked := 0, false
		for {
			elem, k, ok := g.c.in.next()
			if !ok {
				break
			}
			g.c.count(k)
			switch k {
			case kindMessage:
				if g.message(elem, now, &own) {
					messages++
				}
			case kindPresence:
				if isError(elem) {
					return unexpected("entering the room", elem)
				}
				told++
			case kindIQ:
				if isError(elem) {
					return unexpected("making the room", elem)
				}
				if attr(elem, "id") == "instant" {
					close(p.talk)
				}
			case kindAckAsk:
				asked = true
			case kindOther, kindClose:
				return unexpected("reading in the room", elem)
			}
		}
		p.told.Add(told)
		p.arrived.Add(messages)
		if err := g.answer(own, asked); err != nil {
			return err
		}
	}
}

// message counts one, and with own those that the occupant itself has said; false
// when it is not one of the load's.
func (g *guest) message(elem []byte, now int64, own *int) bool {
	p := g.party
	m, ok := readMark(elem)
	if !ok || m.link >= len(g.seen) || isError(elem) {
		switch {
		case isError(elem):
			p.errors.Add(1)
		case !g.inside && bytes.Contains(elem, []byte("<subject")): // it ends what one is told (§7.1)
			g.inside = true
			close(g.entered)
		}
		return false
	}
	if !g.seen[m.link].see(m.seq) {
		return false
	}
	if m.link == g.i {
		*own++
	}
	if (int(m.seq)+g.i)%64 == 0 && p.phase.Load() == measuring {
		p.mu.Lock()
		p.lat.record(now - m.at)
		p.mu.Unlock()
	}
	return true
}

// answer says as many messages as have come back, and what has been received where
// the server asks for that.
func (g *guest) answer(own int, asked bool) error {
	if g.party.phase.Load() >= draining {
		own = 0
	}
	if own == 0 && !asked {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for range own {
		g.say()
	}
	if asked {
		g.c.ack()
	}
	return g.c.flush()
}

// watch leads the run through its phases. The latency is that of every 64th
// delivery, from its sending until the occupant has it.
func (p *party) watch(ctx context.Context, t *target, r *Result) error {
	if err := p.measure(ctx, t, p.o, &p.arrived, r); err != nil {
		return err
	}
	if err := p.drain(ctx, p.o, func() bool { return p.arrived.Load() >= p.due() }); err != nil {
		return err
	}
	p.mu.Lock()
	r.Latency = p.lat.latency()
	p.mu.Unlock()
	return nil
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// runOffline measures what happens to messages for absent accounts. First
// o.Window senders (at least 1) write o.Per messages to each of o.Clients
// accounts that are not online and wait until the server has taken them in: its
// acknowledgement (XEP-0198) when o.SM, else its answer to a ping behind every
// offlineBatch messages, which says nothing about the disk. Then the accounts
// log in and drain. r holds the storing, r.Second the draining.
func runOffline(ctx context.Context, t *target, o *Options, r *Result) error {
	keys := &keyCache{}
	run := &offlineRun{o: o, t: t, start: time.Now(), seen: make([]tracker, o.Clients)}
	run.sender = &login{o: o, keys: keys, sm: true}
	run.reader = &login{o: o, keys: keys, sm: true, presence: false}
	if err := run.empty(ctx); err != nil {
		return fmt.Errorf("emptying the mailboxes: %w", err)
	}
	if err := run.store(ctx, r); err != nil {
		return fmt.Errorf("storing: %w", err)
	}
	r.Second = &Result{}
	if err := run.drain(ctx, r.Second); err != nil {
		return fmt.Errorf("draining: %w", err)
	}
	for i := range run.seen {
		r.Second.Lost += run.seen[i].lost(int64(o.Per))
		r.Second.Doubled += run.seen[i].doubled
		r.Second.Reordered += run.seen[i].reordered
	}
	r.Second.Errors = run.errors.Load()
	r.Second.memory(t)
	return nil
}

// offlineRun is the state of one run. Sender s is account s+1; the absent
// account i, counted from 0, is account senders+i+1.
type offlineRun struct {
	o              *Options
	t              *target
	start          time.Time
	sender, reader *login
	seen           []tracker // by absent account
	got, errors    atomic.Int64
}

// offlineBatch is how many messages a sender writes before it waits.
const offlineBatch = 100

// offlineSenders is how many accounts send.
func offlineSenders(o *Options) int { return min(max(o.Window, 1), o.Clients) }

// empty logs every account in and out again with presence, so that messages of
// an earlier run are gone, and the tool has every account's salted password.
func (run *offlineRun) empty(ctx context.Context) error {
	return rush(ctx, run.o.Clients, run.o.Rush, func(ctx context.Context, i int) error {
		c, err := run.online(ctx, i)
		if err != nil {
			return err
		}
		return run.leave(c)
	})
}

// online logs absent account i in, without initial presence.
func (run *offlineRun) online(ctx context.Context, i int) (*conn, error) {
	return run.reader.open(ctx, run.t.addr, offlineSenders(run.o)+i+1)
}

// leave sends presence, takes what comes before the answer to a ping, and closes.
// It returns when the server has closed too: before that, the account may still
// count as online, and a message for it would go to a client that is not there.
func (run *offlineRun) leave(c *conn) error {
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(loginDeadline)); err != nil {
		return err
	}
	if err := c.sendStanza("<presence/>"); err != nil {
		return err
	}
	if _, err := ask(c, "online", "get", "<ping xmlns='urn:xmpp:ping'/>"); err != nil {
		return err
	}
	if run.o.SM { // what came is confirmed, so it does not come again
		c.ack()
	}
	c.out = append(c.out, "</stream:stream>"...)
	if err := c.flush(); err != nil {
		return err
	}
	return c.closed()
}

// store sends everything and returns when the server has taken it in.
func (run *offlineRun) store(ctx context.Context, r *Result) error {
	o, senders := run.o, offlineSenders(run.o)
	conns := make([]*conn, senders)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.bye()
			}
		}
	}()
	err := rush(ctx, senders, o.Rush, func(ctx context.Context, s int) (err error) {
		conns[s], err = run.sender.open(ctx, run.t.addr, s+1)
		return err
	})
	if err != nil {
		return err
	}
	histograms := make([]histogram, senders)
	failures := make([]error, senders)
	var wg sync.WaitGroup
	from := readMeter(run.t.pid)
	for s, c := range conns {
		stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
		defer stop()
		wg.Go(func() { failures[s] = run.sendAll(c, s, senders, &histograms[s]) })
	}
	wg.Wait()
	r.Sent = int64(o.Clients) * int64(o.Per)
	readMeter(run.t.pid).since(from, r.Sent, r)
	var all histogram
	for i := range histograms {
		all.merge(&histograms[i])
	}
	r.Latency = all.latency() // of a batch, from its first byte until it was taken in
	r.memory(run.t)
	return errors.Join(failures...)
}

// sendAll writes the messages of the accounts that are sender s's share, account
// by account in turn, so that every mailbox fills at the same pace.
func (run *offlineRun) sendAll(c *conn, s, senders int, took *histogram) error {
	o := run.o
	var msgs []*template
	for i := s; i < o.Clients; i += senders {
		msgs = append(msgs, newTemplate(i, o.jid(senders+i+1), "chat", o.Size))
	}
	pending := 0
	var begin int64
	flush := func() error {
		if pending == 0 {
			return nil
		}
		if err := run.takenIn(c, pending); err != nil {
			return err
		}
		took.record(int64(time.Since(run.start)) - begin)
		pending = 0
		return nil
	}
	for seq := range o.Per {
		for _, msg := range msgs {
			if pending == 0 {
				begin = int64(time.Since(run.start))
			}
			c.out = msg.append(c.out, int64(seq), int64(time.Since(run.start)))
			if pending++; pending == offlineBatch {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// takenIn writes the batch and waits until the server has taken it in. Error
// answers to messages are counted, not fatal.
func (run *offlineRun) takenIn(c *conn, messages int) error {
	if err := c.SetDeadline(time.Now().Add(loginDeadline)); err != nil {
		return err
	}
	if c.sm {
		c.sent += uint32(messages)
		c.out = append(c.out, askAck...)
	} else {
		c.out = append(c.out, "<iq type='get' id='taken'><ping xmlns='urn:xmpp:ping'/></iq>"...)
	}
	if err := c.flush(); err != nil {
		return err
	}
	for {
		elem, k, err := c.element()
		switch {
		case err != nil:
			return err
		case k == kindMessage && isError(elem):
			run.errors.Add(1)
		case k == kindAck:
			if h, ok := readDigits([]byte(attr(elem, "h"))); ok && uint32(h) == c.sent {
				return nil
			}
		case k == kindIQ && !c.sm && attr(elem, "id") == "taken":
			return nil
		case k == kindOther || k == kindClose:
			return unexpected("waiting for an acknowledgement", elem)
		}
	}
}

// drain logs every account in and takes its messages. The time includes the logins.
func (run *offlineRun) drain(ctx context.Context, r *Result) error {
	o := run.o
	var took histogram
	var mu sync.Mutex
	from := readMeter(run.t.pid)
	err := rush(ctx, o.Clients, o.Rush, func(ctx context.Context, i int) error {
		begin := time.Now()
		c, err := run.online(ctx, i)
		if err != nil {
			return err
		}
		defer c.bye()
		if err := c.SetDeadline(time.Now().Add(o.Drain)); err != nil {
			return err
		}
		if err := c.sendStanza("<presence/>"); err != nil {
			return err
		}
		if err := run.take(c, i); err != nil {
			return err
		}
		mu.Lock()
		took.record(int64(time.Since(begin)))
		mu.Unlock()
		return nil
	})
	r.Sent = run.got.Load()
	readMeter(run.t.pid).since(from, run.got.Load(), r)
	r.Latency = took.latency() // of an account: from connecting until it has everything
	return err
}

// take reads account i's messages until all have come, or none for o.Drain,
// then a little longer for copies that should not be there.
func (run *offlineRun) take(c *conn, i int) error {
	all := false
	for {
		elem, k, err := c.element()
		if ne, ok := errors.AsType[interface {
			error
			Timeout() bool
		}](err); ok && ne.Timeout() {
			return nil // what is missing counts as lost
		}
		switch {
		case err != nil:
			return err
		case k == kindMessage:
			m, ok := readMark(elem)
			if !ok || m.link != i {
				run.errors.Add(1)
				continue
			}
			if run.seen[i].see(m.seq) {
				run.got.Add(1)
			}
		case k == kindAckAsk:
			c.ack()
			if err := c.flush(); err != nil {
				return err
			}
		case k == kindIQ && attr(elem, "id") == "last":
			return nil
		case k == kindOther || k == kindClose:
			return unexpected("draining", elem)
		}
		if !all && run.seen[i].lost(int64(run.o.Per)) == 0 {
			all = true
			if c.sm {
				c.ack()
			}
			c.out = append(c.out, "<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>"...)
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}

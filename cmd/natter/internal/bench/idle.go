package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// runIdle logs o.Clients clients in, each with an account of its own, the roster
// asked for and initial presence sent, waits o.Settle, and reads what the
// server's resident set has grown by for each of them. The operations it
// reports are the logins.
func runIdle(ctx context.Context, t *target, o *Options, r *Result) error {
	if t.pid == 0 {
		return errors.New("mode idle needs the server's process id: --target NAME=HOST:PORT,PID")
	}
	in := &login{o: o, keys: &keyCache{}, sm: true, roster: true, presence: true}
	before, err := residentKB(t.pid)
	if err != nil {
		return err
	}
	clients := make([]*conn, o.Clients)
	defer func() {
		for _, c := range clients {
			if c != nil {
				c.bye()
			}
		}
	}()
	var took histogram
	var mu sync.Mutex
	var done atomic.Int64
	from := readMeter(t.pid)
	err = rush(ctx, o.Clients, o.Rush, func(ctx context.Context, i int) error {
		begin := time.Now()
		c, err := in.open(ctx, t.addr, i+1)
		if err != nil {
			return err
		}
		mu.Lock()
		took.record(int64(time.Since(begin)))
		mu.Unlock()
		c.in = frames{} // nothing is read from here on: the tool needs the memory itself
		clients[i] = c
		done.Add(1)
		return nil
	})
	readMeter(t.pid).since(from, done.Load(), r)
	if err != nil {
		return err
	}
	r.Sent = int64(o.Clients)
	r.Latency = took.latency()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(o.Settle):
	}
	r.memory(t)
	r.PerConnKB = float64(r.MemoryKB-before) / float64(o.Clients)
	if err := t.profile.heap(ctx); err != nil {
		return err
	}
	// A client that the server has dropped would make its memory look small.
	for i, c := range clients {
		if err := alive(c); err != nil {
			r.Errors++
			o.progress("client %d: %v", i+1, err)
		}
	}
	return nil
}

// alive asks the server whether it still knows the client.
func alive(c *conn) error {
	c.in = newFrames(readBuffer)
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, err := ask(c, "online", "get", "<ping xmlns='urn:xmpp:ping'/>")
	return err
}

package main

import (
	"context"
	"errors"
	"time"
)

// settle waits until the server has taken everything that was sent before: its
// word by XEP-0198, or, where it does not count, the answer to a ping, which it
// gives in order.
func (c *client) settle(ctx context.Context) error {
	upTo := c.sm.sentSoFar()
	for asked := false; c.sm.counting(); asked = true {
		done, changed := c.sm.confirmed(upTo)
		if done {
			return nil
		}
		if !asked {
			if err := c.sendAside(el(nsSM, "r")); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-c.done:
			return &errGone{c.err}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.pingServer(ctx)
}

// ignore is the handler of verbs that only ask.
func ignore(*node) bool { return true }

// pingServer waits for the server's answer to a ping, of whatever kind: one that
// knows no ping answers with an error.
func (c *client) pingServer(ctx context.Context) error {
	_, err := c.iq(ctx, el(nsClient, "iq", "type", "get", "to", c.account.jid.Domainpart()).with(el(nsPing, "ping")))
	var refused *stanzaError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// Times after which a silent connection is asked for a sign of life, and given
// up.
const (
	quietAfter = 60 * time.Second
	deadAfter  = 90 * time.Second
)

// watch asks a silent server whether it is there and cuts the connection when
// it is not. It returns when the stream is over.
func (c *client) watch() {
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	asked := false
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
		}
		silent := time.Since(time.Unix(0, c.heard.Load()))
		switch {
		case silent < quietAfter:
			asked = false
		case !asked:
			asked = true
			c.askForLife()
		case silent >= deadAfter:
			c.conn.Close()
			return
		}
	}
}

func (c *client) askForLife() {
	if c.sm.counting() {
		c.sendAside(el(nsSM, "r"))
		return
	}
	ping := el(nsClient, "iq", "type", "get", "id", newID(), "to", c.account.jid.Domainpart()).with(el(nsPing, "ping"))
	c.send(ping)
}

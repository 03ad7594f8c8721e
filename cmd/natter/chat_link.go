package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How long to wait before connecting again: this, then twice as long each time
// up to the most.
const (
	firstRetry = 3 * time.Second
	mostRetry  = 60 * time.Second
)

// keep serves c and, whenever the connection ends, makes a new one, until ctx
// ends.
func (ch *chat) keep(ctx context.Context, c *client) {
	for {
		c.disco.features = []string{nsReceipts, nsChatState}
		up := c
		if !ch.do(func() { ch.up(ctx, up) }) {
			c.conn.Close()
			return
		}
		go c.watch()
		c.serve(func(n *node) bool { return ch.do(func() { ch.stanza(n) }) })
		reason := c.err
		var end *streamEnd
		if errors.As(reason, &end) && end.condition == "conflict" {
			// Coming back would throw the other one out, who would come back, and so on.
			ch.do(func() { ch.over(reason) })
			return
		}
		for delay := ch.retry; ; delay = min(2*delay, mostRetry) {
			if ctx.Err() != nil || !ch.do(func() { ch.down(reason, delay) }) {
				return
			}
			select {
			case <-time.After(delay):
			case <-ctx.Done():
				return
			}
			next, err := ch.account.login(ctx, ch.creds, c.sm)
			if err == nil {
				c = next
				break
			}
			reason = err
		}
	}
}

// down tells that there is no connection. The same reason is told once.
func (ch *chat) down(reason error, delay time.Duration) {
	first := ch.client != nil
	ch.client = nil
	var f *failure
	switch text := reason.Error(); {
	case first:
		ch.note(fmt.Sprintf("The server has gone away: %s; trying again in %s.", text, seconds(delay)))
		ch.said = ""
	case text != ch.said:
		ch.said = text
		ch.note(fmt.Sprintf("Still no connection: %s; trying again in %s.", text, seconds(delay)))
		if errors.As(reason, &f) && f.code == exitAuth {
			ch.note(f.hint)
		}
	}
}

// over ends the chat: another client has its address.
func (ch *chat) over(reason error) {
	ch.client, ch.quit = nil, true
	ch.fatal = fail(exitConnect, "Without --resource every client has an address of its own.", "%s: %w", ch.account.jid, reason)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds())) }

// up takes a new connection into use.
func (ch *chat) up(ctx context.Context, c *client) {
	again := ch.started
	ch.client = c
	if c.login.resumed {
		if err := c.resend(); err == nil {
			ch.note("Connected again; nothing was missed.")
			ch.flush()
		}
		return
	}
	if again {
		ch.requeue(c.sm.leftOver())
	}
	ch.ready = false
	go ch.begin(ctx, c, again)
}

// requeue puts messages that the lost session had sent without the server's
// word in front of those that wait.
func (ch *chat) requeue(stanzas []node) {
	var again []*outgoing
	for _, n := range stanzas {
		if n.XMLName.Local != "message" || n.child(nsClient, "body") == nil {
			continue
		}
		for _, p := range ch.people.all {
			if e := p.find(n.attr("id")); e != nil {
				e.state = entryWaiting
				again = append(again, &outgoing{p, e, n})
			}
		}
	}
	ch.outbox = append(again, ch.outbox...)
}

// beginTimeout bounds how long the first questions to the server may take.
const beginTimeout = 20 * time.Second

// begin starts a session: it turns on what the server offers, gets the contact
// list, and says that the user is there. It runs on a goroutine of its own.
func (ch *chat) begin(ctx context.Context, c *client, again bool) {
	ctx, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	err := c.enableManagement(true)
	if err != nil {
		return // the connection is gone; keep sees to it
	}
	contacts, rosterErr := c.roster(ctx)
	carbons := c.enableCarbons(ctx)
	ok := ch.do(func() {
		ch.people.forgetPresence()
		if rosterErr == nil {
			ch.people.setRoster(contacts)
		}
		for _, p := range ch.people.list() {
			ch.view.fit(ch.name(p))
		}
		ch.carbons = carbons
		c.send(ch.presence(c))
	})
	if !ok {
		return
	}
	// By the answer the server has sent the presence of those it knows about.
	err = c.pingServer(ctx)
	ch.do(func() {
		if ch.client != c || isGone(err) || isGone(rosterErr) {
			return
		}
		ch.begun(c, again)
		if rosterErr != nil {
			ch.complain("Your contact list could not be had: " + rosterErr.Error())
		}
	})
}

// begun shows what there is at the start of a session.
func (ch *chat) begun(c *client, again bool) {
	ch.ready, ch.started = true, true
	ch.since, ch.caughtUp = ch.view.now(), false
	for _, p := range ch.people.list() {
		p.shown = presenceKey(p)
	}
	if again {
		ch.note("Connected again.")
	} else {
		ch.note("Logged in as " + c.me.String() + "; /help lists the commands.")
		if ch.current == nil {
			ch.screen.print(ch.view.rosterTable(ch.people))
		}
	}
	if again || ch.current != nil { // else the table has told
		for _, p := range ch.people.list() {
			if p.asks && !p.told {
				ch.noteRequest(p)
			}
		}
	}
	if !again && ch.current != nil {
		ch.presentPeer(ch.current)
		ch.openEarlier(ch.current)
	}
	if again {
		ch.rejoin(c)
	}
	held := ch.held
	ch.held = nil
	for _, n := range held {
		ch.message(n)
	}
	ch.flush()
}

// enableCarbons asks for copies of what the account's other clients send and
// receive (XEP-0280), where that is offered.
func (c *client) enableCarbons(ctx context.Context) bool {
	info, err := c.discoInfo(ctx, c.account.jid.Domainpart(), "")
	if err != nil {
		return false
	}
	for _, f := range info.Features {
		if f == nsCarbons {
			_, err := c.iq(ctx, el(nsClient, "iq", "type", "set").with(el(nsCarbons, "enable")))
			return err == nil
		}
	}
	return false
}

// presence is the user's own, as it is now.
func (ch *chat) presence(c *client) node {
	p := el(nsClient, "presence")
	if ch.show != "" {
		p = p.with(el("", "show").text(ch.show))
	}
	if ch.status != "" {
		p = p.with(el("", "status").text(ch.status))
	}
	return p.with(c.disco.caps())
}

package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// openLines is how many earlier messages are shown when a conversation is opened.
const openLines = 10

// earlier reads n messages of a conversation from the archive, those before what was
// read already, and calls then on run's goroutine once they stand before the lines
// there are; with 0 when there is nothing earlier, or no archive.
func (ch *chat) earlier(p *person, n int, then func(got int)) {
	c := ch.client
	if c == nil || !ch.ready || p.whole || p.reading || p.room != nil { // a room tells its last lines itself
		then(0)
		return
	}
	p.reading = true
	q := historyQuery{with: p.jid.String(), max: min(n, archivePage), before: p.oldest, last: true}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), questionTimeout)
		defer cancel()
		page, err := c.history(ctx, q)
		ch.do(func() {
			p.reading = false
			var refused *stanzaError
			if errors.As(err, &refused) {
				p.whole = true // there is no archive, or not this far back any more
			}
			if err != nil {
				then(0)
				return
			}
			p.oldest, p.whole = firstSet(page.first, p.oldest), page.complete
			then(ch.prepend(p, page.messages))
		})
	}()
}

// prepend puts messages of the archive before the lines of a conversation, but for
// those that are there, and returns how many.
func (ch *chat) prepend(p *person, list []message) int {
	known := make(map[string]bool)
	for _, e := range p.lines {
		known[e.id] = e.id != ""
	}
	var lines []*entry
	for _, m := range list {
		if m.body == "" || known[m.id] {
			continue
		}
		j, err := parsePeer(m.from, ch.people.me.Domainpart())
		if err != nil {
			continue
		}
		mine := j.Bare().Equal(ch.people.me)
		lines = append(lines, &entry{at: m.sent.In(time.Local), mine: mine, text: m.body, id: m.id})
	}
	if over := len(p.lines) + len(lines) - maxLines; over > 0 {
		lines, p.whole = lines[min(over, len(lines)):], true
	}
	p.lines = slices.Concat(lines, p.lines)
	return len(lines)
}

// openEarlier shows, on a terminal, what was said last with somebody the user begins
// to talk with.
func (ch *chat) openEarlier(p *person) {
	if ch.screen.tty == nil || len(p.lines) > 0 {
		return
	}
	ch.earlier(p, openLines, func(got int) {
		if got == 0 || p != ch.current {
			return
		}
		lines, _ := p.page(got)
		for _, e := range lines {
			ch.screen.print(ch.layout(p, e))
		}
	})
}

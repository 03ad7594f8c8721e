package main

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	nsMAM      = "urn:xmpp:mam:2"
	nsRSM      = "http://jabber.org/protocol/rsm"
	nsFulltext = "urn:xmpp:fulltext:0"
	nsRetract  = "urn:xmpp:message-retract:1"
)

// archivePage is how many messages are asked of an archive at once.
const archivePage = 100

// historyQuery asks for one page of an archive (XEP-0313). Empty fields ask for
// nothing in particular.
type historyQuery struct {
	archive    string // a room's address; "" for the account's own archive
	with       string // only messages with this address
	start, end string // in XEP-0082's form
	search     string // words, in archives that have a search (XEP-0431)
	max        int
	after      string // the page after the message of this id
	before     string // the page before it
	last       bool   // the last page
}

// node is the query as it is sent.
func (q historyQuery) node(id string) node {
	form := el("jabber:x:data", "x", "type", "submit")
	for _, f := range [][2]string{
		{"FORM_TYPE", nsMAM}, {"with", q.with}, {"start", q.start}, {"end", q.end}, {"{" + nsFulltext + "}fulltext", q.search},
	} {
		if f[1] != "" {
			form = form.with(el("", "field", "var", f[0]).with(el("", "value").text(f[1])))
		}
	}
	set := el(nsRSM, "set").with(el("", "max").text(strconv.Itoa(q.max)))
	switch {
	case q.after != "":
		set = set.with(el("", "after").text(q.after))
	case q.before != "" || q.last:
		set = set.with(el("", "before").text(q.before))
	}
	return el(nsClient, "iq", "type", "set", "to", q.archive).with(el(nsMAM, "query", "queryid", id).with(form, set))
}

// historyPage is what an archive has answered: messages from the oldest, each with
// its archive's id and time.
type historyPage struct {
	messages    []message
	first, last string // ids for the pages before and after
	complete    bool   // there is no more in the direction that was asked for
}

// collector gathers the results of one query.
type collector struct {
	from string // whose archive it is
	list []*node
}

// collectors are the queries that are under way, by their queryid.
type collectors struct {
	mu sync.Mutex
	m  map[string]*collector
}

// collected takes the result of a query of this client's. Others, which anybody may
// send, are no messages either (XEP-0313 §8.2).
func (c *client) collected(n *node) bool {
	result := n.child(nsMAM, "result")
	if n.XMLName.Local != "message" || result == nil {
		return false
	}
	c.queries.mu.Lock()
	defer c.queries.mu.Unlock()
	q := c.queries.m[result.attr("queryid")]
	from := n.attr("from")
	if q != nil && (from == q.from || from == "" && q.from == c.account.jid.String()) && len(q.list) < 1000 {
		q.list = append(q.list, result)
	}
	return true
}

// history reads a page of an archive.
func (c *client) history(ctx context.Context, q historyQuery) (historyPage, error) {
	id, gathered := newID(), &collector{from: firstSet(q.archive, c.account.jid.String())}
	c.queries.mu.Lock()
	if c.queries.m == nil {
		c.queries.m = make(map[string]*collector)
	}
	c.queries.m[id] = gathered
	c.queries.mu.Unlock()
	answer, err := c.iq(ctx, q.node(id))
	c.queries.mu.Lock()
	delete(c.queries.m, id)
	c.queries.mu.Unlock()
	if err != nil {
		return historyPage{}, err
	}
	fin := answer.child(nsMAM, "fin")
	set := fin.child(nsRSM, "set")
	page := historyPage{first: set.childText(nsRSM, "first"), last: set.childText(nsRSM, "last"), complete: fin.attr("complete") == "true"}
	for _, result := range gathered.list {
		forwarded := result.child(nsForward, "forwarded")
		inner := forwarded.child(nsClient, "message")
		if inner == nil {
			continue
		}
		m := readMessage(inner, "", time.Now())
		m.stanzaID = result.attr("id")
		if t, ok := delayOf(forwarded); ok && !m.delayed {
			m.sent = t
		}
		m.retracted = inner.child(nsRetract, "retracted") != nil
		page.messages = append(page.messages, m)
	}
	return page, nil
}

// historyBack reads pages from the end of an archive backwards until it has max
// messages, or all of them; oldest first.
func (c *client) historyBack(ctx context.Context, q historyQuery, max int) ([]message, error) {
	var parts [][]message
	for q.last = true; max > 0; {
		q.max = min(max, archivePage)
		page, err := c.history(ctx, q)
		if err != nil {
			return nil, err
		}
		parts = append(parts, page.messages)
		max -= len(page.messages)
		if page.complete || page.first == "" {
			break
		}
		q.before = page.first
	}
	slices.Reverse(parts)
	return slices.Concat(parts...), nil
}

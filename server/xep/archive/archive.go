// Package archive answers queries of XEP-0313 Message Archive Management, version
// 1.1.3, for whoever has an archive in the store's Log: an account (package mam), a
// room (package muc). It serves every part of the protocol that does not depend on
// whose archive it is: the form of a query and its fields, result sets with pages
// forwards and backwards, flipped pages, single messages by id, metadata, result
// messages and their end, and full-text search (XEP-0431).
//
// # Using it
//
// The caller decides who may read; then it hands the request over:
//
//	a := archive.Archive{Host: h, Owner: room.String(), Show: strip, With: publisher}
//	err := a.Handle(q) // q: an *server.IQ whose payload is in urn:xmpp:mam:2
//
// A module returns that error from its IQ handler; a service that routes on its own
// calls q.Fail(t, err) for an error other than nil and server.Pending. Who may not
// read gets stanza.Forbidden (XEP-0313 §8.1), which is the caller's.
//
// What is in the archive are the records of the Log with Owner among their Owners.
// Record.Owners[1] is the right place for a room: then the other side of the
// message, what a query's 'with' is compared with, is Record.From. So a room that
// lets some filter by publisher writes the publisher's real full JID to From, and
// what occupants see to Stanza. Record.ID is what Store.NextID gives; clients know
// it only by Host.AppendArchiveID, and Host.AppendStanzaID stamps it on what is
// delivered (XEP-0313 §3.5): both take Owner.
//
// # How results travel
//
// Pages are read and sent by a goroutine of their own, never by a client's read
// loop: one at a time for each session, in the order they were asked for, and no
// more than maxWaiting asked for at once. A page holds up to maxPage messages and an
// eighth of what a session's queue may hold; before the next one half of the queue
// must be free. So no page, and no number of queries, can overflow a queue. Askers
// elsewhere share a few goroutines. What was handed to the store before the query
// is in its result.
package archive

import (
	"context"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// Namespaces of XEP-0313 and what its results are made of, and of XEP-0431.
const (
	NS         = "urn:xmpp:mam:2"
	NSExtended = "urn:xmpp:mam:2#extended"
	NSForward  = "urn:xmpp:forward:0"
	NSSearch   = "urn:xmpp:fulltext:0"

	// NSGroupchatField is announced with Archive.Groupchat.
	NSGroupchatField = "urn:xmpp:mam:2#groupchat-field"
)

// Bounds of a page: how many messages it has where the query says nothing, and at
// the most.
const (
	defaultPage = 50
	maxPage     = 250
)

// Archive is one archive for one request. It is a plain value; Handle keeps a copy.
type Archive struct {
	Host *server.Host // the host, or the one that the room's service belongs to
	// Owner is the bare JID in normal form that the records have among their Owners.
	// Results come from it.
	Owner string
	// Show appends the message that a result holds, a whole stanza that stands alone;
	// nil takes the record's as it is stored. When nothing is appended, the result
	// tells of the message without it (XEP-0313 §3.2). It runs in a goroutine of the
	// archive's, and may do so after Handle has returned.
	Show func(dst []byte, r *store.Record) []byte
	// With returns what Record.From or To is compared with for the address in a query's
	// field 'with': a bare JID for all of its resources. Its error, a *stanza.Error, is
	// the answer, for those who may not know who wrote what. nil takes the address.
	With func(stanza.JID) (string, error)
	// Settle, if set, waits for what the archive's owner has under way that changes what
	// is in it; it is called before a page is read. What was handed to the store has
	// been waited for.
	Settle func(context.Context) error
	// Groupchat says that the field include-groupchat is understood. It changes
	// nothing: what is of a room is in the room's archive only.
	Groupchat bool
	// Search says that there is full-text search: the archive's records have texts.
	Search bool
}

// Handle answers a request whose payload is in the namespace NS: a query, its form,
// or metadata. It returns server.Pending or the error to answer, as an IQ handler
// does: bad-request, item-not-found for ids that are not in the archive,
// feature-not-implemented for fields that are not known (XEP-0313 §4),
// resource-constraint when too many queries wait.
func (a Archive) Handle(q *server.IQ) error {
	name := string(q.Stanza.Local(q.Payload))
	switch {
	case name == "query" && q.Stanza.Type == stanza.Set:
		return a.query(q)
	case name == "query" && q.Stanza.Type == stanza.Get:
		q.Reply(q.Turn, a.form())
		return nil
	case name == "metadata" && q.Stanza.Type == stanza.Get:
		return a.metadata(q)
	}
	return stanza.ServiceUnavailable("archives do not answer that")
}

// query answers <query/> (XEP-0313 §4).
func (a Archive) query(q *server.IQ) error {
	if _, ok := q.Stanza.ChildAttr(q.Payload, "node"); ok {
		return stanza.FeatureNotImplemented("archives of nodes are not served") // XEP-0442
	}
	f, err := a.parse(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	return later(q, func(r *reader) error {
		if a.Settle != nil {
			if err := a.Settle(r.ctx); err != nil {
				return err
			}
		}
		p, err := a.read(r, f)
		if err != nil {
			return err
		}
		a.send(r, f, p)
		return nil
	})
}

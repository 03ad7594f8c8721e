package server

import (
	"natter/server/store"
	"natter/stanza"
)

// ArchivePolicy tells whether an account archives what it sends to peer or gets from
// it, by its preferences (XEP-0441). The account is locked.
type ArchivePolicy func(a *Account, peer stanza.JID) bool

// SetArchivePolicy sets what the account archives; nil: everything. The account must
// be locked, or not yet shared.
func (a *Account) SetArchivePolicy(p ArchivePolicy) {
	if p == nil {
		a.policy.Store(nil)
		return
	}
	a.policy.Store(&p)
}

// archives tells whether the account archives its messages with peer. The account
// must be locked.
func (a *Account) archives(peer stanza.JID) bool {
	if !a.Has(AccountArchive) {
		return false
	}
	p := a.policy.Load()
	return p == nil || (*p)(a, peer)
}

// sides says which of the two sides of a message archives it, the sender first: as
// in store.Record.Owners.
type sides [2]bool

func (s sides) any() bool { return s[0] || s[1] }

// sendersSide decides whether the sender, when it is a session of this server,
// archives what it sends (XEP-0441 §2.3). A message to oneself is archived once, as
// one that came in. No account is locked.
func (p *Passage) sendersSide() {
	s := p.Origin.Session
	if s == nil || s.Account.JID == p.To.Bare() || !p.Hints.Archivable(p.Stanza.Type) || !s.Account.Has(AccountArchive) {
		return
	}
	a := s.Account
	if a.policy.Load() == nil {
		p.archived[0] = true
		return
	}
	a.mu.Lock()
	p.archived[0] = a.archives(p.To)
	a.mu.Unlock()
}

// stamped tells whether a message of the log gets the stanza-id of an account, which
// says that it is in the account's archive (XEP-0313 §3.5). Where no archive is
// served, the ids are for telling messages apart that come twice.
func (a *Account) stamped(archived bool) bool { return archived || !a.Has(AccountArchive) }

// has tells whether the record is in the account's archive.
func (a *Account) has(r *store.Record) bool {
	return r.Flags&store.FlagTransient == 0 && (r.Owners[0] == a.Bare || r.Owners[1] == a.Bare)
}

// archiveSent logs the message of p for its sender, when it goes to where no account
// of this server is: a service, another server. It fills in p.ID, and returns the
// error to answer, if any.
func (srv *Server) archiveSent(p *Passage) *stanza.Error {
	if p.sendersSide(); !p.archived[0] {
		return nil
	}
	if srv.Store.Full() {
		return stanza.ResourceConstraint("the server cannot store messages just now; try again later")
	}
	rec := p.record()
	rec.Owners[0], rec.Text = p.Origin.Session.Account.Bare, p.Stanza.Body()
	var b store.Batch
	b.Append(rec)
	p.ID = rec.ID
	if err := p.Turn.Commit(&b, nil); err != nil {
		p.ID = 0
		return srv.stanzaError(err)
	}
	return nil
}

// record makes the log record of the message, without owners.
func (p *Passage) record() store.Record {
	st := p.Stanza
	rec := store.Record{
		ID:   p.ID,
		From: p.Origin.JID.String(),
		To:   p.To.String(),
		Kind: uint8(st.Type),
	}
	if rec.ID == 0 {
		rec.ID = p.Turn.srv.Store.NextID()
	}
	alone := *p.Stamp
	alone.Declare, alone.Tail = true, nil
	rec.Stanza = st.AppendTo(nil, &alone)
	return rec
}

package server

import (
	"natter/roster"
	"natter/stanza"
)

// Route takes a stanza from o to where it is addressed (RFC 6121 §8). The
// stanza has been validated by the scanner; it is valid during the call.
// docs/routing.md is this file as a table.
func (srv *Server) Route(t *Turn, o *Origin, st *stanza.Stanza) {
	if o.Session != nil {
		t.received(st)
		if o.Session.Account.Has(AccountGuest) && srv.stray(t, o, st) {
			return
		}
	}
	if st.Kind == stanza.Presence && o.Session != nil {
		srv.presenceFrom(t, o, st)
		return
	}
	raw := st.To()
	if raw != nil {
		if e, ok := srv.reg.lookup(raw); ok && srv.fast(t, o, st, e) {
			return
		}
	}
	to, err := srv.recipient(o, raw)
	if err != nil {
		srv.Bounce(t, o, st, stanza.JIDMalformed("the address in 'to' is not one"))
		return
	}
	if h := srv.hosts[to.Domain()]; h != nil {
		if to.Local() == "" {
			h.routeHost(t, o, st, to)
		} else {
			h.routeAccount(t, o, st, to)
		}
		return
	}
	if s := srv.service(to.Domain()); s != nil {
		srv.toService(t, o, s, to, st)
		return
	}
	// Federation is not built: nobody beyond this server can be reached.
	srv.Bounce(t, o, st, stanza.RemoteServerNotFound("this server does not reach other domains"))
}

// fast delivers what needs no decision: a message or an IQ answer to a session,
// or a message to the one set of most available sessions of an account, when no
// hook, log or offline message has a say. It reports whether it did.
func (srv *Server) fast(t *Turn, o *Origin, st *stanza.Stanza, e entry) bool {
	switch st.Kind {
	case stanza.Message:
	case stanza.IQ:
		if e.session == nil || st.Type != stanza.Result && st.Type != stanza.TypeError || len(st.ID()) == 0 {
			return false
		}
	default:
		return false
	}
	a := e.account
	if e.session != nil {
		a = e.session.Account
	}
	if a.flags.Load()|srv.senderFlags(o) != 0 || a.Host.triggered(st) {
		return false
	}
	if st.Kind == stanza.Message && o.Session != nil && o.Session.Has(SessionAcks) {
		return false // its acknowledgement promises more than a queue
	}
	stamp := &t.stamp // in the turn, as an argument of an interface's method escapes
	*stamp = stanza.Stamp{From: o.Attr, Lang: o.Lang}
	if s := e.session; s != nil {
		if st.Type == stanza.TypeInvalid || s.Has(SessionAcks|SessionInactive|SessionSlow|SessionDetached) && st.Kind == stanza.Message {
			return false
		}
		_, ok := s.Out.Deliver(t, st, stamp, nil)
		return ok
	}
	if st.Type != stanza.TypeNone && st.Type != stanza.Chat && st.Type != stanza.Normal {
		return false
	}
	targets := a.targets.Load()
	if targets == nil || len(*targets) != 1 {
		return false
	}
	s := (*targets)[0]
	if s.Has(SessionAcks | SessionInactive | SessionSlow | SessionDetached) {
		return false
	}
	_, ok := s.Out.Deliver(t, st, stamp, nil)
	return ok
}

// senderFlags returns the account flags of the sender that keep a stanza off
// the fast path.
func (srv *Server) senderFlags(o *Origin) uint32 {
	if o.Session == nil {
		return 0
	}
	return o.Session.Account.flags.Load() &^ (AccountInactive | AccountPush)
}

// triggered reports whether a child of st is in a namespace that a hook of the
// host waits for.
func (h *Host) triggered(st *stanza.Stanza) bool {
	for i := range st.NumChildren() {
		if _, ok := h.triggers[string(st.Space(st.ChildAt(i)))]; ok {
			return true
		}
	}
	return false
}

// recipient returns the address in 'to', or the sender's own bare JID where
// there is none (RFC 6120 §10.3).
func (srv *Server) recipient(o *Origin, raw []byte) (stanza.JID, error) {
	if raw == nil {
		return o.JID.Bare(), nil
	}
	return parseAddr(raw)
}

// toService hands a stanza to a service, past the sender's hooks.
func (srv *Server) toService(t *Turn, o *Origin, s *Service, to stanza.JID, st *stanza.Stanza) {
	if st.Kind == stanza.IQ {
		if err := checkIQ(st); err != nil {
			srv.Bounce(t, o, st, srv.stanzaError(err))
			return
		}
		if (st.Type == stanza.Result || st.Type == stanza.TypeError) && srv.answered(t, o, to, st) {
			return
		}
	}
	p := Passage{Turn: t, Origin: o, Stanza: st, To: to, Stamp: &stanza.Stamp{From: o.Attr, To: normalTo(st, to), Lang: o.Lang}}
	if st.Kind == stanza.Message {
		p.Hints = HintsOf(st)
	}
	if st.Kind != stanza.Presence && !srv.run(FromAccount, &p) { // presence has passed them: see outgoing
		return
	}
	if st.Kind == stanza.Message {
		if refusal := srv.archiveSent(&p); refusal != nil {
			srv.Bounce(t, o, st, refusal)
			return
		}
	}
	s.Route(t, o, to, st)
	if st.Kind == stanza.Message {
		srv.run(Sent, &p)
	}
}

// Serves reports whether a service of the server has this domain.
func (srv *Server) Serves(domain string) bool { return srv.service(domain) != nil }

func (srv *Server) service(domain string) *Service {
	for _, h := range srv.hosts {
		if s := h.services[domain]; s != nil {
			return s
		}
	}
	return nil
}

// routeHost handles a stanza for the host itself (RFC 6121 §8.4).
func (h *Host) routeHost(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) {
	switch st.Kind {
	case stanza.IQ:
		if st.Type == stanza.Result || st.Type == stanza.TypeError {
			h.Server.answered(t, o, to, st) // answers to heartbeats: the stream has seen them
			return
		}
		h.handleIQ(t, o, st, to, AtHost, nil)
	case stanza.Message:
		h.Server.Bounce(t, o, st, stanza.ServiceUnavailable("nobody reads messages to the server"))
	case stanza.Presence:
		h.presenceToHost(t, o, st, to)
	}
}

// routeAccount handles a stanza for an account of the host (RFC 6121 §8.5).
func (h *Host) routeAccount(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID) {
	srv := h.Server
	if h.intrudes(t, o, st, to) {
		return
	}
	a, err := h.Account(t, to.Local())
	if err != nil {
		srv.Bounce(t, o, st, srv.stanzaError(err))
		return
	}
	switch st.Kind {
	case stanza.Message:
		h.messageToAccount(t, o, st, to, a)
	case stanza.Presence:
		h.presenceToAccount(t, o, st, to, a)
	case stanza.IQ:
		h.iqToAccount(t, o, st, to, a)
	}
}

// iqToAccount handles an IQ for an account or one of its sessions (RFC 6121
// §8.5.1, §8.5.2.1.3, §8.5.3).
func (h *Host) iqToAccount(t *Turn, o *Origin, st *stanza.Stanza, to stanza.JID, a *Account) {
	srv := h.Server
	request := st.Type != stanza.Result && st.Type != stanza.TypeError
	if err := checkIQ(st); err != nil {
		srv.Bounce(t, o, st, srv.stanzaError(err))
		return
	}
	self := o.JID.Bare() == to.Bare()
	if a == nil && self { // removed a moment ago
		srv.Bounce(t, o, st, stanza.ServiceUnavailable(""))
		return
	}
	if a == nil {
		a = h.nobody(to.Bare())
	}
	stamp := stanza.Stamp{From: o.Attr, To: normalTo(st, to), Lang: o.Lang}
	p := Passage{Turn: t, Origin: o, Stanza: st, To: to, Account: a, Stamp: &stamp}
	if !srv.run(FromAccount, &p) || !srv.run(ToAccount, &p) {
		return
	}
	if to.IsBare() {
		if !request {
			srv.answered(t, o, to, st)
			return
		}
		kind := AtAccount
		if self {
			kind = AtSelf
		}
		h.handleIQ(t, o, st, to, kind, a)
		return
	}
	a.mu.Lock()
	s := a.Session(to.Resource())
	shares := s != nil && (self || !request || a.view.Shares(a.index(s), o.JID))
	a.mu.Unlock()
	if !shares {
		srv.Bounce(t, o, st, stanza.ServiceUnavailable(""))
		return
	}
	if _, ok := s.Out.Deliver(t, st, &stamp, nil); !ok {
		srv.Bounce(t, o, st, stanza.ServiceUnavailable(""))
	}
}

// nobody stands in for an account that does not exist: requests to it are handled
// like those of a stranger to an account that does, so that the answers, whatever
// the request, do not tell which is the case (RFC 6120 §13.11, RFC 6121 §8.5.1).
func (h *Host) nobody(jid stanza.JID) *Account {
	a := &Account{Host: h, Local: jid.Local(), JID: jid, Bare: jid.String(), Self: NewOrigin(jid)}
	a.Roster = roster.New(jid, "", h.rosterLimits())
	a.view.JID, a.view.Roster = a.JID, a.Roster
	return a
}

// run consults the hooks of a stage; false when one has ended the passage.
func (srv *Server) run(stage Stage, p *Passage) bool {
	a := p.Account
	if stage == FromAccount || stage == Sent {
		if p.Origin.Session == nil {
			return true
		}
		a = p.Origin.Session.Account
	}
	if a == nil {
		return true
	}
	hooks := a.Host.hooks[stage]
	if len(hooks) == 0 {
		return true
	}
	was := p.Account
	p.Account = a
	defer func() { p.Account = was }()
	kind := 0
	if p.Stanza != nil {
		kind = 1 << (p.Stanza.Kind - stanza.Message)
	}
	for i := range hooks {
		k := &hooks[i]
		if kind != 0 && k.Kinds&kind == 0 {
			continue
		}
		if !(k.Flag != 0 && a.Has(k.Flag) || k.NS != "" && p.Stanza.HasNS(k.NS) || k.Flag == 0 && k.NS == "") {
			continue
		}
		switch k.Run(p) {
		case Stop:
			return false
		case Reply:
			srv.Bounce(p.Turn, p.Origin, p.Stanza, p.Err)
			return false
		}
	}
	return true
}

// Bounce answers st to its sender with a stanza error, unless st is an error or
// a result itself (RFC 6120 §8.3.1).
func (srv *Server) Bounce(t *Turn, o *Origin, st *stanza.Stanza, e *stanza.Error) {
	srv.bounce(t, o, st, e)
}

// bounce is Bounce; it returns the answer, nil where there is none.
func (srv *Server) bounce(t *Turn, o *Origin, st *stanza.Stanza, e *stanza.Error) []byte {
	from := st.To()
	if from == nil && o.Session != nil {
		from = o.Session.Account.Self.Attr
	}
	b, ok := stanza.AppendErrorReply(nil, st, e, from, o.Attr)
	if !ok {
		return nil
	}
	srv.respond(t, o, b)
	return b
}

// respond hands a reply to the sender of what it replies to.
func (srv *Server) respond(t *Turn, o *Origin, b []byte) {
	if o.Session != nil {
		o.Session.Out.DeliverRaw(t, b)
		return
	}
	srv.send(t, b)
}

// send routes a stanza that the server itself has built: from and to are in it.
func (srv *Server) send(t *Turn, b []byte) {
	st, err := built(b)
	if err != nil {
		srv.Log.Error("built a stanza that does not parse", "err", err)
		return
	}
	from, err := parseAddr(st.From())
	if err != nil {
		srv.Log.Error("built a stanza without a sender", "err", err)
		return
	}
	srv.Route(t, NewOrigin(from), st)
}

// Send routes a whole stanza built by a module; from and to are in it.
func (srv *Server) Send(t *Turn, b []byte) { srv.send(t, b) }

// normalTo returns the address a stanza goes on with where that is not as it was
// written: in normal form (RFC 7622 §3.1), and the sender's own where there was
// none (RFC 6120 §10.3.1); nil for as it is.
func normalTo(st *stanza.Stanza, to stanza.JID) []byte {
	if string(st.To()) == to.String() {
		return nil
	}
	return stanza.AppendAttr(nil, to.String())
}

// parseAddr parses a raw attribute value as an address.
func parseAddr(raw []byte) (stanza.JID, error) { return stanza.ParseJID(stanza.Unescape(raw)) }

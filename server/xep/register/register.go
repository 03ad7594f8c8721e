// Package register implements XEP-0077 In-Band Registration, version 2.4, on the
// server's side: an account is made before login where the configuration allows
// it, and its owner changes the password or removes the account at any time.
//
// A data form (§4) is offered only where an invitation is needed: else nothing is asked for
// but the fields that every client knows.
package register

import (
	"context"
	"errors"
	"slices"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

const (
	ns      = "jabber:iq:register"
	feature = "<register xmlns='http://jabber.org/features/iq-register'/>" // §8
)

type module struct{ host *server.Host }

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	return &server.Module{
		Name: "register", XEP: "0077 2.4", Summary: "a new account, a new password or the account's removal from within a client",
		Features:          []string{ns},
		StreamFeatureFunc: m.feature,
		IQ: []server.IQHandler{
			{Type: stanza.Get, NS: ns, Name: "query", To: server.BeforeLogin, Handle: m.fields},
			{Type: stanza.Set, NS: ns, Name: "query", To: server.BeforeLogin, Handle: m.create},
			{Type: stanza.Get, NS: ns, Name: "query", To: server.AtHost | server.AtSelf, Handle: m.registered},
			{Type: stanza.Set, NS: ns, Name: "query", To: server.AtHost | server.AtSelf, Handle: m.change},
		},
	}
}

func (m *module) open() bool { return m.host.Server.Config.Register }

func (m *module) feature(authenticated bool) string {
	// Who is invited registers like others (XEP-0445 §3).
	if authenticated || !m.open() && !m.host.InvitesAccounts() {
		return ""
	}
	return feature
}

// closed is what a host answers that does not register strangers (§3.1).
func (m *module) closed() error {
	if m.host.InvitesAccounts() {
		return stanza.ServiceUnavailable("accounts are made by invitation here; show yours first")
	}
	return stanza.ServiceUnavailable("accounts are not made in band here; ask who runs the server")
}

// fields tells a stranger what an account takes (§3.1).
func (m *module) fields(q *server.IQ) error {
	inv := q.Stranger.Invited
	asks := inv == nil && !m.open() // for an invitation
	if asks && !m.host.InvitesAccounts() {
		return m.closed()
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", ns)
	if asks {
		b = stanza.AppendElement(b, "instructions", "Accounts are made by invitation here: open the page of yours in a browser, or use a program that asks for it.")
	} else {
		b = stanza.AppendElement(b, "instructions", "Choose a name and a password for the new account.")
	}
	if inv != nil && inv.Name != "" { // XEP-0445 §2.1
		b = stanza.AppendElement(b, "username", inv.Name)
	} else {
		b = stanza.AppendEmpty(b, "username")
	}
	b = stanza.AppendEmpty(b, "password")
	if asks {
		b = append(b, invitationForm()...)
	}
	q.Reply(q.Turn, stanza.AppendClose(b, "query"))
	return nil
}

// create makes an account for a stranger (§3.1).
func (m *module) create(q *server.IQ) error {
	f := read(q)
	if f.invitation != "" && q.Stranger.Invited == nil && m.host.InvitesAccounts() {
		if err := q.ShowInvitation(server.FindInvitationToken(f.invitation)); server.BadInvitation(err) {
			return stanza.NotAcceptable("the invitation is not good: it was used, has expired or was taken back")
		} else if err != nil {
			return err
		}
	}
	switch {
	case q.Stranger.Invited == nil && !m.open():
		return m.closed()
	case f.remove:
		return unexpected() // §3.2: a stranger has nothing to cancel
	case f.username == "" || f.password == "":
		return stanza.NotAcceptable("both a name and a password are needed")
	case !m.host.AllowSignUp(q.Stranger.Addr):
		e := stanza.NotAcceptable("too many accounts were asked for from your address; try again later") // §3.1.1
		e.Type = stanza.Wait
		return e
	case q.Stranger.Invited != nil:
		return m.invited(q, f)
	case m.reserved(f.username):
		return taken()
	}
	q.Turn.Flush() // hashing the password takes a while
	k := q.Keep()
	err := m.host.CreateLater(q.Turn, f.username, f.password, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, refusal(err))
			return
		}
		k.Reply(t, nil)
	})
	if err != nil {
		return refusal(err)
	}
	return server.Pending
}

// signUpTime bounds what a stranger who is invited waits for.
const signUpTime = 30 * time.Second

// invited makes an account for a stranger who has shown an invitation (XEP-0445 §4).
func (m *module) invited(q *server.IQ, f fields) error {
	inv, k := q.Stranger.Invited, q.Keep()
	m.host.Server.Go(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, signUpTime)
		defer cancel()
		_, err := m.host.SignUp(ctx, inv, f.username, f.password)
		m.host.Server.Do(func(t *server.Turn) {
			if err != nil {
				k.Fail(t, refusal(err))
				return
			}
			k.Reply(t, nil)
		})
	})
	return server.Pending
}

// reserved reports whether a name is an administrator's: that account is made by
// whoever runs the server, not by who comes first, except for tests.
func (m *module) reserved(username string) bool {
	j, err := stanza.ParseJID(username + "@" + m.host.Name)
	return err == nil && !m.host.Server.Config.Dev && slices.Contains(m.host.Server.Config.Admins, j.String())
}

// registered tells an account's owner of the account (§3.1).
func (m *module) registered(q *server.IQ) error {
	if !m.own(q) {
		return m.closed()
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", ns)
	b = append(b, "<registered/><instructions>You have an account here. Its password can be changed, and it can be removed.</instructions>"...)
	b = stanza.AppendElement(b, "username", q.Session().Account.Local)
	b = append(b, "<password/>"...)
	q.Reply(q.Turn, stanza.AppendClose(b, "query"))
	return nil
}

// change handles what an account's owner may ask for: its removal (§3.2) or
// another password (§3.3).
func (m *module) change(q *server.IQ) error {
	f := read(q)
	switch {
	case f.remove && f.others > 0:
		return stanza.BadRequest("<remove/> stands alone")
	case !m.own(q):
		if f.remove {
			return stanza.RegistrationRequired("you have no account here")
		}
		return m.closed()
	case !q.Session().Out.TLS() && !m.host.Server.Config.Dev:
		return stanza.NotAuthorized("that is done over an encrypted connection only")
	case f.remove:
		return m.remove(q)
	case f.username == "" || f.password == "":
		return stanza.BadRequest("both your name and the new password are needed")
	case !m.isOwn(q, f.username):
		return stanza.NotAcceptable("the name is not that of your account")
	}
	return m.setPassword(q, f.password)
}

func (m *module) setPassword(q *server.IQ, password string) error {
	q.Turn.Flush() // the store is read, and hashing takes a while
	b, err := m.host.SetPassword(q.Session().Account.Local, password)
	if err != nil {
		return refusal(err)
	}
	k := q.Keep()
	err = q.Turn.Commit(b, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, refusal(err))
			return
		}
		k.Reply(t, nil)
	})
	if err != nil {
		return err
	}
	return server.Pending
}

// remove removes the sender's account. The core ends its sessions after the
// answer has gone out.
func (m *module) remove(q *server.IQ) error {
	k := q.Keep()
	err := m.host.Remove(q.Turn, q.Session().Account.Local, func(t *server.Turn, err error) {
		if err != nil {
			k.Fail(t, refusal(err))
			return
		}
		k.Reply(t, nil)
	})
	if err != nil {
		return refusal(err)
	}
	return server.Pending
}

// own reports whether the request comes from a session of an account of this
// host.
func (m *module) own(q *server.IQ) bool {
	s := q.Session()
	return s != nil && s.Account.Host == m.host
}

// isOwn reports whether a name stands for the sender's account. Some clients give
// the bare JID, as the forms in §3.3 do.
func (m *module) isOwn(q *server.IQ, username string) bool {
	a := q.Session().Account
	j, err := stanza.ParseJID(username + "@" + m.host.Name)
	if err != nil || j != a.JID {
		j, err = stanza.ParseJID(username)
	}
	return err == nil && j == a.JID
}

// refusal turns what account management reports into what is answered.
func refusal(err error) error {
	switch {
	case errors.Is(err, server.ErrExists):
		return taken()
	case errors.Is(err, server.ErrUnknown): // removed a moment ago
		return stanza.RegistrationRequired("the account is gone")
	case errors.Is(err, server.ErrInvitationUsed), errors.Is(err, server.ErrNoInvitation):
		return stanza.NotAllowed("the invitation has been used or taken back meanwhile")
	case errors.Is(err, store.ErrConflict):
		e := stanza.Conflict("the account was changed by somebody else at the same time; try again")
		e.Type = stanza.Wait
		return e
	}
	return err
}

func taken() error { return stanza.Conflict("the name is taken") }

func unexpected() error { return stanza.UnexpectedRequest("log in first") }

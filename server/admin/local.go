package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/stanza"
)

// Local manages the accounts of a core in this process.
func Local(core *server.Server) Accounts { return local{core} }

type local struct{ core *server.Server }

// find returns the host of a name and its localpart, both in normal form.
func (l local) find(name string) (*server.Host, string, error) {
	if !strings.Contains(name, "@") {
		name += "@" + l.core.Default().Name
	}
	j, err := stanza.ParseJID(name)
	if err != nil || j.Local() == "" || !j.IsBare() {
		return nil, "", &Error{Invalid, fmt.Sprintf("%q is not an account's address", name)}
	}
	h := l.core.Host(j.Domain())
	if h == nil {
		return nil, "", &Error{NoHost, fmt.Sprintf("the domain %s is not served here, but %s", j.Domain(), strings.Join(l.core.Config.Domains, ", "))}
	}
	return h, j.Local(), nil
}

func (l local) Add(ctx context.Context, name, password string) (string, error) {
	h, local, err := l.find(name)
	if err != nil {
		return "", err
	}
	jid := local + "@" + h.Name
	if err := h.Create(ctx, local, password); err != nil {
		return "", refusal(jid, err)
	}
	l.core.Log.Info("account made", "account", jid)
	return jid, nil
}

func (l local) SetPassword(ctx context.Context, name, password string) (string, error) {
	h, local, err := l.find(name)
	if err != nil {
		return "", err
	}
	jid := local + "@" + h.Name
	b, err := h.SetPassword(local, password)
	if err == nil {
		err = l.core.Store.CommitWait(ctx, b)
	}
	if err != nil {
		return "", refusal(jid, err)
	}
	l.core.Log.Info("password changed", "account", jid)
	return jid, nil
}

func (l local) Remove(ctx context.Context, name string) (string, error) {
	h, local, err := l.find(name)
	if err != nil {
		return "", err
	}
	jid := local + "@" + h.Name
	durable := make(chan error, 1)
	l.core.Do(func(t *server.Turn) {
		if err := h.Remove(t, local, func(_ *server.Turn, err error) { durable <- err }); err != nil {
			durable <- err
		}
	})
	select {
	case err = <-durable:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil { // its contacts are told and its sessions end
		err = h.Settled(ctx, local)
	}
	if err != nil {
		return "", refusal(jid, err)
	}
	l.core.Log.Info("account removed", "account", jid)
	return jid, nil
}

func (l local) List(ctx context.Context) ([]Account, error) {
	sessions := make(map[string][]Session)
	l.core.EachSession(func(s *server.Session) {
		sessions[s.Account.Bare] = append(sessions[s.Account.Bare], l.session(s))
	})
	list := []Account{}
	for _, domain := range l.core.Config.Domains {
		h := l.core.Host(domain)
		if h == nil {
			continue
		}
		err := h.EachAccount(ctx, func(name string, created time.Time) error {
			a := l.account(name+"@"+h.Name, created)
			if online := sessions[a.JID]; online != nil {
				a.Sessions = bySince(online)
			}
			list = append(list, a)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (l local) Info(ctx context.Context, name string) (Account, error) {
	h, local, err := l.find(name)
	if err != nil {
		return Account{}, err
	}
	jid := local + "@" + h.Name
	created, err := h.Created(local)
	if err != nil {
		return Account{}, refusal(jid, err)
	}
	a := l.account(jid, created)
	var online []*server.Session
	l.core.Do(func(t *server.Turn) {
		var loaded *server.Account
		if loaded, err = h.LockAccount(t, local); err != nil {
			return
		}
		if loaded == nil {
			err = server.ErrUnknown // removed meanwhile
			return
		}
		online = loaded.Sessions()
		a.Details = &Details{Contacts: loaded.Roster.Len()}
		loaded.Unlock()
	})
	if err != nil {
		return Account{}, refusal(jid, err)
	}
	for _, s := range online {
		a.Sessions = append(a.Sessions, l.session(s))
	}
	bySince(a.Sessions)
	waiting, err := l.core.Store.SpoolSessions(ctx, jid)
	if err != nil {
		return Account{}, err
	}
	if len(waiting) > 0 && waiting[0].Session == "" {
		a.Details.OfflineMessages, a.Details.OfflineBytes = waiting[0].Count, waiting[0].Bytes
	}
	return a, nil
}

func (l local) account(jid string, created time.Time) Account {
	return Account{
		JID: jid, Created: created, Sessions: []Session{},
		Admin: slices.Contains(l.core.Admins(), jid),
	}
}

// session describes a session. Its account must not be locked.
func (l local) session(s *server.Session) Session {
	s.Account.Lock()
	available, priority := s.Account.Available(s)
	s.Account.Unlock()
	detached := s.Has(server.SessionDetached)
	return Session{
		Resource: s.Resource, Since: s.Since, Remote: s.Remote,
		Available: available, Priority: priority,
		TLS:      !detached && s.Out.TLS(),
		Inactive: s.Has(server.SessionInactive), Detached: detached,
	}
}

func bySince(list []Session) []Session {
	slices.SortFunc(list, func(a, b Session) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Resource, b.Resource))
	})
	return list
}

// refusal turns an error about an account into the Error it is, if it is one.
func refusal(jid string, err error) error {
	var bad *stanza.Error
	switch {
	case errors.Is(err, server.ErrExists):
		return &Error{Exists, fmt.Sprintf("the account %s exists already", jid)}
	case errors.Is(err, server.ErrUnknown):
		return &Error{Unknown, fmt.Sprintf("there is no account %s", jid)}
	case errors.Is(err, store.ErrConflict):
		return &Error{Failed, fmt.Sprintf("the account %s was changed by somebody else at the same time; try again", jid)}
	case errors.As(err, &bad):
		return &Error{Invalid, bad.Text}
	}
	return fmt.Errorf("account %s: %w", jid, err)
}

func (l local) AddToken(ctx context.Context, name string, want TokenFor) (Token, error) {
	h, local, err := l.find(name)
	if err != nil {
		return Token{}, err
	}
	rooms := slices.Clone(want.Rooms)
	for i, r := range rooms {
		if !strings.Contains(r, "@") && h.Rooms != nil {
			r += "@" + h.Rooms.Domain
		}
		j, err := stanza.ParseJID(r)
		if err != nil || j.Local() == "" || !j.IsBare() {
			return Token{}, &Error{Invalid, fmt.Sprintf("%q is not the address of a room", rooms[i])}
		}
		rooms[i] = j.String()
	}
	if want.Nick != "" {
		if j, err := stanza.ParseJID("room@" + h.Name + "/" + want.Nick); err != nil || j.Resource() != want.Nick {
			return Token{}, &Error{Invalid, fmt.Sprintf("%q cannot be a nick", want.Nick)}
		}
	}
	k, spelling, err := h.AddAPIToken(ctx, local, server.APIToken{Name: want.Purpose, Nick: want.Nick, Rooms: rooms})
	if err != nil {
		return Token{}, refusal(local+"@"+h.Name, err)
	}
	l.core.Log.Info("token made", "account", k.Account, "id", k.ID)
	return Token{k, spelling}, nil
}

func (l local) Tokens(ctx context.Context, name string) ([]Token, error) {
	h, local, err := l.find(name)
	if err != nil {
		return nil, err
	}
	if !h.Exists(local) {
		return nil, refusal(local+"@"+h.Name, server.ErrUnknown)
	}
	list, err := h.APITokens(ctx, local)
	out := []Token{}
	for _, k := range list {
		out = append(out, Token{APIToken: k})
	}
	return out, err
}

func (l local) RevokeToken(ctx context.Context, id string) (Token, error) {
	for _, domain := range l.core.Config.Domains {
		h := l.core.Host(domain)
		if h == nil {
			continue
		}
		k, err := h.RevokeAPIToken(ctx, id)
		if errors.Is(err, server.ErrUnknown) {
			continue
		}
		if err == nil {
			l.core.Log.Info("token revoked", "account", k.Account, "id", k.ID)
		}
		return Token{APIToken: k}, err
	}
	return Token{}, &Error{Unknown, fmt.Sprintf("there is no token %s", id)}
}

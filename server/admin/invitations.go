package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"natter/server"
	"natter/stanza"
)

// place finds the host that an invitation is for, and completes what it names.
func (l local) place(what *Invite) (*server.Host, error) {
	domain := what.Domain
	if i := strings.LastIndexByte(what.Name, '@'); i >= 0 {
		h, name, err := l.find(what.Name)
		if err != nil {
			return nil, err
		}
		domain, what.Name = h.Name, name
	}
	for _, c := range what.Contacts {
		if _, at, ok := strings.Cut(c, "@"); ok && domain == "" {
			domain = at
		}
	}
	if domain == "" {
		domain = l.core.Default().Name
	}
	contacts := make([]string, len(what.Contacts))
	for i, c := range what.Contacts {
		if !strings.Contains(c, "@") {
			c += "@" + domain
		}
		h, name, err := l.find(c)
		if err != nil {
			return nil, err
		}
		if contacts[i] = name + "@" + h.Name; !h.Exists(name) {
			return nil, refusal(contacts[i], server.ErrUnknown)
		}
	}
	what.Contacts = contacts
	j, err := stanza.ParseJID(domain)
	if err != nil || j.Local() != "" || !j.IsBare() {
		return nil, &Error{Invalid, fmt.Sprintf("%q is not a domain", domain)}
	}
	h := l.core.Host(j.Domain())
	if h == nil {
		return nil, &Error{NoHost, fmt.Sprintf("the domain %s is not served here, but %s", domain, strings.Join(l.core.Config.Domains, ", "))}
	}
	return h, nil
}

func (l local) Invite(ctx context.Context, what Invite) (Invitation, error) {
	h, err := l.place(&what)
	if err != nil {
		return Invitation{}, err
	}
	v, token, err := h.Invite(ctx, server.Invitation{
		Account: what.Account, Name: what.Name, Roster: !what.Account, Contacts: what.Contacts, Uses: what.Uses, Expires: what.Expires,
	})
	var bad *stanza.Error
	switch {
	case errors.As(err, &bad) && bad.Condition == "conflict":
		return Invitation{}, &Error{Exists, bad.Text}
	case errors.As(err, &bad):
		return Invitation{}, &Error{Invalid, bad.Text}
	case err != nil:
		return Invitation{}, fmt.Errorf("invitation: %w", err)
	}
	l.core.Log.Info("invitation made", "id", v.ID)
	out := invitation(h, v)
	out.URI, out.URL = h.URI(&v, token), h.InvitationURL(token)
	return out, nil
}

func invitation(h *server.Host, v server.Invitation) Invitation {
	return Invitation{Invitation: v, Domain: h.Name, Open: v.Open(time.Now())}
}

// each calls fn with every host.
func (l local) each(fn func(h *server.Host) error) error {
	for _, domain := range l.core.Config.Domains {
		if h := l.core.Host(domain); h != nil {
			if err := fn(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l local) Invitations(ctx context.Context) ([]Invitation, error) {
	list := []Invitation{}
	err := l.each(func(h *server.Host) error {
		some, err := h.Invitations(ctx)
		for _, v := range some {
			list = append(list, invitation(h, v))
		}
		return err
	})
	return list, err
}

func (l local) RevokeInvitation(ctx context.Context, id string) (out Invitation, err error) {
	found := false
	err = l.each(func(h *server.Host) error {
		if found {
			return nil
		}
		v, err := h.RevokeInvitation(ctx, "", id)
		if errors.Is(err, server.ErrNoInvitation) {
			return nil
		}
		if err == nil {
			found, out = true, invitation(h, v)
			l.core.Log.Info("invitation revoked", "id", v.ID)
		}
		return err
	})
	if err == nil && !found {
		err = &Error{Unknown, fmt.Sprintf("there is no invitation %s", id)}
	}
	return out, err
}

package invite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// Nodes of commands: those of XEP-0401 §3, and one to see invitations and take them
// back, for which there is no specification.
const (
	nodeInvite = nsInvite + "#invite"
	nodeCreate = nsInvite + "#create-account"
	nodeManage = "urn:natter:invite#manage"
	formResult = nsInvite + "#invitation" // XEP-0401 §12.1
	formCreate = nodeCreate
)

func (m *module) commands() []server.Command {
	return []server.Command{
		{Node: nodeInvite, Name: "Invite a contact", To: server.AtHost, For: m.isUser, Run: m.invite},
		{Node: nodeCreate, Name: "Invite somebody to an account", To: server.AtHost, For: m.host.MayInviteAccounts, Form: m.createForm, Run: m.create},
		{Node: nodeManage, Name: "My invitations", To: server.AtHost, For: m.isUser, Form: m.manageForm, Run: m.manage},
	}
}

// isUser reports whether j is an account of the host.
func (m *module) isUser(j stanza.JID) bool {
	return j.Domain() == m.host.Name && j.Local() != "" && m.host.Exists(j.Local())
}

func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), storeTime)
}

// invite makes an invitation to become the sender's contact, with which an account can
// be made where the sender may let people do that (XEP-0401 §5.1).
func (m *module) invite(c *server.CommandCall) (server.CommandResult, error) {
	who := c.Origin.JID.Bare()
	return m.make(c, server.Invitation{
		Inviter: who.String(), Account: m.host.MayInviteAccounts(who), Roster: true, Contacts: []string{who.String()},
	})
}

// make makes an invitation and tells how it is used.
func (m *module) make(c *server.CommandCall, v server.Invitation) (server.CommandResult, error) {
	c.Turn.Flush() // the store is read, and written
	ctx, cancel := within()
	defer cancel()
	v, token, err := m.host.Invite(ctx, v)
	if err != nil {
		return server.CommandResult{}, err
	}
	m.host.Server.Log.Info("invitation made", "account", v.Inviter, "id", v.ID)
	f := forms.New("result", formResult).Add("text-single", "uri", "The link for chat programs", m.host.URI(&v, token))
	if page := m.host.InvitationURL(token); page != "" {
		f.Add("text-single", "landing-url", "Its page", page)
	}
	// The field is called expire in the examples, expiry in the registry (§12.1).
	f.Add("text-single", "expire", "Good until", v.Expires.Format(time.RFC3339))
	return server.CommandResult{Form: f.Bytes()}, nil
}

// createForm asks what account is to be made (XEP-0401 §5.4). The fields after the first
// two are ours.
func (m *module) createForm(c *server.CommandCall) ([]byte, error) {
	f := forms.New("form", formCreate)
	f.Title = "An account for somebody"
	f.Instructions = "Without a name, who is invited chooses one."
	f.Add("text-single", "username", "Name of the account")
	f.AddBool("roster-subscription", "Be their contact from the start", m.isUser(c.Origin.JID))
	f.AddInt("days", "Good for so many days", int((m.host.Server.Config.InviteTime+24*time.Hour-1)/(24*time.Hour)))
	if m.host.Server.Admin(c.Origin.JID) {
		f.AddInt("uses", "For so many people", 1)
	}
	return f.Bytes(), nil
}

// create makes an invitation to an account.
func (m *module) create(c *server.CommandCall) (server.CommandResult, error) {
	f, err := forms.Parse(c.Stanza, c.Submitted)
	if err != nil {
		return server.CommandResult{}, err
	}
	v, err := m.read(f, c.Origin.JID.Bare())
	if err != nil {
		return server.CommandResult{}, err
	}
	return m.make(c, v)
}

// read takes an invitation out of the form for one.
func (m *module) read(f *forms.Form, who stanza.JID) (server.Invitation, error) {
	v := server.Invitation{Inviter: who.String(), Account: true, Name: strings.TrimSpace(f.Get("username"))}
	contact, given, err := f.Bool("roster-subscription")
	if err != nil {
		return v, err
	}
	if (contact || !given) && m.isUser(who) {
		v.Contacts = []string{who.String()}
	}
	days, err := number(f, "days", int(server.MaxInvitationTime/(24*time.Hour)))
	if err != nil {
		return v, err
	}
	if days > 0 {
		v.Expires = time.Now().Add(time.Duration(days) * 24 * time.Hour)
	}
	if v.Uses, err = number(f, "uses", server.MaxInvitationUses); err != nil {
		return v, err
	}
	if v.Uses > 1 && !m.host.Server.Admin(who) {
		return v, stanza.Forbidden("invitations for several people are for administrators")
	}
	return v, nil
}

// number reads a field with a number from 1 to most; 0 without one.
func number(f *forms.Form, name string, most int) (int, error) {
	text := strings.TrimSpace(f.Get(name))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, stanza.NotAcceptable(fmt.Sprintf("%s is a number from 1 to %d", name, most))
	}
	return n, nil
}

// manageForm lists the sender's invitations.
func (m *module) manageForm(c *server.CommandCall) ([]byte, error) {
	c.Turn.Flush()
	ctx, cancel := within()
	defer cancel()
	list, err := m.host.InvitationsOf(ctx, c.Origin.JID.Local())
	if err != nil {
		return nil, err
	}
	f := forms.New("form", nodeManage)
	f.Title = "Your invitations"
	f.Instructions = "Choose those that are to be good for nothing from now on."
	field := forms.Field{Var: "revoke", Type: "list-multi", Label: "Take back"}
	for _, v := range list {
		if v.Open(time.Now()) {
			field.Options = append(field.Options, forms.Option{Label: describe(&v), Value: v.ID})
		}
	}
	f.Fields = append(f.Fields, field)
	return f.Bytes(), nil
}

// describe tells what an invitation is in a line.
func describe(v *server.Invitation) string {
	what := "a contact"
	switch {
	case v.Name != "":
		what = "the account " + v.Name
	case v.Account && v.Roster:
		what = "a contact, or an account"
	case v.Account:
		what = "an account"
	}
	return fmt.Sprintf("%s for %s, used %d of %d, until %s", v.ID, what, v.Used, v.Uses, v.Expires.Format("2006-01-02 15:04 MST"))
}

// manage takes invitations back.
func (m *module) manage(c *server.CommandCall) (server.CommandResult, error) {
	f, err := forms.Parse(c.Stanza, c.Submitted)
	if err != nil {
		return server.CommandResult{}, err
	}
	ids := f.List("revoke")
	if len(ids) > 100 {
		return server.CommandResult{}, stanza.NotAcceptable("those are too many at once")
	}
	c.Turn.Flush()
	ctx, cancel := within()
	defer cancel()
	n := 0
	for _, id := range ids {
		v, err := m.host.RevokeInvitation(ctx, c.Origin.JID.Local(), id)
		if errors.Is(err, server.ErrNoInvitation) {
			return server.CommandResult{}, stanza.ItemNotFound(fmt.Sprintf("you have no invitation %q", id))
		}
		if err != nil {
			return server.CommandResult{}, err
		}
		m.host.Server.Log.Info("invitation revoked", "account", c.Origin.JID.Bare().String(), "id", v.ID)
		n++
	}
	return server.CommandResult{Note: fmt.Sprintf("%d taken back.", n)}, nil
}

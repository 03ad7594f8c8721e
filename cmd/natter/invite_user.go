package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"natter/server/admin"
)

const (
	nsCommands   = "http://jabber.org/protocol/commands"
	nodeInvite   = "urn:xmpp:invite#invite"
	nodeCreate   = "urn:xmpp:invite#create-account"
	nodeInvitees = "urn:natter:invite#manage"
)

// inviteAs is what a user asks for.
type inviteAs struct {
	action  string // "", list or revoke
	words   []string
	account bool // an invitation to an account …
	contact bool // … with the user as a contact
	what    admin.Invite
	life    time.Duration // 0: what the server is told
}

// asUser asks a server by the commands of XEP-0401, and by natter's own.
func (v inviteVerb) asUser(ctx context.Context, af *accountFlags, ask inviteAs, timeout time.Duration) error {
	c, err := af.open(ctx, v.std)
	if err != nil {
		return err
	}
	go c.serve(ignore)
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	domain := c.account.jid.Domainpart()
	switch ask.action {
	case "list":
		err = v.listOwn(ctx, c)
	case "revoke":
		var answer *node
		if answer, err = c.command(ctx, nodeInvitees, "", formField("revoke", ask.words[1:]...)); err == nil {
			_, err = fmt.Fprintln(v.std.out, printable(answer.childText(nsCommands, "note")))
		}
	default:
		err = v.makeOwn(ctx, c, ask)
	}
	var refused *stanzaError
	if ask.account && errors.As(err, &refused) && refused.condition == "forbidden" {
		return fail(exitRefused, "An administrator can invite to accounts; without --account an invitation is to be your contact.", "asking %s: %w", domain, err)
	}
	return asking(err, domain, timeout)
}

// command has a command of the server's carried out, with a form of these fields where
// there are any, and returns <command/>.
func (c *client) command(ctx context.Context, at, session string, fields ...node) (*node, error) {
	request := el(nsCommands, "command", "node", at, "action", "execute", "sessionid", session)
	if len(fields) > 0 {
		request = request.with(el(nsForms, "x", "type", "submit").with(fields...))
	}
	answer, err := c.iq(ctx, el(nsClient, "iq", "type", "set", "to", c.account.jid.Domainpart()).with(request))
	if err != nil {
		return nil, err
	}
	command := answer.child(nsCommands, "command")
	if command == nil {
		return nil, fmt.Errorf("the server's answer is not one to a command")
	}
	return command, nil
}

func formField(name string, values ...string) node {
	f := el(nsForms, "field", "var", name)
	for _, value := range values {
		f = f.with(el(nsForms, "value").text(value))
	}
	return f
}

// makeOwn makes an invitation.
func (v inviteVerb) makeOwn(ctx context.Context, c *client, ask inviteAs) error {
	var answer *node
	var err error
	out := invited{what: "be a contact of " + c.account.jid.Bare().String()}
	if ask.account {
		out.what = "an account at " + c.account.jid.Domainpart()
		if ask.what.Name != "" {
			out.what = "the account " + ask.what.Name + "@" + c.account.jid.Domainpart()
		}
		out.Uses = ask.what.Uses
		// The form first, as other servers want its session.
		var form *node
		if form, err = c.command(ctx, nodeCreate, ""); err != nil {
			return err
		}
		fields := []node{formField("FORM_TYPE", nodeCreate), formField("username", ask.what.Name), formField("roster-subscription", strconv.FormatBool(ask.contact))}
		if ask.life > 0 {
			fields = append(fields, formField("days", strconv.Itoa(int(ask.life/(24*time.Hour)))))
		}
		if ask.what.Uses > 0 {
			fields = append(fields, formField("uses", strconv.Itoa(ask.what.Uses)))
		}
		answer, err = c.command(ctx, nodeCreate, form.attr("sessionid"), fields...)
	} else {
		answer, err = c.command(ctx, nodeInvite, "")
	}
	if err != nil {
		return err
	}
	if x := answer.child(nsForms, "x"); x != nil {
		for _, f := range x.all(nsForms, "field") {
			switch value := f.childText(nsForms, "value"); f.attr("var") {
			case "uri":
				out.URI = value
			case "landing-url":
				out.URL = value
			case "expire", "expiry":
				out.Expires, _ = time.Parse(time.RFC3339, value)
			}
		}
	}
	if out.URI == "" {
		return fail(exitRefused, "", "the server's answer has no link in it")
	}
	return v.show(out)
}

// listOwn prints the invitations of the account.
func (v inviteVerb) listOwn(ctx context.Context, c *client) error {
	form, err := c.command(ctx, nodeInvitees, "")
	if err != nil {
		return err
	}
	n := 0
	if x := form.child(nsForms, "x"); x != nil {
		for _, f := range x.all(nsForms, "field") {
			for _, o := range f.all(nsForms, "option") {
				n++
				if v.json {
					err = encodeLine(v.std.out, map[string]string{"id": o.childText(nsForms, "value"), "text": o.attr("label")})
				} else {
					_, err = fmt.Fprintln(v.std.out, printable(o.attr("label")))
				}
				if err != nil {
					return fail(exitUsage, "", "printing the list: %w", err)
				}
			}
		}
	}
	if n == 0 && !v.json {
		fmt.Fprintln(v.std.err, "You have no invitations; natter invite --as makes one.")
	}
	// The form is not going to be filled in.
	_, err = c.iq(ctx, el(nsClient, "iq", "type", "set", "to", c.account.jid.Domainpart()).with(
		el(nsCommands, "command", "node", nodeInvitees, "action", "cancel", "sessionid", form.attr("sessionid"))))
	return err
}

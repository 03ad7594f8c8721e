package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"mellium.im/xmpp/jid"
)

const rosterHelp = `
Without arguments it prints the contact list: who may see whom, names and groups.

  natter roster add JID       put JID on the list (or change its name and groups) and
                              ask to see when they are there
  natter roster remove JID    take JID off the list; neither sees the other any longer
  natter roster accept JID    let JID see when you are there; before they ask, too
  natter roster deny JID      do not, or no longer

The column SEES tells it from your side: both, "them" when you see them, "you" when
they see you, "asked" when you have asked and they have not answered.
`

func runRoster(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("roster", rosterHelp, std)
	af := fs.accountFlags()
	asJSON := fs.Bool("json", false, "print the list as JSON lines")
	name := fs.String("name", "", "add: call the contact `NAME`")
	var groups listFlag
	fs.Var(&groups, "group", "add: put the contact into `GROUP`; may be given several times")
	quiet := fs.Bool("no-subscribe", false, "add: do not ask to see their presence")
	timeout := fs.Duration("timeout", 15*time.Second, "wait at most `D` for the server")
	pos, code, ok := fs.parse(args, 0, 2)
	if !ok {
		return code
	}
	action := ""
	if len(pos) > 0 {
		action = pos[0]
		known := []string{"add", "remove", "accept", "deny"}
		switch {
		case !slices.Contains(known, action):
			if near := nearest(action, known); near != "" {
				return fs.usageError("there is no %q; did you mean %q?", action, near)
			}
			return fs.usageError("there is no %q", action)
		case len(pos) < 2:
			return fs.usageError("%s needs a JID", action)
		}
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "roster", err)
	}
	go c.serve(ignore)
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if action == "" {
		return report(std.err, "roster", c.printRoster(ctx, std.out, *asJSON))
	}
	peer, err := parsePeer(pos[1], c.account.jid.Domainpart())
	if err != nil {
		return report(std.err, "roster", err)
	}
	err = c.changeRoster(ctx, action, peer.Bare(), *name, groups, !*quiet)
	return report(std.err, "roster", changing(err, action, peer))
}

// changing words what went wrong with a change.
func changing(err error, action string, peer jid.JID) error {
	var refused *stanzaError
	switch {
	case errors.As(err, &refused):
		return fail(exitRefused, "", "%s %s: the server refused: %w", action, peer, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(exitTimeout, "", "%s %s: no answer from the server in time", action, peer)
	}
	return err
}

func (c *client) changeRoster(ctx context.Context, action string, peer jid.JID, name string, groups []string, subscribe bool) error {
	var err error
	switch action {
	case "add":
		if err = c.setContact(ctx, peer, name, groups); err == nil && subscribe {
			err = c.sendPresence("subscribe", peer)
		}
	case "remove":
		err = c.removeContact(ctx, peer)
	case "accept":
		err = c.sendPresence("subscribed", peer)
	case "deny":
		err = c.sendPresence("unsubscribed", peer)
	}
	if err != nil {
		return err
	}
	// Presence is not answered; the ping after it is, once it has been handled.
	return c.pingServer(ctx)
}

func (c *client) printRoster(ctx context.Context, w io.Writer, asJSON bool) error {
	contacts, err := c.roster(ctx)
	if err != nil {
		return changing(err, "reading the contact list of", c.account.jid)
	}
	if asJSON {
		for _, item := range contacts {
			line := jsonContact{
				JID: item.jid.String(), Name: item.name, Subscription: item.subscription,
				Ask: item.ask, Approved: item.approved, Groups: item.groups,
			}
			if err := encodeLine(w, line); err != nil {
				return err
			}
		}
		return nil
	}
	if len(contacts) == 0 {
		_, err := fmt.Fprintln(w, "The contact list is empty. Add somebody with: natter roster add JID")
		return err
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JID\tNAME\tSEES\tGROUPS")
	for _, item := range contacts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", item.jid, item.name, item.sees(), strings.Join(item.groups, ", "))
	}
	table.Flush()
	_, err = io.WriteString(w, trimLines(b.String()))
	return err
}

// jsonContact is a line of roster --json.
type jsonContact struct {
	JID          string   `json:"jid"`
	Name         string   `json:"name,omitempty"`
	Subscription string   `json:"subscription"`
	Ask          bool     `json:"ask,omitempty"`
	Approved     bool     `json:"approved,omitempty"`
	Groups       []string `json:"groups,omitempty"`
}

// sees says who sees whose presence.
func (c contact) sees() string {
	words := map[string]string{"none": "nobody", "to": "them", "from": "you", "both": "both"}[c.subscription]
	if c.ask {
		words = strings.TrimPrefix(words+", asked", "nobody, ")
	}
	return words
}

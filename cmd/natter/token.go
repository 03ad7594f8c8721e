package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"natter/server/admin"
)

const tokenHelp = `
Makes and revokes tokens: by one a program posts to rooms and writes to people over
HTTP, as an account of this server, without knowing its password. Like natter user it
works on the running server, or on its data directory.

  natter token add JID [--room ROOM]... [--nick NAME] [--for TEXT]
                               make one; it is printed this once
  natter token list JID...     list an account's tokens, by their ids
  natter token revoke ID...    end tokens

With --room a token is good for those rooms only, with --nick it speaks in rooms under
that name and no other; without, under any that is free.

  natter token add bot@localhost --room ops --for "the backup script"
  curl -H "Authorization: Bearer TOKEN" -d "the backup is done" \
      http://localhost:5280/api/rooms/ops/messages

Exit codes: 0 done; 1 wrong usage, or no data there; 2 the server does not
answer; 4 refused, as there is no such account or token.
`

func runToken(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("token", tokenHelp, std)
	var where accountsPlace
	where.register(fs)
	var rooms listFlag
	fs.Var(&rooms, "room", "the token is good for this `ROOM` only; may be given several times")
	nick := fs.String("nick", "", "in rooms the token speaks under this `NAME` only")
	purpose := fs.String("for", "", "say what it is for, in a `TEXT` that list shows")
	asJSON := fs.Bool("json", false, "print JSON, an object a line")
	pos, code, ok := fs.parse(args, 1, -1)
	if !ok {
		return code
	}
	action, words := pos[0], pos[1:]
	if action != "add" && action != "list" && action != "revoke" {
		if near := nearest(action, []string{"add", "list", "revoke"}); near != "" {
			return fs.usageError("there is no %q; did you mean %s?", action, near)
		}
		return fs.usageError("there is no %q, but add, list and revoke", action)
	}
	if action != "add" && (len(rooms) > 0 || *purpose != "" || *nick != "") {
		return fs.usageError("--room, --nick and --for go with add")
	}
	if len(words) == 0 {
		if action == "revoke" {
			return fs.usageError("revoke needs the ID of a token")
		}
		return fs.usageError("%s needs the JID of an account", action)
	}
	if action == "add" && len(words) > 1 {
		return fs.usageError("add makes a token of one account")
	}
	v := tokenVerb{std: std, json: *asJSON}
	jids := words
	if action == "revoke" {
		jids = nil
	}
	err := func() error {
		accounts, end, err := where.open(ctx, jids, std.err)
		if err != nil {
			return err
		}
		defer end()
		for _, word := range words {
			switch action {
			case "add":
				err = v.add(ctx, accounts, where.address(word), admin.TokenFor{Purpose: *purpose, Nick: *nick, Rooms: rooms})
			case "list":
				err = v.list(ctx, accounts, where.address(word))
			default:
				err = v.revoke(ctx, accounts, word)
			}
			if err != nil {
				break
			}
		}
		var refused *admin.Error
		if errors.As(err, &refused) {
			hint := ""
			if refused.Reason == admin.Unknown {
				hint = "natter user list shows the accounts, natter token list JID the tokens of one."
			}
			return fail(exitRefused, hint, "%w", err)
		}
		return err
	}()
	return report(std.err, "token "+action, err)
}

type tokenVerb struct {
	std  stdio
	json bool
}

func (v tokenVerb) add(ctx context.Context, accounts admin.Accounts, name string, want admin.TokenFor) error {
	k, err := accounts.AddToken(ctx, name, want)
	if err != nil {
		return err
	}
	if v.json {
		return encodeLine(v.std.out, k)
	}
	fmt.Fprintf(v.std.err, "A token of %s, id %s, for %s. It is shown this once:\n", k.Account, k.ID, tokenRooms(k))
	_, err = fmt.Fprintln(v.std.out, k.Token)
	return err
}

func tokenRooms(k admin.Token) string {
	what := "all rooms and messages to people"
	if len(k.Rooms) > 0 {
		what = strings.Join(k.Rooms, ", ")
	}
	if k.Nick != "" {
		what += ", as " + printable(k.Nick)
	}
	return what
}

func (v tokenVerb) list(ctx context.Context, accounts admin.Accounts, name string) error {
	list, err := accounts.Tokens(ctx, name)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(v.std.out, 0, 0, 2, ' ', 0)
	for _, k := range list {
		if v.json {
			if err := encodeLine(v.std.out, k); err != nil {
				return err
			}
			continue
		}
		line := k.ID + "\t" + k.Created.Local().Format("2006-01-02") + "\t" + tokenRooms(k)
		if k.Name != "" {
			line += "\t" + printable(k.Name)
		}
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

func (v tokenVerb) revoke(ctx context.Context, accounts admin.Accounts, id string) error {
	k, err := accounts.RevokeToken(ctx, id)
	if err != nil {
		return err
	}
	if v.json {
		return encodeLine(v.std.out, k)
	}
	_, err = fmt.Fprintf(v.std.out, "revoked %s of %s\n", k.ID, k.Account)
	return err
}

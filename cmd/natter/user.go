package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"natter/server/admin"
)

const userHelp = `
Manages the accounts of a server on this machine: of the running one, which it
finds by the control socket in its data directory, else of the data directory
itself.

  natter user add JID...      make accounts
  natter user passwd JID...   give them new passwords; who is logged in stays
  natter user del JID...      delete them with their contacts and messages
  natter user list            list all accounts and who is online
  natter user info JID...     show all about some

A JID may be a name alone, which stands for an account of the server's first
domain. The password comes from the first line of --password-file, from
NATTER_PASSWORD, or from the first line of standard input where that is not a
terminal or a - follows the JID; else it is asked for. It is never an argument,
as everybody on the machine can see those.

  natter user add juliet@localhost
  natter user add --random juliet romeo
  pwgen 20 1 | natter user passwd juliet@localhost

Exit codes: 0 done; 1 wrong usage, or no data there; 2 the server does not
answer; 4 refused, as the account exists already or does not exist.
`

// userVerb is one run of the verb.
type userVerb struct {
	std      stdio
	where    accountsPlace
	password string // --password-file
	random   bool
	json     bool
	yes      bool
	accounts admin.Accounts
}

// userActions are the words after natter user. least and most bound the number
// of JIDs, most -1 is no bound.
var userActions = []struct {
	name        string
	least, most int
	run         func(*userVerb, context.Context, []string) error
}{
	{"add", 1, -1, (*userVerb).add},
	{"passwd", 1, -1, (*userVerb).passwd},
	{"del", 1, -1, (*userVerb).del},
	{"list", 0, 0, (*userVerb).list},
	{"info", 1, -1, (*userVerb).info},
}

func runUser(ctx context.Context, args []string, std stdio) int {
	u := &userVerb{std: std}
	fs := newFlags("user", userHelp, std)
	u.where.register(fs)
	fs.StringVar(&u.password, "password-file", "", "take the password from the first line of `FILE`, - is standard input")
	fs.BoolVar(&u.random, "random", false, "make a password for each account and print it, this once")
	fs.BoolVar(&u.json, "json", false, "print JSON, an object a line")
	fs.BoolVar(&u.yes, "yes", false, "delete without asking")
	pos, code, ok := fs.parse(args, 1, -1)
	if !ok {
		return code
	}
	name, jids := pos[0], pos[1:]
	var names []string
	for _, a := range userActions {
		names = append(names, a.name)
		if a.name != name {
			continue
		}
		if n := len(jids); n > a.least && jids[n-1] == "-" && !u.random {
			u.password, jids = "-", jids[:n-1]
		}
		switch {
		case len(jids) < a.least:
			return fs.usageError("%s needs an address, such as juliet@localhost", name)
		case a.most >= 0 && len(jids) > a.most:
			return fs.usageError("%s takes no address", name)
		case u.random && u.password != "":
			return fs.usageError("--random makes the password, so there is none to read")
		}
		return report(std.err, "user "+name, u.run(ctx, a.run, jids))
	}
	if near := nearest(name, names); near != "" {
		return fs.usageError("there is no %q; did you mean %s?", name, near)
	}
	return fs.usageError("there is no %q, but %s", name, strings.Join(names, ", "))
}

// run finds the accounts and does what is asked for.
func (u *userVerb) run(ctx context.Context, action func(*userVerb, context.Context, []string) error, jids []string) error {
	accounts, end, err := u.where.open(ctx, jids, u.std.err)
	if err != nil {
		return err
	}
	defer end()
	u.accounts = accounts
	for i := range jids {
		jids[i] = u.where.address(jids[i])
	}
	err = action(u, ctx, jids)
	var refused *admin.Error
	if errors.As(err, &refused) {
		return fail(exitRefused, userHints[refused.Reason], "%w", err)
	}
	return err
}

// userHints say what to do about a refusal.
var userHints = map[admin.Reason]string{
	admin.Exists:  "natter user passwd gives it a new password.",
	admin.Unknown: "natter user list shows which there are.",
	admin.NoHost:  "Say natter serve --domain DOMAIN, or domains = [...] in its configuration file, to serve it.",
}

func (u *userVerb) add(ctx context.Context, jids []string) error {
	return u.withPasswords(ctx, jids, "added", u.accounts.Add)
}

func (u *userVerb) passwd(ctx context.Context, jids []string) error {
	for _, jid := range jids { // rather now than after the password was typed
		if _, err := u.accounts.Info(ctx, jid); err != nil {
			return err
		}
	}
	return u.withPasswords(ctx, jids, "changed the password of", u.accounts.SetPassword)
}

// withPasswords calls do for each address with a password and prints what came
// of it.
func (u *userVerb) withPasswords(ctx context.Context, jids []string, what string, do func(ctx context.Context, name, password string) (string, error)) error {
	password := ""
	if !u.random {
		var err error
		if password, err = u.newPassword(ctx, strings.Join(jids, ", ")); err != nil {
			return err
		}
	}
	for _, name := range jids {
		if u.random {
			password = randomPassword()
		}
		jid, err := do(ctx, name, password)
		if err != nil {
			return err
		}
		switch {
		case u.json:
			out := map[string]string{"jid": jid}
			if u.random {
				out["password"] = password
			}
			err = u.print(out)
		case u.random:
			_, err = fmt.Fprintf(u.std.out, "%s\t%s\n", jid, password)
		default:
			_, err = fmt.Fprintf(u.std.out, "%s %s\n", what, jid)
		}
		if err != nil {
			return fail(exitUsage, "", "printing the outcome: %w", err)
		}
	}
	return nil
}

func (u *userVerb) del(ctx context.Context, jids []string) error {
	for _, name := range jids {
		if a, err := u.accounts.Info(ctx, name); err != nil {
			return err
		} else if !u.yes && isTerminal(u.std.in) {
			if err := u.confirm(a); err != nil {
				return err
			}
		}
		jid, err := u.accounts.Remove(ctx, name)
		if err != nil {
			return err
		}
		if u.json {
			err = u.print(map[string]string{"jid": jid})
		} else {
			_, err = fmt.Fprintf(u.std.out, "deleted %s\n", jid)
		}
		if err != nil {
			return fail(exitUsage, "", "printing the outcome: %w", err)
		}
	}
	return nil
}

// confirm asks whether an account is really to be deleted.
func (u *userVerb) confirm(a admin.Account) error {
	fmt.Fprintf(u.std.err, "Delete %s with its %s and messages for good? [y/N] ", a.JID, count(a.Details.Contacts, "contact", "contacts"))
	line, err := newLineReader(u.std.in).next()
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(exitUsage, "", "reading the answer: %w", err)
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return fail(exitUsage, "", "%s stays", a.JID)
	}
	return nil
}

func (u *userVerb) list(ctx context.Context, _ []string) error {
	list, err := u.accounts.List(ctx)
	if err != nil {
		return err
	}
	if u.json {
		for _, a := range list {
			if err := u.print(a); err != nil {
				return fail(exitUsage, "", "printing the list: %w", err)
			}
		}
		return nil
	}
	if len(list) == 0 {
		fmt.Fprintln(u.std.err, "There are no accounts yet; natter user add JID makes one.")
	}
	w := tabwriter.NewWriter(u.std.out, 0, 0, 2, ' ', 0)
	for _, a := range list {
		online := make([]string, len(a.Sessions))
		for i, s := range a.Sessions {
			online[i] = printable(s.Resource)
		}
		said := "offline"
		if len(online) > 0 {
			said = "online: " + strings.Join(online, ", ")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", printable(a.JID), a.Created.Local().Format("2006-01-02"), said)
	}
	if err := w.Flush(); err != nil {
		return fail(exitUsage, "", "printing the list: %w", err)
	}
	return nil
}

func (u *userVerb) info(ctx context.Context, jids []string) error {
	for _, name := range jids {
		a, err := u.accounts.Info(ctx, name)
		if err != nil {
			return err
		}
		if u.json {
			err = u.print(a)
		} else {
			_, err = io.WriteString(u.std.out, describe(a))
		}
		if err != nil {
			return fail(exitUsage, "", "printing the account: %w", err)
		}
	}
	return nil
}

// describe tells all about an account, with details, as lines of text.
func describe(a admin.Account) string {
	var b strings.Builder
	line := func(key, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s "+format+"\n", append([]any{key}, args...)...)
	}
	b.WriteString(printable(a.JID) + "\n")
	if a.Admin {
		line("role", "administrator")
	}
	line("created", "%s", a.Created.Local().Format(time.DateTime))
	line("contacts", "%d", a.Details.Contacts)
	line("offline", "%s waiting, %d bytes", count(a.Details.OfflineMessages, "message", "messages"), a.Details.OfflineBytes)
	for _, s := range a.Sessions {
		said := []string{"connected, not available"}
		if s.Available {
			said = []string{fmt.Sprintf("available with priority %d", s.Priority)}
		}
		if s.Detached {
			said = append(said, "connection lost, may come back")
		} else if !s.TLS {
			said = append(said, "not encrypted")
		}
		if s.Inactive {
			said = append(said, "in the background")
		}
		line("session", "%s from %s since %s: %s", printable(s.Resource), printable(s.Remote), s.Since.Local().Format(time.DateTime), strings.Join(said, ", "))
	}
	return b.String()
}

// print writes v as a line of JSON.
func (u *userVerb) print(v any) error {
	e := json.NewEncoder(u.std.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

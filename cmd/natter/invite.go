package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"natter/server/admin"
)

const inviteHelp = `
Invites people: prints a link by which somebody makes an account on the server, in a
browser or a chat program, and its QR code. Like natter user it works on the running
server, or on its data directory; with --as it asks a server as one of its users.

  natter invite [--user NAME] [--contact JID]... [--uses N] [--expires 7d]
                               an invitation to an account; --contact says who is
                               to be a contact of it from the start
  natter invite --no-account --contact JID
                               to be a contact of JID only
  natter invite list           all invitations, by their ids
  natter invite revoke ID...   end some

With --as JID the invitation is to become a contact of JID, and to an account where
JID may invite to those; --account asks for one to an account, which takes --user,
--uses and --expires too. list and revoke are about JID's own then.

  natter invite --user nurse --contact juliet@example.org
  natter invite --uses 30 --expires 2d
  natter invite --as juliet@example.org

Exit codes: 0 done; 1 wrong usage, or no data there; 2 the server does not answer;
3 --as: not let in; 4 refused, as the name is taken or there is no such invitation.
`

// inviteVerb is one run of the verb.
type inviteVerb struct {
	std  stdio
	json bool
	qr   bool // also where the output is no terminal
}

// invited is an invitation as it is printed; its JSON form is the output of --json.
type invited struct {
	URI     string    `json:"uri"`
	URL     string    `json:"url,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Uses    int       `json:"uses,omitempty"`
	ID      string    `json:"id,omitempty"`
	what    string
}

func runInvite(ctx context.Context, args []string, std stdio) int {
	v := inviteVerb{std: std}
	fs := newFlags("invite", inviteHelp, std)
	var where accountsPlace
	where.register(fs)
	af := fs.accountFlags()
	what := admin.Invite{}
	var contacts listFlag
	fs.StringVar(&what.Name, "user", "", "the account is to have this `NAME`, which is kept free")
	fs.Var(&contacts, "contact", "`JID` becomes a contact of the new account; may be given several times")
	fs.IntVar(&what.Uses, "uses", 0, "the invitation is good for `N` people (default 1)")
	expires := fs.String("expires", "", "… and for `TIME`, as 7d or 12h (default what the server is told, a week)")
	noAccount := fs.Bool("no-account", false, "it makes a contact and no account")
	account := fs.Bool("account", false, "with --as: an invitation to an account")
	noContact := fs.Bool("no-contact", false, "with --as and --account: without becoming a contact of JID")
	fs.BoolVar(&v.qr, "qr", false, "print the QR code also where that is no terminal")
	fs.BoolVar(&v.json, "json", false, "print JSON, an object a line")
	timeout := fs.Duration("timeout", 15*time.Second, "with --as: wait at most `D` for the server")
	pos, code, ok := fs.parse(args, 0, -1)
	if !ok {
		return code
	}
	action := ""
	if len(pos) > 0 {
		action = pos[0]
	}
	remote := fs.isSet("as")
	made := fs.isSet("user") || fs.isSet("uses") || fs.isSet("expires") || len(contacts) > 0 || *noAccount || *account || *noContact
	what.Account, what.Contacts, what.Domain = !*noAccount, contacts, where.domain
	life, err := lifetime(*expires)
	switch {
	case action != "" && action != "list" && action != "revoke":
		if near := nearest(action, []string{"list", "revoke"}); near != "" {
			return fs.usageError("there is no %q; did you mean %s?", action, near)
		}
		return fs.usageError("there is no %q, but list and revoke; a name goes after --user", action)
	case action == "list" && len(pos) > 1:
		return fs.usageError("list takes no further word")
	case action == "revoke" && len(pos) < 2:
		return fs.usageError("revoke needs the ids that natter invite list shows")
	case action != "" && made:
		return fs.usageError("%s takes no flag that says what an invitation is to be", action)
	case err != nil:
		return fs.usageError("--expires: %v", err)
	case fs.isSet("uses") && what.Uses < 1:
		return fs.usageError("--uses takes a number from 1")
	case *noAccount && (what.Name != "" || len(contacts) != 1):
		return fs.usageError("--no-account goes with one --contact, and without --user")
	case !remote && (*account || *noContact):
		return fs.usageError("--account and --no-contact go with --as")
	case remote && (len(contacts) > 0 || *noAccount || where.control != "" || where.data != ""):
		return fs.usageError("--as asks a server as one of its users: --contact, --no-account, --data and --control do not go with it")
	case remote && made && !*account:
		return fs.usageError("with --as only an invitation to an account takes that: say --account")
	case remote && life%(24*time.Hour) != 0:
		return fs.usageError("with --as --expires takes whole days")
	}
	if life > 0 {
		what.Expires = time.Now().Add(life)
	}
	if remote {
		return report(std.err, strings.TrimSpace("invite "+action), v.asUser(ctx, af, inviteAs{action, pos, *account, !*noContact, what, life}, *timeout))
	}
	return report(std.err, strings.TrimSpace("invite "+action), v.onServer(ctx, &where, action, pos, what))
}

// lifetime reads a time such as 7d, 36h or 1d12h; "" is none.
func lifetime(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	days, rest, ok := strings.Cut(s, "d")
	var d time.Duration
	if ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("it takes a time such as 7d or 12h, not %q", s)
		}
		d = time.Duration(n) * 24 * time.Hour
	} else {
		rest = s
	}
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || more < 0 {
			return 0, fmt.Errorf("it takes a time such as 7d or 12h, not %q", s)
		}
		d += more
	}
	if d <= 0 {
		return 0, errors.New("it takes a time that is to come")
	}
	return d, nil
}

// onServer does it on the server of this machine.
func (v inviteVerb) onServer(ctx context.Context, where *accountsPlace, action string, pos []string, what admin.Invite) error {
	var jids []string
	if strings.Contains(what.Name, "@") {
		jids = append(jids, what.Name)
	}
	accounts, end, err := where.open(ctx, append(jids, what.Contacts...), v.std.err)
	if err != nil {
		return err
	}
	defer end()
	switch action {
	case "list":
		err = v.list(ctx, accounts)
	case "revoke":
		for _, id := range pos[1:] {
			if err = v.revoke(ctx, accounts, id); err != nil {
				break
			}
		}
	default:
		err = v.make(ctx, accounts, what)
	}
	var refused *admin.Error
	if errors.As(err, &refused) {
		hint := map[admin.Reason]string{
			admin.Exists: "natter invite list shows the invitations, natter user list the accounts.",
			admin.NoHost: userHints[admin.NoHost],
		}[refused.Reason]
		return fail(exitRefused, hint, "%w", err)
	}
	return err
}

func (v inviteVerb) make(ctx context.Context, accounts admin.Accounts, what admin.Invite) error {
	i, err := accounts.Invite(ctx, what)
	if err != nil {
		return err
	}
	if v.json {
		return encodeLine(v.std.out, i)
	}
	return v.show(invited{URI: i.URI, URL: i.URL, Expires: i.Expires, Uses: i.Uses, ID: i.ID, what: invitedTo(i)})
}

// invitedTo says what an invitation is for.
func invitedTo(i admin.Invitation) string {
	var to string
	switch {
	case !i.Account:
		return "be a contact of " + strings.Join(i.Contacts, ", ")
	case i.Name != "":
		to = "the account " + i.Name + "@" + i.Domain
	default:
		to = "an account at " + i.Domain
	}
	if len(i.Contacts) > 0 {
		to += ", with the contact " + strings.Join(i.Contacts, ", ")
	}
	return to
}

// show prints an invitation for people: what it is to standard error, so that a pipe
// gets the links alone.
func (v inviteVerb) show(i invited) error {
	if v.json {
		return encodeLine(v.std.out, i)
	}
	said := "An invitation to " + printable(i.what)
	if i.Uses > 1 {
		said += ", for " + strconv.Itoa(i.Uses) + " people"
	}
	if !i.Expires.IsZero() {
		said += ", until " + i.Expires.Local().Format("2006-01-02 15:04")
	}
	if i.ID != "" {
		said += " (id " + i.ID + ")"
	}
	fmt.Fprintf(v.std.err, "%s.\nThe links are shown this once; whoever has one may use it:\n", said)
	var err error
	code := i.URI
	if i.URL != "" {
		code = i.URL
		_, err = fmt.Fprintln(v.std.out, printable(i.URL))
	}
	if err == nil {
		_, err = fmt.Fprintln(v.std.out, printable(i.URI))
	}
	if term := isTerminal(v.std.out); err == nil && (term || v.qr) {
		_, err = fmt.Fprint(v.std.out, "\n", qrText(code, term))
	}
	if err != nil {
		return fail(exitUsage, "", "printing the invitation: %w", err)
	}
	return nil
}

func (v inviteVerb) list(ctx context.Context, accounts admin.Accounts) error {
	list, err := accounts.Invitations(ctx)
	if err != nil {
		return err
	}
	if !v.json && len(list) == 0 {
		fmt.Fprintln(v.std.err, "There are no invitations; natter invite makes one.")
	}
	w := tabwriter.NewWriter(v.std.out, 0, 0, 2, ' ', 0)
	for _, i := range list {
		if v.json {
			if err := encodeLine(v.std.out, i); err != nil {
				return err
			}
			continue
		}
		state := "until " + i.Expires.Local().Format("2006-01-02 15:04")
		switch {
		case i.Used >= i.Uses:
			state = "used up"
		case !i.Open:
			state = "expired"
		}
		if len(i.Accounts) > 0 {
			state += ": " + strings.Join(i.Accounts, ", ")
		}
		by := "the server"
		if i.Inviter != "" {
			by = i.Inviter
		}
		fmt.Fprintf(w, "%s\tby %s\t%s\t%d of %d\t%s\n", i.ID, printable(by), printable(invitedTo(i)), i.Used, i.Uses, printable(state))
	}
	return w.Flush()
}

func (v inviteVerb) revoke(ctx context.Context, accounts admin.Accounts, id string) error {
	i, err := accounts.RevokeInvitation(ctx, id)
	if err != nil {
		return err
	}
	if v.json {
		return encodeLine(v.std.out, i)
	}
	_, err = fmt.Fprintf(v.std.out, "revoked %s, to %s\n", i.ID, printable(invitedTo(i)))
	return err
}

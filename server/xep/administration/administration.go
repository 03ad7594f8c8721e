// Package administration implements XEP-0133 Service Administration, version
// 1.3.1: what administrators do to accounts and to the server by commands
// (XEP-0050), at the server's address or their own.
//
// Left out are what no server should do, which is to tell a password, and lists of
// addresses to be kept out or let in, for which there is federation to come.
package administration

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// ns is the FORM_TYPE of all forms, and with a # and a name each command's node.
const ns = "http://jabber.org/protocol/admin"

type module struct {
	host   *server.Host
	notes  notes
	ending ending
}

// row is a command: what its form asks for, and what is done with it.
type row struct {
	node, name string
	fields     []field // nil: there is no form
	fill       func(*module, *forms.Form)
	run        func(*module, *call) error
}

// field is a field of a form.
type field struct {
	typ, name, label string
	required         bool
}

// call is a command being carried out.
type call struct {
	*server.CommandCall
	form   *forms.Form // as submitted; nil for a command without
	result *forms.Form // what is shown, when it has fields
	note   string
	extra  []byte   // elements beside it
	failed []string // what could not be done, a sentence each
	then   func(*server.Turn)
	ctx    context.Context
}

// New makes the module.
func New(h *server.Host) *server.Module {
	m := &module{host: h}
	mod := &server.Module{
		Name: "administration", XEP: "0133 1.3.1", Summary: "administrators manage accounts and the server from their client",
		Available: m.available,
		On:        m.created,
	}
	for i := range commands {
		r := &commands[i]
		c := server.Command{Node: ns + "#" + r.node, Name: r.name, To: server.AtHost, Admin: true,
			Run: func(c *server.CommandCall) (server.CommandResult, error) { return m.run(r, c) }}
		if r.fields != nil {
			c.Form = func(*server.CommandCall) ([]byte, error) { return m.ask(r) }
		}
		mod.Commands = append(mod.Commands, c)
	}
	return mod
}

// ask makes the form of a command.
func (m *module) ask(r *row) ([]byte, error) {
	f := forms.New("form", ns)
	f.Title = r.name
	for _, d := range r.fields {
		f.Fields = append(f.Fields, forms.Field{Var: d.name, Type: d.typ, Label: d.label, Required: d.required})
	}
	if r.fill != nil {
		r.fill(m, f)
	}
	return f.Bytes(), nil
}

// storeTime bounds what a command waits for the store.
const storeTime = 30 * time.Second

// run carries a command out.
func (m *module) run(r *row, c *server.CommandCall) (server.CommandResult, error) {
	k := &call{CommandCall: c, result: forms.New("result", ns)}
	if r.fields != nil {
		var err error
		if k.form, err = forms.Parse(c.Stanza, c.Submitted); err != nil {
			return server.CommandResult{}, err
		}
		if k.form.FormType() != ns {
			return server.CommandResult{}, stanza.BadRequest("the form's FORM_TYPE is " + ns)
		}
		for _, d := range r.fields {
			if d.required && k.form.Text(d.name) == "" {
				return server.CommandResult{}, stanza.BadRequest("fill in: " + d.label)
			}
		}
	}
	c.Turn.Flush() // what follows may wait for the store
	var cancel context.CancelFunc
	k.ctx, cancel = context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	if err := r.run(m, k); err != nil {
		return server.CommandResult{}, err
	}
	m.host.Server.Log.Info("administration", "command", r.node, "by", c.Origin.JID.String())
	out := server.CommandResult{Note: k.note, Then: k.then}
	if len(k.failed) > 0 {
		out.Note, out.Fail = strings.Join(k.failed, " "), true
	}
	if len(k.result.Fields) > 1 {
		out.Form = k.result.Bytes()
	}
	out.Form = append(out.Form, k.extra...)
	return out, nil
}

// account finds the account that a field's value names: one of this server's.
func (m *module) account(value string) (h *server.Host, local string, err error) {
	j, perr := stanza.ParseJID(strings.TrimSpace(value))
	if perr != nil || j.Local() == "" {
		return nil, "", stanza.BadRequest(fmt.Sprintf("%q is not the address of an account", value))
	}
	if h = m.host.Server.Host(j.Domain()); h == nil {
		return nil, "", stanza.ItemNotFound(fmt.Sprintf("the domain %s is not served here", j.Domain()))
	}
	return h, j.Local(), nil
}

// each calls fn for every account that the field accountjids names, and notes what
// goes wrong.
func (m *module) each(k *call, fn func(h *server.Host, local string) error) {
	for _, v := range k.form.List("accountjids") {
		if strings.TrimSpace(v) == "" {
			continue
		}
		h, local, err := m.account(v)
		if err == nil && !h.Exists(local) {
			err = stanza.ItemNotFound("there is no account " + v)
		}
		if err == nil {
			err = fn(h, local)
		}
		if err != nil {
			k.failed = append(k.failed, fmt.Sprintf("%s: %s.", v, plain(err)))
		}
	}
}

// plain is an error for people.
func plain(err error) string {
	if e, ok := err.(*stanza.Error); ok && e.Text != "" {
		return e.Text
	}
	return err.Error()
}

func done(n int, what string) string {
	if n == 1 {
		return "1 account " + what + "."
	}
	return strconv.Itoa(n) + " accounts " + what + "."
}

var (
	one      = []field{{"jid-single", "accountjid", "The account's address", true}}
	several  = []field{{"jid-multi", "accountjids", "The accounts' addresses, one a line", true}}
	maxItems = []field{{"list-single", "max_items", "How many to show", false}}
)

var commands = []row{
	{"add-user", "Add a user", append(one[:1:1],
		field{"text-private", "password", "The password", true}, field{"text-private", "password-verify", "The password again", true}), nil, (*module).add},
	{"delete-user", "Delete users", several, nil, (*module).remove},
	{"disable-user", "Disable users", several, nil, func(m *module, k *call) error { return m.disable(k, true) }},
	{"reenable-user", "Enable users again", several, nil, func(m *module, k *call) error { return m.disable(k, false) }},
	{"end-user-session", "End sessions", []field{{"jid-multi", "accountjids", "Accounts, or full addresses of sessions, one a line", true}}, nil, (*module).endSessions},
	{"change-user-password", "Change a password", append(one[:1:1], field{"text-private", "password", "The new password", true}), nil, (*module).password},
	{"get-user-roster", "Show contact lists", several, nil, (*module).rosters},
	{"get-user-lastlogin", "Show when users were last here", several, nil, (*module).lastLogin},
	{"user-stats", "Show a user's statistics", one, nil, (*module).userStats},

	{"get-registered-users-num", "How many accounts there are", nil, nil, count("registeredusersnum", "The number of accounts", registered)},
	{"get-disabled-users-num", "How many accounts are disabled", nil, nil, count("disabledusersnum", "The number of disabled accounts", disabled)},
	{"get-online-users-num", "How many users are online", nil, nil, count("onlineusersnum", "The number of users online", online)},
	{"get-active-users-num", "How many users are active", nil, nil, count("activeusersnum", "The number of active users", active)},
	{"get-idle-users-num", "How many users are idle", nil, nil, count("idleusersnum", "The number of idle users", idle)},
	{"get-registered-users-list", "List all accounts", maxItems, fillMax, list("registereduserjids", "All accounts", registered)},
	{"get-disabled-users-list", "List disabled accounts", maxItems, fillMax, list("disableduserjids", "Disabled accounts", disabled)},
	{"get-online-users-list", "List users online", maxItems, fillMax, list("onlineuserjids", "Users online", online)},
	{"get-active-users", "List active users", maxItems, fillMax, list("activeuserjids", "Active users", active)},
	{"get-idle-users", "List idle users", maxItems, fillMax, list("activeuserjids", "Idle users", idle)}, // named so in §4.22

	{"announce", "Tell everybody online", []field{{"text-multi", "announcement", "What to tell", true}}, nil, (*module).announce},
	{"set-motd", "Set the message of the day", []field{{"text-multi", "motd", "What each user is told once", true}}, nil, (*module).setMOTD},
	{"edit-motd", "Edit the message of the day", []field{{"text-multi", "motd", "What users are told who have not been yet", true}}, (*module).fillMOTD, (*module).editMOTD},
	{"delete-motd", "Delete the message of the day", nil, nil, (*module).deleteMOTD},
	{"set-welcome", "Set the welcome message", []field{{"text-multi", "welcome", "What new users are told", true}}, (*module).fillWelcome, (*module).setWelcome},
	{"delete-welcome", "Delete the welcome message", nil, nil, (*module).deleteWelcome},
	{"edit-admin", "Edit the list of administrators", []field{{"jid-multi", "adminjids", "The administrators' addresses, one a line", true}}, (*module).fillAdmins, (*module).editAdmins},
	{"restart", "Restart the server", stopFields, fillDelay, func(m *module, k *call) error { return m.stop(k, true) }},
	{"shutdown", "Shut the server down", stopFields, fillDelay, func(m *module, k *call) error { return m.stop(k, false) }},
}

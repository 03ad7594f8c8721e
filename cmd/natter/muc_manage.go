package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"mellium.im/xmpp/jid"
)

// list shows the public rooms of a service, with how many are there.
func (m *mucVerb) list(ctx context.Context, words []string) error {
	go m.client.serve(ignore)
	defer m.client.close()
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	service := ""
	if len(words) == 1 {
		service = words[0]
	} else {
		var err error
		if service, err = m.client.roomService(ctx); err != nil {
			return err
		}
	}
	items, err := m.client.discoItems(ctx, service, "")
	if err != nil {
		return asking(err, service, questionTimeout)
	}
	table := tabwriter.NewWriter(m.std.out, 0, 0, 2, ' ', 0)
	for _, i := range items {
		info, err := m.client.discoInfo(ctx, i.JID, "")
		if isGone(err) || ctx.Err() != nil {
			return asking(err, i.JID, questionTimeout)
		}
		form := map[string]string{}
		for _, f := range info.Forms {
			if f["FORM_TYPE"] == "http://jabber.org/protocol/muc#roominfo" {
				form = f
			}
		}
		var is []string
		for _, f := range info.Features {
			if word := map[string]string{
				"muc_membersonly": "members only", "muc_passwordprotected": "password", "muc_moderated": "moderated", "muc_persistent": "lasting",
			}[f]; word != "" {
				is = append(is, word)
			}
		}
		slices.Sort(is)
		if m.json {
			if err := encodeLine(m.std.out, map[string]any{
				"jid": i.JID, "name": i.Name, "occupants": form["muc#roominfo_occupants"], "description": form["muc#roominfo_description"],
				"subject": form["muc#roominfo_subject"], "features": info.Features,
			}); err != nil {
				return err
			}
			continue
		}
		there := form["muc#roominfo_occupants"]
		if there != "" {
			there += " there"
		}
		about := firstSet(form["muc#roominfo_description"], form["muc#roominfo_subject"])
		if about == i.Name {
			about = ""
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", oneLine(i.JID), there, oneLine(i.Name), strings.Join(is, ", "), oneLine(about))
	}
	if !m.json && len(items) == 0 {
		fmt.Fprintf(m.std.err, "%s has no public rooms; natter muc join NAME makes one.\n", service)
	}
	return table.Flush()
}

// who shows who is in a room, for which one has to go in.
func (m *mucVerb) who(ctx context.Context, words []string) error {
	v, err := m.visit(ctx, words[0])
	if err != nil {
		return err
	}
	defer v.leave()
	table := tabwriter.NewWriter(m.std.out, 0, 0, 2, ' ', 0)
	for _, nick := range v.nicks() {
		o := v.occupants[nick]
		if m.json {
			if err := encodeLine(m.std.out, map[string]string{"nick": nick, "role": o.role, "affiliation": o.affiliation, "jid": o.jid, "show": o.show}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", oneLine(nick), o.role, o.affiliation, oneLine(o.jid))
	}
	return table.Flush()
}

// moderation is an action on somebody in a room (XEP-0045 §8, §9, §10).
type moderation struct{ attr, value, done string }

var moderations = map[string]moderation{
	"kick":   {"role", "none", "put out"},
	"voice":  {"role", "participant", "may speak"},
	"mute":   {"role", "visitor", "may listen only"},
	"ban":    {"affiliation", "outcast", "banned"},
	"unban":  {"affiliation", "none", "banned no more"},
	"none":   {"affiliation", "none", "nobody in particular"},
	"member": {"affiliation", "member", "a member"},
	"admin":  {"affiliation", "admin", "an administrator"},
	"owner":  {"affiliation", "owner", "an owner"},
}

// moderate does something to somebody or something in a room.
func (m *mucVerb) moderate(ctx context.Context, words []string) error {
	action, rest := words[1], words[2:]
	reason := ""
	if len(rest) > 1 {
		reason = strings.Join(rest[1:], " ")
	}
	v, err := m.visit(ctx, words[0])
	if err != nil {
		return err
	}
	defer v.leave()
	mod, known := moderations[action]
	if len(rest) == 0 {
		return fail(exitUsage, "natter muc --help lists the actions.", "%s needs to know whom or what", action)
	}
	switch {
	case known:
		item, err := v.item(mod, rest[0])
		if err != nil {
			return err
		}
		if reason != "" {
			item = item.with(el("", "reason").text(reason))
		}
		_, err = v.ask(ctx, "set", el(nsMUCAdmin, "query").with(item))
		return err
	case action == "topic":
		return m.topic(ctx, v, strings.Join(rest, " "))
	case action == "retract":
		_, err = v.ask(ctx, "set", el("urn:xmpp:message-moderate:1", "moderate", "id", rest[0]).with(
			el("urn:xmpp:message-retract:1", "retract"), el("", "reason").text(reason)))
		return err
	case action == "list":
		return m.affiliations(ctx, v, rest[0])
	}
	return fail(exitUsage, "natter muc --help lists them.", "there is no action %q", action)
}

// item names whom an action is about: roles are of nicks, affiliations of
// addresses, for which a nick stands where the room tells its address.
func (r *room) item(mod moderation, who string) (node, error) {
	if mod.attr == "role" {
		if _, ok := r.occupants[who]; !ok {
			return node{}, fail(exitRefused, "natter muc who lists who is there.", "there is nobody called %s in %s", who, r.jid)
		}
		return el("", "item", "nick", who, "role", mod.value), nil
	}
	address := who
	if o, ok := r.occupants[who]; ok {
		if o.jid == "" {
			return node{}, fail(exitRefused, "Say the address.", "the room does not tell whose nick %s is", who)
		}
		address = o.jid
	}
	j, err := jid.Parse(address)
	if err != nil || j.Localpart() == "" && !strings.Contains(address, ".") {
		return node{}, fail(exitUsage, "Say an address, or the nick of somebody who is there.", "%q is neither an address nor somebody in %s", who, r.jid)
	}
	return el("", "item", "jid", j.Bare().String(), "affiliation", mod.value), nil
}

// topic changes what the room is about, and waits for the room to say so.
func (m *mucVerb) topic(ctx context.Context, v *visit, text string) error {
	id := newID()
	if err := v.client.send(el(nsClient, "message", "type", "groupchat", "to", v.jid.String(), "id", id).with(el("", "subject").text(text))); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	for {
		e, err := v.next(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fail(exitTimeout, "", "%s did not answer within %s", v.jid, questionTimeout)
		case err != nil:
			return err
		case e.message == nil:
		case e.message.attr("type") == "error" && e.message.attr("id") == id:
			return fail(exitRefused, "", "%s did not change its topic: %w", v.jid, errorOf(e.message))
		case e.message.attr("type") == "groupchat" && v.subject == text && e.message.child(nsClient, "subject") != nil:
			return nil
		}
	}
}

// affiliations lists those of an affiliation (§9.5, §9.8, §10.5, §10.8).
func (m *mucVerb) affiliations(ctx context.Context, v *visit, which string) error {
	which = firstSet(map[string]string{"banned": "outcast", "members": "member", "admins": "admin", "owners": "owner"}[which], which)
	answer, err := v.ask(ctx, "get", el(nsMUCAdmin, "query").with(el("", "item", "affiliation", which)))
	if err != nil {
		return err
	}
	for _, i := range answer.child(nsMUCAdmin, "query").all(nsMUCAdmin, "item") {
		if m.json {
			err = encodeLine(m.std.out, map[string]string{"jid": i.attr("jid"), "nick": i.attr("nick"), "affiliation": i.attr("affiliation"), "reason": i.childText(nsMUCAdmin, "reason")})
		} else {
			_, err = fmt.Fprintln(m.std.out, strings.TrimRight(oneLine(i.attr("jid"))+"\t"+oneLine(i.childText(nsMUCAdmin, "reason")), "\t"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// config shows a room's settings, or changes some (XEP-0045 §10.2).
func (m *mucVerb) config(ctx context.Context, words []string) error {
	v, err := m.visit(ctx, words[0])
	if err != nil {
		return err
	}
	defer v.leave()
	answer, err := v.ask(ctx, "get", el(nsMUCOwner, "query"))
	if err != nil {
		return err
	}
	form := answer.child(nsMUCOwner, "query").child(nsForms, "x")
	if form == nil {
		return fail(exitRefused, "", "%s has no settings to show", v.jid)
	}
	if len(words) == 1 {
		return m.printForm(form)
	}
	submit, err := filled(form, words[1:])
	if err != nil {
		return err
	}
	_, err = v.ask(ctx, "set", el(nsMUCOwner, "query").with(submit))
	return err
}

// printForm shows the fields of a form with their values and choices.
func (m *mucVerb) printForm(form *node) error {
	if m.json {
		values := map[string]any{}
		for _, f := range form.all(nsForms, "field") {
			values[f.attr("var")] = valuesOf(f)
		}
		return encodeLine(m.std.out, values)
	}
	var b strings.Builder
	for _, f := range form.all(nsForms, "field") {
		if f.attr("type") == "hidden" || f.attr("type") == "fixed" || f.attr("var") == "" {
			continue
		}
		fmt.Fprintf(&b, "# %s\n", oneLine(firstSet(f.attr("label"), f.attr("var"))))
		var choices []string
		for _, o := range f.all(nsForms, "option") {
			choices = append(choices, oneLine(o.childText(nsForms, "value")))
		}
		if choices != nil {
			fmt.Fprintf(&b, "# one of: %s\n", strings.Join(choices, ", "))
		}
		fmt.Fprintf(&b, "%s=%s\n", oneLine(f.attr("var")), escapeLine(strings.Join(valuesOf(f), "\n")))
	}
	_, err := io.WriteString(m.std.out, b.String())
	return err
}

func valuesOf(field *node) []string {
	values := []string{}
	for _, v := range field.all(nsForms, "value") {
		values = append(values, v.Text)
	}
	return values
}

// filled returns the form as it is with some values changed, each as NAME=VALUE. A
// name may leave out what comes before its underscore.
func filled(form *node, changes []string) (node, error) {
	values := map[string][]string{}
	var names []string
	for _, f := range form.all(nsForms, "field") {
		if name := f.attr("var"); name != "" {
			values[name] = valuesOf(f)
			names = append(names, name)
		}
	}
	for _, change := range changes {
		name, value, ok := strings.Cut(change, "=")
		if !ok {
			return node{}, fail(exitUsage, "", "%q is not NAME=VALUE", change)
		}
		full := name
		for _, n := range names {
			if _, short, _ := strings.Cut(n, "_"); short == name {
				full = n
			}
		}
		if _, ok := values[full]; !ok {
			hint := "natter muc config ROOM shows them."
			if near := nearest(name, names); near != "" {
				hint = "Did you mean " + near + "?"
			}
			return node{}, fail(exitUsage, hint, "the room has no setting %q", name)
		}
		values[full] = strings.Split(strings.ReplaceAll(value, `\n`, "\n"), "\n")
	}
	submit := el(nsForms, "x", "type", "submit")
	for _, name := range names {
		field := el("", "field", "var", name)
		for _, v := range values[name] {
			field = field.with(el("", "value").text(v))
		}
		submit = submit.with(field)
	}
	return submit, nil
}

// destroy removes a room (XEP-0045 §10.9).
func (m *mucVerb) destroy(ctx context.Context, words []string) error {
	go m.client.serve(ignore)
	defer m.client.close()
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	j, err := roomJID(ctx, m.client, words[0])
	if err != nil {
		return err
	}
	destroy := el("", "destroy")
	if reason := strings.Join(words[1:], " "); reason != "" {
		destroy = destroy.with(el("", "reason").text(reason))
	}
	_, err = m.client.iq(ctx, el(nsClient, "iq", "type", "set", "to", j.Bare().String()).with(el(nsMUCOwner, "query").with(destroy)))
	var refused *stanzaError
	if errors.As(err, &refused) && refused.condition == "forbidden" {
		return fail(exitRefused, "Only an owner may do that.", "%s was not removed: %w", j.Bare(), err)
	}
	return asking(err, j.Bare().String(), questionTimeout)
}

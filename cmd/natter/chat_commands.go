package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// chatCommand is one slash command.
type chatCommand struct {
	name   string
	args   string
	help   string
	person bool // its first argument is somebody
	run    func(ch *chat, ctx context.Context, args string)
}

// chatCommands is every command there is, in the order of /help.
func chatCommands() []chatCommand {
	return []chatCommand{
		{"chat", "NAME", "talk with somebody; what you type goes there", true, (*chat).cmdChat},
		{"msg", "NAME TEXT", "send one message to somebody else", true, (*chat).cmdMsg},
		{"me", "TEXT", "say what you do: * you TEXT", false, nil},
		{"history", "[N]", "show the last N lines (20) of the conversation; again: the N before", false, (*chat).cmdHistory},

		{"roster", "", "show your contacts and who is there", false, (*chat).cmdRoster},
		{"who", "[NAME]", "show with which clients somebody, or everybody, is there", true, (*chat).cmdWho},
		{"add", "JID [NAME]", "put somebody on your list and ask to see when they are there", true, (*chat).cmdAdd},
		{"accept", "NAME", "let somebody see when you are there", true, (*chat).cmdAccept},
		{"deny", "NAME", "do not let them see it, or no longer", true, (*chat).cmdDeny},
		{"remove", "NAME", "take somebody off your list", true, (*chat).cmdRemove},

		{"away", "[TEXT]", "be shown as away", false, func(ch *chat, _ context.Context, a string) { ch.setShow("away", a) }},
		{"xa", "[TEXT]", "be shown as gone for long", false, func(ch *chat, _ context.Context, a string) { ch.setShow("xa", a) }},
		{"dnd", "[TEXT]", "be shown as busy", false, func(ch *chat, _ context.Context, a string) { ch.setShow("dnd", a) }},
		{"back", "[TEXT]", "be shown as online again", false, func(ch *chat, _ context.Context, a string) { ch.setShow("", a) }},
		{"status", "", "show how you are connected and shown", false, (*chat).cmdStatus},

		{"ping", "[NAME]", "measure the time to the server or to somebody and back", true, (*chat).cmdPing},
		{"disco", "[JID]", "ask an address what it is and can do", true, (*chat).cmdDisco},
		{"raw", "XML", "send one element as you type it", false, (*chat).cmdRaw},
		{"help", "[COMMAND]", "show this", false, (*chat).cmdHelp},
		{"quit", "", "leave (as Ctrl-D does)", false, (*chat).cmdQuit},
	}
}

// findCommand returns the command of this name.
func findCommand(name string) (chatCommand, bool) {
	for _, c := range chatCommands() {
		if c.name == name {
			return c, true
		}
	}
	return chatCommand{}, false
}

// command carries out a line that starts with a slash.
func (ch *chat) command(ctx context.Context, text string) {
	name, args, _ := strings.Cut(strings.TrimPrefix(text, "/"), " ")
	args = strings.TrimSpace(args)
	c, ok := findCommand(name)
	if ok && c.run != nil {
		c.run(ch, ctx, args)
		return
	}
	if ok { // /me without a text
		ch.complain("/" + c.name + " needs " + c.args)
		return
	}
	var names []string
	for _, c := range chatCommands() {
		names = append(names, c.name)
	}
	if near := nearest(name, names); near != "" {
		ch.complain(fmt.Sprintf("There is no /%s; did you mean /%s? (//%s would send it as text)", name, near, name))
		return
	}
	ch.complain(fmt.Sprintf("There is no /%s; /help lists what there is. (//%s would send it as text)", name, name))
}

// somebody finds who is meant, or complains.
func (ch *chat) somebody(typed string) *person {
	p, err := ch.people.resolve(typed)
	if err != nil {
		ch.complain(upper(err.Error()))
		return nil
	}
	return p
}

// upper makes the first letter a capital.
func upper(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}

// connected returns the connection, or complains.
func (ch *chat) connected() *client {
	if ch.client == nil || !ch.ready {
		ch.complain("There is no connection just now; try again when there is one.")
		return nil
	}
	return ch.client
}

// questionTimeout bounds how long a command waits for its answer.
const questionTimeout = 15 * time.Second

// ask runs a question to somebody on a goroutine of its own, and then shows
// what it returns, or what went wrong with it.
func (ch *chat) ask(ctx context.Context, about string, question func(context.Context, *client) (string, error)) {
	c := ch.connected()
	if c == nil {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(ctx, questionTimeout)
		defer cancel()
		text, err := question(ctx, c)
		ch.do(func() {
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				ch.complain(fmt.Sprintf("%s: no answer within %s.", about, seconds(questionTimeout)))
			case err != nil:
				ch.complain(about + ": " + err.Error())
			case text != "":
				ch.answer(text)
			}
		})
	}()
}

func (ch *chat) cmdChat(_ context.Context, args string) {
	if p := ch.somebody(args); p != nil {
		ch.open(p)
	}
}

func (ch *chat) cmdMsg(_ context.Context, args string) {
	who, text, _ := strings.Cut(args, " ")
	if p := ch.somebody(who); p != nil {
		ch.say(p, strings.TrimSpace(text))
	}
}

func (ch *chat) cmdHistory(_ context.Context, args string) {
	n := 20
	if args != "" {
		var err error
		if n, err = strconv.Atoi(args); err != nil || n < 1 {
			ch.complain("/history needs a number of lines, not " + strconv.Quote(args))
			return
		}
	}
	if ch.current == nil {
		ch.complain("You are not talking with anybody yet: /chat NAME")
		return
	}
	lines, more := ch.current.page(n)
	if len(lines) == 0 {
		ch.note("There is nothing earlier here.")
		return
	}
	if more {
		ch.note("Earlier lines: /history again.")
	}
	for _, e := range lines {
		ch.screen.print(ch.layout(ch.current, e))
	}
}

func (ch *chat) cmdRoster(context.Context, string) {
	ch.screen.print(ch.view.rosterTable(ch.people))
}

func (ch *chat) cmdWho(_ context.Context, args string) {
	who := ch.people.list()
	if args != "" {
		p := ch.somebody(args)
		if p == nil {
			return
		}
		who = []*person{p}
	}
	var rows [][]string
	for _, p := range who {
		for _, name := range slices.Sorted(mapKeys(p.resources)) {
			r := p.resources[name]
			rows = append(rows, []string{ch.name(p), firstSet(showWords[r.show], "online"), "priority " + strconv.Itoa(r.priority), oneLine(name), r.status})
		}
		if args != "" && len(p.resources) == 0 {
			rows = append(rows, []string{ch.name(p), "offline"})
		}
	}
	if len(rows) == 0 {
		ch.note("None of your contacts is there.")
		return
	}
	ch.answer(columns(rows))
}

// columns lines rows up.
func columns(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString("  " + padRight(cell, widths[i]))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return strings.Join(lines, "\n")
}

func (ch *chat) cmdAdd(ctx context.Context, args string) {
	who, name, _ := strings.Cut(args, " ")
	if !strings.Contains(who, "@") && ch.current != nil && who == "" {
		who = ch.current.jid.String()
	}
	p := ch.somebody(who)
	if p == nil {
		return
	}
	var groups []string
	if p.contact != nil {
		groups = p.contact.groups
		name = firstSet(strings.TrimSpace(name), p.contact.name)
	}
	seen := p.contact != nil && (p.contact.subscription == "to" || p.contact.subscription == "both")
	ch.ask(ctx, "/add "+who, func(ctx context.Context, c *client) (string, error) {
		err := c.setContact(ctx, p.jid, strings.TrimSpace(name), groups)
		if err != nil || seen {
			return "", err
		}
		if err := c.sendPresence("subscribe", p.jid); err != nil {
			return "", err
		}
		ch.do(func() { ch.note("Asked " + p.jid.String() + " to let you see when they are there.") })
		return "", nil
	})
}

func (ch *chat) cmdAccept(_ context.Context, args string) {
	p, c := ch.somebody(args), ch.connected()
	if p == nil || c == nil {
		return
	}
	if c.sendPresence("subscribed", p.jid) != nil {
		return
	}
	p.asks, p.told = false, false
	ch.note(ch.name(p) + " may see when you are there.")
	if p.contact == nil || p.contact.subscription == "none" || p.contact.subscription == "from" {
		if p.contact == nil || !p.contact.ask {
			ch.note("/add " + ch.complete.handle(p, ch.people) + " asks them for the same.")
		}
	}
}

func (ch *chat) cmdDeny(_ context.Context, args string) {
	p, c := ch.somebody(args), ch.connected()
	if p == nil || c == nil {
		return
	}
	if c.sendPresence("unsubscribed", p.jid) != nil {
		return
	}
	p.asks, p.told = false, false
	ch.note(ch.name(p) + " does not see when you are there.")
}

func (ch *chat) cmdRemove(ctx context.Context, args string) {
	p := ch.somebody(args)
	if p == nil {
		return
	}
	if p.contact == nil {
		ch.complain(ch.name(p) + " is not on your list.")
		return
	}
	name := ch.name(p)
	ch.ask(ctx, "/remove "+args, func(ctx context.Context, c *client) (string, error) {
		if err := c.removeContact(ctx, p.jid); err != nil {
			return "", err
		}
		ch.do(func() {
			p.contact = nil // as the push will say
			ch.note(name + " is off your list.")
		})
		return "", nil
	})
}

func (ch *chat) setShow(show, status string) {
	ch.show, ch.status = show, status
	if ch.client != nil && ch.ready {
		ch.client.send(ch.presence(ch.client))
	}
	text := "You are shown as " + showWords[show]
	if status != "" {
		text += ": " + status
	}
	ch.note(text + ".")
}

func (ch *chat) cmdStatus(context.Context, string) {
	me := showWords[ch.show]
	if ch.status != "" {
		me += ": " + ch.status
	}
	rows := [][]string{{"account", ch.account.jid.String()}, {"shown as", me}}
	if c := ch.client; c != nil {
		encryption := firstSet(c.login.tls, "none")
		if c.login.tls != "" && ch.account.insecure {
			encryption += ", certificate not checked"
		}
		rows = append(rows,
			[]string{"address", c.me.String()},
			[]string{"server", c.place.address},
			[]string{"encryption", encryption},
			[]string{"login", c.login.mechanism},
			[]string{"copies", yesNo(ch.carbons, "from and to your other clients", "not offered by the server")},
			[]string{"resumption", yesNo(c.sm.canResume(), "yes", yesNo(c.sm.counting(), "no, but messages are confirmed", "not offered by the server"))})
	} else {
		rows = append(rows, []string{"server", "no connection"})
	}
	if n := len(ch.outbox); n > 0 {
		rows = append(rows, []string{"waiting", count(n, "message", "messages")})
	}
	if n := ch.people.unreadBut(nil); n > 0 {
		rows = append(rows, []string{"unread", count(n, "message", "messages")})
	}
	ch.answer(columns(rows))
}

func yesNo(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func (ch *chat) cmdPing(ctx context.Context, args string) {
	to := ch.account.jid.Domainpart()
	if args != "" {
		p := ch.somebody(args)
		if p == nil {
			return
		}
		to = p.jid.String()
		for _, name := range slices.Sorted(mapKeys(p.resources)) {
			to = p.jid.String() + "/" + name // a person's client, not the server on their behalf
		}
	}
	ch.ask(ctx, "/ping "+to, func(ctx context.Context, c *client) (string, error) {
		took, err := c.ping(ctx, to, questionTimeout)
		if err != nil {
			return "", err
		}
		return "  " + to + " answered in " + took, nil
	})
}

func (ch *chat) cmdDisco(ctx context.Context, args string) {
	to := firstSet(args, ch.account.jid.Domainpart())
	ch.ask(ctx, "/disco "+to, func(ctx context.Context, c *client) (string, error) {
		info, err := c.discoInfo(ctx, to, "")
		if err != nil {
			return "", err
		}
		text := info.text()
		if items, err := c.discoItems(ctx, to, ""); err == nil {
			var rows [][]string
			for _, i := range items {
				rows = append(rows, []string{"has", oneLine(i.JID), oneLine(i.Node), oneLine(i.Name)})
			}
			text += columns(rows)
		}
		return strings.TrimRight(text, "\n"), nil
	})
}

func (ch *chat) cmdRaw(_ context.Context, args string) {
	n, err := parseNode(args)
	if err != nil {
		ch.complain("/raw needs one XML element: " + err.Error())
		return
	}
	c := ch.connected()
	if c == nil {
		return
	}
	ch.answer("-> " + args)
	if n.XMLName.Space == nsClient {
		err = c.send(n)
	} else {
		err = c.sendAside(n)
	}
	if err != nil {
		ch.complain("/raw: " + err.Error())
	}
}

func (ch *chat) cmdHelp(_ context.Context, args string) {
	var rows [][]string
	for _, c := range chatCommands() {
		if args == "" || c.name == strings.TrimPrefix(args, "/") {
			rows = append(rows, []string{strings.TrimSpace("/" + c.name + " " + c.args), c.help})
		}
	}
	if len(rows) == 0 {
		ch.command(context.Background(), "/"+strings.TrimPrefix(args, "/"))
		return
	}
	text := columns(rows)
	if args == "" {
		text += "\n\n  Anything else is sent to whom you talk with; // sends a text that starts with a slash.\n" +
			"  Tab completes commands and names; a name may also be cut short."
	}
	ch.answer(text)
}

func (ch *chat) cmdQuit(context.Context, string) {
	if n := len(ch.outbox); n > 0 && !ch.warned {
		ch.warned = true
		ch.complain(count(n, "message has", "messages have") + " not been sent for want of a connection. /quit again leaves without them.")
		return
	}
	ch.quit = true
}

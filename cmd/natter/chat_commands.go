package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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
		{"history", "[N]", "show the last N lines (20), again: those before them", false, (*chat).cmdHistory},

		{"roster", "", "show your contacts and who is there", false, (*chat).cmdRoster},
		{"who", "[NAME]", "show with which clients somebody, or everybody, is there", true, (*chat).cmdWho},
		{"add", "JID [NAME]", "put somebody on your list and ask to see when they are there", true, (*chat).cmdAdd},
		{"accept", "NAME", "let somebody see when you are there", true, (*chat).cmdAccept},
		{"deny", "NAME", "do not let them see it, or no longer", true, (*chat).cmdDeny},
		{"remove", "NAME", "take somebody off your list", true, (*chat).cmdRemove},

		{"join", "ROOM [NICK]", "enter a room, such as garden or garden@conference.example.org", false, (*chat).cmdJoin},
		{"part", "[ROOM]", "leave a room", true, (*chat).cmdPart},
		{"rooms", "[SERVICE]", "list the public rooms", false, (*chat).cmdRooms},
		{"nick", "NAME", "be called something else in the room", false, (*chat).cmdNick},
		{"topic", "[TEXT]", "show or change what the room is about", false, (*chat).cmdTopic},
		{"pm", "NICK TEXT", "tell somebody in the room something privately", true, (*chat).cmdPM},
		{"invite", "NAME [REASON]", "ask somebody into the room", true, (*chat).cmdInvite},
		{"kick", "NICK [REASON]", "put somebody out of the room", true, cmdModerate("kick")},
		{"ban", "NICK|JID [REASON]", "put somebody out for good", true, cmdModerate("ban")},
		{"unban", "JID", "let somebody in again", false, cmdModerate("unban")},
		{"mute", "NICK", "let somebody listen only", true, cmdModerate("mute")},
		{"voice", "NICK", "let somebody speak", true, cmdModerate("voice")},

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

// upper makes the first letter a capital.
func upper(s string) string {
	for i, r := range s {
		return string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
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
	p := ch.current
	if left := len(p.lines) - p.paged; left >= n || p.whole {
		ch.showPage(p, n)
		return
	}
	ch.earlier(p, n, func(int) { ch.showPage(p, n) })
}

// showPage shows the n lines before those that /history has shown last.
func (ch *chat) showPage(p *person, n int) {
	lines, more := p.page(n)
	if len(lines) == 0 {
		ch.note("There is nothing earlier here.")
		return
	}
	if more || p.oldest != "" && !p.whole {
		ch.note("Earlier lines: /history again.")
	}
	for _, e := range lines {
		ch.screen.print(ch.layout(p, e))
	}
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
		text += "\n\n  Anything else is sent to whom you talk with. // at the beginning sends a text\n  that starts with a slash.\n" +
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

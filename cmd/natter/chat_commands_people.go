package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// somebody finds who is meant, or complains.
func (ch *chat) somebody(typed string) *person {
	p, err := ch.people.resolve(typed)
	if err != nil {
		ch.complain(upper(err.Error()))
		return nil
	}
	return p
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

func (ch *chat) cmdRoster(context.Context, string) {
	ch.screen.print(ch.view.rosterTable(ch.people))
}

func (ch *chat) cmdWho(_ context.Context, args string) {
	who := ch.people.list()
	if args == "" && ch.current != nil && ch.current.room != nil {
		ch.whoIsIn(ch.current)
		return
	}
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

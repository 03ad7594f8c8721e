package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

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
		if n.XMLName.Local == "iq" {
			ch.raws[n.attr("id")] = true
		}
		err = c.send(n)
	} else {
		err = c.sendAside(n)
	}
	if err != nil {
		ch.complain("/raw: " + err.Error())
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"strings"
)

const mucHelp = `
Chat rooms (XEP-0045). A ROOM is an address such as garden@conference.localhost,
or a name alone for a room of your own server.

  natter muc list [SERVICE]              the public rooms
  natter muc join ROOM                   what happens there, a line each; lines of
                                         standard input are said
  natter muc say ROOM TEXT|-             say one thing and leave
  natter muc who ROOM                    who is there
  natter muc moderate ROOM ACTION ...    kick NICK [REASON], ban NICK|JID [REASON],
                                         unban JID, voice NICK, mute NICK,
                                         member|admin|owner|none JID, topic TEXT,
                                         retract ID [REASON], list AFFILIATION
  natter muc config ROOM [NAME=VALUE...] show the settings, or change some
  natter muc destroy ROOM [REASON]       remove the room for good

  natter muc join garden --json | jq -r 'select(.kind == "message") | .body'
  natter muc config garden muc#roomconfig_persistentroom=1
  uptime | natter muc say ops -

Exit codes: 0 done, 1 wrong arguments, 2 no connection or lost, 3 login refused,
4 the room refused it, 5 no answer in time.
`

// mucVerb is one run of the verb.
type mucVerb struct {
	std     stdio
	af      *accountFlags
	nick    string
	json    bool
	history int
	client  *client
}

// mucActions are the words after natter muc. least and most bound the words after
// them, most -1 is no bound.
var mucActions = []struct {
	name        string
	least, most int
	needs       string
	run         func(*mucVerb, context.Context, []string) error
}{
	{"list", 0, 1, "", (*mucVerb).list},
	{"join", 1, 1, "a ROOM", (*mucVerb).join},
	{"say", 2, -1, "a ROOM and a TEXT, or - to read it from standard input", (*mucVerb).say},
	{"who", 1, 1, "a ROOM", (*mucVerb).who},
	{"moderate", 2, -1, "a ROOM and an ACTION", (*mucVerb).moderate},
	{"config", 1, -1, "a ROOM", (*mucVerb).config},
	{"destroy", 1, -1, "a ROOM", (*mucVerb).destroy},
}

func runMUC(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("muc", mucHelp, std)
	m := &mucVerb{std: std, af: fs.accountFlags()}
	fs.StringVar(&m.nick, "nick", "", "be called `NAME` in the room (default: the part of your address before the @)")
	fs.BoolVar(&m.json, "json", false, "print JSON, an object a line")
	fs.IntVar(&m.history, "history", 0, "join: show the last `N` messages from before")
	pos, code, ok := fs.parse(args, 1, -1)
	if !ok {
		return code
	}
	name, words := pos[0], pos[1:]
	var names []string
	for _, a := range mucActions {
		names = append(names, a.name)
		if a.name != name {
			continue
		}
		switch {
		case len(words) < a.least:
			return fs.usageError("%s needs %s", name, a.needs)
		case a.most >= 0 && len(words) > a.most:
			return fs.usageError("%s takes no %q", name, words[a.most])
		case m.af.passwordFile == "-" && (name == "join" || name == "say" && words[1] == "-"):
			return fs.usageError("standard input cannot hold both the password and what to say")
		}
		return report(std.err, "muc "+name, m.run(ctx, a.run, words))
	}
	if near := nearest(name, names); near != "" {
		return fs.usageError("there is no %q; did you mean %s?", name, near)
	}
	return fs.usageError("there is no %q, but %s", name, strings.Join(names, ", "))
}

// run logs in and does what is asked for.
func (m *mucVerb) run(ctx context.Context, action func(*mucVerb, context.Context, []string) error, words []string) error {
	var err error
	if m.client, err = m.af.open(ctx, m.std); err != nil {
		return err
	}
	if m.nick == "" {
		m.nick = m.client.account.jid.Localpart()
	}
	return action(m, ctx, words)
}

// visit is a stay in a room. Its room is used by the verb's goroutine alone; the
// stream's reader hands over what comes.
type visit struct {
	*room
	client *client
	comes  chan *node
	done   chan struct{} // closed when nobody reads comes any more
}

// visitEvent is something that happened, or a message.
type visitEvent struct {
	roomEvent
	message *node // a message of the room's, nil for else
}

// visit goes into a room, as nick, and returns when it is in.
func (m *mucVerb) visit(ctx context.Context, name string) (*visit, error) {
	c := m.client
	v := &visit{client: c, comes: make(chan *node, 64), done: make(chan struct{})}
	asked := make(chan struct{}) // closed when the room has been asked
	go c.serve(func(n *node) bool {
		select {
		case <-asked:
			select {
			case v.comes <- n:
			case <-v.done:
			}
		default: // of no room
		}
		return true
	})
	err := m.enter(ctx, v, name, asked)
	if err != nil {
		close(v.done)
		c.close()
		return nil, err
	}
	return v, nil
}

// enter asks the room to be let in, and waits until that is so.
func (m *mucVerb) enter(ctx context.Context, v *visit, name string, asked chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	j, err := roomJID(ctx, v.client, name)
	if err != nil {
		return err
	}
	v.room = newRoom(j, firstSet(j.Resourcepart(), m.nick), os.Getenv("NATTER_ROOM_PASSWORD"))
	if err := v.client.enableManagement(false); err != nil {
		return err
	}
	close(asked)
	if err := v.client.send(v.room.enter(m.history)); err != nil {
		return err
	}
	for {
		e, err := v.next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return fail(exitTimeout, "", "%s did not answer within %s", v.jid, joinTimeout)
		}
		switch {
		case err != nil:
			return err
		case e.kind == "entered":
			return nil
		case e.kind == "created":
			return v.accept(ctx)
		case e.kind == "refused":
			return errNotIn(v.room, e.roomEvent)
		}
	}
}

// next waits for something to happen. The error is the context's, or an *errGone.
func (v *visit) next(ctx context.Context) (visitEvent, error) {
	for {
		select {
		case n := <-v.comes:
			if e, ok := v.event(n); ok {
				return e, nil
			}
		case <-v.client.done:
			return visitEvent{}, &errGone{v.client.err}
		case <-ctx.Done():
			return visitEvent{}, ctx.Err()
		}
	}
}

// event takes something that came; ok is false when it is nothing to tell.
func (v *visit) event(n *node) (e visitEvent, ok bool) {
	if from := n.attr("from"); from != v.jid.String() && !strings.HasPrefix(from, v.jid.String()+"/") {
		return e, false
	}
	switch n.XMLName.Local {
	case "presence":
		e.roomEvent, ok = v.presence(n)
		return e, ok
	case "message":
		if n.attr("type") == "groupchat" && n.child(nsClient, "subject") != nil && n.child(nsClient, "body") == nil {
			v.subject = n.childText(nsClient, "subject")
		}
		e.message = n
		return e, true
	}
	return e, false
}

// ask sends the room a request and waits for the answer; what happens meanwhile is
// taken in.
func (v *visit) ask(ctx context.Context, typ string, payload node) (*node, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	type result struct {
		answer *node
		err    error
	}
	got := make(chan result, 1)
	go func() {
		answer, err := v.client.iq(ctx, el(nsClient, "iq", "type", typ, "to", v.jid.String()).with(payload))
		got <- result{answer, err}
	}()
	for {
		select {
		case r := <-got:
			return r.answer, asking(r.err, v.jid.String(), questionTimeout)
		case n := <-v.comes:
			v.event(n)
		}
	}
}

// accept takes the settings that a new room proposes, so that others can come in
// (XEP-0045 §10.1.2).
func (v *visit) accept(ctx context.Context) error {
	_, err := v.ask(ctx, "set", el(nsMUCOwner, "query").with(el(nsForms, "x", "type", "submit")))
	return err
}

// leave goes out of the room and logs out.
func (v *visit) leave() {
	close(v.done)
	v.client.send(el(nsClient, "presence", "type", "unavailable", "to", v.occupantJID(v.nick)))
	v.client.close()
}

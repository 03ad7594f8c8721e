package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// jsonRoomEvent is a line of muc join --json.
type jsonRoomEvent struct {
	Kind     string `json:"kind"` // message, subject, or what happened: joined, left, renamed, …
	Room     string `json:"room"`
	Nick     string `json:"nick,omitempty"`
	Was      string `json:"was,omitempty"`
	By       string `json:"by,omitempty"`
	Text     string `json:"text,omitempty"` // a reason
	ID       string `json:"id,omitempty"`
	StanzaID string `json:"stanza_id,omitempty"` // in the room's archive
	Body     string `json:"body,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Private  bool   `json:"private,omitempty"`
	Time     string `json:"time"`
	Delayed  bool   `json:"delayed,omitempty"`
	Count    int    `json:"count,omitempty"` // occupants after it
}

// join prints what happens in a room, and says the lines of standard input, until
// it is interrupted, put out, or the input ends where it is no terminal.
func (m *mucVerb) join(ctx context.Context, words []string) error {
	v, err := m.visit(ctx, words[0])
	if err != nil {
		return err
	}
	defer v.leave()
	if err := m.happened(v, roomEvent{kind: "entered", nick: v.nick, self: true}); err != nil {
		return err
	}
	lines := linesOf(ctx, m.std.in)
	for {
		select {
		case n := <-v.comes:
			e, ok := v.event(n)
			if !ok {
				continue
			}
			if err := m.show(v, e); err != nil {
				return err
			}
			if e.self && !v.in {
				switch e.kind {
				case "kicked", "banned", "gone":
					return fail(exitRefused, "", "%s", e.words(v.room))
				}
			}
		case line, ok := <-lines:
			if !ok {
				if lines = nil; !isTerminal(m.std.in) && ctx.Err() == nil && m.history == 0 {
					return v.flush(ctx)
				}
				continue
			}
			if err := m.typed(v, line); err != nil {
				fmt.Fprintln(m.std.err, printable(err.Error()))
			}
		case <-ctx.Done():
			return nil
		case <-v.client.done:
			return &errGone{v.client.err}
		}
	}
}

// flush waits for the server to take what was said.
func (v *visit) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	go func() { // nothing is shown any more
		for {
			select {
			case <-v.comes:
			case <-v.done:
				return
			}
		}
	}()
	return v.client.settle(ctx)
}

// typed deals with a line: /nick and /topic, or something to say.
func (m *mucVerb) typed(v *visit, line string) error {
	text := strings.TrimRight(line, " \t\r")
	if name, ok := strings.CutPrefix(text, "/nick "); ok {
		return v.client.send(el(nsClient, "presence", "to", v.occupantJID(strings.TrimSpace(name))))
	}
	if topic, ok := strings.CutPrefix(text, "/topic "); ok {
		return v.client.send(el(nsClient, "message", "type", "groupchat", "to", v.jid.String(), "id", newID()).with(el("", "subject").text(topic)))
	}
	if text == "" {
		return nil
	}
	if err := checkText(text); err != nil {
		return err
	}
	return v.client.send(v.groupchat(text, newID()))
}

// groupchat is a message to all in the room.
func (r *room) groupchat(text, id string) node {
	return el(nsClient, "message", "type", "groupchat", "to", r.jid.String(), "id", id).with(el("", "body").text(text))
}

// show prints something that happened.
func (m *mucVerb) show(v *visit, e visitEvent) error {
	if e.message == nil {
		return m.happened(v, e.roomEvent)
	}
	msg := readMessage(e.message, v.jid.String(), time.Now())
	_, nick, _ := strings.Cut(msg.from, "/")
	line := jsonRoomEvent{
		Kind: "message", Room: v.jid.String(), Nick: nick, ID: msg.id, StanzaID: msg.stanzaID, Body: msg.body,
		Private: msg.kind != "groupchat", Delayed: msg.delayed, Time: msg.sent.UTC().Format(time.RFC3339Nano),
	}
	switch {
	case msg.kind == "error":
		line.Kind, line.Body, line.Text = "refused", "", errorOf(e.message).Error()
		if !m.json {
			fmt.Fprintln(m.std.err, "not said: "+printable(line.Text))
			return nil
		}
	case msg.body == "" && e.message.child(nsClient, "subject") != nil:
		line.Kind, line.Subject = "subject", msg.subject
	case msg.body == "":
		return nil
	}
	if m.json {
		return encodeLine(m.std.out, line)
	}
	text := escapeLine(msg.body)
	switch {
	case line.Kind == "subject" && msg.subject == "":
		return nil
	case line.Kind == "subject":
		text = "* topic: " + oneLine(msg.subject)
	case line.Private:
		text = "(privately) " + text
	}
	_, err := fmt.Fprintf(m.std.out, "%s\t%s\t%s\n", msg.sent.Local().Format(time.RFC3339), printable(nick), text)
	return err
}

// happened prints something that is no message.
func (m *mucVerb) happened(v *visit, e roomEvent) error {
	now := time.Now()
	if m.json {
		return encodeLine(m.std.out, jsonRoomEvent{
			Kind: e.kind, Room: v.jid.String(), Nick: e.nick, Was: e.was, By: e.by, Text: e.text,
			Time: now.UTC().Format(time.RFC3339Nano), Count: len(v.occupants),
		})
	}
	_, err := fmt.Fprintf(m.std.out, "%s\t*\t%s\n", now.Local().Format(time.RFC3339), printable(e.words(v.room)))
	return err
}

// say says one thing and waits for the room to send it back, which is the sign that
// it has it (XEP-0045 §7.4).
func (m *mucVerb) say(ctx context.Context, words []string) error {
	text := strings.Join(words[1:], " ")
	var err error
	if text == "-" {
		if text, err = readAll(ctx, m.std.in); err != nil {
			m.end()
			return err
		}
	}
	if err = checkText(text); err != nil {
		m.end()
		return err
	}
	v, err := m.visit(ctx, words[0])
	if err != nil {
		return err
	}
	defer v.leave()
	id := newID()
	if err := v.client.send(v.groupchat(text, id)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	for {
		e, err := v.next(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fail(exitTimeout, "The message may or may not have been said.", "%s did not send the message back within %s", v.jid, joinTimeout)
		case err != nil:
			return err
		case e.message == nil || e.message.attr("id") != id:
		case e.message.attr("type") == "error":
			return fail(exitRefused, "", "%s did not take the message: %w", v.jid, errorOf(e.message))
		case e.message.attr("from") != v.occupantJID(v.nick):
		case m.json:
			return m.show(v, e)
		default:
			return nil
		}
	}
}

// end logs out before anything was done.
func (m *mucVerb) end() {
	go m.client.serve(ignore)
	m.client.close()
}

func endsInLetter(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return s != "" && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func startsWithLetter(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

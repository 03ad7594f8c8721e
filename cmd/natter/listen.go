package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

const listenHelp = `
Prints each incoming message as one line: time, sender and text, with tabs
between them (a newline, a tab and a backslash in the text become \n, \t and
\\). With --json each is a JSON object on a line, with from, to, type, id,
stanza_id, subject, body, time, and delay when it waited somewhere.

A message counts as received only once it is printed: what is not goes to the
next client of the account, where the server supports that (XEP-0198).

  natter listen --count 1 --timeout 10s --from juliet@localhost
  natter listen --json | jq -r .body

Exit codes: 0 as many came as --count says, or it was interrupted or timed out
without a --count; 2 the connection was lost; 5 too few came in time.
`

// listener is one run of the verb.
type listener struct {
	out    io.Writer
	json   bool
	from   jid.JID // only from here; the zero JID is anybody
	left   int     // how many more to print; negative is without end; handle's own
	most   bool    // --count was given
	by     string  // the own bare address
	once   sync.Once
	enough chan error // gets the outcome when there is nothing left to do
}

func runListen(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("listen", listenHelp, std)
	af := fs.accountFlags()
	l := &listener{out: std.out, enough: make(chan error, 1)}
	fs.BoolVar(&l.json, "json", false, "print JSON lines")
	fs.IntVar(&l.left, "count", -1, "stop after `N` messages")
	timeout := fs.Duration("timeout", 0, "stop after `D`, such as 90s or 5m")
	from := fs.String("from", "", "print only messages from this `JID`")
	priority := fs.Int("priority", 0, "be present with priority `N`, from -128 to 127; with a negative one only\nmessages to the full address arrive")
	if _, code, ok := fs.parse(args, 0, 0); !ok {
		return code
	}
	l.most = fs.isSet("count")
	switch {
	case *priority < -128 || *priority > 127:
		return fs.usageError("--priority %d is not between -128 and 127", *priority)
	case l.most && l.left < 1:
		return fs.usageError("--count has to be at least 1")
	case *timeout < 0:
		return fs.usageError("--timeout has to be positive")
	}
	if *from != "" {
		var err error
		if l.from, err = parsePeer(*from, "localhost"); err != nil {
			return report(std.err, "listen", err)
		}
	}
	return report(std.err, "listen", l.run(ctx, af, *priority, *timeout, std))
}

func (l *listener) run(ctx context.Context, af *accountFlags, priority int, timeout time.Duration, std stdio) error {
	c, err := af.open(ctx, std)
	if err != nil {
		return err
	}
	l.by = c.account.jid.String()
	c.disco.kind = "bot"
	go c.serve(l.handle)
	defer c.close()
	go c.watch()
	if err := c.enableManagement(false); err != nil {
		return err
	}
	presence := el(nsClient, "presence").with(c.disco.caps())
	if priority != 0 {
		presence = presence.with(el("", "priority").text(strconv.Itoa(priority)))
	}
	if err := c.send(presence); err != nil {
		return err
	}
	var late <-chan time.Time
	if timeout > 0 {
		late = time.After(timeout)
	}
	select {
	case err := <-l.enough:
		return err
	case <-ctx.Done():
		return nil
	case <-late:
		if l.most {
			return fail(exitTimeout, "", "not enough messages came within %s", timeout)
		}
		return nil
	case <-c.done:
		return &errGone{c.err}
	}
}

// handle prints a message, if it is one to print, and says whether it may count
// as received. It runs on the stream's own goroutine.
func (l *listener) handle(n *node) bool {
	if n.XMLName.Local != "message" || n.attr("type") == "error" {
		return true
	}
	m := readMessage(n, l.by, time.Now())
	if m.body == "" || !l.wanted(m.from) {
		return true
	}
	if l.left == 0 {
		return false // it is for whoever listens next
	}
	if err := l.print(m); err != nil {
		l.stop(fail(exitUsage, "", "printing a message: %w", err))
		return false
	}
	if l.left--; l.left == 0 {
		l.stop(nil)
	}
	return true
}

// stop ends the run, with err as its outcome.
func (l *listener) stop(err error) {
	l.once.Do(func() { l.enough <- err })
}

// wanted says whether from is who is listened to: a bare address stands for all
// of its resources.
func (l *listener) wanted(from string) bool {
	if l.from.Equal(jid.JID{}) {
		return true
	}
	j, err := jid.Parse(from)
	if err != nil {
		return false
	}
	return j.Equal(l.from) || l.from.Resourcepart() == "" && j.Bare().Equal(l.from)
}

func (l *listener) print(m message) error {
	if !l.json {
		_, err := fmt.Fprintf(l.out, "%s\t%s\t%s\n", m.sent.Local().Format(time.RFC3339), printable(m.from), escapeLine(m.body))
		return err
	}
	e := json.NewEncoder(l.out)
	e.SetEscapeHTML(false)
	return e.Encode(m.json())
}

// json is the message as a line of --json.
func (m message) json() jsonMessage {
	line := jsonMessage{
		From: m.from, To: m.to, Type: m.kind, ID: m.id, StanzaID: m.stanzaID,
		Subject: m.subject, Body: m.body, Time: m.sent.UTC().Format(time.RFC3339Nano), Retracted: m.retracted,
	}
	if m.delayed {
		line.Delay = line.Time
	}
	return line
}

// jsonMessage is a line of listen --json and mam --json.
type jsonMessage struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Type     string `json:"type"`
	ID       string `json:"id,omitempty"`
	StanzaID string `json:"stanza_id,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Body     string `json:"body"`
	Time     string `json:"time"`            // when it was sent, else when it came
	Delay    string `json:"delay,omitempty"` // when it was sent, only if it waited

	Retracted bool `json:"retracted,omitempty"` // its author has taken it back
}

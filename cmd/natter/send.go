package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"mellium.im/xmpp/jid"
)

const sendHelp = `
Sends TEXT to JID and returns when the server has taken it. With - the whole
standard input is one message; with --line each line is one. Nothing is printed
when all goes well.

  natter send juliet@localhost "Art thou not Romeo?"
  uptime | natter send admin@localhost -
  tail -f log | natter send --line admin@localhost
  natter send --room garden "Good night"

Exit codes: 0 the server has it, 1 wrong arguments, 2 no connection or lost
before the server's word, 3 login refused, 4 the recipient's side refused it,
5 no word from the server in time.
`

// maxBody is the longest message text in bytes. Servers take stanzas of 256 KiB
// and some of them less; markup and escapes take their share.
const maxBody = 200 << 10

// sender is one run of the verb.
type sender struct {
	client  *client
	to      jid.JID
	kind    string // the message's type
	subject string
	timeout time.Duration

	mu      sync.Mutex
	refused error // the first error that came back
}

func runSend(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("send", sendHelp, std)
	af := fs.accountFlags()
	s := &sender{}
	lines := fs.Bool("line", false, "send each line of standard input as a message of its own")
	fs.StringVar(&s.kind, "type", "chat", "send a message of `TYPE` chat, normal or headline")
	fs.StringVar(&s.subject, "subject", "", "give the message the subject `TEXT`")
	room := fs.Bool("room", false, "JID is a room, or the name of one of your server's: enter it, say TEXT, and leave")
	fs.DurationVar(&s.timeout, "timeout", 30*time.Second, "wait at most `D` for the server's word")
	pos, code, ok := fs.parse(args, 1, -1)
	if !ok {
		return code
	}
	text := strings.Join(pos[1:], " ")
	switch {
	case *lines && text != "" && text != "-":
		return fs.usageError("--line takes the text from standard input, not from the command line")
	case !*lines && len(pos) < 2:
		return fs.usageError("it needs a TEXT, or - to read it from standard input")
	case !strings.Contains(" chat normal headline ", " "+s.kind+" "):
		return fs.usageError("--type %q is none of chat, normal and headline", s.kind)
	case af.passwordFile == "-" && (*lines || text == "-"):
		return fs.usageError("standard input cannot hold both the password and the message")
	}
	if *room {
		if *lines || fs.isSet("type") || s.subject != "" {
			return fs.usageError("--room goes without --line, --type and --subject; natter muc join says each line")
		}
		m := &mucVerb{std: std, af: af}
		return report(std.err, "send", m.run(ctx, (*mucVerb).say, pos))
	}
	return report(std.err, "send", s.run(ctx, af, pos[0], text, *lines, std))
}

func (s *sender) run(ctx context.Context, af *accountFlags, to, text string, lines bool, std stdio) error {
	var err error
	if s.to, err = parsePeer(to, "localhost"); err != nil {
		return err
	}
	if !lines {
		if text == "-" {
			if text, err = readAll(ctx, std.in); err != nil {
				return err
			}
		}
		if err := checkText(text); err != nil {
			return err
		}
	}
	if s.client, err = af.open(ctx, std); err != nil {
		return err
	}
	go s.client.serve(s.handle)
	defer s.client.close()
	if err := s.client.enableManagement(false); err != nil {
		return err
	}
	if !lines {
		if err := s.send(text); err != nil {
			return err
		}
		return s.settle(ctx, "")
	}
	return s.sendLines(ctx, std)
}

// sendLines sends each line that is not empty. Every hundred messages it waits
// for the server, so that what is on its way stays bounded.
func (s *sender) sendLines(ctx context.Context, std stdio) error {
	sent := 0
	for line := range linesOf(ctx, std.in) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := checkText(line); err != nil {
			return fmt.Errorf("after %d messages: %w", sent, err)
		}
		if err := s.send(line); err != nil {
			return fmt.Errorf("after %d messages, the last of which may be lost: %w", sent, err)
		}
		if sent++; sent%100 == 0 {
			if err := s.settle(ctx, fmt.Sprintf("after %d messages, the last of which may be lost: ", sent)); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil && sent > 0 {
		// Interrupted: what was sent is still waited for.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
	}
	return s.settle(ctx, "")
}

// send sends a message with a text, and with what else there is to say.
func (s *sender) send(text string, more ...node) error {
	message := el(nsClient, "message", "type", s.kind, "to", s.to.String(), "id", newID())
	if s.kind == "normal" { // the default, which is not written (RFC 6121 §5.2.2)
		message = el(nsClient, "message", "to", s.to.String(), "id", newID())
	}
	if s.subject != "" {
		message = message.with(el("", "subject").text(s.subject))
	}
	return s.client.send(message.with(el("", "body").text(text)).with(more...))
}

// settle waits for the server's word and then for whatever it had to say about
// the messages before it.
func (s *sender) settle(ctx context.Context, prefix string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := s.client.settle(ctx)
	if err == nil {
		err = s.client.pingServer(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refused != nil:
		return s.refused
	case errors.Is(err, context.DeadlineExceeded):
		return fail(exitTimeout, "The message may or may not arrive.", "%sno word from the server within %s", prefix, s.timeout)
	case err != nil:
		return fail(exitConnect, "The message may or may not arrive.", "%ssending to %s: %w", prefix, s.to, err)
	}
	return nil
}

// handle notes an error that comes back.
func (s *sender) handle(n *node) bool {
	if n.XMLName.Local != "message" || n.attr("type") != "error" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		e := errorOf(n)
		s.refused = fail(exitRefused, refusedHint(e.condition), "%s did not take the message: %w", s.to, e)
	}
	return true
}

func refusedHint(condition string) string {
	switch condition {
	case "service-unavailable", "item-not-found":
		return "Check the address; there may be no such account, or its mailbox is full."
	case "remote-server-not-found", "remote-server-timeout":
		return "Check the part after the @, or try again later."
	}
	return ""
}

// checkText refuses what cannot be a message.
func checkText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fail(exitUsage, "", "the message is empty")
	case sizeInXML(text) > maxBody:
		return fail(exitUsage, "Send it in pieces, or as a file by other means.", "the message takes more than the %d bytes in XML that a server is sure to take", maxBody)
	case !utf8.ValidString(text):
		return fail(exitUsage, "Convert it first, for example with iconv.", "the message is not UTF-8 text")
	}
	for _, r := range text {
		if r < 0x20 && r != '\n' && r != '\t' && r != '\r' || r == 0xfffe || r == 0xffff {
			return fail(exitUsage, "", "the message holds the character %U, which XML cannot carry", r)
		}
	}
	return nil
}

// sizeInXML is how many bytes text takes on its way: < alone is four.
func sizeInXML(text string) int {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(text)) // to memory: no error
	return b.Len()
}

// readAll reads a message, without the newline it ends with.
func readAll(ctx context.Context, r io.Reader) (string, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(r, maxBody+2))
		read <- result{text, err}
	}()
	select {
	case got := <-read:
		if got.err != nil {
			return "", fail(exitUsage, "", "reading the message from standard input: %w", got.err)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(got.text), "\n"), "\r"), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// linesOf returns the lines of r until its end, or until ctx ends, which a
// blocked read does not hold up.
func linesOf(ctx context.Context, r io.Reader) <-chan string {
	read := make(chan string)
	go func() {
		defer close(read)
		lines := newLineReader(r)
		for {
			line, err := lines.next()
			if err != nil {
				return
			}
			select {
			case read <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	out := make(chan string)
	go func() {
		defer close(out)
		for {
			select {
			case line, ok := <-read:
				if !ok {
					return
				}
				out <- line
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

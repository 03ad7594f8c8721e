package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"mellium.im/xmpp/jid"
)

const chatHelp = `
Logs in and talks: with JID if given, else with whom you choose. What you type
goes to the person in front of the >; what starts with / is a command, and /help
lists them. Tab completes commands and names, the arrow keys bring back what was
typed before.

When standard input is no terminal, chat reads and prints plain lines, and
leaves at the end of its input once the server has taken everything:

  printf 'Good night, good night!\n' | natter chat juliet@localhost
`

// chat is the interactive client. One goroutine, run's, owns everything in it;
// the others hand it functions to call. The connection is kept by another
// goroutine, the input is read by a third.
type chat struct {
	account account
	creds   *credentials
	screen  *screen
	view    *view
	people  *people

	client   *client   // nil while there is no connection
	ready    bool      // the session has begun: the contact list is there
	started  bool      // some session had begun
	held     []*node   // messages that came before that
	since    time.Time // when the session began
	caughtUp bool      // what came before that has been announced
	current  *person   // whom the user talks with, nil at first
	outbox   []*outgoing
	carbons  bool // the server copies what the account's other clients do
	show     string
	status   string
	said     string // the last complaint of the connection, not to be repeated
	quit     bool
	fatal    error // why it has to end
	warned   bool  // /quit was answered with a warning

	raws map[string]bool // the ids of requests made with /raw, until they are answered

	complete completer
	retry    time.Duration // how long to wait before connecting again, at first

	tasks   chan task
	stopped chan struct{} // closed when run returns
}

// task is a function to be called on run's goroutine; done is closed after it.
type task struct {
	call func()
	done chan struct{}
}

func runChat(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("chat", chatHelp, std)
	af := fs.accountFlags()
	pos, code, ok := fs.parse(args, 0, 1)
	if !ok {
		return code
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP) // the terminal was closed
	defer stop()
	return report(std.err, "chat", startChat(ctx, af, pos, std))
}

func startChat(ctx context.Context, af *accountFlags, pos []string, std stdio) error {
	a, err := af.resolve(ctx, std)
	if err != nil {
		return err
	}
	if a.resource == "" {
		a.resource = newResource() // the same again after a reconnect
	}
	var peer jid.JID
	if len(pos) == 1 {
		if peer, err = parsePeer(pos[0], a.jid.Domainpart()); err != nil {
			return err
		}
	}
	ch := newChat(a, std)
	c, err := a.login(ctx, ch.creds, nil)
	if err != nil {
		return err
	}
	if len(pos) == 1 {
		ch.current = ch.people.get(peer)
	}
	return ch.run(ctx, c)
}

func newChat(a account, std stdio) *chat {
	v := newView()
	ch := &chat{
		account: a,
		creds:   newCredentials(a.jid, a.password),
		screen:  newScreen(std, v),
		view:    v,
		raws:    map[string]bool{},
		people:  newPeople(a.jid),
		retry:   firstRetry,
		tasks:   make(chan task),
		stopped: make(chan struct{}),
	}
	ch.screen.complete = ch.complete.line
	v.fit(ch.people.name(ch.people.get(a.jid)))
	return ch
}

// run chats over c and its successors until the user leaves, the input ends or
// ctx does.
func (ch *chat) run(ctx context.Context, c *client) error {
	linkCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		ch.keep(linkCtx, c)
	}()
	err := ch.loop(ctx)
	left := ch.leave()
	close(ch.stopped)
	cancel()
	if ch.client != nil {
		ch.client.close()
	}
	<-kept
	if err == nil {
		err = left
	}
	return err
}

// loop is the life of the chat.
func (ch *chat) loop(ctx context.Context) error {
	readCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	var input chan inputLine // nil until the contact list is there
	for !ch.quit {
		if input == nil && ch.started {
			if err := ch.screen.start(readCtx); err != nil {
				return err
			}
			defer ch.screen.stop()
			input = ch.screen.input
		}
		ch.refresh()
		select {
		case t := <-ch.tasks:
			t.call()
			close(t.done)
		case line, ok := <-input:
			if !ok {
				return nil
			}
			ch.enter(ctx, line)
		case <-ctx.Done():
			return nil
		}
	}
	return ch.fatal
}

// do calls f on run's goroutine and waits until it is done. It returns false,
// without a call, when the chat is over.
func (ch *chat) do(f func()) bool {
	t := task{f, make(chan struct{})}
	select {
	case ch.tasks <- t:
		<-t.done
		return true
	case <-ch.stopped:
		return false
	}
}

// leave waits for the server to take what was sent, and says what it did not
// take.
func (ch *chat) leave() error {
	if ch.client == nil {
		if n := len(ch.outbox); n > 0 {
			return fail(exitConnect, "", "%s never sent: there was no connection", count(n, "message was", "messages were"))
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// Answers and errors are still dealt with meanwhile.
	settled := make(chan error, 1)
	c := ch.client
	go func() {
		c.send(el(nsClient, "presence", "type", "unavailable"))
		settled <- c.settle(ctx)
	}()
	for {
		select {
		case err := <-settled:
			if err != nil {
				return fail(exitConnect, "The last messages may not have arrived.", "leaving: no word from the server: %w", err)
			}
			return nil
		case t := <-ch.tasks:
			t.call()
			close(t.done)
		}
	}
}

// enter deals with a line the user has entered.
func (ch *chat) enter(ctx context.Context, l inputLine) {
	text := strings.TrimRight(l.text, " \t\r\n")
	switch {
	case strings.HasPrefix(text, "//"):
		ch.screen.unecho(l)
		ch.say(ch.current, text[1:])
	case strings.HasPrefix(text, "/me "):
		ch.screen.unecho(l)
		ch.say(ch.current, text)
	case strings.HasPrefix(text, "/"):
		ch.command(ctx, text)
	default:
		ch.screen.unecho(l)
		ch.say(ch.current, text)
	}
}

// note prints something that happened.
func (ch *chat) note(text string) { ch.screen.print(ch.view.notice(text)) }

// complain prints what was wrong with what the user typed.
func (ch *chat) complain(text string) { ch.screen.print(ch.view.complaint(printable(text))) }

// answer prints the answer to a command.
func (ch *chat) answer(text string) { ch.screen.print(ch.view.plain(text)) }

// refresh brings the prompt and the words to complete up to date.
func (ch *chat) refresh() {
	ch.complete.update(ch.people, ch.current)
	prompt := ""
	if ch.current != nil {
		prompt = ch.name(ch.current)
		if ch.current.typing {
			prompt += " " + ch.view.sym("✎", "(typing)")
		}
	}
	if n := ch.people.unreadBut(ch.current); n > 0 {
		prompt += fmt.Sprintf(" +%d", n)
	}
	if ch.client == nil && ch.started {
		prompt += " (no connection)"
	}
	prompt = strings.TrimSpace(prompt) + "> "
	ch.screen.setPrompt(ch.view.paint(styleBold, prompt))
}

// isGone says whether err means that the connection ended.
func isGone(err error) bool {
	var gone *errGone
	return errors.As(err, &gone)
}

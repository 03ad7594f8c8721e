package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"natter/server/servertest"
)

// world is a server on a loopback port and the environment of somebody who uses
// natter with it. It goes through a relay that can cut the connections.
type world struct {
	*servertest.Server
	t     *testing.T
	relay *relay
}

func newWorld(t *testing.T, opts ...servertest.Options) *world {
	t.Helper()
	noEnvironment(t)
	srv := servertest.New(t, opts...)
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "cert"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "cert", "ca.pem"), srv.Certs.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATTER_DATA", data)
	t.Setenv("NATTER_PASSWORD", servertest.Password)
	return &world{srv, t, newRelay(t, srv.Listen(t).String())}
}

// outcome is what a verb did.
type outcome struct {
	out, err string
	code     int
}

// natter runs one command line as the account, with stdin as its input.
func (w *world) natter(jid, stdin string, args ...string) outcome {
	w.t.Helper()
	w.Account(w.t, jid)
	var out, errs bytes.Buffer
	args = append([]string{args[0], "--as", jid, "--server", w.relay.address()}, args[1:]...)
	code := run(w.t.Context(), args, stdio{in: strings.NewReader(stdin), out: &out, err: &errs})
	return outcome{out.String(), errs.String(), code}
}

// start runs one command line in the background. It ends at the latest with the
// test.
func (w *world) start(jid string, args ...string) *running {
	w.t.Helper()
	w.Account(w.t, jid)
	args = append([]string{args[0], "--as", jid, "--server", w.relay.address()}, args[1:]...)
	return w.background(func(r *running, std stdio) int { return run(r.ctx, args, std) })
}

// background runs f as a verb in the background.
func (w *world) background(f func(r *running, std stdio) int) *running {
	in, typed := io.Pipe()
	r := &running{t: w.t, typed: typed, out: newTranscript(), done: make(chan struct{})}
	r.ctx, r.stop = context.WithCancel(context.Background())
	go func() {
		defer close(r.done)
		r.code = f(r, stdio{in: in, out: r.out, err: r.out})
	}()
	w.t.Cleanup(func() {
		r.stop()
		typed.Close()
		<-r.done
	})
	return r
}

// running is a verb in the background.
type running struct {
	t     *testing.T
	typed *io.PipeWriter
	keys  io.Writer // of the terminal, if it has one
	out   *transcript
	ctx   context.Context
	stop  func()
	done  chan struct{}
	code  int // valid once done is closed
}

// enter types a line.
func (r *running) enter(line string) {
	r.t.Helper()
	if _, err := io.WriteString(r.typed, line+"\n"); err != nil {
		r.t.Fatalf("typing %q: %v", line, err)
	}
}

// press types keys on the terminal.
func (r *running) press(keys string) {
	r.t.Helper()
	if _, err := io.WriteString(r.keys, keys); err != nil {
		r.t.Fatalf("typing %q: %v", keys, err)
	}
}

// expect waits for text to be printed, after all that was expected before.
func (r *running) expect(text string) {
	r.t.Helper()
	if !r.out.wait(text, 20*time.Second) {
		r.t.Fatalf("%q was not printed; there is:\n%s", text, r.out.unread())
	}
}

// resource is the one the verb has said that it has logged in with.
func (r *running) resource() string {
	_, after, _ := strings.Cut(r.out.all(), "Logged in as ")
	full, _, _ := strings.Cut(after, ";")
	_, resource, _ := strings.Cut(full, "/")
	return resource
}

// end waits for the verb to end with the exit code.
func (r *running) end(code int) {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		r.t.Fatalf("it does not end; it has printed:\n%s", r.out.unread())
	}
	if r.code != code {
		r.t.Fatalf("exit code %d, not %d; it has printed:\n%s", r.code, code, r.out.unread())
	}
}

// transcript is a writer in which a reader can wait for text.
type transcript struct {
	mu      sync.Mutex
	text    string
	seen    int // bytes of text that were expected already
	changed chan struct{}
}

func newTranscript() *transcript { return &transcript{changed: make(chan struct{})} }

// Write implements io.Writer.
func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text += string(p)
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *transcript) wait(want string, limit time.Duration) bool {
	late := time.After(limit)
	for {
		o.mu.Lock()
		if i := strings.Index(o.text[o.seen:], want); i >= 0 {
			o.seen += i + len(want)
			o.mu.Unlock()
			return true
		}
		changed := o.changed
		o.mu.Unlock()
		select {
		case <-changed:
		case <-late:
			return false
		}
	}
}

// all is everything that was printed.
func (o *transcript) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text
}

// unread is what was printed after the last expected text.
func (o *transcript) unread() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text[o.seen:]
}

// relay copies TCP connections to a server, and can cut them.
type relay struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	conns    []net.Conn
	closed   bool // new connections are closed at once
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, to: to}
	t.Cleanup(func() { l.Close(); r.cut() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			r.carry(near)
		}
	}()
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) carry(near net.Conn) {
	far, err := net.Dial("tcp", r.to)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || r.closed {
		near.Close()
		if err == nil {
			far.Close()
		}
		return
	}
	r.conns = append(r.conns, near, far)
	for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			io.Copy(pair[0], pair[1])
			pair[0].Close()
		}()
	}
}

// cut closes all connections; those to come are let through again after open.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.conns {
		c.Close()
	}
	r.conns = nil
}

func (r *relay) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
}

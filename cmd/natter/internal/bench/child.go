package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A target is one server to load.
type target struct {
	name  string
	addr  string // STARTTLS or plain port, the direct TLS port with --tls direct, or that of HTTP
	pid   int    // 0: no CPU and memory figures
	relay bool
	own   bool // started for this run, so accounts and contacts exist already
	stop  func() error
	// again ends the server and starts it on the same data; nil where the server was
	// not started for this run. It returns when it was started, once it accepts
	// connections.
	again func(ctx context.Context) (time.Time, error)

	profile *profiler // nil: none
}

// A child is a server process that this run started.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan error
	tail  *tailWriter
}

// stopGrace is how long a child may take to end before it is killed. natter
// promises 10 s for its drain.
const stopGrace = 15 * time.Second

// startChild runs program with args. The child's standard error is kept for
// error messages; its standard output goes to stdout when that is not nil.
func startChild(program string, args []string, stdout io.Writer) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), ended: make(chan error, 1), tail: &tailWriter{}}
	c.cmd.Stdout = stdout
	if stdout == nil {
		c.cmd.Stdout = c.tail
	}
	c.cmd.Stderr = c.tail
	c.cmd.SysProcAttr = childAttr()
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		// The kernel ties "parent died" to this thread: keep it for as long as the child lives.
		runtime.LockOSThread()
		if err := c.cmd.Start(); err != nil {
			started <- fmt.Errorf("starting %s: %w", program, err)
			return
		}
		started <- nil
		c.ended <- c.cmd.Wait()
	}()
	return c, <-started
}

// stop asks the child to end, and makes it. It may be called again.
func (c *child) stop() error {
	_ = c.stdin.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-c.ended:
		c.ended <- err
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == -1 {
			return nil // ended by our signal
		}
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", c.cmd.Path, err, c.tail)
		}
		return nil
	case <-time.After(stopGrace):
		_ = c.cmd.Process.Kill()
		c.ended <- <-c.ended
		return fmt.Errorf("%s did not end within %v of SIGTERM and was killed", c.cmd.Path, stopGrace)
	}
}

// tailWriter keeps the last few KB written to it. It is used by one goroutine
// until the process has ended.
type tailWriter struct{ b []byte }

// Write implements io.Writer.
func (t *tailWriter) Write(p []byte) (int, error) {
	const keep = 4 << 10
	t.b = append(t.b, p...)
	if len(t.b) > 2*keep {
		t.b = append(t.b[:0], t.b[len(t.b)-keep:]...)
	}
	return len(p), nil
}

// String returns what was kept.
func (t *tailWriter) String() string { return string(t.b) }

// startRelay starts this program again as the relay.
func startRelay(o *Options) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c, err := startChild(self, []string{"bench", "--tls", o.TLS, "--listen", "127.0.0.1:0", relayServerMode}, w)
	w.Close()
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the relay did not start: %w", err), c.stop())
	}
	addr := strings.TrimSpace(line)
	if err := requireLoopback(addr); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return &target{name: "relay", addr: addr, pid: c.cmd.Process.Pid, relay: true, own: true, stop: c.stop}, nil
}

// startServer starts natter with what the run needs and waits until it accepts
// connections.
func startServer(ctx context.Context, m mode, o *Options) (*target, error) {
	program := o.Serve
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--dev", "--no-limits", "--domain", o.Domain, "--archive", o.Archive}
	at := "c2s"
	switch {
	case o.Over != "tcp" && o.TLS != "none":
		at = "https"
	case o.Over != "tcp":
		at = "http"
	case o.TLS == "direct":
		at = "c2s-tls"
	}
	for _, listener := range []string{"c2s", "c2s-tls", "http", "https"} {
		where := "off"
		if listener == at {
			where = addr
		}
		args = append(args, "--"+listener, where)
	}
	if m.accounts != nil {
		args = append(args, "--bench-accounts", strconv.Itoa(m.accounts(o)))
	}
	if m.contacts != nil {
		args = append(args, "--bench-contacts", strconv.Itoa(m.contacts(o)))
	}
	cleanup := func() error { return nil }
	if o.Data {
		dir, err := os.MkdirTemp("", "natter-bench-")
		if err != nil {
			return nil, err
		}
		cleanup = func() error { return os.RemoveAll(dir) }
		args = append(args, "--data", dir)
	}
	var prof *profiler
	if o.Profile != "" {
		at, err := freePort()
		if err != nil {
			return nil, errors.Join(err, cleanup())
		}
		prof = &profiler{addr: at, base: o.Profile}
		args = append(args, "--pprof", at)
	}
	args = append(args, strings.Fields(o.Flags)...)
	c, err := startChild(program, args, nil)
	if err != nil {
		return nil, errors.Join(err, cleanup())
	}
	t := &target{name: "natter", addr: addr, pid: c.cmd.Process.Pid, own: true, profile: prof}
	t.stop = func() error { return errors.Join(c.stop(), cleanup()) }
	t.again = func(ctx context.Context) (time.Time, error) {
		if err := c.stop(); err != nil {
			return time.Time{}, err
		}
		began := time.Now()
		next, err := startChild(program, args, nil)
		if err != nil {
			return began, err
		}
		c, t.pid = next, next.cmd.Process.Pid
		return began, c.waitListening(ctx, addr)
	}
	if err := c.waitListening(ctx, addr); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

// startGrace is how long a server may take until it accepts connections. It
// makes its accounts before.
const startGrace = 2 * time.Minute

// waitListening returns when the child accepts connections on addr, or has
// ended, or took too long.
func (c *child) waitListening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, startGrace)
	defer cancel()
	try := time.NewTicker(20 * time.Millisecond)
	defer try.Stop()
	for {
		select {
		case err := <-c.ended:
			c.ended <- err
			return fmt.Errorf("%s ended before it accepted connections", strings.Join(c.cmd.Args, " "))
		case <-ctx.Done():
			return fmt.Errorf("%s does not accept connections on %s: %w", c.cmd.Path, addr, ctx.Err())
		case <-try.C:
			conn, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				return conn.Close()
			}
		}
	}
}

// freePort returns a loopback address that nobody listens on at the moment.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestServeAsAProgram builds natter and runs it as people do: processes, signals,
// sockets and files, nothing of it in this process.
func TestServeAsAProgram(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "natter")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building natter: %v\n%s", err, out)
	}
	for _, row := range []struct {
		name string
		test func(*testing.T, program)
	}{
		{"an empty directory is ready in under two seconds", testStartTime},
		{"accounts, logins and the end", testLife},
		{"a server for tests leaves nothing behind", testDevServer},
		{"a killed server starts again", testKilled},
		{"what is in the way is named", testInTheWay},
		{"SIGHUP takes over what it can", testHangup},
		{"an administrator restarts it and shuts it down", testRestart},
		{"scripts are played over HTTP", testOverHTTP},
	} {
		t.Run(row.name, func(t *testing.T) {
			home := t.TempDir()
			row.test(t, program{binary, home})
		})
	}
}

// program is natter with a home directory of its own.
type program struct{ binary, home string }

func (p program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Env = []string{"HOME=" + p.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + p.home}
	return cmd
}

// run runs a command line to its end, with stdin as its input.
func (p program) run(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := p.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// A serving is a running server.
type serving struct {
	t        *testing.T
	cmd      *exec.Cmd
	greeting string
	ready    time.Duration // from start to greeting
	out      *bufio.Scanner
	log      *watched
	once     sync.Once
}

// watched keeps what was written and lets wait for words in it.
type watched struct {
	mu    sync.Mutex
	text  strings.Builder
	grown chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	close(w.grown)
	w.grown = make(chan struct{})
	return len(b), nil
}

// wait waits until words were written.
func (w *watched) wait(t *testing.T, words string) {
	t.Helper()
	for late := time.After(20 * time.Second); ; {
		w.mu.Lock()
		text, grown := w.text.String(), w.grown
		w.mu.Unlock()
		if strings.Contains(text, words) {
			return
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("%q was not written, but %q", words, text)
		}
	}
}

// anyPorts are addresses that no other test uses.
var anyPorts = []string{"--c2s", "127.0.0.1:0", "--c2s-tls", "127.0.0.1:0", "--http", "127.0.0.1:0", "--https", "off"}

// serve starts a server and waits until it is ready. It ends with the test.
func (p program) serve(t *testing.T, args ...string) *serving {
	t.Helper()
	s := &serving{t: t, log: &watched{grown: make(chan struct{})}}
	s.cmd = p.command(context.Background(), append([]string{"serve"}, args...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	s.out = bufio.NewScanner(out)
	s.greet()
	s.ready = time.Since(began)
	return s
}

// greet reads the greeting, up to its end.
func (s *serving) greet() {
	s.t.Helper()
	for s.greeting = ""; s.out.Scan(); {
		s.greeting += s.out.Text() + "\n"
		if s.out.Text() == "ready" {
			return
		}
	}
	s.kill()
	s.t.Fatalf("the server ended before it was ready: %s", s.log.text.String())
}

func (s *serving) kill() {
	s.once.Do(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	})
}

// stop ends the server as service managers do.
func (s *serving) stop() {
	s.t.Helper()
	s.once.Do(func() {
		began := time.Now()
		s.cmd.Process.Signal(syscall.SIGTERM)
		err := s.cmd.Wait()
		if took := time.Since(began); err != nil || took > 10*time.Second {
			s.t.Errorf("after SIGTERM it took %v and ended with %v: %s", took, err, s.log.text.String())
		}
	})
}

// at returns what the greeting says behind the words.
func (s *serving) at(words string) string {
	s.t.Helper()
	for line := range strings.Lines(s.greeting) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), words); ok {
			return strings.TrimSpace(rest)
		}
	}
	s.t.Fatalf("the greeting says nothing of %q:\n%s", words, s.greeting)
	return ""
}

func testStartTime(t *testing.T, p program) {
	best := time.Hour
	for range 3 { // others may use this machine
		s := p.serve(t, append(anyPorts, "--data", t.TempDir())...)
		s.stop()
		if best = min(best, s.ready); best < 2*time.Second {
			break
		}
	}
	t.Logf("ready in %v", best)
	if best > 2*time.Second {
		t.Errorf("it takes %v", best)
	}
}

func testLife(t *testing.T, p program) {
	s := p.serve(t, append(anyPorts, "--c2s-tls", "off")...)
	data := filepath.Join(p.home, ".local", "share", "natter")
	if got := s.at("data"); got != data {
		t.Errorf("data are kept in %s", got)
	}
	if did := p.run(t, "secret\n", "user", "add", "juliet@localhost"); did.code != exitOK {
		t.Fatal(did)
	}
	// What the greeting says next has to be right, word for word.
	password, _, _ := strings.Cut(s.at("Administrator: admin@localhost with the password"), " ")
	address := s.at("clients, STARTTLS")
	chat := s.at(p.binary + " chat --as juliet@localhost")
	if want := "--server " + address; chat != want {
		t.Errorf("it says chat %q, not %q", chat, want)
	}
	for who, password := range map[string]string{"juliet@localhost": "secret", "admin@localhost": password} {
		if did := p.run(t, password+"\n", "ping", "--as", who, "--server", address, "--password-file", "-"); did.code != exitOK {
			t.Errorf("%s cannot log in: %v", who, did)
		}
	}
	if did := p.run(t, "wrong\n", "ping", "--as", "juliet@localhost", "--server", address, "--password-file", "-"); did.code != exitAuth {
		t.Errorf("a wrong password: %v", did)
	}
	resp, err := http.Get("http://" + s.at("web chat and API") + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 || string(body) != "ok\n" {
		t.Errorf("health is %d: %s", resp.StatusCode, body)
	}

	// Somebody is online when it ends.
	listen := p.command(t.Context(), "listen", "--as", "juliet@localhost", "--server", address, "--password-file", "-")
	listen.Stdin = strings.NewReader("secret\n")
	errs := &watched{grown: make(chan struct{})}
	listen.Stderr = errs
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	for p.run(t, "", "user", "list").out == "" || !strings.Contains(p.run(t, "", "user", "list").out, "online") {
		if t.Context().Err() != nil {
			t.Fatal("nobody came online")
		}
	}
	s.stop()
	var exit *exec.ExitError
	if err := listen.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitConnect {
		t.Errorf("the client ended with %v: %s", err, errs.text.String())
	}
	if _, err := os.Lstat(socket(data)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the control socket is left: %v", err)
	}
	if did := p.run(t, "", "user", "list"); strings.Count(did.out, "offline\n") != 2 {
		t.Errorf("of a server that has ended is listed %q, %q", did.out, did.err)
	}
	if again := p.serve(t, anyPorts...); strings.Contains(again.greeting, "Administrator") {
		t.Error("a second start made an administrator")
	}
}

func testDevServer(t *testing.T, p program) {
	s := p.serve(t, append(anyPorts, "--dev")...)
	authority, control := s.at("certificate authority"), s.at("control socket")
	if filepath.Dir(authority) != filepath.Dir(control) || !strings.HasPrefix(authority, p.home) {
		t.Errorf("the authority is %s, the socket %s", authority, control)
	}
	if add := s.at(p.binary + " user add juliet@localhost"); add != "--control "+control {
		t.Errorf("it says user add %q", add)
	}
	if did := p.run(t, "secret\n", "user", "add", "juliet@localhost", "--control", control); did.code != exitOK {
		t.Fatal(did)
	}
	chat := strings.Fields(s.at(p.binary + " chat"))
	if did := p.run(t, "secret\n", append([]string{"ping", "--password-file", "-"}, chat...)...); did.code != exitOK {
		t.Errorf("juliet cannot log in as chat would, %q: %v", chat, did)
	}
	s.stop()
	left, err := os.ReadDir(p.home)
	if err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func testKilled(t *testing.T, p program) {
	data := t.TempDir()
	s := p.serve(t, append(anyPorts, "--data", data)...)
	if did := p.run(t, "secret\n", "user", "add", "juliet@localhost", "--data", data); did.code != exitOK {
		t.Fatal(did)
	}
	s.kill()
	if did := p.run(t, "", "user", "list", "--data", data); !strings.Contains(did.out, "juliet@localhost") {
		t.Errorf("without a server is listed %q, %q", did.out, did.err)
	}
	p.serve(t, append(anyPorts, "--data", data)...)
	if did := p.run(t, "", "user", "list", "--data", data); !strings.Contains(did.out, "juliet@localhost") {
		t.Errorf("by the new server is listed %q, %q", did.out, did.err)
	}
}

func testInTheWay(t *testing.T, p program) {
	data := t.TempDir()
	s := p.serve(t, append(anyPorts, "--data", data)...)
	for _, row := range []struct {
		name string
		args []string
		says []string
	}{
		{"another server has the data", append(anyPorts, "--data", data), []string{data + " is in use", "choose another --data"}},
		{"another server has the port", []string{"--memory", "--c2s", s.at("clients, STARTTLS")},
			[]string{"another program has this port", "--c2s HOST:PORT", "--c2s off"}},
		{"the data cannot be made", append(anyPorts, "--data", "/dev/null/natter"), []string{"making the data directory"}},
		{"the certificate is not there", append(anyPorts, "--memory", "--cert", "/nonexistent", "--key", "/nonexistent"), []string{"reading the certificate", "/nonexistent"}},
		{"another server has the control socket", append(anyPorts, "--memory", "--control", socket(data)), []string{"another server answers there"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			did := p.run(t, "", append([]string{"serve"}, row.args...)...)
			for _, words := range row.says {
				if !strings.Contains(did.err, words) {
					t.Errorf("it does not say %q, but %q", words, did.err)
				}
			}
			if did.code != exitUsage || did.out != "" {
				t.Errorf("exit code %d, said %q", did.code, did.out)
			}
		})
	}
	left, err := filepath.Glob(filepath.Join(p.home, "natter-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("servers that did not start left %v, %v", left, err)
	}
}

func testHangup(t *testing.T, p program) {
	file := filepath.Join(p.home, "natter.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log_level = \"warn\"\n")
	s := p.serve(t, append(anyPorts, "--data", t.TempDir(), "--config", file)...)
	hangup := func() {
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	write("idel = \"1m\"\n")
	hangup()
	s.log.wait(t, `natter.toml:1: there is no setting`)
	write("log_level = \"info\"\nidle = \"1m\"\nmetrics_from = [\"192.0.2.1\"]\n")
	hangup()
	s.log.wait(t, "setting changes with a restart only\" setting=idle")
	s.log.wait(t, "msg=reloaded")
	resp, err := http.Get("http://" + s.at("web chat and API") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("metrics are answered %d after metrics_from was changed", resp.StatusCode)
	}
	s.stop()
}

// testRestart has an administrator restart the server, which is the same process
// then, and shut it down (XEP-0133 §4.30, §4.31).
func testRestart(t *testing.T, p program) {
	s := p.serve(t, append(anyPorts, "--data", t.TempDir())...)
	password, _, _ := strings.Cut(s.at("Administrator: admin@localhost with the password"), " ")
	order := func(what string) {
		t.Helper()
		file := filepath.Join(p.home, "password")
		if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
		did := p.run(t, `<iq type='set' id='1' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#`+what+`'>`+
			`<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/admin</value></field>`+
			`<field var='delay'><value>0</value></field></x></command></iq>`,
			"raw", "--as", "admin@localhost", "--server", s.at("clients, STARTTLS"), "--ca", s.at("certificate authority"), "--password-file", file)
		if !strings.Contains(did.out, "status='completed'") {
			t.Fatalf("it does not %s: %v", what, did)
		}
	}
	order("restart")
	s.greet()
	order("shutdown")
	s.once.Do(func() {
		if err := s.cmd.Wait(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

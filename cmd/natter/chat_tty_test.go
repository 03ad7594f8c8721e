//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns the two ends of a new pseudo-terminal of 80 by 24: what
// is written to near is typed, what is read from it was printed.
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this system has no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(near.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// terminal runs one command line on a terminal of its own.
func (w *world) terminal(jid string, args ...string) *running {
	w.t.Helper()
	w.t.Setenv("NO_COLOR", "1")
	w.t.Setenv("LC_ALL", "C.UTF-8")
	w.Account(w.t, jid)
	near, far := openTerminal(w.t)
	args = append([]string{args[0], "--as", jid, "--server", w.relay.address()}, args[1:]...)
	r := w.background(func(r *running, _ stdio) int {
		defer far.Close()
		return run(r.ctx, args, stdio{in: far, out: far, err: far})
	})
	r.keys = near
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := near.Read(buf)
			r.out.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	return r
}

func TestTypedLineSurvivesWhatArrives(t *testing.T) {
	w := newWorld(t)
	w.Befriend(t, romeo, juliet)
	j := w.Online(t, juliet+"/balcony")
	r := w.terminal(romeo, "chat", juliet)
	r.expect("Talking with juliet (juliet@localhost), online.")
	r.expect("juliet> ")
	j.Expect(`<presence from='{scansion:any}'/>`)
	r.press("half a li")
	r.expect("half a li")
	j.Send(`<message to='romeo@localhost' type='chat'><body>wait!</body></message>`)
	r.expect("juliet  wait!")
	r.expect("juliet> half a li")
	r.press("ne\r")
	// The echo of the line makes way for the line as it was said.
	r.expect("\x1b[1A\r\x1b[J")
	r.expect("romeo   half a line")
	n, err := parseNode(j.Next())
	if err != nil || n.childText(nsClient, "body") != "half a line" {
		t.Fatalf("juliet got %s, %v", n, err)
	}
	// The receipt puts the tick where the line is.
	j.Send(`<message to='` + n.attr("from") + `' type='chat'><received xmlns='urn:xmpp:receipts' id='` + n.attr("id") + `'/></message>`)
	r.expect("\x1b[1A\r\x1b[J")
	r.expect("romeo   half a line ✓")
	j.Send(`<message to='romeo@localhost' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
	r.expect("juliet ✎> ")
	r.press("/he\t ping\r")
	r.expect("/ping [NAME]")
	r.press("\x1b[200~one\rtwo\x1b[201~\r") // pasted
	j.Expect(`<message type='chat'><body>one` + "\n" + `two</body></message>`)
	r.press("\x1b[A") // up
	r.expect("two")
	r.press("\x15\x04") // Ctrl-U, Ctrl-D
	r.end(exitOK)
}

func TestPasswordIsAskedForWithoutEcho(t *testing.T) {
	w := newWorld(t)
	t.Setenv("NATTER_PASSWORD", "")
	r := w.terminal(romeo, "ping")
	r.expect("Password for romeo@localhost: ")
	r.press("secret\n")
	r.expect("localhost answered in")
	r.end(exitOK)
	if strings.Contains(r.out.all(), "secret") {
		t.Errorf("the password was shown: %q", r.out.all())
	}
}

func TestInterruptedPassword(t *testing.T) {
	w := newWorld(t)
	t.Setenv("NATTER_PASSWORD", "")
	r := w.terminal(romeo, "ping")
	r.expect("Password for romeo@localhost: ")
	r.stop()
	r.end(exitConnect)
}

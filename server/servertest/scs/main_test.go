package scs

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testTLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

const (
	goodScript = "# Good\n## quick\n[Client] Romeo\n\tjid: romeo@localhost\n---\nRomeo connects\nRomeo receives: <message id='1'/>\n"
	badScript  = "# Bad # with a number sign\n[Client] Romeo\n\tjid: romeo@localhost\n---\nRomeo connects\nRomeo receives: <message id='2'/>\n"
)

// house is a server of puppets on a loopback port, and a directory of scripts.
func house(t *testing.T, play func(*puppet, int), scripts map[string]string) (addr, dir string) {
	t.Helper()
	s := newStage(t, play)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serve(conn)
		}
	})
	dir = t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return listener.Addr().String(), dir
}

func command(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = Main(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestCommandReportsEveryScript(t *testing.T) {
	addr, dir := house(t, says("<message id='1'/>"), map[string]string{"a.scs": goodScript, "b.scs": badScript})
	status, out, _ := command("--host", addr, "--tls", "none", "--plain", dir)
	if status != exitFailed {
		t.Errorf("status %d", status)
	}
	for _, part := range []string{"ok   " + dir + "/a.scs  Good", "FAIL " + dir + "/b.scs", "b.scs:6: Romeo receives", "1 passed, 1 failed, 0 skipped"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}

func TestCommandRepeatsInParallel(t *testing.T) {
	addr, dir := house(t, says("<message id='1'/>"), map[string]string{"a.scs": goodScript})
	status, out, _ := command("--host", addr, "--tls", "none", "--plain", "--repeat", "7", "--parallel", "3", dir)
	if status != exitPassed || strings.Count(out, "ok   ") != 7 || !strings.Contains(out, "a.scs #7") {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestCommandSelectsByTag(t *testing.T) {
	addr, dir := house(t, says("<message id='1'/>"), map[string]string{"a.scs": goodScript, "b.scs": badScript})
	for _, args := range [][]string{{"--only-tags", "slow, quick"}, {"--skip-tags", "slow", "--only-tags", "quick"}} {
		status, out, _ := command(append([]string{"--host", addr, "--tls", "none", "--plain"}, append(args, dir)...)...)
		if status != exitPassed || !strings.Contains(out, "1 passed, 0 failed, 1 skipped") {
			t.Errorf("%v: status %d\n%s", args, status, out)
		}
	}
	status, out, _ := command("--host", addr, "--tls", "none", "--plain", "--skip-tags", "quick", filepath.Join(dir, "a.scs"))
	if status != exitPassed || !strings.Contains(out, "(tag quick)") {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestCommandSpeaksTAP(t *testing.T) {
	addr, dir := house(t, says("<message id='1'/>"), map[string]string{"a.scs": goodScript, "b.scs": badScript})
	_, out, _ := command("--host", addr, "--tls", "none", "--plain", "--tap", dir)
	for _, part := range []string{"TAP version 13\n1..2\n", "\nok 1 ", "\nnot ok 2 ", `Bad \# with`, "\n  ---\n  message: |\n    ", "\n  ...\n"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
}

func TestCommandWritesJUnit(t *testing.T) {
	addr, dir := house(t, says("<message id='1'/>"), map[string]string{"a.scs": goodScript, "b.scs": badScript})
	file := filepath.Join(t.TempDir(), "report.xml")
	command("--host", addr, "--tls", "none", "--plain", "--junit", file, dir)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	suite := got.Suites[0]
	if suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Failure != nil || suite.Cases[1].Failure == nil {
		t.Fatalf("got %+v", suite)
	}
	if f := suite.Cases[1].Failure; !strings.Contains(f.Message, "b.scs:6:") || !strings.Contains(f.Text, "+<message id=\"1\"/>") {
		t.Errorf("failure %+v", f)
	}
}

func TestCommandRefusesWhatItDoesNotUnderstand(t *testing.T) {
	_, dir := house(t, says(""), map[string]string{"broken.scs": "Romeo connects\n", "worse.scs": "[Client] X\n"})
	rows := []struct {
		name string
		args []string
		want string
	}{
		{"no script", nil, "it needs a FILE.scs"},
		{"an unknown flag", []string{"--bogus"}, "there is no flag --bogus"},
		{"an unknown flag behind a file", []string{"x.scs", "--bogus"}, "there is no flag --bogus"},
		{"a file that is not there", []string{"/no/such/file.scs"}, "no such file"},
		{"broken scripts, all of them", []string{dir}, "worse.scs:1:"},
		{"a repeat of nothing", []string{"--repeat", "0", "x.scs"}, "at least 1"},
		{"an unknown TLS", []string{"--tls", "perhaps", "x.scs"}, "none of"},
		{"an authority that is none", []string{"--ca", filepath.Join(dir, "broken.scs"), t.TempDir()}, "no PEM certificate"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			status, _, stderr := command(r.args...)
			if status != exitUsage || !strings.Contains(stderr, r.want) {
				t.Errorf("status %d, %s", status, stderr)
			}
		})
	}
	if status, out, stderr := command("--help"); status != exitPassed || !strings.Contains(out, "--pass-presence") {
		t.Errorf("help: status %d, %s", status, stderr)
	}
}

func TestCommandChecksWithoutAServer(t *testing.T) {
	_, dir := house(t, says(""), map[string]string{"a.scs": goodScript})
	if status, out, _ := command("--check", dir); status != exitPassed || out != "1 scripts are well-formed\n" {
		t.Errorf("status %d, %s", status, out)
	}
}

// registrar is a puppet that makes accounts before login and removes them
// after; it notes both.
func registrar(log chan<- string) func(*puppet, int) {
	return func(p *puppet, _ int) {
		p.header("<register xmlns='http://jabber.org/features/iq-register'/><mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms>")
		e := p.hear()
		if q := e.Child(nsRegister, "query"); q != nil {
			log <- "made " + q.Child(nsRegister, "username").Text()
			p.say("<iq type='error' id='scs-register'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
			p.linger()
			return
		}
		p.say("<success xmlns='" + nsSASL + "'/>")
		p.header("<bind xmlns='" + nsBind + "'/>")
		p.hear()
		p.say("<iq type='result' id='scs-bind'><bind xmlns='" + nsBind + "'><jid>x@localhost/y</jid></bind></iq><message id='1'/>")
		for e := p.hear(); e != nil; e = p.hear() {
			if e.Child(nsRegister, "query") != nil {
				log <- "removed"
				p.say("<iq type='result' id='scs-remove'/>")
			}
		}
		p.say("</stream:stream>")
	}
}

func TestCommandPlaysOnFreshAccounts(t *testing.T) {
	log := make(chan string, 16)
	addr, dir := house(t, registrar(log), map[string]string{"a.scs": goodScript})
	status, out, _ := command("--host", addr, "--tls", "none", "--plain", "--fresh", dir)
	if status != exitPassed {
		t.Fatalf("status %d\n%s", status, out)
	}
	made, removed := <-log, <-log
	if !strings.HasPrefix(made, "made romeo-") || removed != "removed" {
		t.Errorf("%s, %s", made, removed)
	}
}

// TestCommandNeedsAnAdministrator: what an administrator does is left out, unless there
// is one, whose account is neither made nor removed.
func TestCommandNeedsAnAdministrator(t *testing.T) {
	log := make(chan string, 16)
	addr, dir := house(t, registrar(log), map[string]string{"a.scs": strings.Replace(goodScript, "@localhost\n", "@localhost\n\taccount: admin\n", 1)})
	status, out, _ := command("--host", addr, "--tls", "none", "--plain", "--fresh", dir)
	if status != exitPassed || !strings.Contains(out, "--admin") || len(log) > 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	t.Setenv("NATTER_ADMIN_PASSWORD", "other")
	if status, out, _ = command("--host", addr, "--tls", "none", "--plain", "--admin", "boss@localhost", dir); status != exitPassed {
		t.Fatalf("status %d\n%s", status, out)
	}
}

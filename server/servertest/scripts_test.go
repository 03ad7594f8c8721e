package servertest_test

import (
	"context"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/server/servertest/scs"
)

const scripts = "../../testdata/scripts/*.scs"

func eachScript(t *testing.T, play func(t *testing.T, file string)) {
	files, err := filepath.Glob(scripts)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s (%v)", scripts, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".scs"), func(t *testing.T) { play(t, f) })
	}
}

// TestScriptsOverPipes plays every script but those that need a port against a server of its own, in a
// bubble, where waiting costs nothing.
func TestScriptsOverPipes(t *testing.T) {
	eachScript(t, func(t *testing.T, file string) {
		if tagged(t, file, "port") {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			srv := servertest.New(t, options(true))
			srv.Core.SetSites("http://localhost:5280", "")
			scs.Run(t, file, scs.Options{
				Dial:          func(context.Context, string) (net.Conn, error) { return srv.Dial(), nil },
				TLS:           srv.TLS(),
				EnsureAccount: func(_ context.Context, jid, password string) error { return srv.EnsureAccount(jid, password) },
			})
		})
	})
}

// TestScriptsOverWebSocket plays them over WebSocket, in bubbles too.
func TestScriptsOverWebSocket(t *testing.T) { scriptsOver(t, "wss") }

// TestScriptsOverBOSH plays them over BOSH.
func TestScriptsOverBOSH(t *testing.T) { scriptsOver(t, "boshs") }

// lacks are the tags of scripts about what a transport does not have: STARTTLS,
// which is HTTP's there; over BOSH a connection to bind to, or to cut, and a way to
// send what is no XML.
var lacks = map[string][]string{
	"wss":   {"starttls"},
	"boshs": {"starttls", "channel-binding", "cut", "framing"},
}

func scriptsOver(t *testing.T, transport string) {
	eachScript(t, func(t *testing.T, file string) {
		if testing.Short() && crc32.ChecksumIEEE([]byte(filepath.Base(file)))%4 != 0 {
			t.Skip("one in four when it has to be short; all are played over pipes")
		}
		for _, tag := range append(lacks[transport], "port") {
			if tagged(t, file, tag) {
				return
			}
		}
		synctest.Test(t, func(t *testing.T) {
			srv := servertest.New(t, options(true))
			srv.Core.SetSites("http://localhost:5280", "")
			scs.Run(t, file, scs.Options{
				Dial:          func(ctx context.Context, _ string) (net.Conn, error) { return srv.DialWeb(ctx, transport) },
				EnsureAccount: func(_ context.Context, jid, password string) error { return srv.EnsureAccount(jid, password) },
			})
		})
	})
}

// TestScriptsOverTLS plays them over TCP and STARTTLS.
func TestScriptsOverTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("over pipes is enough when it has to be short")
	}
	eachScript(t, func(t *testing.T, file string) {
		t.Parallel()
		o := options(true)
		o.Config.Bytestreams = "127.0.0.1:0"
		srv := servertest.New(t, o)
		srv.Core.SetSites("http://localhost:5280", "")
		addr := srv.Listen(t).String()
		scs.Run(t, file, scs.Options{
			Dial: func(ctx context.Context, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", addr)
			},
			TLS:           srv.TLS(),
			EnsureAccount: func(_ context.Context, jid, password string) error { return srv.EnsureAccount(jid, password) },
		})
	})
}

// TestScriptsHashesAreNew: a script that has the server ask what a hash stands for makes
// one that no other has made, since all may be played on one server.
func TestScriptsHashesAreNew(t *testing.T) {
	eachScript(t, func(t *testing.T, file string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, ` hash="sha-1" node="urn:example:script" `) && !strings.Contains(line, "'s full JID}<") {
				t.Errorf("%s: put the full JID among what is hashed: see pep-notify.scs", strings.TrimSpace(line))
			}
		}
	})
}

func options(register bool) servertest.Options {
	var o servertest.Options
	o.Config.Register = register
	o.Config.Admins = []string{"admin@localhost"}
	o.Config.UserSearch = "listed"
	return o
}

// tagged reports whether a script is about what another transport does not have.
func tagged(t *testing.T, file, tag string) bool {
	t.Helper()
	s, err := scs.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return s.HasTag(tag)
}

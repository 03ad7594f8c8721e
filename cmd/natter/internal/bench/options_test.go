package bench

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"
)

// parseOptions returns the options that a command line sets.
func parseOptions(t *testing.T, args ...string) *Options {
	t.Helper()
	o := &Options{log: new(bytes.Buffer)}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(new(bytes.Buffer))
	o.Register(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return o
}

func TestOnlyLoopbackIsLoaded(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:5222":         true,
		"127.9.9.9:5222":         true,
		"[::1]:5222":             true,
		"localhost:5222":         true,
		"192.168.0.1:5222":       false,
		"0.0.0.0:5222":           false,
		"[::]:5222":              false,
		"xmpp.example:5222":      false,
		"localhost.example:5222": false,
		"127.0.0.1":              false,
		"127.0.0.1:xmpp":         false,
		":5222":                  false,
		"":                       false,
	} {
		if err := requireLoopback(addr); (err == nil) != ok {
			t.Errorf("%q: %v", addr, err)
		}
		var f targetFlags
		if err := f.Set("x=" + addr + ",1"); (err == nil) != ok {
			t.Errorf("--target %q: %v", addr, err)
		}
	}
}

func TestTargetFlag(t *testing.T) {
	var f targetFlags
	for _, value := range []string{"prosody=127.0.0.1:5222,77", "127.0.0.1:5333"} {
		if err := f.Set(value); err != nil {
			t.Fatal(err)
		}
	}
	want := targetFlags{{"prosody", "127.0.0.1:5222", 77}, {"127.0.0.1:5333", "127.0.0.1:5333", 0}}
	for i := range want {
		if f[i] != want[i] {
			t.Errorf("%+v, want %+v", f[i], want[i])
		}
	}
	if err := f.Set("127.0.0.1:1,me"); err == nil {
		t.Error("a process id of letters passes")
	}
}

func TestCommandLinesThatMakeNoSense(t *testing.T) {
	for _, row := range []struct{ mode, args, want string }{
		{"chatter", "", "there is no mode"},
		{"chat", "--pairs 0", "--pairs"},
		{"chat", "--window 0", "--window"},
		{"chat", "--size 10", "--size"},
		{"chat", "--duration 100h", "times"},
		{"chat", "--tls maybe", "--tls"},
		{"chat", "--until acked", "needs --sm"},
		{"chat", "--sm --rate 10", "--rate"},
		{"chat", "--sm --relay", "relay"},
		{"relay", "--sm", "relay"},
		{"login", "--relay", "no relay"},
		{"chat", "--no-serve", "nothing to measure"},
		{"chat", "--user bob", "--user"},
		{"chat", "--user %s%d", "--user"},
		{"chat", "--rounds 0", "--rounds"},
		{"muc", "--clients 5 --senders 6", "--senders"},
	} {
		o := parseOptions(t, strings.Fields(row.args)...)
		err := Run(context.Background(), row.mode, o, nil, new(bytes.Buffer), new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s %s: %v", row.mode, row.args, err)
		}
	}
}

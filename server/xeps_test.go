package server_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"natter/server"
	"natter/server/servertest"
	"natter/stanza"
)

var update = flag.Bool("update", false, "write docs/xeps.md anew")

// streams are the extensions that are no modules: they are part of streams
// themselves. sign is what a stream announces them by, if it does.
var streams = []struct{ xep, pkg, summary, sign string }{
	{"0124 1.11.2", "web", "XMPP over plain HTTP requests, where nothing else gets through", ""},
	{"0156 1.4.0", "web", "browsers find the server by its domain", ""},
	{"0206 1.4", "web", "XMPP over plain HTTP requests, where nothing else gets through", ""},
	{"0487 0.1.0", "web", "clients find the server without DNS", ""},
	{"0175 1.2", "server", "guests without an account meet people in rooms, at a host of their own", ""},
	{"0198 1.6.3", "c2s", "what was sent is acknowledged, and a lost connection resumed, also after a restart of the server", "urn:xmpp:sm:3"},
	{"0368 1.1.0", "c2s", "TLS from the first byte, on a port of its own or on that of STARTTLS", ""},
	{"0386 1.1.0", "c2s", "a resource, and what goes with it, within the login", "urn:xmpp:bind:0"},
	{"0388 1.0.4", "c2s", "login with fewer round trips: one, with a token, to be back in a session", "urn:xmpp:sasl:2"},
	{"0440 1.0.0", "auth", "which channel bindings can be used with SCRAM", "urn:xmpp:sasl-cb:0"},
	{"0474 0.5.0", "auth", "nobody on the way can have weaker mechanisms used than there are", ""},
	{"0478 0.2.0", "c2s", "how large a stanza may be and how long a connection may be quiet", "urn:xmpp:stream-limits:0"},
	{"0480 0.2.0", "c2s", "imported accounts get keys for SCRAM-SHA-256", "urn:xmpp:sasl:upgrade:0"},
	{"0484 0.2.0", "auth", "devices log in with tokens of their own that can be revoked, in one step", "urn:xmpp:fast:0"},
}

// announced is what a client sees of a server: the disco features of the host and
// of its own account, and the features of streams before and after it logs in.
type announced struct {
	host, account []string
	before, after string
}

func announce(t *testing.T, srv *servertest.Server) announced {
	t.Helper()
	var a announced
	c := srv.Connect(t)
	plain := c.Header
	c.StartTLS(srv.TLS())
	a.before = plain + c.Header
	srv.Account(t, "juliet@localhost")
	c.Authenticate("juliet@localhost", servertest.Password)
	a.after = c.Header
	c.Bind("juliet@localhost/balcony")
	ask := func(addr string) (features []string) {
		c.Send(`<iq type='get' id='d' to='` + addr + `'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
		st := parse(t, c.Next())
		q, ok := st.Child("http://jabber.org/protocol/disco#info", "query")
		if !ok {
			t.Fatalf("disco: %s", st.Raw)
		}
		for f := range st.Children(q) {
			if string(st.Local(f)) == "feature" {
				v, _ := st.ChildAttr(f, "var")
				features = append(features, v)
			}
		}
		return features
	}
	a.host, a.account = ask("localhost"), ask("juliet@localhost")
	return a
}

// xepList is what docs/xeps.md says, made from the module values.
func xepList(modules []*server.Module, a announced, scripts map[string][]string) string {
	var b strings.Builder
	b.WriteString("# What natter speaks\n\n" +
		"Made from the module values by `go test ./server -run TestXEPs -update`; a test fails when it is not what they say.\n\n" +
		"The core is RFC 6120, RFC 6121 and RFC 7622, with TLS as RFC 7590 asks for it and SCRAM after RFC 5802, RFC 7677, RFC 5929 and RFC 9266, over WebSocket as RFC 7395 says and BOSH as XEP-0124 and XEP-0206 say.\n" +
		"Where a stanza goes is in [routing.md](routing.md).\n\n" +
		"The last column names the scripts in testdata/scripts that cite the extension, or where else it is tested.\n\n" +
		"| XEP | version | module | what one gets | scripts |\n| --- | --- | --- | --- | --- |\n")
	type row struct{ xep, version, name, summary string }
	var rows []row
	add := func(xeps, name, summary string) {
		for x := range strings.SplitSeq(xeps, ", ") {
			xep, version, _ := strings.Cut(x, " ")
			rows = append(rows, row{xep, version, name, summary})
		}
	}
	for _, m := range modules {
		if m.XEP != "" {
			add(m.XEP, m.Name, m.Summary)
		}
	}
	for _, s := range streams {
		add(s.xep, s.pkg, s.summary)
	}
	slices.SortFunc(rows, func(x, y row) int { return strings.Compare(x.xep, y.xep) })
	for _, r := range rows {
		fmt.Fprintf(&b, "| [%s](https://xmpp.org/extensions/xep-%s.html) | %s | %s | %s | %s |\n", r.xep, r.xep, r.version, r.name, r.summary, testedBy(scripts, r.xep))
	}
	b.WriteString("\nModules without a number:\n\n")
	for _, m := range modules {
		if m.XEP == "" {
			fmt.Fprintf(&b, "- %s: %s\n", m.Name, m.Summary)
		}
	}
	list := func(title string, features []string) {
		b.WriteString("\n## " + title + "\n\n")
		for _, f := range slices.Sorted(slices.Values(features)) {
			b.WriteString("- `" + f + "`\n")
		}
	}
	list("The server announces (disco#info of the domain)", a.host)
	list("An account announces (disco#info of its bare JID, to its owner and contacts)", a.account)
	list("A stream announces before login", namespaces(a.before))
	list("A stream announces after login", namespaces(a.after))
	return b.String()
}

// elsewhere is where extensions are tested that no script is about.
var elsewhere = map[string]string{
	"0124": "all, played over BOSH", "0206": "all, played over BOSH",
	"0156": "server/web", "0487": "server/web",
	"0368": "server/c2s, TestTLSFromTheFirstByte", // scripts run over STARTTLS
	"0455": "server/xep/contact",                  // where to look is a setting without default
	"0474": "server/auth",                         // within SCRAM's messages
	"0480": "server/c2s, TestUpgrade",             // needs an imported account
	"0502": "server/xep/muc",                      // activity is told in time
}

// citing are the scripts whose headers cite an extension, by its number.
func citing(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../testdata/scripts/*.scs")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	list := make(map[string][]string)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(b), "-----")
		name := strings.TrimSuffix(filepath.Base(f), ".scs")
		for _, m := range regexp.MustCompile(`XEP-(\d{4})`).FindAllStringSubmatch(head, -1) {
			if l := list[m[1]]; !slices.Contains(l, name) {
				list[m[1]] = append(l, name)
			}
		}
	}
	return list
}

// testedBy names up to six scripts that cite an extension, or where it is tested.
func testedBy(scripts map[string][]string, xep string) string {
	const most = 6
	list := scripts[xep]
	switch {
	case len(list) == 0:
		return elsewhere[xep]
	case len(list) > most:
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
	}
	return strings.Join(list, ", ")
}

var xmlns = regexp.MustCompile(`<([a-z-]+)(?: [^>]*?)?xmlns='([^']+)'`)

// namespaces are those of the stream features in one or more <features/>.
func namespaces(features string) []string {
	var list []string
	for _, m := range xmlns.FindAllStringSubmatch(features, -1) {
		if f := m[2]; !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}

func TestXEPsAreWhatTheModulesSay(t *testing.T) {
	srv := servertest.New(t)
	scripts := citing(t)
	want := xepList(srv.Core.Default().Modules, announce(t, srv), scripts)
	for _, m := range regexp.MustCompile(`(?m)^\| \[(\d{4})\].*\|  \|$`).FindAllStringSubmatch(want, -1) {
		t.Errorf("no script cites XEP-%s, and nothing says where else it is tested", m[1])
	}
	const file = "../docs/xeps.md"
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("docs/xeps.md is not what the modules say (%v): go test ./server -run TestXEPs -update", err)
	}
}

// TestWhatIsAnnouncedIsServed and the other way round: clients see what the module
// values name, and every request that a module names a feature for is known.
func TestWhatIsAnnouncedIsServed(t *testing.T) {
	srv := servertest.New(t)
	a := announce(t, srv)
	h := srv.Core.Default()
	if want := h.Features(false); !slices.Equal(slices.Sorted(slices.Values(a.host)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the server announces %q, its modules %q", a.host, want)
	}
	if want := h.Features(true); !slices.Equal(slices.Sorted(slices.Values(a.account)), slices.Sorted(slices.Values(want))) {
		t.Errorf("an account announces %q, its modules %q", a.account, want)
	}
	for _, s := range streams {
		if s.sign != "" && !strings.Contains(a.before+a.after, "'"+s.sign+"'") {
			t.Errorf("no stream announces %s (%s)", s.sign, s.xep)
		}
	}
	c := srv.Online(t, "juliet@localhost/balcony")
	for _, m := range h.Modules {
		for _, iq := range m.IQ {
			if iq.To&(server.AtHost|server.AtSelf) == 0 {
				continue
			}
			to := ""
			if iq.To&server.AtSelf == 0 {
				to = " to='localhost'"
			}
			typ := iq.Type.String()
			if typ == "" {
				typ = "get"
			}
			if m.Name == "register" && typ == "set" {
				continue // it would remove what asks
			}
			c.Send(`<iq id='q' type='` + typ + `'` + to + `><` + iq.Name + ` xmlns='` + iq.NS + `'/></iq>`)
			for {
				st := parse(t, c.Next())
				if string(st.ID()) != "q" {
					continue
				}
				if e := stanza.ErrorOf(st); e != nil && e.Condition == "service-unavailable" && strings.Contains(e.Text, "nobody answers") {
					t.Errorf("module %s: nobody answers a %s of %s", m.Name, typ, iq.NS)
				}
				break
			}
			served := slices.Contains(a.host, iq.NS) || slices.Contains(a.account, iq.NS) || strings.Contains(a.after, "'"+iq.NS+"'")
			if !served && iq.To&server.AtHost != 0 {
				t.Errorf("module %s serves %s to everybody and nothing announces it", m.Name, iq.NS)
			}
		}
	}
}

// TestPackagesNameTheVersionTheyImplement: the package comment of each extension
// and its module value say the same.
func TestPackagesNameTheVersionTheyImplement(t *testing.T) {
	srv := servertest.New(t)
	for _, m := range srv.Core.Default().Modules {
		dir := filepath.Join("xep", m.Name)
		if _, err := os.Stat(dir); err != nil || m.XEP == "" {
			continue // the core's own
		}
		doc := packageDoc(t, dir)
		for x := range strings.SplitSeq(m.XEP, ", ") {
			number, version, _ := strings.Cut(x, " ")
			if !strings.Contains(doc, "XEP-"+number) || !strings.Contains(doc, version) {
				t.Errorf("module %s implements %s; the comment of its package says\n%s", m.Name, x, doc)
			}
		}
	}
	for _, s := range streams {
		number, version, _ := strings.Cut(s.xep, " ")
		if doc := packageDoc(t, filepath.Join(".", strings.TrimPrefix(s.pkg, "server"))); !strings.Contains(doc, "XEP-"+number) || !strings.Contains(doc, version) {
			t.Errorf("package %s implements %s; its comment says\n%s", s.pkg, s.xep, doc)
		}
	}
}

// packageDoc returns the package comment of the package in a folder, on one line.
func packageDoc(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no package in %s", dir)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(b), "// Package ") {
			doc, _, _ := strings.Cut(string(b), "\npackage ")
			return strings.ReplaceAll(doc, "\n// ", " ")
		}
	}
	t.Errorf("the package in %s has no comment", dir)
	return ""
}

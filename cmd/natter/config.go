package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"natter/server"
	"natter/server/store"
	"natter/server/xep"
)

const configHelp = `
Prints a configuration file for natter serve, with every setting, what it means
and its default. None of it is needed.

  natter config > natter.toml
  natter serve --config natter.toml

With --check it says whether a file is right, without starting a server, and
with --hooks in which order the extensions look at a stanza.
`

func runConfig(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("config", configHelp, std)
	check := fs.String("check", "", "say whether `FILE` is a right configuration")
	hooks := fs.Bool("hooks", false, "print the order of hooks, stage by stage")
	markdown := fs.Bool("markdown", false, "print the settings as docs/config.md has them")
	if _, code, ok := fs.parse(args, 0, 0); !ok {
		return code
	}
	switch {
	case *check == "" && fs.isSet("check"):
		return fs.usageError("--check needs a FILE")
	case *check != "":
		_, code, ok := serveOptions("config", []string{"--config", *check}, std)
		if ok {
			fmt.Fprintf(std.out, "%s is right\n", *check)
		}
		return code
	case *hooks:
		if err := writeHooks(std.out); err != nil {
			return report(std.err, "config", fail(exitUsage, "", "listing hooks: %w", err))
		}
	case *markdown:
		io.WriteString(std.out, configMarkdown())
	default:
		io.WriteString(std.out, configFile())
	}
	return exitOK
}

// defaultOptions returns what serve does without being told anything, for the
// manual: without what depends on the machine.
func defaultOptions() *options {
	o := &options{settings: defaultSettings()}
	o.Server = server.Defaults(server.Config{Domains: []string{"localhost"}, Archive: true, Guests: "on", GuestRooms: "on", Admins: []string{"admin@localhost"}})
	o.Data, o.Server.Files = "~/.local/share/natter", "~/.local/share/natter/files"
	for _, l := range o.listeners() {
		*l.addr = "127.0.0.1:" + l.port
	}
	return o
}

// noDefault are the settings without a default that could be shown, with an
// example instead.
var noDefault = map[string]string{
	"control": `"/run/natter/control.sock"`, "cert": `"/etc/natter/fullchain.pem"`, "key": `"/etc/natter/privkey.pem"`,
	"public_url": `"https://chat.example.org"`, "bytestreams": `"127.0.0.1:7777"`,
	"archive_days": "365", "archive_messages": "100000",
	"abuse_contacts": `["mailto:abuse@example.org"]`, "admin_contacts": `["mailto:admin@example.org"]`, "feedback_contacts": `["mailto:feedback@example.org"]`, "sales_contacts": `["mailto:sales@example.org"]`, "security_contacts": `["mailto:security@example.org"]`, "status_contacts": `["mailto:status@example.org"]`, "support_contacts": `["mailto:support@example.org"]`,
	"outage_addresses": `["https://status.example.net/chat.json"]`,
	"turn":             `"127.0.0.1:3478"`, "turn_address": `["198.51.100.7"]`, "turn_peers": `["192.168.0.0/16"]`,
	"public_addresses": `["198.51.100.7", "2001:db8::7"]`,
	"origins":          `["https://example.org"]`, "trusted_proxies": `["127.0.0.1", "10.0.0.0/8"]`,
	"proxy_protocol": `["10.0.0.7"]`,
}

// configFile is the configuration file with everything commented out.
func configFile() string {
	var b strings.Builder
	b.WriteString("# Configuration of natter serve: natter serve --config FILE, or NATTER_CONFIG=FILE.\n" +
		"# Every setting is here with its default; take away the # to change one.\n" +
		"# Times are written as \"30s\", \"5m\", \"1h30m\", \"90d\", sizes as 1000 or \"10 MiB\".\n")
	for _, c := range defaultOptions().manual() {
		fmt.Fprintf(&b, "\n\n## %s\n", c.title)
		for _, p := range c.paragraphs {
			b.WriteByte('\n')
			for line := range strings.SplitSeq(p.text, "\n") {
				fmt.Fprintf(&b, "# %s\n", line)
			}
			for _, s := range p.settings {
				if example := noDefault[s.key]; example != "" {
					fmt.Fprintf(&b, "#%s = %s\n", s.key, example)
				} else {
					fmt.Fprintf(&b, "#%s\n", s.example())
				}
			}
		}
	}
	return b.String()
}

//go:generate sh -c "go run . config --markdown > ../../docs/config.md"

// configMarkdown is docs/config.md.
func configMarkdown() string {
	var b strings.Builder
	b.WriteString(`# Configuration

natter needs no configuration file. ` + "`natter serve --config FILE`" + ` (or ` + "`NATTER_CONFIG=FILE`" + `) reads one, in TOML; ` + "`natter config`" + ` prints
it with everything that is on this page. Flags override the file. A key that does not exist is an error with its line and the nearest match;
` + "`natter config --check FILE`" + ` looks without starting anything. Times are written as ` + "`\"30s\"`, `\"5m\"`, `\"1h30m\"`, `\"90d\"`" + `, sizes as ` + "`1000` or `\"10 MiB\"`" + `.

What SIGHUP makes a running server read again is told in [operations.md](operations.md#changing-settings).

This page is made from the comments in the source by ` + "`go generate ./cmd/natter`" + `.
`)
	for _, c := range defaultOptions().manual() {
		fmt.Fprintf(&b, "\n## %s\n", c.title)
		for _, p := range c.paragraphs {
			b.WriteString("\n```toml\n")
			for _, s := range p.settings {
				if example := noDefault[s.key]; example != "" {
					fmt.Fprintf(&b, "%s = %s  # no default\n", s.key, example)
				} else {
					fmt.Fprintf(&b, "%s\n", s.example())
				}
			}
			fmt.Fprintf(&b, "```\n\n%s\n", p.text)
		}
	}
	return b.String()
}

// writeHooks prints which module looks at a stanza at which stage, in order.
func writeHooks(w io.Writer) error {
	db, err := store.Open(store.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	core, err := server.New(server.Config{Domains: []string{"localhost"}}, db, slog.New(slog.DiscardHandler), xep.All)
	if err != nil {
		return err
	}
	defer core.Close()
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for stage := server.Stage(0); stage.String() != ""; stage++ {
		fmt.Fprintf(t, "%s\n", stage)
		for _, m := range core.Default().Modules {
			for _, k := range m.Hooks {
				switch {
				case k.Stage != stage:
				case stage == server.SessionEnded: // there is no stanza then
					fmt.Fprintf(t, "  %s\n", m.Name)
				default:
					fmt.Fprintf(t, "  %s\t%s\t%s\n", m.Name, k.KindNames(), k.Trigger())
				}
			}
		}
	}
	return t.Flush()
}

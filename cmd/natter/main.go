// Command natter is an XMPP chat server, its command-line client and a test
// bench, in one program. Each verb is one file; this file holds the table of
// verbs and what they have in common.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// A verb is one subcommand: natter NAME ARGS.
type verb struct {
	name    string // what is typed
	args    string // its arguments, as the usage line shows them
	summary string // what it does, in one line
	// run executes the verb and returns the process's exit code. args are the
	// words after the verb's name. When ctx ends, the user wants to stop.
	run func(ctx context.Context, args []string, std stdio) int
}

// verbs is every verb there is, in the order of `natter help`. The first block
// is the client, the second the server.
func verbs() []verb {
	return []verb{
		{"chat", "[JID]", "talk with people, in the terminal", runChat},
		{"send", "JID TEXT|-", "send a message; - takes the text from standard input", runSend},
		{"upload", "FILE [JID]", "put a file on the server, and send its address", runUpload},
		{"listen", "", "print incoming messages, one a line or as JSON", runListen},
		{"roster", "[add|remove|accept|deny JID]", "show and change the contact list", runRoster},
		{"mam", "[JID]", "read and search the archive of messages", runMAM},
		{"pep", "ACTION [NODE] [WORD]", "what accounts publish about themselves: read, publish, delete", runPEP},
		{"location", "[JID|LAT LON [TEXT]]", "say where one is, or see where others are", runLocation},
		{"disco", "[JID]", "ask an address what it is and what it can do", runDisco},
		{"ping", "[JID]", "measure the time to the server or to an address and back", runPing},
		{"muc", "ACTION [ROOM]", "chat rooms: list, enter, speak, moderate, configure", runMUC},
		{"raw", "", "XML in, XML out, after logging in", runRaw},

		{"serve", "", "run the server", runServe},
		{"config", "", "print a configuration file with every setting", runConfig},
		{"user", "ACTION [JID...]", "make, change, delete and list the server's accounts", runUser},
		{"invite", "[list|revoke ID...]", "invite people to accounts and contacts: links and QR codes", runInvite},
		{"token", "ACTION WORD...", "make, list and revoke tokens for programs that use HTTP", runToken},
		{"bench", "MODE", "measure a server", runBench},
		{"test", "FILE.scs...", "play scripts of conversations against a server", runTest},
		{"version", "", "print which natter this is", runVersion},
	}
}

// Exit codes. Scripts rely on them; docs/cli.md lists them.
const (
	exitOK      = 0
	exitUsage   = 1 // wrong words on the command line, or something wrong on this machine
	exitConnect = 2 // no connection, or it was lost
	exitAuth    = 3 // the server did not accept the account or the password
	exitRefused = 4 // the other side answered with an error
	exitTimeout = 5 // what was waited for did not come in time
)

// stdio is where a verb reads and writes, so that tests can hand in buffers.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// isTerminal says whether f, a reader or a writer, is a terminal.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run executes one command line, without the program's name, and returns the
// exit code.
func run(ctx context.Context, args []string, std stdio) int {
	if len(args) == 0 {
		writeHelp(std.err)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(rest) == 0 {
			writeHelp(std.out)
			return exitOK
		}
		name, rest = rest[0], []string{"--help"}
	case "--version":
		name = "version"
	}
	var names []string
	for _, v := range verbs() {
		if v.name == name {
			return v.run(ctx, rest, std)
		}
		names = append(names, v.name)
	}
	fmt.Fprintf(std.err, "natter: there is no verb %q", name)
	if near := nearest(name, names); near != "" {
		fmt.Fprintf(std.err, "; did you mean %q?", near)
	}
	fmt.Fprintln(std.err, "\nnatter help lists them.")
	return exitUsage
}

// writeHelp prints the table of verbs.
func writeHelp(w io.Writer) {
	fmt.Fprint(w, "natter is an XMPP chat server and its command-line client.\n\n")
	width := 0
	for _, v := range verbs() {
		width = max(width, len(v.name)+1+len(v.args))
	}
	width = min(width, 24)
	for _, v := range verbs() {
		usage := strings.TrimRight(v.name+" "+v.args, " ")
		if len(usage) > width {
			fmt.Fprintf(w, "  %s\n", usage)
			usage = ""
		}
		fmt.Fprintf(w, "  %-*s  %s\n", width, usage, v.summary)
	}
	fmt.Fprint(w, "\nnatter help VERB shows a verb's flags.\n")
}

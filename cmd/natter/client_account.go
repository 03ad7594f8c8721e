package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/term"
	"mellium.im/xmpp/jid"
)

// account is everything needed to log in.
type account struct {
	jid      jid.JID // bare
	password string
	resource string // "" lets newResource choose
	server   string // HOST or HOST:PORT, "" finds it by the address's domain
	tls      tlsMode
	ca       string // PEM file with the authorities to trust, "" for the default ones
	insecure bool   // do not check the certificate
}

// accountFlags are the flags of every verb that logs in.
type accountFlags struct {
	config, as, passwordFile, server, tls, ca, resource string
	insecure                                            bool
}

// accountFlags adds the account's flags to the set.
func (fs *flags) accountFlags() *accountFlags {
	a := &accountFlags{}
	fs.StringVar(&a.as, "as", "", "log in as this `JID`; else NATTER_JID, else the config file's account")
	fs.StringVar(&a.passwordFile, "password-file", "", "take the password from the first line of `FILE`, - is standard input;\nelse NATTER_PASSWORD, the config file, or a prompt")
	fs.StringVar(&a.server, "server", "", "connect to `HOST:PORT` instead of looking the domain up")
	fs.StringVar(&a.tls, "tls", "", "how to encrypt: `MODE` is starttls, direct or none, instead of what fits the port")
	fs.StringVar(&a.ca, "ca", "", "trust only the certificate authorities in `FILE` (PEM)")
	fs.BoolVar(&a.insecure, "insecure", false, "do not check the server's certificate")
	fs.StringVar(&a.resource, "resource", "", "be known as JID/`NAME`")
	fs.StringVar(&a.config, "config", "", "read `FILE` instead of "+shortPath(configPath()))
	fs.account = []string{"as", "password-file", "server", "tls", "ca", "insecure", "resource", "config"}
	return a
}

// resolve puts flags, environment and config file together, in this order, and
// finds the password, by asking for it if need be.
func (f *accountFlags) resolve(ctx context.Context, std stdio) (account, error) {
	config, err := loadConfig(f.config)
	if err != nil {
		return account{}, err
	}
	address, source := f.as, "--as"
	if address == "" {
		address, source = os.Getenv("NATTER_JID"), "NATTER_JID"
	}
	if address == "" {
		address, source = config.Account, "account in "+config.path
	}
	if address == "" {
		return account{}, fail(exitUsage,
			"Say --as JID, set NATTER_JID, or write account = \"JID\" into "+shortPath(configPath())+".\n"+
				"No account yet? Make one on your server with: natter user add JID",
			"no account to log in with")
	}
	j, err := jid.Parse(address)
	if err != nil {
		return account{}, fail(exitUsage, "An account looks like romeo@localhost.", "%s: %q is not an address: %w", source, address, err)
	}
	if j.Localpart() == "" {
		return account{}, fail(exitUsage, "An account looks like romeo@"+j.Domainpart()+".", "%s: %q names a server, not an account", source, address)
	}
	c := config.forAccount(j)
	a := account{
		jid:      j.Bare(),
		resource: firstSet(f.resource, j.Resourcepart(), c.Resource),
		server:   firstSet(f.server, c.Server),
		ca:       firstSet(f.ca, c.CA),
		insecure: f.insecure || c.Insecure,
	}
	if a.tls, err = parseTLSMode(firstSet(f.tls, c.TLS)); err != nil {
		return account{}, fail(exitUsage, "", "--tls: %w", err)
	}
	a.ca = expandHome(a.ca)
	a.password, err = f.findPassword(ctx, a.jid, c, std)
	return a, err
}

func firstSet(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// findPassword looks in all the places a password may come from. It is never
// taken from the command line, which other users of the machine can see.
func (f *accountFlags) findPassword(ctx context.Context, j jid.JID, c accountConfig, std stdio) (string, error) {
	switch {
	case f.passwordFile == "-":
		return passwordLine("standard input", std.in)
	case f.passwordFile != "":
		return passwordFromFile(f.passwordFile)
	case os.Getenv("NATTER_PASSWORD") != "":
		return os.Getenv("NATTER_PASSWORD"), nil
	case c.Password != "":
		return c.Password, nil
	case c.PasswordFile != "":
		return passwordFromFile(expandHome(c.PasswordFile))
	case c.PasswordCommand != "":
		return passwordFromCommand(c.PasswordCommand, std.err)
	}
	return promptPassword(ctx, j, std)
}

func passwordFromFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fail(exitUsage, "", "reading the password: %w", err)
	}
	defer file.Close()
	return passwordLine(path, file)
}

func passwordFromCommand(command string, stderr io.Writer) (string, error) {
	cmd := exec.Command("sh", "-c", command)
	cmd.Stderr = stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fail(exitUsage, "The command is password_command in the config file.", "getting the password from %q: %w", command, err)
	}
	return passwordLine("password_command", strings.NewReader(string(out)))
}

// passwordLine reads the first line of r, one byte at a time, so that what
// follows the line is left to be read by others.
func passwordLine(source string, r io.Reader) (string, error) {
	const most = 4096
	var line []byte
	one := make([]byte, 1)
	for len(line) < most {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' || err != nil {
			if err != nil && !errors.Is(err, io.EOF) {
				return "", fail(exitUsage, "", "reading the password from %s: %w", source, err)
			}
			break
		}
		line = append(line, one[:n]...)
	}
	password := strings.TrimSuffix(string(line), "\r")
	if password == "" {
		return "", fail(exitUsage, "", "reading the password: the first line of %s is empty", source)
	}
	return password, nil
}

// promptPassword asks on the terminal: standard input if it is one, else the
// terminal that controls the process, as when a message is piped in.
func promptPassword(ctx context.Context, j jid.JID, std stdio) (string, error) {
	file, ok := std.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil || !isTerminal(std.err) {
			return "", fail(exitUsage,
				"Set NATTER_PASSWORD, say --password-file FILE (- is standard input), or put password_file or\n"+
					"password_command into "+shortPath(configPath())+".",
				"no password for %s, and no terminal to ask on", j)
		}
		defer tty.Close()
		file = tty
	}
	fmt.Fprintf(std.err, "Password for %s: ", j)
	password, err := readPassword(ctx, int(file.Fd()))
	fmt.Fprintln(std.err)
	if errors.Is(err, context.Canceled) {
		return "", err
	}
	if err != nil {
		return "", fail(exitUsage, "", "reading the password: %w", err)
	}
	if len(password) == 0 {
		return "", fail(exitUsage, "", "no password given for %s", j)
	}
	return string(password), nil
}

// readPassword reads a line without echo, until ctx ends.
func readPassword(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type answer struct {
		password []byte
		err      error
	}
	typed := make(chan answer, 1)
	go func() {
		password, err := term.ReadPassword(fd)
		typed <- answer{password, err}
	}()
	select {
	case a := <-typed:
		return a.password, a.err
	case <-ctx.Done(): // the read cannot be stopped, but its effect on the terminal can
		term.Restore(fd, before)
		return nil, ctx.Err()
	}
}

// expandHome replaces a leading ~/ by the home directory.
func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// shortPath is the reverse of expandHome, for people to read.
func shortPath(path string) string {
	if home, err := os.UserHomeDir(); err == nil {
		if rest, ok := strings.CutPrefix(path, home+string(os.PathSeparator)); ok {
			return "~/" + rest
		}
	}
	return path
}

// parsePeer parses the address of somebody to talk to. domain is the own one,
// for the hint when only a name was given.
func parsePeer(s, domain string) (jid.JID, error) {
	j, err := jid.Parse(s)
	if err != nil {
		return jid.JID{}, fail(exitUsage, "An address looks like juliet@"+domain+".", "%q is not an address: %w", s, err)
	}
	if j.Localpart() == "" && !strings.Contains(s, ".") && j.Domainpart() != domain {
		return jid.JID{}, fail(exitUsage, fmt.Sprintf("Did you mean %s@%s?", s, domain), "%q has no @", s)
	}
	return j, nil
}

// lineReader reads lines of any length from r without their ends.
type lineReader struct{ r *bufio.Reader }

func newLineReader(r io.Reader) *lineReader { return &lineReader{bufio.NewReader(r)} }

// next returns the next line, and io.EOF after the last one.
func (l *lineReader) next() (string, error) {
	line, err := l.r.ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

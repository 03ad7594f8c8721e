package scs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// flags are what `natter test` takes.
type flags struct {
	host, domain, tls, ca            string
	insecure, register, fresh, plain bool
	timeout, quiet                   time.Duration
	repeat, parallel                 int
	only, skip                       string
	junit                            string
	passPresence                     bool
	tap, check, verbose              bool
	files                            []string

	transport, path string
	admin           string
	web             []WebTransport // beside tcp
}

// defaultHost is where natter serve listens for clients over TCP.
const defaultHost = "127.0.0.1:5222"

const usage = `Usage: natter test [flags] FILE.scs|DIRECTORY...

Plays scripts of XMPP conversations against a server and reports what differs.

`

// parseFlags reads the command line; help goes to stdout.
func parseFlags(args []string, stdout io.Writer, web []WebTransport) (*flags, error) {
	f := &flags{web: web}
	set := flag.NewFlagSet("natter test", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.host, "host", defaultHost, "`address` of the server's client port; over HTTP 127.0.0.1:5281,\nor 5280 with --tls none, by default")
	set.StringVar(&f.transport, "transport", "tcp", "`HOW` to reach the server: "+f.transports()+"; scripts about\nwhat the last do not have are left out")
	set.StringVar(&f.path, "path", "", "`path` of the server's WebSocket or BOSH (default as natter has it)")
	set.StringVar(&f.domain, "domain", "localhost", "`domain` to use where the scripts say localhost")
	set.StringVar(&f.tls, "tls", "starttls", "`HOW` to encrypt: starttls, direct or none")
	set.StringVar(&f.ca, "ca", "", "PEM `file` of the authority that signed the server's certificate")
	set.BoolVar(&f.insecure, "insecure", false, "accept any certificate")
	set.BoolVar(&f.plain, "plain", false, "allow the PLAIN mechanism without TLS")
	set.BoolVar(&f.register, "register", false, "register missing accounts (XEP-0077)")
	set.BoolVar(&f.fresh, "fresh", false, "register new accounts for every script and remove them after it;\nrooms get new names too")
	set.StringVar(&f.admin, "admin", "", "`JID` of the server's administrator, for scripts that need one; the\npassword is in $NATTER_ADMIN_PASSWORD. Without it they are left out")
	set.DurationVar(&f.timeout, "timeout", 5*time.Second, "`time` limit of a step")
	set.DurationVar(&f.quiet, "quiet", 300*time.Millisecond, "the `time` that \"receives nothing\" watches")
	set.BoolVar(&f.passPresence, "pass-presence", false, "pass over presence where a message or IQ is expected")
	set.IntVar(&f.repeat, "repeat", 1, "play every script `N` times")
	set.IntVar(&f.parallel, "parallel", 1, "play `N` scripts at a time (with --fresh, unless they share no account)")
	set.StringVar(&f.only, "only-tags", "", "play only scripts with one of these `tags`, separated by commas")
	set.StringVar(&f.skip, "skip-tags", "", "leave out scripts with one of these `tags`")
	set.StringVar(&f.junit, "junit", "", "write a JUnit report to this `file`")
	set.BoolVar(&f.tap, "tap", false, "report as TAP on standard output")
	set.BoolVar(&f.check, "check", false, "only parse the scripts")
	set.BoolVar(&f.verbose, "verbose", false, "show every act and every element on standard error")
	set.Usage = func() {}
	writeUsage := func() {
		fmt.Fprint(stdout, usage)
		set.VisitAll(func(f *flag.Flag) {
			name, text := flag.UnquoteUsage(f)
			if f.DefValue != "" && f.DefValue != "false" {
				text += " (default " + f.DefValue + ")"
			}
			text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 25))
			fmt.Fprintf(stdout, "  --%-20s %s\n", strings.TrimSpace(f.Name+" "+name), text)
		})
	}
	for len(args) > 0 { // flags may follow files
		if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
			writeUsage()
			return nil, err
		} else if err != nil {
			return nil, doubleDash(err)
		}
		args = set.Args()
		for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			f.files = append(f.files, args[0])
			args = args[1:]
		}
	}
	switch {
	case len(f.files) == 0:
		return nil, errors.New("it needs a FILE.scs or a DIRECTORY")
	case f.repeat < 1 || f.parallel < 1:
		return nil, errors.New("--repeat and --parallel are at least 1")
	case f.transport != "tcp" && f.webTransport() == nil:
		return nil, fmt.Errorf("--transport %s is none of %s", f.transport, f.transports())
	case f.path != "" && f.transport == "tcp":
		return nil, errors.New("--path is for a --transport over HTTP")
	case f.tls != "starttls" && f.tls != "direct" && f.tls != "none":
		return nil, fmt.Errorf("--tls %s is none of starttls, direct, none", f.tls)
	}
	return f, nil
}

// doubleDash words the flag package's errors with the dashes of natter's flags.
func doubleDash(err error) error {
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		return fmt.Errorf("there is no flag --%s", name)
	}
	return errors.New(strings.NewReplacer("for flag -", "for --", "flag needs an argument: -", "this flag needs a value: --").Replace(msg))
}

// options makes the options of a play from the command line.
func (f *flags) options() (Options, error) {
	var dialer net.Dialer
	host := f.host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "5222")
	}
	opt := Options{
		Dial:      func(ctx context.Context, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", host) },
		DirectTLS: f.tls == "direct", PlainPassword: f.plain, Timeout: f.timeout, Quiet: f.quiet,
		PassPresence: f.passPresence,
	}
	if f.tls != "none" {
		config, err := f.tlsConfig()
		if err != nil {
			return opt, err
		}
		opt.TLS = config
	}
	if w := f.webTransport(); w != nil {
		if err := f.overHTTP(w, &opt); err != nil {
			return opt, err
		}
	}
	if f.register || f.fresh {
		bare := opt
		opt.EnsureAccount = func(ctx context.Context, jid, password string) error {
			return Register(ctx, bare, jid, password)
		}
	}
	return opt, nil
}

func (f *flags) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecure}
	if f.ca == "" {
		return config, nil
	}
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return nil, err
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", f.ca)
	}
	return config, nil
}

// load parses the scripts and makes the jobs, in order; what the tags leave
// out comes back as skipped. All errors are reported at once.
func (f *flags) load() (jobs []job, skipped []outcome, err error) {
	files, err := expandFiles(f.files)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		text := string(source)
		if f.domain != "localhost" {
			text = renameDomain(text, f.domain)
		}
		script, err := Parse(file, text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.appoint(script)
		j := job{name: file, title: script.Title, source: text, script: script}
		if why := f.leavesOut(script); why != "" {
			skipped = append(skipped, outcome{job: j, skipped: why})
			continue
		}
		for i := range f.repeat {
			if f.repeat > 1 {
				j.repeat = i + 1
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, skipped, errors.Join(errs...)
}

// appoint puts the administrator into the script, where it has one.
func (f *flags) appoint(s *Script) {
	for i := range s.Cast {
		if c := &s.Cast[i]; f.admin != "" && c.admin() {
			c.JID, c.Props["password"] = f.admin, os.Getenv("NATTER_ADMIN_PASSWORD")
		}
	}
}

// leavesOut says why the tags keep a script from being played, "" when they
// do not.
func (f *flags) leavesOut(s *Script) string {
	if tags := splitTags(f.only); len(tags) > 0 && !slices.ContainsFunc(tags, s.HasTag) {
		return "has none of the tags " + f.only
	}
	if w := f.webTransport(); w != nil {
		for _, tag := range w.Lacks {
			if s.HasTag(tag) {
				return "tag " + tag + ", which " + w.Name + " does not have"
			}
		}
	}
	if f.admin == "" && slices.ContainsFunc(s.Cast, Character.admin) {
		return "it needs an administrator: --admin"
	}
	for _, tag := range splitTags(f.skip) {
		if s.HasTag(tag) {
			return "tag " + tag
		}
	}
	return ""
}

func splitTags(list string) []string {
	var tags []string
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// expandFiles replaces directories by the scripts in them, sorted.
func expandFiles(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, arg)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, ".scs") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// flags is a verb's flag set: the standard one, with double-dash help, flags
// allowed after positional arguments, and errors that say what to do next.
type flags struct {
	*flag.FlagSet
	help    string
	std     stdio
	account []string // names of the flags that accountFlags added
}

// newFlags returns the flag set of the named verb. help is the text below the
// usage line; it starts and ends with a newline.
func newFlags(name, help string, std stdio) *flags {
	fs := &flags{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), help: help, std: std}
	fs.SetOutput(io.Discard) // parse prints errors itself
	fs.Usage = func() {}
	return fs
}

// parse reads args and returns the positional ones, of which there must be at
// least least and at most most (no limit when most is negative). A "--" ends
// the flags; a lone "-" is positional. When ok is false the verb is over: help
// or an error has been printed, and code is the exit code.
func (fs *flags) parse(args []string, least, most int) (pos []string, code int, ok bool) {
	for len(args) > 0 {
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fs.writeHelp(fs.std.out)
			return nil, exitOK, false
		case err != nil:
			return nil, fs.usageError("%s", fs.explain(err)), false
		}
		rest := fs.Args()
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			pos = append(pos, rest...)
			break
		}
		if len(rest) == 0 {
			break
		}
		pos = append(pos, rest[0])
		args = rest[1:]
	}
	switch {
	case len(pos) < least:
		return nil, fs.usageError("it needs %s", fs.verb().args), false
	case most >= 0 && len(pos) > most:
		return nil, fs.usageError("%q is one word too many", pos[most]), false
	}
	return pos, exitOK, true
}

// isSet says whether the flag was on the command line.
func (fs *flags) isSet(name string) bool {
	set := false
	fs.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// explain rewords the flag package's messages: double dashes, and the nearest
// flag for an unknown one.
func (fs *flags) explain(err error) string {
	msg := err.Error()
	if name, ok := strings.CutPrefix(msg, "flag provided but not defined: -"); ok {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		if near := nearest(name, names); near != "" {
			return fmt.Sprintf("there is no flag --%s; did you mean --%s?", name, near)
		}
		return fmt.Sprintf("there is no flag --%s (text that starts with a dash goes after --)", name)
	}
	if name, ok := strings.CutPrefix(msg, "flag needs an argument: -"); ok {
		return fmt.Sprintf("--%s needs a value", name)
	}
	return fs.explainValue(strings.Replace(msg, "for flag -", "for --", 1))
}

// explainValue says what a flag takes, where the flag package says "parse error".
func (fs *flags) explainValue(msg string) string {
	start, isNumber := strings.CutSuffix(msg, ": parse error")
	if !isNumber {
		return msg
	}
	f := fs.Lookup(start[strings.LastIndex(start, "--")+2:])
	if f == nil {
		return msg
	}
	if g, ok := f.Value.(flag.Getter); ok {
		switch g.Get().(type) {
		case time.Duration:
			return start + ": it takes a time such as 10s or 5m"
		case int, int64, uint, uint64, float64:
			return start + ": it takes a number"
		}
	}
	return msg
}

// usageError prints what is wrong with the command line and how to find out
// more, and returns the exit code.
func (fs *flags) usageError(format string, args ...any) int {
	fmt.Fprintf(fs.std.err, "natter %s: %s\n", fs.Name(), fmt.Sprintf(format, args...))
	fmt.Fprintf(fs.std.err, "Usage: %s\nnatter help %s says more.\n", fs.usageLine(), fs.Name())
	return exitUsage
}

// verb returns the set's entry in the table of verbs.
func (fs *flags) verb() verb {
	for _, v := range verbs() {
		if v.name == fs.Name() {
			return v
		}
	}
	return verb{name: fs.Name()}
}

func (fs *flags) usageLine() string {
	words := []string{"natter", fs.Name()}
	if args := fs.verb().args; args != "" {
		words = append(words, args)
	}
	fs.VisitAll(func(*flag.Flag) {
		if words[len(words)-1] != "[flags]" {
			words = append(words, "[flags]")
		}
	})
	return strings.Join(words, " ")
}

// writeHelp prints usage, text and flags, the flags in two aligned columns.
func (fs *flags) writeHelp(w io.Writer) {
	fmt.Fprintf(w, "Usage: %s\n%s", fs.usageLine(), fs.help)
	var own, account [][2]string
	width := 0
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		left := strings.TrimRight("--"+f.Name+" "+value, " ")
		if !slices.Contains([]string{"", "0", "0s", "-1", "false"}, f.DefValue) {
			usage += " (default " + f.DefValue + ")"
		}
		width = max(width, len(left))
		if slices.Contains(fs.account, f.Name) {
			account = append(account, [2]string{left, usage})
		} else {
			own = append(own, [2]string{left, usage})
		}
	})
	block := func(title string, rows [][2]string) {
		if len(rows) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s:\n", title)
		for _, row := range rows {
			indent := "\n" + strings.Repeat(" ", width+4)
			fmt.Fprintf(w, "  %-*s  %s\n", width, row[0], strings.ReplaceAll(row[1], "\n", indent))
		}
	}
	block("Flags", own)
	block("Flags of every verb that logs in", account)
}

// listFlag is a flag that may be given several times.
type listFlag []string

// String implements flag.Value.
func (l *listFlag) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *listFlag) Set(value string) error {
	*l = append(*l, value)
	return nil
}

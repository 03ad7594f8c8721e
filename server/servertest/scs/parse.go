package scs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits on a script.
const (
	maxScriptBytes = 8 << 20
	maxScriptLine  = 1 << 20
	maxWait        = 10 * time.Minute
)

// ParseFile reads a script from a file.
func ParseFile(file string) (*Script, error) {
	f, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, string(f))
}

// Parse reads a script; name is what messages call it. An error in the script
// is an *Error. The XML of every act is checked here, with its variables, so
// that a script which parses can fail only by what a server does.
func Parse(name, text string) (*Script, error) {
	p := &parser{script: &Script{Name: name}, captured: map[string]bool{}}
	if len(text) > maxScriptBytes {
		return nil, p.errorf(1, "script is longer than %d bytes", maxScriptBytes)
	}
	if !utf8.ValidString(text) {
		return nil, p.errorf(1, "script is not UTF-8")
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	p.lines = strings.Split(text, "\n")
	if err := p.run(); err != nil {
		return nil, err
	}
	return p.script, nil
}

type parser struct {
	script   *Script
	lines    []string
	at       int             // index of the line to read next
	captured map[string]bool // names captured by the acts so far
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return &Error{Script: p.script.Name, Line: line, Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) run() error {
	if err := p.header(); err != nil {
		return err
	}
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		var err error
		switch {
		case len(line) > maxScriptLine:
			err = p.errorf(p.at+1, "line is longer than %d bytes", maxScriptLine)
		case strings.TrimSpace(line) == "" || isComment(line) || isDivider(line):
			p.at++
		case isIndented(line):
			err = p.errorf(p.at+1, "indented line belongs to no act")
		case line[0] == '[':
			err = p.character()
		default:
			err = p.act()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// header reads the comments a script begins with: title, description, tags.
func (p *parser) header() error {
	var text []string
	for ; p.at < len(p.lines); p.at++ {
		line := strings.TrimRight(p.lines[p.at], " \t")
		switch {
		case line == "" && len(text) == 0 && len(p.script.Tags) == 0:
		case strings.HasPrefix(line, "##"):
			if tag := strings.TrimSpace(strings.TrimLeft(line, "#")); tag != "" {
				p.script.Tags = append(p.script.Tags, tag)
			}
		case strings.HasPrefix(line, "#"):
			text = append(text, strings.TrimSpace(line[1:]))
		default:
			p.setTitle(text)
			return nil
		}
	}
	p.setTitle(text)
	return nil
}

func (p *parser) setTitle(text []string) {
	if len(text) > 0 {
		p.script.Title = text[0]
		p.script.Description = strings.TrimSpace(strings.Join(text[1:], "\n"))
	}
}

func isIndented(line string) bool { return line != "" && (line[0] == ' ' || line[0] == '\t') }

func isComment(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") ||
		line == "--" || strings.HasPrefix(line, "-- ") || strings.HasPrefix(line, "--\t")
}

// isDivider recognises the line of dashes between the cast and the acts.
func isDivider(line string) bool {
	line = strings.TrimSpace(line)
	return len(line) >= 3 && strings.Trim(line, "-") == ""
}

// character reads a "[Client] Name" block.
func (p *parser) character() error {
	start := p.at + 1
	class, name, ok := strings.Cut(p.lines[p.at][1:], "]")
	name = strings.TrimSpace(name)
	p.at++
	switch {
	case !ok:
		return p.errorf(start, "missing ] after the character's class")
	case class != "Client":
		return p.errorf(start, "unknown class [%s]: only [Client] is known", class)
	case name == "":
		return p.errorf(start, "the character has no name")
	case strings.ContainsAny(name, "{}$"):
		return p.errorf(start, "the name %q holds one of { } $", name)
	case p.script.character(name) >= 0:
		return p.errorf(start, "%s is in the cast twice", name)
	}
	c := Character{Name: name, Line: start, Props: map[string]string{}}
	for ; p.at < len(p.lines) && isIndented(p.lines[p.at]); p.at++ {
		line := strings.TrimSpace(p.lines[p.at])
		if line == "" {
			break
		}
		if isComment(line) {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok {
			return p.errorf(p.at+1, "expected a property like \"jid: romeo@localhost\"")
		}
		if !clientProps[key] {
			return p.errorf(p.at+1, "unknown property %q", key)
		}
		c.Props[key] = value
	}
	if err := c.settle(); err != nil {
		return p.errorf(start, "%s: %v", name, err)
	}
	p.script.Cast = append(p.script.Cast, c)
	return nil
}

// settle checks the properties and splits the JID.
func (c *Character) settle() error {
	bare, resource, full := strings.Cut(c.Props["jid"], "/")
	local, domain, ok := strings.Cut(bare, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(bare, " \t<>&'\"") {
		return fmt.Errorf("jid %q is not like romeo@localhost", c.Props["jid"])
	}
	if full && c.Props["resource"] == "" {
		c.Props["resource"] = resource
	}
	switch c.Props["tls"] {
	case "", "starttls", "direct", "none":
	default:
		return fmt.Errorf("tls %q is none of starttls, direct, none", c.Props["tls"])
	}
	switch c.Props["acks"] {
	case "", "auto", "script":
	default:
		return fmt.Errorf("acks %q is neither auto nor script", c.Props["acks"])
	}
	switch c.Props["account"] {
	case "", "none":
	default:
		return fmt.Errorf("account %q can only be none", c.Props["account"])
	}
	c.JID = bare
	return nil
}

// act reads a line like "Romeo sends:" and the XML below it.
func (p *parser) act() error {
	line := strings.TrimRight(p.lines[p.at], " \t")
	a := Act{Line: p.at + 1, Who: p.actor(line)}
	if a.Who < 0 {
		return p.errorf(a.Line, "no character of the cast begins this line: %q", clip(line))
	}
	rest := strings.TrimSpace(line[len(p.script.Cast[a.Who].Name):])
	inline, err := a.parsePhrase(rest, p.script)
	if err != nil {
		return p.errorf(a.Line, "%v", err)
	}
	p.at++
	a.Body, a.BodyLine = inline, a.Line
	if inline == "" {
		a.BodyLine = p.at + 1
		a.Body = p.body(a.Verb.takesBody() >= 0)
	}
	switch {
	case a.Body == "" && a.Verb.takesBody() > 0:
		return p.errorf(a.Line, "%q has nothing below it", a.Verb)
	case a.Body != "" && a.Verb.takesBody() < 0:
		return p.errorf(a.BodyLine, "%q takes no XML", a.Verb)
	}
	if err := p.checkBody(&a); err != nil {
		return err
	}
	p.script.Acts = append(p.script.Acts, a)
	return nil
}

// actor returns the character whose name begins the line, the longest name
// first: "Juliet's phone sends:" is not Juliet's act.
func (p *parser) actor(line string) int {
	best := -1
	for i := range p.script.Cast {
		name := p.script.Cast[i].Name
		if strings.HasPrefix(line, name+" ") && (best < 0 || len(name) > len(p.script.Cast[best].Name)) {
			best = i
		}
	}
	return best
}

// body takes the lines up to the next one that starts in the first column.
// A line there that begins with "<" belongs to the body too, when XML is
// wanted. Lines of white space at the end are dropped.
func (p *parser) body(wanted bool) string {
	start, end := p.at, p.at
	for ; p.at < len(p.lines); p.at++ {
		line := p.lines[p.at]
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case isIndented(line), wanted && line[0] == '<':
			end = p.at + 1
			continue
		}
		break
	}
	return strings.Join(p.lines[start:end], "\n")
}

// parsePhrase reads what follows the name: the verb, its time, and XML on the
// same line, which it returns.
func (a *Act) parsePhrase(rest string, cast *Script) (inline string, err error) {
	if i := strings.IndexByte(rest, '<'); i >= 0 {
		rest, inline = strings.TrimSpace(rest[:i]), rest[i:]
	}
	words := strings.Fields(strings.TrimSuffix(rest, ":"))
	for i, w := range words {
		words[i] = strings.TrimSuffix(w, ":")
	}
	take := func(phrase string) bool {
		want := strings.Fields(phrase)
		if len(words) < len(want) {
			return false
		}
		for i, w := range want {
			if words[i] != w {
				return false
			}
		}
		words = words[len(want):]
		return true
	}
	found := false
	for _, v := range []Verb{
		FailsToConnect, Connects, Opens, LogsIn, Binds, Resumes, DisconnectsHard, Disconnects, IsDisconnected,
		SendsRaw, Sends, ReceivesAllOf, ReceivesNothing, Receives, MayReceive, Befriends, IsOffered,
	} {
		if take(v.String()) {
			a.Verb, found = v, true
			break
		}
	}
	if !found {
		return "", fmt.Errorf("unknown act %q", clip(rest))
	}
	timed := a.Verb == Receives && take("within") || a.Verb == ReceivesAllOf && take("within") ||
		a.Verb == ReceivesNothing && take("for") || a.Verb == IsDisconnected && take("within")
	if timed {
		if len(words) == 0 {
			return "", errors.New("the time is missing, like 2s or 500ms")
		}
		d, err := time.ParseDuration(words[0])
		if err != nil || d <= 0 || d > maxWait {
			return "", fmt.Errorf("bad time %q: give one like 2s or 500ms, at most %v", clip(words[0]), maxWait)
		}
		a.Within, words = d, words[1:]
	}
	if a.Verb == Receives && take("all of") {
		a.Verb = ReceivesAllOf
	}
	if a.Verb == Befriends {
		friend := strings.Join(words, " ")
		if a.Whom = cast.character(friend); a.Whom < 0 || cast.Cast[a.Whom].JID == cast.Cast[a.Who].JID {
			return "", fmt.Errorf("%q is no other character of the cast", clip(friend))
		}
		words = nil
	}
	if len(words) > 0 {
		return "", fmt.Errorf("%q after %q is not understood", clip(strings.Join(words, " ")), a.Verb)
	}
	return inline, nil
}

// checkBody makes sure that the body will be good XML whatever the variables
// turn out to be, and that they will be known.
func (p *parser) checkBody(a *Act) error {
	if a.Body == "" {
		return nil
	}
	text, err := p.script.expand(a.Body, scope{
		captured: func(name string) (string, bool) { return "x", p.captured[name] },
		part:     func(int, string) (string, error) { return "x", nil },
	})
	if err != nil {
		return p.errorf(a.BodyLine, "%v", err)
	}
	if a.Verb == SendsRaw {
		return nil
	}
	elems, line, err := parseElements(text)
	if err != nil {
		return p.errorf(a.BodyLine+max(line, 0), "bad XML: %v", err)
	}
	switch {
	case len(elems) == 0:
		return p.errorf(a.BodyLine, "%q has no element below it", a.Verb)
	case len(elems) > 1 && (a.Verb == FailsToConnect || a.Verb == Resumes):
		return p.errorf(a.BodyLine, "%q takes one element", a.Verb)
	case a.Verb == Sends:
		return nil
	}
	for _, e := range elems {
		if err := checkMatchers(e); err != nil {
			return p.errorf(a.BodyLine, "%v", err)
		}
		for _, name := range captureNames(e) {
			p.captured[name] = true
		}
	}
	return nil
}

// clip shortens foreign text for a message.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

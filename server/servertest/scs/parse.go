package scs

import (
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
	case "", "none", "admin":
	default:
		return fmt.Errorf("account %q is neither none nor admin", c.Props["account"])
	}
	c.JID = bare
	return nil
}

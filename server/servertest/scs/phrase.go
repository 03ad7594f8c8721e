package scs

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

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
		FailsToConnect, Connects, Opens, LogsIn, Authenticates, Binds, Resumes, DisconnectsHard, Disconnects, IsDisconnected,
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
	case a.Verb == Sends || a.Verb == Authenticates:
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

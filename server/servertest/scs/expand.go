package scs

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// parts are the variables of a character: ${X's PART}. "full JID" comes before
// "JID", which it ends in.
var parts = []string{"full JID", "JID", "username", "domain", "resource", "password"}

// maxVariableDepth bounds variables within ${base64:…} and ${sha-1:…}.
const maxVariableDepth = 8

// scope says what the variables of a script stand for.
type scope struct {
	captured func(name string) (string, bool)
	part     func(who int, part string) (string, error)
}

// expand replaces the variables in a piece of XML by their escaped values.
func (s *Script) expand(text string, in scope) (string, error) {
	return s.expandWith(text, in, escape, 0)
}

func (s *Script) expandWith(text string, in scope, quote func(string) string, depth int) (string, error) {
	if depth > maxVariableDepth {
		return "", errors.New("variables nest too deep")
	}
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "${")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		end := closingBrace(rest)
		if end < 0 {
			return "", errors.New("${ without }")
		}
		value, err := s.variable(rest[:end], in, depth)
		if err != nil {
			return "", err
		}
		out.WriteString(quote(value))
		text = rest[end+1:]
	}
}

// closingBrace returns the index of the } that ends a variable, past those of
// variables within it; -1 if there is none.
func closingBrace(s string) int {
	open := 0
	for i := range len(s) {
		switch {
		case s[i] == '}' && open == 0:
			return i
		case s[i] == '}':
			open--
		case s[i] == '{' && i > 0 && s[i-1] == '$':
			open++
		}
	}
	return -1
}

func (s *Script) variable(name string, in scope, depth int) (string, error) {
	for prefix, made := range map[string]func(string) []byte{
		"base64:": func(text string) []byte { return []byte(text) },
		"sha-1:":  func(text string) []byte { sum := sha1.Sum([]byte(text)); return sum[:] },
	} {
		if text, ok := strings.CutPrefix(name, prefix); ok {
			text, err := s.expandWith(strings.ReplaceAll(text, `\0`, "\x00"), in, func(v string) string { return v }, depth+1)
			return base64.StdEncoding.EncodeToString(made(text)), err
		}
	}
	for _, p := range parts {
		if who, ok := strings.CutSuffix(name, "'s "+p); ok {
			if i := s.character(who); i >= 0 {
				return in.part(i, p)
			}
		}
	}
	if v, ok := in.captured(name); ok {
		return v, nil
	}
	return "", fmt.Errorf("unknown variable ${%s}: it is neither ${X's JID} or the like of the cast nor a name captured before", clip(name))
}

package scs

import (
	"fmt"
	"strings"
)

// parts are the variables of a character: ${X's PART}. The longest come
// first, so that "full JID" is not read as the JID of "X's full".
var parts = []string{"full JID", "JID", "username", "domain", "resource", "password"}

// expand replaces the variables in a piece of XML. captured gives the value
// of a plain name; part gives a part of a character. Values are escaped.
func (s *Script) expand(text string, captured func(name string) (string, bool), part func(who int, part string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "${")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return "", fmt.Errorf("${ without }")
		}
		text = after
		value, err := s.variable(name, captured, part)
		if err != nil {
			return "", err
		}
		out.WriteString(escape(value))
	}
}

func (s *Script) variable(name string, captured func(string) (string, bool), part func(int, string) (string, error)) (string, error) {
	for _, p := range parts {
		if who, ok := strings.CutSuffix(name, "'s "+p); ok {
			if i := s.character(who); i >= 0 {
				return part(i, p)
			}
		}
	}
	if v, ok := captured(name); ok {
		return v, nil
	}
	return "", fmt.Errorf("unknown variable ${%s}: it is neither ${X's JID} or the like of the cast nor a name captured before", clip(name))
}

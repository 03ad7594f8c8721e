package scs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The matchers: a whole value, or a head that a closing brace ends.
const (
	anyValue    = "{scansion:any}"
	absentValue = "{scansion:absent}"
	captureHead = "{scansion:capture:"
	regexpHead  = "{scansion:regexp:"
	notHead     = "{scansion:not:"
)

// cutMatcher returns what stands between the head of a matcher and its
// closing brace, and whether the value is such a matcher.
func cutMatcher(value, head string) (string, bool) {
	rest, ok := strings.CutPrefix(value, head)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "}")
}

// checkMatchers reports the first value in the tree that looks like a matcher
// and is none.
func checkMatchers(e *Element) error {
	for _, a := range e.Attrs {
		switch {
		case a.Name.Space != nsScansion:
			if err := checkMatcher(a.Value); err != nil {
				return err
			}
		case a.Name.Local != "strict" && a.Name.Local != "absent":
			return fmt.Errorf("unknown attribute scansion:%s", a.Name.Local)
		case a.Value != "true" && a.Value != "false":
			return fmt.Errorf("scansion:%s is neither true nor false", a.Name.Local)
		}
	}
	if err := checkMatcher(e.Text()); err != nil {
		return err
	}
	for _, k := range e.Elements() {
		if err := checkMatchers(k); err != nil {
			return err
		}
	}
	return nil
}

func checkMatcher(value string) error {
	if !strings.HasPrefix(value, "{scansion:") || value == anyValue || value == absentValue {
		return nil
	}
	if _, ok := cutMatcher(value, notHead); ok {
		return nil
	}
	if name, ok := cutMatcher(value, captureHead); ok && isCaptureName(name) {
		return nil
	}
	if re, ok := cutMatcher(value, regexpHead); ok {
		_, err := regexp.Compile(re)
		return err
	}
	return fmt.Errorf("unknown matcher %s", value)
}

func isCaptureName(s string) bool {
	return s != "" && !strings.ContainsAny(s, "{}$' \t\r\n")
}

// captureNames lists the names that the tree captures.
func captureNames(e *Element) []string {
	var names []string
	in := func(value string) {
		if name, ok := cutMatcher(value, captureHead); ok {
			names = append(names, name)
		}
		if re, ok := cutMatcher(value, regexpHead); ok {
			if compiled, err := regexp.Compile(re); err == nil {
				names = append(names, slices.DeleteFunc(compiled.SubexpNames(), func(s string) bool { return s == "" })...)
			}
		}
	}
	for _, a := range e.Attrs {
		in(a.Value)
	}
	in(e.Text())
	for _, k := range e.Elements() {
		names = append(names, captureNames(k)...)
	}
	return names
}

// matchValue compares one value and notes what it captures.
func matchValue(want, got string, caps captures) bool {
	if !strings.HasPrefix(want, "{scansion:") {
		return want == got
	}
	if name, ok := cutMatcher(want, captureHead); ok {
		if kept, ok := caps[name]; ok {
			return kept == got
		}
		caps[name] = got
		return true
	}
	if re, ok := cutMatcher(want, regexpHead); ok {
		compiled, err := regexp.Compile("^(?:" + re + ")$")
		if err != nil {
			return false
		}
		parts := compiled.FindStringSubmatch(got)
		for i, part := range parts {
			if name := compiled.SubexpNames()[i]; name != "" {
				if kept, ok := caps[name]; ok && kept != part {
					return false
				}
				caps[name] = part
			}
		}
		return parts != nil
	}
	if v, ok := cutMatcher(want, notHead); ok {
		return v != got
	}
	return want == anyValue
}

// resolve shows the kept value in place of a capture, for messages.
func resolve(want string, caps captures) string {
	if name, ok := cutMatcher(want, captureHead); ok {
		if kept, ok := caps[name]; ok {
			return kept
		}
	}
	return want
}

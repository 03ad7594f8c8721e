package presence

import (
	"strings"

	"natter/stanza"
)

// PriorityOf reads the priority of a presence stanza; without a <priority/> it
// is 0. More than one, or one that ParsePriority refuses, is a bad-request
// (RFC 6121 §4.7.2.3).
func PriorityOf(st *stanza.Stanza) (int8, *stanza.Error) {
	ns, _ := st.Name()
	var text string
	found := false
	for c := range st.All() {
		if !st.ChildIs(c, string(ns), "priority") {
			continue
		}
		if found {
			return 0, badPriority()
		}
		text, found = st.Text(c), true
	}
	if !found {
		return 0, nil
	}
	return ParsePriority(text)
}

// ParsePriority reads the text of a <priority/> element: an integer from -128
// to 127, written as xs:byte allows, white space around it (RFC 6121 §4.7.2.3).
// Anything else is a bad-request. Without the element the priority is 0.
func ParsePriority(text string) (int8, *stanza.Error) {
	digits := strings.Trim(text, " \t\r\n")
	negative := strings.HasPrefix(digits, "-")
	if negative || strings.HasPrefix(digits, "+") {
		digits = digits[1:]
	}
	if digits == "" {
		return 0, badPriority()
	}
	n := 0
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, badPriority()
		}
		if n = n*10 + int(digits[i]-'0'); n > 128 {
			return 0, badPriority()
		}
	}
	if negative {
		n = -n
	}
	if n > 127 {
		return 0, badPriority()
	}
	return int8(n), nil
}

func badPriority() *stanza.Error {
	return stanza.BadRequest("a priority is one integer from -128 to 127")
}

// MostAvailable appends the indexes of the available resources that share the
// highest priority, if that is not negative: those that a message to the bare
// JID goes to (RFC 6121 §8.5.2.1.1, choice a). With none it appends nothing, and
// the message is treated as for an account without resources.
func MostAvailable(dst []int, resources []Resource) []int {
	start, best := len(dst), int8(0)
	for i := range resources {
		r := &resources[i]
		if !r.Available || r.Priority < best {
			continue
		}
		if r.Priority > best {
			best, dst = r.Priority, dst[:start]
		}
		dst = append(dst, i)
	}
	return dst
}

// NonNegative appends the indexes of the available resources whose priority is
// not negative: those that a headline to the bare JID goes to (§8.5.2.1.1).
func NonNegative(dst []int, resources []Resource) []int {
	for i := range resources {
		if resources[i].Available && resources[i].Priority >= 0 {
			dst = append(dst, i)
		}
	}
	return dst
}

package scs

import "fmt"

// Compare matches one received element against one expected element by the
// rules of a script's "receives" (matchers included), and returns "" or what
// differs, for tests written in Go.
func Compare(want, got string) string {
	w, _, err := parseElements(want)
	if err != nil || len(w) != 1 {
		return fmt.Sprintf("the expectation is not one element (%v): %s", err, want)
	}
	if err := checkMatchers(w[0]); err != nil {
		return fmt.Sprintf("the expectation: %v", err)
	}
	g, _, err := parseElements(got)
	if err != nil || len(g) != 1 {
		return fmt.Sprintf("received what is not one element (%v): %s", err, got)
	}
	caps := captures{}
	if m := matchStanza(w[0], g[0], caps); m != nil {
		return m.String() + "\n" + diffStanza(w[0], g[0], captures{})
	}
	return ""
}

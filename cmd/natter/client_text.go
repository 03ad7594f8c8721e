package main

import (
	"fmt"
	"strings"
	"unicode"
)

// printable makes text from elsewhere safe to print: control characters, which
// could move the cursor or change the terminal, and the invisible characters
// that turn the direction of what follows become U+FFFD. Newlines and tabs
// stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || isDirectionOverride(r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// isDirectionOverride says whether r is one of the explicit embedding,
// override and isolate characters of UAX #9. Right-to-left text needs none.
func isDirectionOverride(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// oneLine is printable text without line breaks: names, statuses, reasons.
func oneLine(s string) string {
	return strings.Join(strings.Fields(printable(s)), " ")
}

// escapeLine is printable text on one line from which the original can be had
// back: backslash, newline and tab become \\, \n and \t.
func escapeLine(s string) string {
	return lineEscapes.Replace(printable(s))
}

var lineEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`)

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

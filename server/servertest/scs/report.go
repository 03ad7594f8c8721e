package scs

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// reporter writes outcomes as they come, and a summary.
type reporter interface {
	begin(total int)
	one(n int, o outcome)
	end(all []outcome, took time.Duration)
}

func tally(all []outcome) (passed, failed, skipped int) {
	for _, o := range all {
		switch {
		case o.skipped != "":
			skipped++
		case o.err != nil:
			failed++
		default:
			passed++
		}
	}
	return passed, failed, skipped
}

// plain is the report for people.
type plain struct{ w io.Writer }

func (p plain) begin(int) {}

func (p plain) one(_ int, o outcome) {
	switch {
	case o.skipped != "":
		fmt.Fprintf(p.w, "skip %s (%s)\n", o.label(), o.skipped)
	case o.err != nil:
		fmt.Fprintf(p.w, "FAIL %s  %s\n%s\n", o.label(), o.title, indent(o.err.Error()))
	default:
		fmt.Fprintf(p.w, "ok   %s  %s  (%v)\n", o.label(), o.title, o.duration.Round(time.Millisecond))
	}
}

func (p plain) end(all []outcome, took time.Duration) {
	passed, failed, skipped := tally(all)
	fmt.Fprintf(p.w, "%d passed, %d failed, %d skipped in %v\n", passed, failed, skipped, took.Round(time.Millisecond))
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }

// tap is the Test Anything Protocol, version 13.
type tapReport struct{ w io.Writer }

func (t tapReport) begin(total int) { fmt.Fprintf(t.w, "TAP version 13\n1..%d\n", total) }

func (t tapReport) one(n int, o outcome) {
	// "#" begins a directive in TAP.
	label := strings.ReplaceAll(o.label()+" - "+o.title, "#", "\\#")
	switch {
	case o.skipped != "":
		fmt.Fprintf(t.w, "ok %d %s # SKIP %s\n", n, label, o.skipped)
	case o.err != nil:
		fmt.Fprintf(t.w, "not ok %d %s\n  ---\n  message: |\n%s\n  ...\n", n, label, indent(o.err.Error()))
	default:
		fmt.Fprintf(t.w, "ok %d %s\n", n, label)
	}
}

func (t tapReport) end(all []outcome, _ time.Duration) {
	passed, failed, skipped := tally(all)
	fmt.Fprintf(t.w, "# %d passed, %d failed, %d skipped\n", passed, failed, skipped)
}

// The JUnit format, as far as the readers of it agree.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"` // seconds
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes the outcomes as one JUnit suite.
func writeJUnit(w io.Writer, all []outcome, took time.Duration) error {
	passed, failed, skipped := tally(all)
	suite := junitSuite{Name: "scs", Tests: passed + failed + skipped, Failures: failed, Skipped: skipped, Time: seconds(took)}
	for _, o := range all {
		c := junitCase{Name: o.label(), Class: o.title, Time: seconds(o.duration)}
		switch {
		case o.skipped != "":
			c.Skipped = &junitMessage{Message: o.skipped}
		case o.err != nil:
			first, _, _ := strings.Cut(o.err.Error(), "\n")
			c.Failure = &junitMessage{Message: first, Text: o.err.Error()}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

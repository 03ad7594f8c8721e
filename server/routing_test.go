package server_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/routing.md is the specification that these tests play: each row of its
// tables becomes a server, each cell a stanza.

// A table is one of the tables of docs/routing.md.
type table struct {
	columns []string
	rows    [][]string
}

// routingTable reads the table under a heading of docs/routing.md.
func routingTable(t *testing.T, heading string) table {
	t.Helper()
	b, err := os.ReadFile("../docs/routing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("docs/routing.md has no heading %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	var tab table
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		if tab.columns == nil {
			tab.columns = cells
			continue
		}
		if len(cells) != len(tab.columns) {
			t.Fatalf("a row of %q has %d cells: %s", heading, len(cells), line)
		}
		tab.rows = append(tab.rows, cells)
	}
	return tab
}

// whole checks that a table has exactly these columns and rows, in this order, a
// row named by its first n cells.
func (tab table) whole(t *testing.T, n int, columns []string, rows [][]string) {
	t.Helper()
	if !slices.Equal(tab.columns[n:], columns) {
		t.Fatalf("the columns in docs/routing.md are\n  %q\nand the test plays\n  %q", tab.columns[n:], columns)
	}
	for i := range max(len(rows), len(tab.rows)) {
		switch {
		case i >= len(rows):
			t.Fatalf("docs/routing.md has a row that no test plays: %q", tab.rows[i][:n])
		case i >= len(tab.rows) || !slices.Equal(tab.rows[i][:n], rows[i]):
			t.Fatalf("docs/routing.md lacks the row %q, or has it elsewhere", rows[i])
		}
	}
}

// addresses of docs/routing.md, by what they are called there. A row's account is
// juliet at a domain, the resource addressed is phone.
var addresses = map[string]func(domain string) string{
	"a bare JID":                              func(d string) string { return "juliet@" + d },
	"the full JID of a resource":              func(d string) string { return "juliet@" + d + "/phone" },
	"a full JID without a resource":           func(d string) string { return "juliet@" + d + "/tomb" },
	"a domain of this server":                 func(d string) string { return d },
	"a domain of this server with a resource": func(d string) string { return d + "/phone" },
	"a domain this server does not serve":     func(string) string { return "juliet@elsewhere.example" },
	"what is not an address":                  func(d string) string { return "@" + d },
	"nobody":                                  func(string) string { return "" },
}

// to is an address as the attribute 'to', nothing where it is empty.
func to(addr string) string {
	if addr == "" {
		return ""
	}
	return " to='" + addr + "'"
}

// within names the domain that the other account is at, for the names of tests.
func within(domain string) string {
	if domain == "localhost" {
		return "within a domain"
	}
	return "across domains"
}

// domains are where the account that is addressed may be; the sender is at the
// first. When it has to be short, across domains is enough.
func domains() []string {
	both := []string{"localhost", "example.org"}
	if testing.Short() {
		return both[1:]
	}
	return both
}

// A resource of the account that is addressed.
type resource struct {
	name      string
	priority  int
	connected bool // and not available
	detached  bool
}

// The states of an account, by what docs/routing.md calls them.
var states = map[string][]resource{
	"no resource": nil,
	"a resource that is connected and not available":             {{name: "phone", connected: true}},
	"only resources of negative priority":                        {{name: "phone", priority: -1}, {name: "laptop", priority: -128}},
	"one resource of priority 0 and a negative one":              {{name: "phone"}, {name: "laptop", priority: -1}},
	"one resource of priority 0, detached":                       {{name: "phone", detached: true}},
	"several resources of equal priority and a negative one":     {{name: "laptop", priority: 5}, {name: "phone", priority: 5}, {name: "tablet", priority: -1}},
	"several resources of different priority and a negative one": {{name: "laptop", priority: 1}, {name: "phone", priority: 127}, {name: "tablet", priority: -1}},
}

// takers are the names of the resources that a cell of the table names.
func takers(t *testing.T, cell string, of []resource) []string {
	t.Helper()
	var names []string
	highest := 0
	for _, r := range of {
		if !r.connected {
			highest = max(highest, r.priority)
		}
	}
	for _, r := range of {
		if cell == "it" && r.name == "phone" || !r.connected &&
			(cell == "every" || cell == "all" && r.priority >= 0 || cell == "best" && r.priority == highest) {
			names = append(names, r.name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("nobody is %q here", cell)
	}
	slices.Sort(names)
	return names
}

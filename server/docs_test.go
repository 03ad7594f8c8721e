package server_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	mdLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notSlug = regexp.MustCompile("[^a-z0-9 _-]")
)

// TestLinksInTheDocumentationLead to a file, and to a heading of it where they name
// one.
func TestLinksInTheDocumentationLead(t *testing.T) {
	var pages []string
	for _, dir := range []string{"../docs", "../testdata", "../.ci", "web/client"} {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if err == nil && strings.HasSuffix(path, ".md") {
				pages = append(pages, path)
			}
			return nil
		})
	}
	pages = append(pages, "../README.md")
	if len(pages) < 8 {
		t.Fatalf("only %q", pages)
	}
	for _, page := range pages {
		for _, m := range mdLink.FindAllStringSubmatch(read(t, page), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := page
			if target != "" {
				path = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if anchor != "" && !strings.Contains(anchors(read(t, path)), "\n"+anchor+"\n") {
				t.Errorf("%s links to %s, and there is no such heading", page, m[1])
			}
		}
	}
}

// anchors are the names that headings are linked by, one a line.
func anchors(text string) string {
	out := "\n"
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		out += strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-") + "\n"
	}
	return out
}

// TestTheReadmesProgramIsTheExample that is compiled and run.
func TestTheReadmesProgramIsTheExample(t *testing.T) {
	_, code, ok := strings.Cut(read(t, "../README.md"), "```go\n")
	code, _, closed := strings.Cut(code, "```")
	if !ok || !closed || !strings.HasSuffix(read(t, "servertest/example_test.go"), "\n"+code) {
		t.Error("the program in README.md is not the end of server/servertest/example_test.go")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

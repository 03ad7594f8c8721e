package web_test

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"natter/server"
)

var update = flag.Bool("update", false, "write what the commands in docs/api.md print into it")

// TestManualIsTrue runs the commands of docs/api.md, one shell for all, and compares what
// they print with what stands below them. Ids, times and tokens are other ones each time.
func TestManualIsTrue(t *testing.T) {
	for _, program := range []string{"curl", "bash"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is missing")
		}
	}
	const file = "../../docs/api.md"
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newAPIWorld(t, server.Config{})
	lines := strings.Split(string(raw), "\n")
	const end = "-- end of the output --"
	script := "token=" + w.token("bot", "garden@conference.localhost") + "\n"
	var commands int
	for _, line := range lines {
		if c, ok := strings.CutPrefix(line, "    $ "); ok {
			commands++
			c = strings.ReplaceAll(c, "http://localhost:5280", strings.Replace(w.url, "127.0.0.1", "localhost", 1))
			script += c + "\necho '" + end + "'\n"
		}
	}
	if commands < 10 {
		t.Fatalf("docs/api.md has %d commands", commands)
	}
	cmd := exec.CommandContext(t.Context(), "bash")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	printed := strings.Split(string(out), end+"\n")
	var now []string
	for i := 0; i < len(lines); i++ {
		now = append(now, lines[i])
		if !strings.HasPrefix(lines[i], "    $ ") {
			continue
		}
		var was []string
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "    ") && !strings.HasPrefix(lines[i+1], "    $ ") {
			i++
			was = append(was, strings.TrimPrefix(lines[i], "    "))
		}
		got := strings.Split(strings.TrimRight(printed[0], "\n"), "\n")
		printed = printed[1:]
		if got[0] == "" {
			got = nil
		}
		if a, b := steady(was), steady(got); a != b && !*update {
			t.Errorf("%s prints\n%s\nand the manual says\n%s", strings.TrimSpace(now[len(now)-1]), b, a)
		}
		for _, line := range got {
			now = append(now, "    "+line)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(now, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var changing = regexp.MustCompile(`[A-Za-z0-9_-]{22}|\d{4}-\d\d-\d\dT[\d:.]+Z|"stanza":"[^"]*"`)

// steady is output without what is another each time; empty lines do not count.
func steady(lines []string) string {
	var out []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, changing.ReplaceAllString(line, "~"))
		}
	}
	return strings.Join(out, "\n")
}

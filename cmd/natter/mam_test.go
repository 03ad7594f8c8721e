package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMAM(t *testing.T) {
	w := newWorld(t)
	w.Account(t, juliet)
	r := w.Login(t, romeo+"/garden")
	for i := range 250 {
		r.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat' id='m%d'><body>line %d</body></message>`, i, i))
	}
	r.Send(`<message to='nurse@localhost' type='chat'><body>nobody</body></message>`,
		`<message to='juliet@localhost' type='chat' id='odd'><body>tab	and`+"\n"+`light wings</body></message>`,
		`<message to='juliet@localhost' type='chat'><received xmlns='urn:xmpp:receipts' id='x'/></message>`)
	r.Sync()
	texts := func(args ...string) []string {
		t.Helper()
		got := w.natter(romeo, "", append([]string{"mam"}, args...)...)
		if got.code != exitOK {
			t.Fatalf("%s: %+v", args, got)
		}
		var list []string
		for line := range strings.Lines(got.out) {
			list = append(list, strings.SplitN(strings.TrimSpace(line), "\t", 4)[3])
		}
		return list
	}
	if got := texts("--max", "3"); strings.Join(got, "|") != `line 249|tab\tand\nlight wings` { // and a receipt
		t.Errorf("the last three: %q", got)
	}
	if got := texts("--max", "0"); len(got) != 251 || got[0] != "line 0" {
		t.Errorf("all: %d, %q", len(got), got[0])
	}
	if got := texts("--max", "220"); len(got) != 219 || got[0] != "line 32" {
		t.Errorf("the last 220: %d, %q", len(got), got[0])
	}
	if got := texts("--search", `"light wings"`, "--with", juliet); len(got) != 1 {
		t.Errorf("a search: %q", got)
	}
	if got := texts("--end", "24h"); len(got) != 0 {
		t.Errorf("of yesterday: %q", got)
	}
	got := w.natter(romeo, "", "mam", "--json", "--max", "1", "--search", "wings", romeo)
	var m jsonMessage
	if err := json.Unmarshal([]byte(got.out), &m); err != nil || m.ID != "odd" || m.StanzaID == "" || m.To != juliet || m.Time == "" {
		t.Errorf("JSON: %v, %+v", err, got)
	}
	got = w.natter(romeo, "", "mam", juliet)
	if got.code != exitRefused || !strings.Contains(got.err, "asking juliet@localhost: ") {
		t.Errorf("another's archive: %+v", got)
	}
	if got = w.natter(romeo, "", "mam", "--start", "soon"); got.code != exitUsage {
		t.Errorf("no time: %+v", got)
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.FixedZone("", 3600))
	for in, want := range map[string]string{
		"": "", "90m": "2026-01-31T09:30:00Z", "2026-01-02": "2026-01-01T23:00:00Z", "2026-01-02T03:04:05.5+01:00": "2026-01-02T02:04:05.5Z",
	} {
		if got, err := parseWhen(in, now); got != want || err != nil {
			t.Errorf("%q: %q %v, want %q", in, got, err, want)
		}
	}
	if _, err := parseWhen("soon", now); err == nil {
		t.Error("soon is a time")
	}
}

// TestChatGoesBackIntoTheArchive with /history, page by page, once what it has itself
// is told.
func TestChatGoesBackIntoTheArchive(t *testing.T) {
	w := newWorld(t)
	w.Account(t, romeo)
	j := w.Login(t, juliet+"/balcony")
	for i := range 25 {
		j.Send(fmt.Sprintf(`<message to='romeo@localhost' type='chat' id='m%d'><body>line %d</body></message>`, i, i))
		if i == 9 {
			first := w.Online(t, romeo+"/earlier") // who takes what waits
			for range 10 {
				first.Next()
			}
			first.Close()
		}
	}
	j.Sync()
	r := w.start(romeo, "chat", juliet)
	r.expect("line 24") // 10 to 24 waited
	r.enter("/history 20")
	r.expect("Earlier lines: /history again.")
	r.expect("line 5")
	r.expect("line 24")
	r.enter("/history 20")
	r.expect("line 0")
	r.expect("line 4")
	r.enter("/history 20")
	r.expect("There is nothing earlier here.")
}

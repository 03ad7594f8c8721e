package main

import (
	"fmt"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"
)

// verona returns the people of a contact list with two of one name.
func verona() *people {
	ps := newPeople(jid.MustParse(romeo))
	ps.setRoster([]contact{
		{jid: jid.MustParse("juliet@localhost"), subscription: "both"},
		{jid: jid.MustParse("nurse@localhost"), name: "Angelica the Nurse", subscription: "both"},
		{jid: jid.MustParse("mercutio@localhost"), subscription: "to"},
		{jid: jid.MustParse("mercutio@example.org"), subscription: "none", ask: true},
		{jid: jid.MustParse("romeo@example.org"), subscription: "from"},
	})
	return ps
}

func TestNames(t *testing.T) {
	ps := verona()
	for address, want := range map[string]string{
		"juliet@localhost":     "juliet",
		"nurse@localhost":      "Angelica the Nurse",
		"mercutio@localhost":   "mercutio@localhost",
		"mercutio@example.org": "mercutio@example.org",
		"romeo@example.org":    "romeo@example.org", // who would pass for oneself
		"romeo@localhost":      "romeo",
		"chat.example.org":     "chat.example.org",
	} {
		if got := ps.name(ps.get(jid.MustParse(address))); got != want {
			t.Errorf("%s is called %q, not %q", address, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	for typed, want := range map[string]string{
		"juliet":               "juliet@localhost",
		"JULIET":               "juliet@localhost",
		"jul":                  "juliet@localhost",
		"juliet@localhost":     "juliet@localhost",
		"juliet@localhost/x":   "juliet@localhost",
		"nurse":                "nurse@localhost",
		"Ang":                  "nurse@localhost",
		"mercutio":             `"mercutio" could be mercutio@example.org or mercutio@localhost`,
		"mercutio@example.org": "mercutio@example.org",
		"tybalt":               `nobody is called "tybalt" here`,
		"tybalt@localhost":     "tybalt@localhost",
		"@":                    "is not an address",
		"":                     "say who",
		"romeo":                "romeo@example.org",
	} {
		p, err := verona().resolve(typed)
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q", typed, err, want)
		case err == nil && p.jid.String() != want:
			t.Errorf("%q is %s, not %s", typed, p.jid, want)
		}
	}
}

func TestPresenceOfSeveralClients(t *testing.T) {
	ps := verona()
	at := func(r string) jid.JID { return jid.MustParse("juliet@localhost/" + r) }
	p := ps.get(at("x"))
	for _, step := range []struct {
		name   string
		from   jid.JID
		online bool
		r      resource
		want   string
	}{
		{"a first client", at("phone"), true, resource{show: "away", status: "out"}, "away: out"},
		{"a more reachable one of the same priority", at("desk"), true, resource{}, "online"},
		{"one of higher priority speaks for all", at("phone"), true, resource{show: "dnd", priority: 5}, "busy"},
		{"which goes", at("phone"), false, resource{}, "online"},
		{"an unknown show is online", at("desk"), true, resource{show: "dancing"}, "online"},
		{"a client never seen goes", at("other"), false, resource{}, "online"},
		{"the last one goes", at("desk"), false, resource{}, "offline"},
		{"one is back", at("desk"), true, resource{show: "chat"}, "free to chat"},
		{"the account as a whole goes", jid.MustParse("juliet@localhost"), false, resource{}, "offline"},
	} {
		ps.presence(step.from, step.online, step.r)
		if got := presenceSentence(p); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

func TestContactListOrder(t *testing.T) {
	ps := verona()
	ps.presence(jid.MustParse("nurse@localhost/x"), true, resource{show: "away"})
	ps.presence(jid.MustParse("mercutio@localhost/x"), true, resource{})
	ps.get(jid.MustParse("tybalt@localhost")).asks = true
	ps.get(jid.MustParse("friar@localhost")) // heard of, no more
	var names []string
	for _, p := range ps.list() {
		names = append(names, ps.name(p))
	}
	want := "mercutio@localhost, Angelica the Nurse, juliet, mercutio@example.org, romeo@example.org, tybalt"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestContactListTable(t *testing.T) {
	ps, v := verona(), viewAt(100)
	ps.presence(jid.MustParse("juliet@localhost/x"), true, resource{show: "away", status: "out"})
	ps.get(jid.MustParse("tybalt@localhost")).asks = true
	ps.get(jid.MustParse("juliet@localhost")).unread = 2
	want := `  ◐ juliet                away     juliet@localhost  2 unread  out
  ○ Angelica the Nurse    offline  nurse@localhost
  ○ mercutio@example.org  offline                    has not answered yet
  ○ mercutio@localhost    offline
  ○ romeo@example.org     offline                    sees you; you do not see them
  ○ tybalt                offline  tybalt@localhost  wants to see when you are there: /accept or /deny them`
	if got := strings.Join(v.rosterTable(ps), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	v.symbols = false
	if got := v.rosterTable(ps)[0]; !strings.HasPrefix(got, "  ~ juliet") {
		t.Errorf("without symbols: %s", got)
	}
}

func TestRosterPush(t *testing.T) {
	ps := verona()
	ps.get(jid.MustParse("tybalt@localhost")).asks = true
	ps.update(contact{jid: jid.MustParse("tybalt@localhost"), subscription: "from", name: "Tybalt"})
	ps.update(contact{jid: jid.MustParse("juliet@localhost"), subscription: "remove"})
	if p := ps.get(jid.MustParse("tybalt@localhost")); p.asks || !p.seesMe() || ps.name(p) != "Tybalt" {
		t.Errorf("accepted elsewhere: %+v", p)
	}
	if p := ps.get(jid.MustParse("juliet@localhost")); p.contact != nil {
		t.Errorf("removed: %+v", p.contact)
	}
}

func TestHistoryPages(t *testing.T) {
	p := newPeople(jid.MustParse(romeo)).get(jid.MustParse(juliet))
	for i := range 50 {
		p.add(&entry{text: fmt.Sprint(i)})
	}
	for _, want := range []struct {
		first string
		n     int
		more  bool
	}{{"30", 20, true}, {"10", 20, true}, {"0", 10, false}, {"", 0, false}} {
		lines, more := p.page(20)
		if len(lines) != want.n || more != want.more || len(lines) > 0 && lines[0].text != want.first {
			t.Errorf("got %d lines, more %v; want %+v", len(lines), more, want)
		}
	}
	p.add(&entry{text: "new"})
	if lines, _ := p.page(1); lines[0].text != "new" {
		t.Errorf("after a new line paging starts with %q", lines[0].text)
	}
}

func TestConversationIsBounded(t *testing.T) {
	p := newPeople(jid.MustParse(romeo)).get(jid.MustParse(juliet))
	for i := range maxLines + 10 {
		p.add(&entry{mine: true, id: fmt.Sprint(i)})
	}
	if len(p.lines) != maxLines || p.find("9") != nil || p.find("10") == nil || p.find("") != nil {
		t.Errorf("%d lines are kept", len(p.lines))
	}
}

func TestCompletion(t *testing.T) {
	ps := verona()
	ps.get(jid.MustParse("tybalt@localhost")).asks = true
	ps.get(jid.MustParse("tyrone@localhost"))
	var c completer
	c.update(ps, nil)
	for _, row := range []struct{ name, line, want string }{ // | is the cursor
		{"a command", "/hel|", "/help |"},
		{"several commands get what they have in common", "/d|", "/d|"},
		{"a longer beginning of several", "/acc|", "/accept |"},
		{"a name", "/chat jul|", "/chat juliet |"},
		{"a name whatever its case", "/chat JUL|", "/chat juliet |"},
		{"two of a name", "/chat merc|", "/chat mercutio@|"},
		{"a name of several words is completed as the address", "/chat nu|", "/chat nurse@localhost |"},
		{"only those who ask can be accepted", "/accept ty|", "/accept tybalt |"},
		{"everybody can be talked with", "/chat ty|", "/chat ty|"},
		{"no second name", "/msg juliet jul|", "/msg juliet jul|"},
		{"no name where there is none", "/away jul|", "/away jul|"},
		{"nothing in a text", "hello jul|", "hello jul|"},
		{"in the middle of a line", "/msg jul| hello", "/msg juliet| hello"},
		{"nothing known", "/chat zz|", "/chat zz|"},
		{"nothing at all", "|", "|"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before, after, _ := strings.Cut(row.line, "|")
			line, pos := c.line(before+after, len(before))
			if got := line[:pos] + "|" + line[pos:]; got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

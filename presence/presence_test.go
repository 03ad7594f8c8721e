package presence

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"natter/roster"
	"natter/stanza"
)

func jid(t testing.TB, s string) stanza.JID {
	t.Helper()
	j, err := stanza.ParseJID(s)
	if err != nil {
		t.Fatalf("parse %q: %v", s, err)
	}
	return j
}

const (
	balcony = iota
	chamber
	garden
)

var resourceNames = [...]string{"balcony", "chamber", "garden"}

// juliet is an account with a contact in every state, named for the state, at
// local.example, and one more in "both" and one in "ask" at remote.example. A
// request of "in" waits that is on the list, one of "stranger" that is not.
func juliet(t testing.TB) *Account {
	t.Helper()
	a := &Account{
		JID:    jid(t, "juliet@example.com"),
		Roster: roster.New(jid(t, "juliet@example.com"), "e", roster.DefaultLimits),
	}
	for _, c := range []struct{ name, reach string }{
		{"none@local.example", ""},
		{"ask@local.example", ">subscribe"},
		{"in@local.example", "<subscribe"},
		{"askin@local.example", ">subscribe <subscribe"},
		{"to@local.example", ">subscribe <subscribed"},
		{"toin@local.example", ">subscribe <subscribed <subscribe"},
		{"from@local.example", "<subscribe >subscribed"},
		{"fromask@local.example", "<subscribe >subscribed >subscribe"},
		{"both@local.example", ">subscribe <subscribed <subscribe >subscribed"},
		{"approved@local.example", ">subscribed"},
		{"both@remote.example", ">subscribe <subscribed <subscribe >subscribed"},
		{"ask@remote.example", ">subscribe"},
		{"stranger@local.example", "<subscribe"},
	} {
		if !strings.HasPrefix(c.name, "stranger") {
			if _, err := a.Roster.Set(roster.SetRequest{JID: jid(t, c.name)}); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range strings.Fields(c.reach) {
			if _, err := exchange(t, a, jid(t, c.name), step); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a
}

// exchange lets the account send (">subscribe") or receive ("<subscribe") a
// subscription stanza.
func exchange(t testing.TB, a *Account, j stanza.JID, step string) (roster.Effect, *stanza.Error) {
	t.Helper()
	var kind roster.Kind
	for kind = roster.Subscribe; kind.String() != step[1:]; kind++ {
		if kind > roster.Unsubscribed {
			t.Fatalf("no such step: %s", step)
		}
	}
	if step[0] == '>' {
		return a.Roster.Outbound(j, kind)
	}
	return a.Roster.Inbound(j, kind, []byte("<presence type='subscribe'/>"))
}

// with gives the account resources: a name for one that is available, in
// parentheses one that is only connected.
func (a *Account) with(names ...string) *Account {
	for _, name := range names {
		a.Resources = append(a.Resources, Resource{Available: !strings.HasPrefix(name, "(")})
	}
	return a
}

// blocking lets the account block what the items stand for.
func blocking(t testing.TB, a *Account, items ...string) *Account {
	var blocked []stanza.JID
	for _, s := range items {
		blocked = append(blocked, jid(t, s))
	}
	a.Blocked = func(j stanza.JID) bool {
		return slices.ContainsFunc(blocked, func(item stanza.JID) bool { return Matches(item, j) })
	}
	return a
}

// lines writes actions as people would say them: kind, from which resource
// (none for the bare JID) and, after an arrow, to whom.
func lines(actions []Action) string {
	var out strings.Builder
	for _, a := range actions {
		out.WriteString(a.Kind.String())
		switch {
		case a.From >= 0:
			out.WriteString(" " + resourceNames[a.From])
		case a.From == Asked:
			out.WriteString(" asked")
		}
		if !a.To.IsZero() {
			out.WriteString(" -> " + a.To.String())
		}
		if a.Own >= 0 {
			out.WriteString(" => " + resourceNames[a.Own])
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// expect compares actions with their lines; indentation does not count.
func expect(t *testing.T, got []Action, want string) {
	t.Helper()
	var wanted strings.Builder
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			wanted.WriteString(line + "\n")
		}
	}
	if g := lines(got); g != wanted.String() {
		t.Errorf("got\n%swant\n%s", indent(g), indent(wanted.String()))
	}
}

func indent(s string) string {
	if s == "" {
		return "\tnothing\n"
	}
	return "\t" + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n\t") + "\n"
}

func TestEveryKindHasAName(t *testing.T) {
	seen := map[string]Kind{}
	for _, k := range []Kind{Relay, Current, Available, Unavailable, LastUnavailable, Probe, Route,
		DeliverAvailable, DeliverInterested, Subscribe, Subscribed, Unsubscribe, Unsubscribed, Request, Push} {
		name := k.String()
		if other, again := seen[name]; again || name == "" {
			t.Errorf("kinds %d and %d are both called %q", k, other, name)
		}
		seen[name] = k
	}
	if s := fmt.Sprint(Kind(99)); s != "" {
		t.Errorf("no kind is called %s", s)
	}
}

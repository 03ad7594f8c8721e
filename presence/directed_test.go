package presence

import (
	"fmt"
	"slices"
	"testing"

	"natter/stanza"
)

func listed(a *Account, res int) []string {
	out := []string{}
	for _, j := range a.Resources[res].Directed.List() {
		out = append(out, j.String())
	}
	return out
}

func TestDirectedPresenceIsRememberedAsSection463Says(t *testing.T) {
	const none, both = "none@local.example", "both@local.example"
	for _, row := range []struct {
		name        string
		a           *Account
		to          string
		unavailable bool
		remembered  []string
	}{
		{"rule 1: a subscriber hears from an available resource anyway", juliet(t).with("balcony"), both, false, []string{}},
		{"rule 1: so does each of its resources", juliet(t).with("balcony"), both + "/x", false, []string{}},
		{"rule 1: so does the account itself", juliet(t).with("balcony"), "juliet@example.com/garden", false, []string{}},
		{"rule 2: a contact without a subscription is remembered", juliet(t).with("balcony"), none, false, []string{none}},
		{"rule 2: one that only asked is remembered", juliet(t).with("balcony"), "in@local.example", false, []string{"in@local.example"}},
		{"rule 2: a contact one is subscribed to is remembered", juliet(t).with("balcony"), "to@local.example", false, []string{"to@local.example"}},
		{"rule 2: a room is remembered by the occupant's address", juliet(t).with("balcony"), "room@chat.example/j", false, []string{"room@chat.example/j"}},
		{"rule 3: before initial presence a subscriber is remembered too", juliet(t).with("(balcony)"), both, false, []string{both}},
		{"the same address is remembered once", directedTo(t, juliet(t).with("balcony"), balcony, none), none, false, []string{none}},
		{"two addresses of one account are two", directedTo(t, juliet(t).with("balcony"), balcony, none), none + "/x", false, []string{none, none + "/x"}},
		{"§4.6.1 taken back, it is forgotten", directedTo(t, juliet(t).with("balcony"), balcony, "a@x.example", none), none, true, []string{"a@x.example"}},
		{"taken back from another address, it is not", directedTo(t, juliet(t).with("balcony"), balcony, none), none + "/x", true, []string{none}},
		{"taken back where there was none, nothing changes", juliet(t).with("balcony"), none, true, []string{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dst, err := row.a.SendDirected(nil, balcony, jid(t, row.to), row.unavailable)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, dst, "relay balcony -> "+row.to)
			if got := listed(row.a, balcony); !slices.Equal(got, row.remembered) {
				t.Errorf("remembered %v", got)
			}
		})
	}
}

func TestWhoGoesNeedNotBeTold(t *testing.T) {
	// §4.6.1.
	start := func() *Account {
		a := juliet(t).with("balcony", "chamber")
		directedTo(t, a, balcony, "room@chat.example/j", "friend@x.example")
		return directedTo(t, a, chamber, "room@chat.example/j2", "friend@x.example")
	}
	for _, row := range []struct {
		name             string
		res              int
		from             string
		balcony, chamber []string
	}{
		{"an occupant that leaves its room", balcony, "room@chat.example/j",
			[]string{"friend@x.example"}, []string{"room@chat.example/j2", "friend@x.example"}},
		{"another occupant that leaves", balcony, "room@chat.example/nurse",
			[]string{"room@chat.example/j", "friend@x.example"}, []string{"room@chat.example/j2", "friend@x.example"}},
		{"someone who tells the whole account", All, "friend@x.example",
			[]string{"room@chat.example/j"}, []string{"room@chat.example/j2"}},
		{"an occupant that leaves, told to a resource that is gone", None, "room@chat.example/j",
			[]string{"room@chat.example/j", "friend@x.example"}, []string{"room@chat.example/j2", "friend@x.example"}},
		{"one resource of someone whose bare JID was told", All, "friend@x.example/phone",
			[]string{"room@chat.example/j", "friend@x.example"}, []string{"room@chat.example/j2", "friend@x.example"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := start()
			a.HearUnavailable(row.res, jid(t, row.from))
			if got := listed(a, balcony); !slices.Equal(got, row.balcony) {
				t.Errorf("the balcony remembers %v", got)
			}
			if got := listed(a, chamber); !slices.Equal(got, row.chamber) {
				t.Errorf("the chamber remembers %v", got)
			}
		})
	}
}

func TestDirectedPresenceHasABound(t *testing.T) {
	a := juliet(t).with("balcony", "chamber")
	for i := range MaxDirected {
		directedTo(t, a, balcony, fmt.Sprintf("room%d@chat.example/j", i))
	}
	dst, err := a.SendDirected(nil, balcony, jid(t, "onemore@chat.example/j"), false)
	if err == nil || err.Condition != "resource-constraint" || len(dst) != 0 {
		t.Errorf("one more: %v, %s", err, lines(dst))
	}
	for _, to := range []string{"room7@chat.example/j", "both@local.example"} {
		if _, err := a.SendDirected(nil, balcony, jid(t, to), false); err != nil {
			t.Errorf("%s needs no new place: %v", to, err)
		}
	}
	directedTo(t, a, chamber, "onemore@chat.example/j")
	if _, err := a.SendDirected(nil, balcony, jid(t, "room7@chat.example/j"), true); err != nil {
		t.Error(err)
	}
	directedTo(t, a, balcony, "onemore@chat.example/j")
}

func TestDirectedPresenceOutlivesASession(t *testing.T) {
	a := directedTo(t, juliet(t).with("balcony"), balcony, "room@chat.example/j", "friend@x.example")
	saved := slices.Clone(a.Resources[balcony].Directed.List())
	var d Directed
	d.Restore(saved)
	saved[0] = jid(t, "scribbled.example")
	if !slices.Equal(d.List(), a.Resources[balcony].Directed.List()) {
		t.Errorf("restored %v", d.List())
	}
	d.Restore(make([]stanza.JID, MaxDirected+1))
	if len(d.List()) != MaxDirected {
		t.Errorf("restored %d", len(d.List()))
	}
}

func TestWhoMaySendARequestToAResource(t *testing.T) {
	// §8.5.3.1.
	a := directedTo(t, juliet(t).with("balcony", "chamber"), balcony, "room@chat.example/j", "friend@x.example")
	for _, row := range []struct {
		name string
		res  int
		from string
		want bool
	}{
		{"a subscriber may", balcony, "from@local.example/x", true},
		{"one with a mutual subscription may", chamber, "both@local.example/x", true},
		{"another resource of the account may", chamber, "juliet@example.com/garden", true},
		{"one that the account is subscribed to may not", balcony, "to@local.example/x", false},
		{"one that asked may not", balcony, "in@local.example/x", false},
		{"one that is approved beforehand may not yet", balcony, "approved@local.example/x", false},
		{"a stranger may not", balcony, "tybalt@x.example/x", false},
		{"one that got directed presence may", balcony, "friend@x.example/x", true},
		{"one that got it from another resource may not", chamber, "friend@x.example/x", false},
		{"the other occupants of a room may", balcony, "room@chat.example/nurse", true},
		{"the occupants of another room may not", balcony, "hall@chat.example/nurse", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := a.Shares(row.res, jid(t, row.from)); got != row.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

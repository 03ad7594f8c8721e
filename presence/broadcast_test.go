package presence

import (
	"testing"

	"natter/stanza"
)

func TestInitialPresence(t *testing.T) {
	for _, row := range []struct {
		name string
		a    *Account
		res  int
		want string
	}{
		{"§4.2.2 the first resource goes to subscribers and itself, probes, is shown what waits, and asks again",
			juliet(t).with("(balcony)"), balcony, `
			relay balcony -> both@local.example
			relay balcony -> both@remote.example
			relay balcony -> from@local.example
			relay balcony -> fromask@local.example
			relay balcony => balcony
			probe -> both@local.example => balcony
			probe -> both@remote.example => balcony
			probe -> to@local.example => balcony
			probe -> toin@local.example => balcony
			request -> askin@local.example => balcony
			request -> in@local.example => balcony
			request -> stranger@local.example => balcony
			request -> toin@local.example => balcony
			subscribe -> ask@local.example
			subscribe -> ask@remote.example
			subscribe -> askin@local.example
			subscribe -> fromask@local.example`},
		{"§4.2.2 a second resource is seen by the first, sees it, and does not ask again",
			juliet(t).with("balcony", "(chamber)"), chamber, `
			relay chamber -> both@local.example
			relay chamber -> both@remote.example
			relay chamber -> from@local.example
			relay chamber -> fromask@local.example
			relay chamber => balcony
			relay chamber => chamber
			current balcony => chamber
			probe -> both@local.example => chamber
			probe -> both@remote.example => chamber
			probe -> to@local.example => chamber
			probe -> toin@local.example => chamber
			request -> askin@local.example => chamber
			request -> in@local.example => chamber
			request -> stranger@local.example => chamber
			request -> toin@local.example => chamber`},
		{"a resource that is only connected neither sees nor is seen",
			(&Account{JID: jid(t, "juliet@example.com")}).with("(balcony)", "(chamber)", "garden"), chamber, `
			relay chamber => chamber
			relay chamber => garden
			current garden => chamber`},
		{"XEP-0191 §3.3 blocked contacts are left out of all of it",
			blocking(t, juliet(t), "local.example").with("(balcony)"), balcony, `
			relay balcony -> both@remote.example
			relay balcony => balcony
			probe -> both@remote.example => balcony
			subscribe -> ask@remote.example`},
		{"XEP-0191 §3.3 a blocked contact is not asked again",
			blocking(t, juliet(t), "local.example", "remote.example").with("(balcony)"), balcony, `
			relay balcony => balcony`},
		{"an account without a roster has only itself",
			(&Account{JID: jid(t, "juliet@example.com")}).with("(balcony)"), balcony, `
			relay balcony => balcony`},
	} {
		t.Run(row.name, func(t *testing.T) {
			expect(t, row.a.Broadcast(nil, row.res, -5), row.want)
			if r := row.a.Resources[row.res]; !r.Available || r.Priority != -5 {
				t.Errorf("the resource is %+v", r)
			}
		})
	}
}

func TestLaterPresence(t *testing.T) {
	const subscribers = `
			relay balcony -> both@local.example
			relay balcony -> both@remote.example
			relay balcony -> from@local.example
			relay balcony -> fromask@local.example`
	for _, row := range []struct {
		name string
		a    *Account
		want string
	}{
		{"§4.4.2 it goes to subscribers and to every available resource, itself too",
			juliet(t).with("balcony", "chamber", "(garden)"), subscribers + `
			relay balcony => balcony
			relay balcony => chamber`},
		{"XEP-0191 §3.3 it does not go to who is blocked",
			blocking(t, juliet(t), "both@local.example", "remote.example").with("balcony"), `
			relay balcony -> from@local.example
			relay balcony -> fromask@local.example
			relay balcony => balcony`},
		{"§4.6.3 rule 2 it does not go to who got directed presence",
			directedTo(t, juliet(t).with("balcony"), balcony, "room@chat.example/juliet"), subscribers + `
			relay balcony => balcony`},
	} {
		t.Run(row.name, func(t *testing.T) {
			expect(t, row.a.Broadcast(nil, balcony, 7), row.want)
			if p := row.a.Resources[balcony].Priority; p != 7 {
				t.Errorf("the priority is %d", p)
			}
		})
	}
}

func TestPresenceAfterUnavailableIsInitialAgain(t *testing.T) {
	// §4.5.2, the last note.
	a := juliet(t).with("(balcony)")
	first := lines(a.Broadcast(nil, balcony, 0))
	a.Unavailable(nil, balcony, true)
	if again := lines(a.Broadcast(nil, balcony, 0)); again != first {
		t.Errorf("got\n%swant\n%s", again, first)
	}
}

func TestUnavailablePresence(t *testing.T) {
	for _, row := range []struct {
		name     string
		a        *Account
		graceful bool
		want     string
	}{
		{"§4.5.2 said by the client, it is relayed to subscribers and all resources, the leaving one too",
			juliet(t).with("balcony", "chamber", "(garden)"), true, `
			relay balcony -> both@local.example
			relay balcony -> both@remote.example
			relay balcony -> from@local.example
			relay balcony -> fromask@local.example
			relay balcony => balcony
			relay balcony => chamber`},
		{"§4.5.2 for a lost stream the server makes it, and the lost resource gets none",
			juliet(t).with("balcony", "chamber"), false, `
			unavailable balcony -> both@local.example
			unavailable balcony -> both@remote.example
			unavailable balcony -> from@local.example
			unavailable balcony -> fromask@local.example
			unavailable balcony => chamber`},
		{"§4.6.3 rule 2 who got directed presence hears too, once",
			directedTo(t, juliet(t).with("balcony"), balcony, "room@chat.example/juliet", "none@local.example", "to@local.example/x", "room@chat.example/juliet"), true, `
			relay balcony -> both@local.example
			relay balcony -> both@remote.example
			relay balcony -> from@local.example
			relay balcony -> fromask@local.example
			relay balcony -> room@chat.example/juliet
			relay balcony -> none@local.example
			relay balcony -> to@local.example/x
			relay balcony => balcony`},
		{"§4.6.3 rule 3 of a resource that was never available only they hear",
			directedTo(t, juliet(t).with("(balcony)", "chamber"), balcony, "room@chat.example/juliet", "both@local.example/x"), false, `
			unavailable balcony -> room@chat.example/juliet
			unavailable balcony -> both@local.example/x`},
		{"a resource that was never available and told nobody leaves unheard",
			juliet(t).with("(balcony)", "chamber"), true, ``},
		{"§4.6.3 a subscriber that got directed presence before hears once",
			madeAvailable(directedTo(t, (&Account{JID: jid(t, "juliet@example.com"), Roster: juliet(t).Roster}).with("(balcony)"), balcony, "both@local.example/x", "from@local.example")), true, `
			relay balcony -> both@local.example
			relay balcony -> both@remote.example
			relay balcony -> from@local.example
			relay balcony -> fromask@local.example
			relay balcony => balcony`},
		{"XEP-0191 §3.3 who is blocked does not hear",
			blocking(t, directedTo(t, juliet(t).with("balcony"), balcony, "room@chat.example/juliet"), "local.example", "chat.example"), true, `
			relay balcony -> both@remote.example
			relay balcony => balcony`},
	} {
		t.Run(row.name, func(t *testing.T) {
			expect(t, row.a.Unavailable(nil, balcony, row.graceful), row.want)
			if r := row.a.Resources[balcony]; r.Available || len(r.Directed.List()) > 0 {
				t.Errorf("the resource is %+v", r)
			}
			expect(t, row.a.Unavailable(nil, balcony, row.graceful), "")
		})
	}
}

func TestActionsAreAppended(t *testing.T) {
	a := juliet(t).with("(balcony)", "chamber")
	dst := []Action{{Kind: Push, From: None, Own: None}}
	dst = a.Broadcast(dst, balcony, 0)
	n := len(dst)
	dst = a.Unavailable(dst, balcony, false)
	if dst[0].Kind != Push || n < 2 || dst[1].Kind != Relay || len(dst) == n || dst[n].Kind != Unavailable {
		t.Errorf("got\n%s", lines(dst))
	}
}

// directedTo lets a resource send directed presence.
func directedTo(t testing.TB, a *Account, res int, to ...string) *Account {
	t.Helper()
	for _, s := range to {
		if _, err := a.SendDirected(nil, res, jid(t, s), false); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func madeAvailable(a *Account) *Account {
	for i := range a.Resources {
		a.Resources[i].Available = true
	}
	return a
}

func TestBroadcastDoesNotAllocate(t *testing.T) {
	a := juliet(t).with("balcony", "chamber")
	a.Blocked = func(stanza.JID) bool { return false }
	dst := make([]Action, 0, 64)
	if n := testing.AllocsPerRun(100, func() { dst = a.Broadcast(dst[:0], balcony, 0) }); n != 0 {
		t.Errorf("%v allocations a broadcast", n)
	}
}

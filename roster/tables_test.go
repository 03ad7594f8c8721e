package roster

import (
	"fmt"
	"strings"
	"testing"

	"natter/stanza"
)

// The tables of RFC 6121 appendix A, typed here a second time and in another
// shape than the code has them: state | second column | new state, where "="
// means no state change and a word after the second column is the auto-reply.
const (
	table2 = `
None                  | MUST | None + Pending Out
None + Pending Out    | MUST | =
None + Pending In     | MUST | None + Pending Out+In
None + Pending Out+In | MUST | =
To                    | MUST | =
To + Pending In       | MUST | =
From                  | MUST | From + Pending Out
From + Pending Out    | MUST | =
Both                  | MUST | =`
	table3 = `
None                  | MUST | =
None + Pending Out    | MUST | None
None + Pending In     | MUST | =
None + Pending Out+In | MUST | None + Pending In
To                    | MUST | None
To + Pending In       | MUST | None + Pending In
From                  | MUST | =
From + Pending Out    | MUST | From
Both                  | MUST | From`
	table4 = `
None                  | M.N. | pre-approval
None + Pending Out    | M.N. | pre-approval
None + Pending In     | MUST | From
None + Pending Out+In | MUST | From + Pending Out
To                    | M.N. | pre-approval
To + Pending In       | MUST | Both
From                  | M.N. | =
From + Pending Out    | M.N. | =
Both                  | M.N. | =`
	table5 = `
None                  | S.N. | =
None + Pending Out    | S.N. | =
None + Pending In     | MUST | None
None + Pending Out+In | MUST | None + Pending Out
To                    | S.N. | =
To + Pending In       | MUST | To
From                  | MUST | None
From + Pending Out    | MUST | None + Pending Out
Both                  | MUST | To`
	table6 = `
None                  | MUST            | None + Pending In
None + Pending Out    | MUST            | None + Pending Out+In
None + Pending In     | S.N.            | =
None + Pending Out+In | S.N.            | =
To                    | MUST            | To + Pending In
To + Pending In       | S.N.            | =
From                  | S.N. subscribed | =
From + Pending Out    | S.N. subscribed | =
Both                  | S.N. subscribed | =`
	table7 = `
None                  | S.N.              | =
None + Pending Out    | S.N.              | =
None + Pending In     | MUST unsubscribed | None
None + Pending Out+In | MUST unsubscribed | None + Pending Out
To                    | S.N.              | =
To + Pending In       | MUST unsubscribed | To
From                  | MUST unsubscribed | None
From + Pending Out    | MUST unsubscribed | None + Pending Out
Both                  | MUST unsubscribed | To`
	table8 = `
None                  | S.N. | =
None + Pending Out    | MUST | To
None + Pending In     | S.N. | =
None + Pending Out+In | MUST | To + Pending In
To                    | S.N. | =
To + Pending In       | S.N. | =
From                  | S.N. | =
From + Pending Out    | MUST | Both
Both                  | S.N. | =`
	table9 = `
None                  | S.N. | =
None + Pending Out    | MUST | None
None + Pending In     | S.N. | =
None + Pending Out+In | MUST | None + Pending In
To                    | MUST | None
To + Pending In       | MUST | None + Pending In
From                  | S.N. | =
From + Pending Out    | MUST | From
Both                  | MUST | From`
)

// The rows the pre-approval adds: §3.4.2, §3.2.2 rules 1 and 2, §4.3.2 rule 1.
// An approval outlives everything but the owner's "unsubscribed" and the
// contact's "subscribe", which uses it up.
const (
	approvedSendsSubscribe = `
None, approved               | MUST | None + Pending Out, approved
None + Pending Out, approved | MUST | =
To, approved                 | MUST | =`
	approvedSendsUnsubscribe = `
None, approved               | MUST | =
None + Pending Out, approved | MUST | None, approved
To, approved                 | MUST | None, approved`
	approvedSendsSubscribed = `
None, approved               | M.N. | =
None + Pending Out, approved | M.N. | =
To, approved                 | M.N. | =`
	approvedSendsUnsubscribed = `
None, approved               | M.N. | None
None + Pending Out, approved | M.N. | None + Pending Out
To, approved                 | M.N. | To`
	approvedGetsSubscribe = `
None, approved               | M.N. subscribed | From
None + Pending Out, approved | M.N. subscribed | From + Pending Out
To, approved                 | M.N. subscribed | Both`
	approvedGetsUnsubscribe = `
None, approved               | S.N. | =
None + Pending Out, approved | S.N. | =
To, approved                 | S.N. | =`
	approvedGetsSubscribed = `
None, approved               | S.N. | =
None + Pending Out, approved | MUST | To, approved
To, approved                 | S.N. | =`
	approvedGetsUnsubscribed = `
None, approved               | S.N. | =
None + Pending Out, approved | MUST | None, approved
To, approved                 | MUST | None, approved`
)

type row struct {
	state State
	pass  bool
	reply Kind
	next  State
}

func rows(t *testing.T, tables ...string) []row {
	t.Helper()
	byName := map[string]State{}
	for s := range State(states) {
		byName[s.String()] = s
	}
	find := func(name string) State {
		s, ok := byName[name]
		if !ok {
			t.Fatalf("no state is called %q", name)
		}
		return s
	}
	var out []row
	for _, table := range tables {
		for line := range strings.Lines(strings.TrimSpace(table)) {
			col := strings.Split(line, "|")
			r := row{state: find(strings.TrimSpace(col[0]))}
			word, reply, _ := strings.Cut(strings.TrimSpace(col[1]), " ")
			r.pass, r.reply = word == "MUST", kindNamed(reply)
			switch next := strings.TrimSpace(col[2]); next {
			case "=":
				r.next = r.state
			case "pre-approval":
				r.next = find(r.state.String() + ", approved")
			default:
				r.next = find(next)
			}
			out = append(out, r)
		}
	}
	if len(out) != states {
		t.Fatalf("%d rows for %d states", len(out), states)
	}
	return out
}

func becomes(r row) string {
	if r.next == r.state {
		return "changes nothing"
	}
	return "makes it " + r.next.String()
}

func TestOutboundFollowsAppendixA2(t *testing.T) {
	for _, table := range []struct {
		section string
		kind    Kind
		rows    []row
	}{
		{"§A.2.1", Subscribe, rows(t, table2, approvedSendsSubscribe)},
		{"§A.2.2", Unsubscribe, rows(t, table3, approvedSendsUnsubscribe)},
		{"§A.2.3", Subscribed, rows(t, table4, approvedSendsSubscribed)},
		{"§A.2.4", Unsubscribed, rows(t, table5, approvedSendsUnsubscribed)},
	} {
		for _, r := range table.rows {
			way := "is not routed"
			if r.pass {
				way = "is routed"
			}
			name := fmt.Sprintf("%s %s sent in state %s %s and %s", table.section, table.kind, r.state, way, becomes(r))
			t.Run(name, func(t *testing.T) {
				want := Sent{Next: r.next, Route: r.pass, Push: pushes(r)}
				if got := Outbound(r.state, table.kind); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		}
	}
}

func TestInboundFollowsAppendixA3(t *testing.T) {
	for _, table := range []struct {
		section string
		kind    Kind
		rows    []row
	}{
		{"§A.3.1", Subscribe, rows(t, table6, approvedGetsSubscribe)},
		{"§A.3.2", Unsubscribe, rows(t, table7, approvedGetsUnsubscribe)},
		{"§A.3.3", Subscribed, rows(t, table8, approvedGetsSubscribed)},
		{"§A.3.4", Unsubscribed, rows(t, table9, approvedGetsUnsubscribed)},
	} {
		for _, r := range table.rows {
			way := "is not delivered"
			if r.pass {
				way = "is delivered"
			}
			if r.reply != NoKind {
				way += ", is answered with " + r.reply.String()
			}
			name := fmt.Sprintf("%s %s received in state %s %s and %s", table.section, table.kind, r.state, way, becomes(r))
			t.Run(name, func(t *testing.T) {
				want := Received{Next: r.next, Deliver: r.pass, Push: pushes(r), AutoReply: r.reply}
				if got := Inbound(r.state, table.kind); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		}
	}
}

// pushes says from the states' names alone whether clients see a change: all
// of the name shows in the item but Pending In (§A.1).
func pushes(r row) bool {
	seen := func(s State) string {
		return strings.NewReplacer(" + Pending In", "", "Out+In", "Out").Replace(s.String())
	}
	return seen(r.state) != seen(r.next)
}

func TestStatesShowAsAppendixA1Says(t *testing.T) {
	for _, row := range []struct {
		state                string
		subscription         string
		ask, pendingIn, appr bool
	}{
		{"None", "none", false, false, false},
		{"None + Pending Out", "none", true, false, false},
		{"None + Pending In", "none", false, true, false},
		{"None + Pending Out+In", "none", true, true, false},
		{"To", "to", false, false, false},
		{"To + Pending In", "to", false, true, false},
		{"From", "from", false, false, false},
		{"From + Pending Out", "from", true, false, false},
		{"Both", "both", false, false, false},
		{"None, approved", "none", false, false, true},
		{"None + Pending Out, approved", "none", true, false, true},
		{"To, approved", "to", false, false, true},
	} {
		t.Run(row.state+" shows subscription="+row.subscription, func(t *testing.T) {
			for s := range State(states) {
				if s.String() != row.state {
					continue
				}
				if s.Subscription().String() != row.subscription || s.Ask() != row.ask ||
					s.PendingIn() != row.pendingIn || s.Approved() != row.appr {
					t.Errorf("shows %v ask=%v in=%v approved=%v", s.Subscription(), s.Ask(), s.PendingIn(), s.Approved())
				}
				return
			}
			t.Error("no such state")
		})
	}
}

func TestWhatIsNoSubscriptionStanzaChangesNothing(t *testing.T) {
	for s := range State(states) {
		for _, k := range []Kind{NoKind, kinds, 255} {
			if got := Outbound(s, k); got != (Sent{Next: s}) {
				t.Errorf("sending kind %d in %v: %+v", k, s, got)
			}
			if got := Inbound(s, k); got != (Received{Next: s}) {
				t.Errorf("receiving kind %d in %v: %+v", k, s, got)
			}
		}
	}
	for _, s := range []State{states, 255} {
		if s.Valid() || s.String() != "invalid" {
			t.Errorf("state %d passes for %v", uint8(s), s)
		}
		if got := Outbound(s, Subscribe); got != (Sent{Next: s}) {
			t.Errorf("sending in state %d: %+v", s, got)
		}
		if got := Inbound(s, Subscribe); got != (Received{Next: s}) {
			t.Errorf("receiving in state %d: %+v", s, got)
		}
	}
}

func kindNamed(name string) Kind {
	for k := Subscribe; k < kinds; k++ {
		if k.String() == name {
			return k
		}
	}
	return NoKind
}

func TestKindsAreTheFourTypes(t *testing.T) {
	found := 0
	for typ := stanza.TypeNone; typ <= stanza.TypeInvalid; typ++ {
		k := KindOf(typ)
		if k == NoKind {
			continue
		}
		found++
		if k.String() != typ.String() {
			t.Errorf("%v is read as %v", typ, k)
		}
	}
	if found != 4 {
		t.Errorf("%d types are subscription stanzas", found)
	}
	if Kind(200).String() != "" || Kind(kinds).String() != "" || NoKind.String() != "" {
		t.Error("a name for no kind")
	}
}

package roster

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"natter/stanza"
)

func TestARosterSetIsCheckedAsSection2Says(t *testing.T) {
	limits := DefaultLimits
	limits.Items, limits.Groups, limits.Name, limits.Group = 2, 3, 10, 10
	full := func(t *testing.T, r *Roster) {
		set(t, r, "a@x.example", "")
		set(t, r, "b@x.example", "")
	}
	nothing := func(*testing.T, *Roster) {}
	for _, row := range []struct {
		name      string
		before    func(*testing.T, *Roster)
		req       SetRequest
		condition string // "" for success
		kind      string
	}{
		{"§2.3.1 a contact without a handle or groups is taken", nothing,
			SetRequest{JID: jid(t, "nurse@x.example")}, "", ""},
		{"§2.1.2.4 a handle as long as allowed is taken", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Name: "0123456789"}, "", ""},
		{"§2.3.3 a handle that is too long is not acceptable", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Name: "0123456789a"}, "not-acceptable", "modify"},
		{"§2.3.3 the length of a handle is that of its bytes", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Name: "éééééé"}, "not-acceptable", "modify"},
		{"§2.1.2.6 several groups are taken", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"A", "a", "b"}}, "", ""},
		{"§2.3.3 a group named twice is a bad request", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"A", "b", "A"}}, "bad-request", "modify"},
		{"§2.3.3 a group named twice in two normal forms is a bad request", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"caf\u00e9", "cafe\u0301"}}, "bad-request", "modify"},
		{"§2.3.3 a group named twice with another kind of space is a bad request", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"a b", "a\u00a0b"}}, "bad-request", "modify"},
		{"§2.3.3 groups that no resourcepart could be are compared as they are", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"é\t", "é\n"}}, "", ""},
		{"§2.3.3 a group without a name is not acceptable", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{""}}, "not-acceptable", "modify"},
		{"§2.3.3 a group's name that is too long is not acceptable", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"0123456789a"}}, "not-acceptable", "modify"},
		{"more groups than allowed are against the policy", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"a", "b", "c", "d"}}, "policy-violation", "modify"},
		{"§2.1.2.3 a contact without a JID is a bad request", nothing,
			SetRequest{Name: "Nurse"}, "bad-request", "modify"},
		{"a full JID is a bad request", nothing,
			SetRequest{JID: jid(t, "nurse@x.example/chamber")}, "bad-request", "modify"},
		{"§2.3.3 the account itself is not allowed", nothing,
			SetRequest{JID: jid(t, "romeo@example.net")}, "not-allowed", "cancel"},
		{"a domain is a contact like another", nothing,
			SetRequest{JID: jid(t, "gateway.example.net")}, "", ""},
		{"a name that is not UTF-8 is a bad request", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Name: "\xff"}, "bad-request", "modify"},
		{"a group that is not UTF-8 is a bad request", nothing,
			SetRequest{JID: jid(t, "nurse@x.example"), Groups: []string{"\xff"}}, "bad-request", "modify"},
		{"one contact more than allowed is against the policy", full,
			SetRequest{JID: jid(t, "nurse@x.example")}, "policy-violation", "modify"},
		{"a contact of a full list can be renamed", full,
			SetRequest{JID: jid(t, "a@x.example"), Name: "A"}, "", ""},
		{"a removal is no update", full,
			SetRequest{JID: jid(t, "a@x.example"), Remove: true}, "bad-request", "modify"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := New(jid(t, "romeo@example.net"), "e", limits)
			row.before(t, r)
			version := r.Version()
			r.Changes()
			push, err := r.Set(row.req)
			sound(t, r)
			if row.condition == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				item, _ := r.Get(row.req.JID)
				if item.Name != row.req.Name || !slices.Equal(item.Groups, row.req.Groups) {
					t.Errorf("kept %+v", item)
				}
				if push.Version != r.Version() || push.Version == version || push.Removed || push.Item.JID != item.JID {
					t.Errorf("pushed %+v at version %s, before it %s", push, r.Version(), version)
				}
				return
			}
			if err == nil || err.Condition != row.condition || errorType(err) != row.kind {
				t.Fatalf("got %v, want %s of type %s", err, row.condition, row.kind)
			}
			if r.Version() != version || r.Changes() != nil {
				t.Error("a refused set changed something")
			}
		})
	}
}

func TestAnUpdateLeavesTheSubscriptionAlone(t *testing.T) {
	// §2.1.5, §2.4.1.
	r := romeos(t)
	sent(t, r, "juliet@example.com", Subscribe)
	received(t, r, "juliet@example.com", Subscribed)
	groups := []string{"Friends", "Lovers"}
	p := set(t, r, "juliet@example.com", "Juliet", groups...)
	if p.Item.State != StateTo {
		t.Errorf("pushed %v", p.Item.State)
	}
	groups[0] = "scribbled"
	if item, _ := r.Get(jid(t, "juliet@example.com")); item.State != StateTo || item.Groups[0] != "Friends" {
		t.Errorf("kept %+v", item)
	}
	p = set(t, r, "juliet@example.com", "")
	if p.Item.Name != "" || p.Item.Groups != nil || p.Item.State != StateTo {
		t.Errorf("an item without handle and groups is %+v", p.Item)
	}
}

func TestASetThatChangesNothingIsPushedAllTheSame(t *testing.T) {
	// §2.3.2; and §2.6.3: no two pushes with one version.
	r := romeos(t)
	a := set(t, r, "nurse@example.com", "Nurse")
	b := set(t, r, "nurse@example.com", "Nurse")
	if a.Version == b.Version {
		t.Errorf("both have version %s", a.Version)
	}
}

func TestAContactAddedWhileItsRequestWaitsGoesOnWaiting(t *testing.T) {
	// §A.1, "None + Pending In".
	r := romeos(t)
	received(t, r, "juliet@example.com", Subscribe)
	p := set(t, r, "juliet@example.com", "Juliet")
	if p.Item.State != StateNoneIn || p.Item.State.Subscription() != None || r.Waiting() != 1 {
		t.Errorf("pushed %v, %d waiting", p.Item.State, r.Waiting())
	}
	sound(t, r)
}

func TestRemovingAContactEndsItsSubscriptions(t *testing.T) {
	for _, row := range []struct {
		name                      string
		reach                     []func(*Roster, stanza.JID)
		unsubscribe, unsubscribed bool
		left                      State
	}{
		{"§2.5.2 of a contact without subscriptions nobody is told", nil, false, false, StateNone},
		{"§2.5.2 from a contact one is subscribed to one unsubscribes", to, true, false, StateNone},
		{"§2.5.2 a subscribed contact is cancelled", from, false, true, StateNone},
		{"§2.5.2 in a mutual subscription both are done", both, true, true, StateNone},
		{"a request that had no answer yet is taken back", ask, true, false, StateNone},
		{"§3.1.3 a contact's request goes on waiting", in, false, false, StateNoneIn},
		{"§3.4.2 a pre-approval goes with the contact", approve, false, false, StateNone},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := romeos(t)
			j := jid(t, "juliet@example.com")
			set(t, r, j.String(), "Juliet", "Friends")
			for _, step := range row.reach {
				step(r, j)
			}
			before, version := r.State(j), r.Version()
			out, err := r.Remove(j)
			if err != nil {
				t.Fatal(err)
			}
			if out.Unsubscribe != row.unsubscribe || out.Unsubscribed != row.unsubscribed || out.Before != before {
				t.Errorf("removal %+v", out)
			}
			if !out.Push.Removed || out.Push.Item.JID != j || out.Push.Version != r.Version() || r.Version() == version {
				t.Errorf("pushed %+v", out.Push)
			}
			if _, ok := r.Get(j); ok || r.State(j) != row.left || r.Len() != 0 {
				t.Errorf("left %v on the list of %d", r.State(j), r.Len())
			}
			sound(t, r)
			if item := set(t, r, j.String(), "").Item; item.State != row.left || item.Groups != nil {
				t.Errorf("added again it is %+v", item)
			}
			sound(t, r)
		})
	}
}

func TestRemovingWhoIsNotThereIsItemNotFound(t *testing.T) {
	// §2.5.3.
	r := romeos(t)
	received(t, r, "tybalt@example.org", Subscribe)
	set(t, r, "nurse@example.com", "")
	if _, err := r.Remove(jid(t, "nurse@example.com")); err != nil {
		t.Fatal(err)
	}
	r.Changes()
	version := r.Version()
	for _, j := range []string{"juliet@example.com", "nurse@example.com", "tybalt@example.org"} {
		if _, err := r.Remove(jid(t, j)); err == nil || err.Condition != "item-not-found" || errorType(err) != "modify" {
			t.Errorf("%s: %v", j, err)
		}
	}
	if r.Version() != version || r.Changes() != nil {
		t.Error("it changed something")
	}
	sound(t, r)
}

func TestTheDefaultLimitsLetABigListIn(t *testing.T) {
	r := romeos(t)
	name := strings.Repeat("n", DefaultLimits.Name)
	for i := range DefaultLimits.Items {
		set(t, r, "c"+strconv.Itoa(i)+"@example.com", name)
	}
	_, err := r.Set(SetRequest{JID: jid(t, "one.more@example.com")})
	if err == nil || err.Condition != "policy-violation" || r.Len() != 10_000 {
		t.Errorf("%v with %d items", err, r.Len())
	}
	sound(t, r)
}

func send(k Kind) func(*Roster, stanza.JID) {
	return func(r *Roster, j stanza.JID) { r.Outbound(j, k) }
}

func get(k Kind) func(*Roster, stanza.JID) {
	return func(r *Roster, j stanza.JID) { r.Inbound(j, k, []byte("<presence/>")) }
}

// The ways into some states, from None.
var (
	ask     = []func(*Roster, stanza.JID){send(Subscribe)}
	in      = []func(*Roster, stanza.JID){get(Subscribe)}
	approve = []func(*Roster, stanza.JID){send(Subscribed)}
	to      = []func(*Roster, stanza.JID){send(Subscribe), get(Subscribed)}
	from    = []func(*Roster, stanza.JID){get(Subscribe), send(Subscribed)}
	both    = slices.Concat(to, from)
)

// errorType is the type the error has where it is sent.
func errorType(err *stanza.Error) string {
	st, perr := stanza.ParseIn(err.AppendTo(nil), stanza.NSClient, stanza.AfterLogin)
	if perr != nil {
		return perr.Error()
	}
	kind, _ := st.AttrString("", "type")
	return kind
}

func TestPutMakesAContactWhatItIsSaidToBe(t *testing.T) {
	for s := range State(states) {
		t.Run(s.String(), func(t *testing.T) {
			r := romeos(t)
			j := jid(t, "juliet@example.com")
			groups := []string{"Friends"}
			for range 2 { // anew, and over what is there
				push, err := r.Put(Item{JID: j, Name: "Juliet", Groups: groups, State: s}, []byte("<presence/>"))
				if err != nil {
					t.Fatal(err)
				}
				item, ok := r.Get(j)
				if !ok || item.State != s || item.Name != "Juliet" || push.Item.State != s || push.Version != r.Version() {
					t.Errorf("put %+v, pushed %+v", item, push)
				}
				if got := string(r.Request(j)); (got == "<presence/>") != s.PendingIn() {
					t.Errorf("the request is %q", got)
				}
				sound(t, r)
			}
			groups[0] = "scribbled"
			if item, _ := r.Get(j); item.Groups[0] != "Friends" {
				t.Error("the groups are the caller's")
			}
			if _, err := r.Put(Item{JID: j, State: StateToIn}, nil); err != nil || r.Request(j) == nil {
				t.Errorf("a request without bytes: %v, %v", r.Request(j), err)
			}
			if _, err := r.Put(Item{JID: j, State: StateBoth}, nil); err != nil || r.Request(j) != nil || r.Waiting() != 0 {
				t.Errorf("a request that is over: %s, %v", r.Request(j), err)
			}
			sound(t, r)
			reloaded(t, r)
		})
	}
	limits := DefaultLimits
	limits.Items, limits.RequestSize, limits.Requests, limits.RequestsSum = 2, 5, 1, 5
	for _, row := range []struct {
		name, request, condition string
		item                     Item
	}{
		{"a state that is none", "", "bad-request", Item{JID: jid(t, "a@x.example"), State: states}},
		{"an empty group", "", "not-acceptable", Item{JID: jid(t, "a@x.example"), Groups: []string{""}}},
		{"one contact too many", "", "policy-violation", Item{JID: jid(t, "c@x.example")}},
		{"a request that is too long", "123456", "policy-violation", Item{JID: jid(t, "a@x.example"), State: StateNoneIn}},
		{"one request too many", "1", "resource-constraint", Item{JID: jid(t, "a@x.example"), State: StateNoneIn}},
	} {
		t.Run(row.name+" is refused", func(t *testing.T) {
			r := New(jid(t, "romeo@example.net"), "e", limits)
			set(t, r, "a@x.example", "")
			set(t, r, "b@x.example", "")
			if _, err := r.Put(Item{JID: jid(t, "b@x.example"), State: StateNoneIn}, []byte("12345")); err != nil {
				t.Fatal(err)
			}
			version := r.Version()
			if _, err := r.Put(row.item, []byte(row.request)); err == nil || err.Condition != row.condition {
				t.Errorf("got %v", err)
			}
			if r.Version() != version || r.Waiting() != 1 {
				t.Error("it changed something")
			}
			if _, err := r.Put(Item{JID: jid(t, "b@x.example"), State: StateNoneIn}, []byte("54321")); err != nil {
				t.Errorf("another request in place of the one: %v", err)
			}
			sound(t, r)
		})
	}
}

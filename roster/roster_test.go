package roster

import (
	"maps"
	"slices"
	"strings"
	"testing"

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

func romeos(t testing.TB) *Roster {
	t.Helper()
	return New(jid(t, "romeo@example.net"), "e1", DefaultLimits)
}

func set(t testing.TB, r *Roster, j, name string, groups ...string) Push {
	t.Helper()
	p, err := r.Set(SetRequest{JID: jid(t, j), Name: name, Groups: groups})
	if err != nil {
		t.Fatalf("set %s: %v", j, err)
	}
	return p
}

func sent(t testing.TB, r *Roster, j string, k Kind) Effect {
	t.Helper()
	e, err := r.Outbound(jid(t, j), k)
	if err != nil {
		t.Fatalf("send %v to %s: %v", k, j, err)
	}
	return e
}

func received(t testing.TB, r *Roster, j string, k Kind) Effect {
	t.Helper()
	e, err := r.Inbound(jid(t, j), k, []byte("<presence from='"+j+"' type='"+k.String()+"'/>"))
	if err != nil {
		t.Fatalf("receive %v from %s: %v", k, j, err)
	}
	return e
}

func names(r *Roster) string {
	var out []string
	for item := range r.All() {
		out = append(out, item.JID.String())
	}
	return strings.Join(out, " ")
}

// sound fails the test unless the roster's counts and indexes fit what it holds.
func sound(t testing.TB, r *Roster) {
	t.Helper()
	items, removed, waiting, sum := 0, 0, 0, 0
	var top uint64
	revs := map[uint64]bool{}
	for i := range r.contacts {
		c := &r.contacts[i]
		if i > 0 && r.contacts[i-1].JID.String() >= c.JID.String() {
			t.Errorf("%v is out of order", c.JID)
		}
		if c.listed {
			items++
		} else if c.Name != "" || c.Groups != nil {
			t.Errorf("%v is not listed and has a name or groups", c.JID)
		}
		if c.gone() {
			removed++
		}
		if c.State.PendingIn() {
			waiting++
			sum += len(r.requests[c.JID])
			if _, ok := r.requests[c.JID]; !ok {
				t.Errorf("%v is pending in without a request", c.JID)
			}
		}
		if !c.listed && !c.State.PendingIn() && c.rev == 0 {
			t.Errorf("%v is kept for nothing", c.JID)
		}
		if c.rev != 0 && revs[c.rev] {
			t.Errorf("version %d is there twice", c.rev)
		}
		revs[c.rev] = true
		top = max(top, c.rev)
	}
	if items != r.items || removed != r.removed || waiting != len(r.requests) || sum != r.requestsSum {
		t.Errorf("counted %d items, %d removed, %d waiting with %d bytes; kept %d, %d, %d, %d",
			items, removed, waiting, sum, r.items, r.removed, len(r.requests), r.requestsSum)
	}
	if max(top, r.floor) != r.rev {
		t.Errorf("version %d, but the contacts' highest is %d and the floor %d", r.rev, top, r.floor)
	}
	if r.removed > r.limits.Removed {
		t.Errorf("%d removals remembered", r.removed)
	}
}

func TestAListComesInTheOrderOfJIDs(t *testing.T) {
	r := romeos(t)
	for _, j := range []string{"nurse@example.com", "benvolio@example.org", "juliet@example.com", "example.com", "zoe@a.example"} {
		set(t, r, j, "")
	}
	want := "benvolio@example.org example.com juliet@example.com nurse@example.com zoe@a.example"
	if got := names(r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r.Len() != 5 || r.Owner() != jid(t, "romeo@example.net") {
		t.Errorf("%d items of %v", r.Len(), r.Owner())
	}
	for item := range r.All() {
		if item.JID == jid(t, "example.com") {
			break // an early end of the loop is allowed
		}
	}
	sound(t, r)
}

func TestAContactIsFoundByAnyOfItsJIDs(t *testing.T) {
	r := romeos(t)
	set(t, r, "juliet@example.com", "Juliet", "Friends")
	sent(t, r, "juliet@example.com", Subscribe)
	for _, j := range []string{"juliet@example.com", "juliet@example.com/balcony"} {
		item, ok := r.Get(jid(t, j))
		if !ok || item.Name != "Juliet" || !slices.Equal(item.Groups, []string{"Friends"}) || item.State != StateNoneOut {
			t.Errorf("%s: %+v, %v", j, item, ok)
		}
		if s := r.State(jid(t, j)); s != StateNoneOut {
			t.Errorf("%s: %v", j, s)
		}
	}
	if _, ok := r.Get(jid(t, "nurse@example.com")); ok {
		t.Error("found one who was never added")
	}
}

func TestARequestMakesNoContact(t *testing.T) {
	// §3.1.3, the first security warning.
	r := romeos(t)
	e := received(t, r, "juliet@example.com/balcony", Subscribe)
	if !e.Pass || e.Pushed || e.After != StateNoneIn {
		t.Errorf("effect %+v", e)
	}
	if _, ok := r.Get(jid(t, "juliet@example.com")); ok || r.Len() != 0 {
		t.Error("the sender of a request is on the list")
	}
	if r.State(jid(t, "juliet@example.com")) != StateNoneIn || r.Waiting() != 1 {
		t.Error("the request does not wait")
	}
	for range r.All() {
		t.Error("the list shows it")
	}
	sound(t, r)
}

func TestRequestsWaitUntilTheyAreAnswered(t *testing.T) {
	r := romeos(t)
	for _, j := range []string{"nurse@example.com", "juliet@example.com", "tybalt@example.org"} {
		received(t, r, j, Subscribe)
	}
	waiting := func() string {
		var out []string
		for j, raw := range r.Requests() {
			if string(raw) != "<presence from='"+j.String()+"' type='subscribe'/>" {
				t.Errorf("%v waits with %s", j, raw)
			}
			out = append(out, j.String())
		}
		return strings.Join(out, " ")
	}
	if got := waiting(); got != "juliet@example.com nurse@example.com tybalt@example.org" {
		t.Errorf("waiting: %s", got)
	}
	for range r.Requests() {
		break
	}
	sent(t, r, "juliet@example.com", Subscribed)       // approved
	sent(t, r, "tybalt@example.org", Unsubscribed)     // denied
	received(t, r, "nurse@example.com", Unsubscribe)   // withdrawn
	received(t, r, "benvolio@example.org", Subscribed) // none of it
	if got := waiting(); got != "" || r.Waiting() != 0 {
		t.Errorf("still waiting: %s", got)
	}
	if got := names(r); got != "juliet@example.com" {
		t.Errorf("on the list: %s", got)
	}
	if r.Request(jid(t, "juliet@example.com")) != nil {
		t.Error("an answered request is still there")
	}
	sound(t, r)
}

func TestOnlyTheFirstOfSeveralRequestsIsKept(t *testing.T) {
	r := romeos(t)
	j := jid(t, "juliet@example.com")
	first := []byte("<presence type='subscribe'><status>first</status></presence>")
	if _, err := r.Inbound(j, Subscribe, first); err != nil {
		t.Fatal(err)
	}
	e, err := r.Inbound(j, Subscribe, []byte("<presence type='subscribe'><status>second</status></presence>"))
	if err != nil || e.Pass || e.Pushed {
		t.Errorf("the second one: %+v, %v", e, err)
	}
	copy(first, "scribbled")
	if got := string(r.Request(j)); got != "<presence type='subscribe'><status>first</status></presence>" {
		t.Errorf("kept %s", got)
	}
	sound(t, r)
}

func TestThereIsABoundOnWaitingRequests(t *testing.T) {
	limits := DefaultLimits
	limits.Requests, limits.RequestSize, limits.RequestsSum = 3, 100, 220
	stanzaOf := func(n int) []byte { return []byte(strings.Repeat("x", n)) }
	for _, row := range []struct {
		name  string
		sizes []int
		want  string
	}{
		{"as many as allowed wait", []int{50, 50, 50}, ""},
		{"one more than allowed is told to come later", []int{50, 50, 50, 50}, "resource-constraint"},
		{"one as long as allowed waits", []int{100}, ""},
		{"one that is too long is refused", []int{101}, "policy-violation"},
		{"those that together fill the room wait", []int{100, 100, 20}, ""},
		{"one that finds no room is told to come later", []int{100, 100, 21}, "resource-constraint"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := New(jid(t, "romeo@example.net"), "e", limits)
			for i, n := range row.sizes {
				j := jid(t, string(rune('a'+i))+"@example.com")
				_, err := r.Inbound(j, Subscribe, stanzaOf(n))
				last := i == len(row.sizes)-1
				switch {
				case last && row.want != "":
					if err == nil || err.Condition != row.want {
						t.Fatalf("got %v, want %s", err, row.want)
					}
					if r.State(j) != StateNone || r.Waiting() != i {
						t.Error("a refused request left something behind")
					}
				case err != nil:
					t.Fatalf("request %d: %v", i, err)
				}
			}
			sound(t, r)
		})
	}
	t.Run("an answer makes room again", func(t *testing.T) {
		r := New(jid(t, "romeo@example.net"), "e", limits)
		for range 10 {
			received(t, r, "juliet@example.com", Subscribe)
			sent(t, r, "juliet@example.com", Unsubscribed)
		}
		sound(t, r)
	})
}

func TestSubscriptionStanzasPassAResourceOver(t *testing.T) {
	// §3.1.2 and §3.1.3.
	r := romeos(t)
	sent(t, r, "juliet@example.com/balcony", Subscribe)
	received(t, r, "juliet@example.com/chamber", Subscribed)
	if got := names(r); got != "juliet@example.com" || r.State(jid(t, "juliet@example.com")) != StateTo {
		t.Errorf("list %q, state %v", got, r.State(jid(t, "juliet@example.com")))
	}
}

func TestAnAccountHasNoSubscriptionToItself(t *testing.T) {
	r := romeos(t)
	for k := Subscribe; k <= Unsubscribed; k++ {
		if _, err := r.Outbound(jid(t, "romeo@example.net/home"), k); err == nil || err.Condition != "not-allowed" {
			t.Errorf("sending %v to itself: %v", k, err)
		}
		if e, err := r.Inbound(jid(t, "romeo@example.net"), k, nil); err != nil || e.Pass || e.Pushed || e.AutoReply != NoKind || e.Granted() || e.Revoked() {
			t.Errorf("receiving %v from itself: %+v, %v", k, e, err)
		}
	}
	if len(r.contacts) != 0 || r.Changes() != nil {
		t.Error("it left something behind")
	}
}

func TestWhoIsToldOfAChangeOfAccess(t *testing.T) {
	for _, row := range []struct {
		name             string
		steps            func(*testing.T, *Roster) Effect
		granted, revoked bool
	}{
		{"§3.1.5 an approved request is sent presence", func(t *testing.T, r *Roster) Effect {
			received(t, r, "j@example.com", Subscribe)
			return sent(t, r, "j@example.com", Subscribed)
		}, true, false},
		{"§3.4.2 a request that was approved before is sent presence", func(t *testing.T, r *Roster) Effect {
			sent(t, r, "j@example.com", Subscribed)
			return received(t, r, "j@example.com", Subscribe)
		}, true, false},
		{"§3.1.3 a subscriber that asks again is sent presence again", func(t *testing.T, r *Roster) Effect {
			received(t, r, "j@example.com", Subscribe)
			sent(t, r, "j@example.com", Subscribed)
			return received(t, r, "j@example.com", Subscribe)
		}, true, false},
		{"§3.4.2 a pre-approval sends no presence", func(t *testing.T, r *Roster) Effect {
			return sent(t, r, "j@example.com", Subscribed)
		}, false, false},
		{"§3.1.5 a second approval sends no presence", func(t *testing.T, r *Roster) Effect {
			received(t, r, "j@example.com", Subscribe)
			sent(t, r, "j@example.com", Subscribed)
			return sent(t, r, "j@example.com", Subscribed)
		}, false, false},
		{"§3.2.2 a cancelled subscriber is told that all are unavailable", func(t *testing.T, r *Roster) Effect {
			received(t, r, "j@example.com", Subscribe)
			sent(t, r, "j@example.com", Subscribed)
			return sent(t, r, "j@example.com", Unsubscribed)
		}, false, true},
		{"§3.2.2 a denied request is told nothing", func(t *testing.T, r *Roster) Effect {
			received(t, r, "j@example.com", Subscribe)
			return sent(t, r, "j@example.com", Unsubscribed)
		}, false, false},
		{"§3.3.3 a subscriber that leaves is told that all are unavailable", func(t *testing.T, r *Roster) Effect {
			received(t, r, "j@example.com", Subscribe)
			sent(t, r, "j@example.com", Subscribed)
			return received(t, r, "j@example.com", Unsubscribe)
		}, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := romeos(t)
			e := row.steps(t, r)
			if e.Granted() != row.granted || e.Revoked() != row.revoked {
				t.Errorf("granted %v, revoked %v: %+v", e.Granted(), e.Revoked(), e)
			}
			sound(t, r)
		})
	}
}

func TestAFullListTakesNoMoreBySubscriptionEither(t *testing.T) {
	limits := DefaultLimits
	limits.Items = 1
	r := New(jid(t, "romeo@example.net"), "e", limits)
	set(t, r, "nurse@example.com", "")
	received(t, r, "tybalt@example.org", Subscribe)
	for _, row := range []struct {
		name string
		to   string
		kind Kind
	}{
		{"a new contact is not asked", "juliet@example.com", Subscribe},
		{"a new contact is not pre-approved", "juliet@example.com", Subscribed},
		{"a request from outside the list is not approved", "tybalt@example.org", Subscribed},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := r.State(jid(t, row.to))
			_, err := r.Outbound(jid(t, row.to), row.kind)
			if err == nil || err.Condition != "policy-violation" {
				t.Errorf("got %v", err)
			}
			if r.State(jid(t, row.to)) != before || r.Len() != 1 {
				t.Error("it left something behind")
			}
			sound(t, r)
		})
	}
	if e := sent(t, r, "nurse@example.com", Subscribe); !e.Pushed {
		t.Error("one who is listed can't be asked")
	}
	if e := sent(t, r, "tybalt@example.org", Unsubscribed); !e.Pass {
		t.Error("a request can't be denied")
	}
}

func TestChangesNameOnlyWhatChanged(t *testing.T) {
	r := romeos(t)
	keys := func() string {
		var out []string
		for _, d := range r.Changes() {
			if d.Data == nil {
				d.Key = "-" + d.Key
			}
			out = append(out, d.Key)
		}
		return strings.Join(out, " ")
	}
	for i := range 26 * 26 {
		set(t, r, "c"+string(rune('a'+i%26))+string(rune('a'+i/26))+"@example.com", "")
	}
	if got := keys(); !strings.HasPrefix(got, "/ caa@example.com ") {
		t.Errorf("the header is missing: %.40s", got)
	}
	for _, row := range []struct {
		name string
		do   func()
		want string
	}{
		{"nothing happened", func() {}, ""},
		{"one contact was renamed", func() { set(t, r, "caa@example.com", "A") }, "caa@example.com"},
		{"a request came", func() { received(t, r, "zoe@example.com", Subscribe) }, "zoe@example.com"},
		{"it came again", func() { received(t, r, "zoe@example.com", Subscribe) }, ""},
		{"it was denied and nothing is left", func() { sent(t, r, "zoe@example.com", Unsubscribed) }, "-zoe@example.com"},
		{"a request came and was withdrawn", func() {
			received(t, r, "zoe@example.com", Subscribe)
			received(t, r, "zoe@example.com", Unsubscribe)
		}, "-zoe@example.com"},
		{"a contact was removed and is remembered", func() { r.Remove(jid(t, "cba@example.com")) }, "cba@example.com"},
		{"two contacts changed", func() {
			sent(t, r, "cca@example.com", Subscribe)
			sent(t, r, "cbb@example.com", Subscribed)
		}, "cbb@example.com cca@example.com"},
		{"a set was refused", func() { r.Set(SetRequest{JID: jid(t, "x@example.com"), Groups: []string{""}}) }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.do()
			if got := keys(); got != row.want {
				t.Errorf("to store: %q, want %q", got, row.want)
			}
			sound(t, r)
		})
	}
}

func TestRemovalsAreForgottenInOrder(t *testing.T) {
	limits := DefaultLimits
	limits.Removed = 2
	r := New(jid(t, "romeo@example.net"), "e", limits)
	stored := map[string]string{}
	save := func() {
		for _, d := range r.Changes() {
			if d.Data == nil {
				delete(stored, d.Key)
			} else {
				stored[d.Key] = string(d.Data)
			}
		}
	}
	var versions []string
	for _, j := range []string{"a@x.example", "b@x.example", "c@x.example", "d@x.example"} {
		set(t, r, j, "")
	}
	received(t, r, "a@x.example", Subscribe) // waits beyond the removal
	for _, j := range []string{"a@x.example", "b@x.example", "c@x.example"} {
		versions = append(versions, r.Version())
		if _, err := r.Remove(jid(t, j)); err != nil {
			t.Fatal(err)
		}
		save()
		sound(t, r)
	}
	if _, ok := r.Since(versions[0]); ok {
		t.Error("a removal that is forgotten is told as a change")
	}
	if missed, ok := r.Since(versions[1]); !ok || len(missed) != 2 {
		t.Errorf("the removals that are remembered: %v, %v", missed, ok)
	}
	want := []string{"/", "a@x.example", "b@x.example", "c@x.example", "d@x.example"}
	if got := slices.Sorted(maps.Keys(stored)); !slices.Equal(got, want) {
		t.Errorf("stored %v", got)
	}
	if r.State(jid(t, "a@x.example")) != StateNoneIn {
		t.Error("forgetting the removal lost the request")
	}
	if _, err := r.Remove(jid(t, "d@x.example")); err != nil {
		t.Fatal(err)
	}
	save()
	sound(t, r)
	if _, ok := stored["b@x.example"]; ok || r.find(jid(t, "b@x.example")) != nil {
		t.Error("a removal that is forgotten is still stored")
	}
	set(t, r, "b@x.example", "")
	sent(t, r, "a@x.example", Unsubscribed)
	save()
	sound(t, r)
	if _, ok := stored["a@x.example"]; ok {
		t.Error("what is known of a contact for nothing is still stored")
	}
}

package presence

import "testing"

func TestSubscriptionStanzasOfTheAccount(t *testing.T) {
	for _, row := range []struct{ name, contact, step, want string }{
		{"§3.1.2 a new request is pushed and routed", "tybalt@x.example", ">subscribe", `
			push -> tybalt@x.example
			route -> tybalt@x.example`},
		{"§A.2.1 a request made again is only routed", "ask@local.example", ">subscribe", `
			route -> ask@local.example`},
		{"§3.1.5 an approval is routed, pushed, and presence follows", "in@local.example", ">subscribed", `
			route -> in@local.example
			push -> in@local.example
			current balcony -> in@local.example
			current chamber -> in@local.example`},
		{"§3.4.2 an approval that was given is ignored", "both@local.example", ">subscribed", ``},
		{"§3.4.2 a pre-approval is only pushed", "to@local.example", ">subscribed", `
			push -> to@local.example`},
		{"§3.2.2 a cancelled contact is sent unavailable first, then it is routed and pushed", "both@local.example", ">unsubscribed", `
			unavailable balcony -> both@local.example
			unavailable chamber -> both@local.example
			route -> both@local.example
			push -> both@local.example`},
		{"§A.2.4 a denial is only routed", "in@local.example", ">unsubscribed", `
			route -> in@local.example`},
		{"§3.2.2 rule 1 a cancellation of nothing is ignored", "to@local.example", ">unsubscribed", ``},
		{"§3.2.2 rule 2 a pre-approval taken back is only pushed", "approved@local.example", ">unsubscribed", `
			push -> approved@local.example`},
		{"§3.3.2 an unsubscribe is routed and pushed", "both@local.example", ">unsubscribe", `
			route -> both@local.example
			push -> both@local.example`},
		{"§A.2.2 an unsubscribe from nothing is only routed", "none@local.example", ">unsubscribe", `
			route -> none@local.example`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := juliet(t).with("balcony", "chamber", "(garden)")
			to := jid(t, row.contact)
			e, err := exchange(t, a, to, row.step)
			if err != nil {
				t.Fatal(err)
			}
			full, ferr := to.WithResource("x")
			if ferr != nil {
				t.Fatal(ferr)
			}
			expect(t, a.SendSubscription(nil, full, e), row.want)
		})
	}
}

func TestSubscriptionStanzasOfContacts(t *testing.T) {
	for _, row := range []struct{ name, contact, step, want string }{
		{"§3.1.3 a request goes to the available resources", "tybalt@x.example", "<subscribe", `
			deliver to available -> tybalt@x.example`},
		{"§A.3.1 a request made again goes nowhere", "in@local.example", "<subscribe", ``},
		{"§3.1.3 a subscriber's request is answered for the account, and presence follows", "both@local.example", "<subscribe", `
			subscribed -> both@local.example
			current balcony -> both@local.example
			current chamber -> both@local.example`},
		{"§3.4.2 an approved request is answered, pushed, and presence follows", "approved@local.example", "<subscribe", `
			subscribed -> approved@local.example
			push -> approved@local.example
			current balcony -> approved@local.example
			current chamber -> approved@local.example`},
		{"§3.1.6 an approval is delivered before the push", "ask@local.example", "<subscribed", `
			deliver to interested -> ask@local.example
			push -> ask@local.example`},
		{"§3.1.6 an approval nobody asked for is ignored", "none@local.example", "<subscribed", ``},
		{"§3.2.3 a cancellation is delivered before the push", "both@local.example", "<unsubscribed", `
			deliver to interested -> both@local.example
			push -> both@local.example`},
		{"§3.2.3 a cancellation of nothing is ignored", "from@local.example", "<unsubscribed", ``},
		{"§3.3.3 an unsubscribe is delivered, pushed, and unavailable presence follows; §A.3.2 then it is answered", "both@local.example", "<unsubscribe", `
			deliver to interested -> both@local.example
			push -> both@local.example
			unavailable balcony -> both@local.example
			unavailable chamber -> both@local.example
			unsubscribed -> both@local.example`},
		{"§A.3.2 a withdrawn request is delivered and answered", "stranger@local.example", "<unsubscribe", `
			deliver to interested -> stranger@local.example
			unsubscribed -> stranger@local.example`},
		{"§3.3.3 an unsubscribe from nothing is ignored", "to@local.example", "<unsubscribe", ``},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := juliet(t).with("balcony", "chamber", "(garden)")
			from := jid(t, row.contact)
			e, err := exchange(t, a, from, row.step)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, a.ReceiveSubscription(nil, from, e), row.want)
		})
	}
}

func TestAnEndedSubscriptionEndsDirectedPresenceToo(t *testing.T) {
	// §4.6.1: the contact hears once of each resource, and not again at its end.
	a := juliet(t).with("(balcony)", "chamber", "(garden)")
	both := jid(t, "both@local.example")
	directedTo(t, a, balcony, "both@local.example/x", "both@local.example/y", "room@chat.example/j")
	e, err := exchange(t, a, both, ">unsubscribed")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, a.SendSubscription(nil, both, e), `
		unavailable balcony -> both@local.example
		unavailable chamber -> both@local.example
		route -> both@local.example
		push -> both@local.example`)
	expect(t, a.Unavailable(nil, balcony, false), "unavailable balcony -> room@chat.example/j")
}

func TestABlockedContactIsSentNoPresenceByItsSubscription(t *testing.T) {
	// XEP-0191 §3.3.
	a := blocking(t, juliet(t), "local.example").with("balcony")
	for _, row := range []struct{ contact, step, want string }{
		{"both@local.example", "<unsubscribe", `
			deliver to interested -> both@local.example
			push -> both@local.example
			unsubscribed -> both@local.example`},
		{"in@local.example", ">subscribed", `
			route -> in@local.example
			push -> in@local.example`},
	} {
		j := jid(t, row.contact)
		e, err := exchange(t, a, j, row.step)
		if err != nil {
			t.Fatal(err)
		}
		if row.step[0] == '<' {
			expect(t, a.ReceiveSubscription(nil, j, e), row.want)
		} else {
			expect(t, a.SendSubscription(nil, j, e), row.want)
		}
	}
}

func TestRemovingAContact(t *testing.T) {
	for _, row := range []struct{ name, contact, want string }{
		{"§2.5.2 without a subscription it is only pushed", "none@local.example", `
			push -> none@local.example`},
		{"§2.5.2 from one the account is subscribed to it unsubscribes", "to@local.example", `
			push -> to@local.example
			unsubscribe -> to@local.example`},
		{"a request without an answer is taken back", "ask@local.example", `
			push -> ask@local.example
			unsubscribe -> ask@local.example`},
		{"§2.5.2 a subscriber is sent unavailable and cancelled", "from@local.example", `
			push -> from@local.example
			unavailable balcony -> from@local.example
			unavailable chamber -> from@local.example
			unsubscribed -> from@local.example`},
		{"§2.5.2 in a mutual subscription both", "both@local.example", `
			push -> both@local.example
			unsubscribe -> both@local.example
			unavailable balcony -> both@local.example
			unavailable chamber -> both@local.example
			unsubscribed -> both@local.example`},
		{"§3.1.3 a request that waits is left to wait", "in@local.example", `
			push -> in@local.example`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := juliet(t).with("balcony", "chamber", "(garden)")
			out, err := a.Roster.Remove(jid(t, row.contact))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, a.RemoveContact(nil, out), row.want)
		})
	}
}

func TestRemovingTheAccount(t *testing.T) {
	a := directedTo(t, juliet(t).with("balcony", "(chamber)"), chamber, "room@chat.example/j")
	expect(t, a.RemoveAccount(nil), `
		unavailable balcony -> both@local.example
		unavailable balcony -> both@remote.example
		unavailable balcony -> from@local.example
		unavailable balcony -> fromask@local.example
		unavailable chamber -> room@chat.example/j
		unsubscribe -> ask@local.example
		unsubscribe -> ask@remote.example
		unsubscribe -> askin@local.example
		unsubscribe -> both@local.example
		unsubscribed -> both@local.example
		unsubscribe -> both@remote.example
		unsubscribed -> both@remote.example
		unsubscribed -> from@local.example
		unsubscribe -> fromask@local.example
		unsubscribed -> fromask@local.example
		unsubscribe -> to@local.example
		unsubscribe -> toin@local.example
		unsubscribed -> askin@local.example
		unsubscribed -> in@local.example
		unsubscribed -> stranger@local.example
		unsubscribed -> toin@local.example`)
	for i, r := range a.Resources {
		if r.Available || len(r.Directed.List()) > 0 {
			t.Errorf("resource %d is %+v", i, r)
		}
	}
	expect(t, (&Account{JID: a.JID}).with("balcony", "chamber").RemoveAccount(nil), "")
}

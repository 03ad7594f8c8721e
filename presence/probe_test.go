package presence

import "testing"

func TestAnswersToProbes(t *testing.T) {
	online := func() *Account { return juliet(t).with("balcony", "(chamber)", "garden") }
	offline := func() *Account { return juliet(t).with("(balcony)") }
	for _, row := range []struct {
		name string
		a    *Account
		from string
		res  int
		want string
	}{
		// §4.3.2 rule 1.
		{"no such account: unsubscribed", nil, "romeo@x.example", None, "unsubscribed -> romeo@x.example"},
		{"no such account, by full JID: unsubscribed", nil, "romeo@x.example", Asked, "unsubscribed -> romeo@x.example"},
		{"None: unsubscribed", online(), "none@local.example", None, "unsubscribed -> none@local.example"},
		{"not on the list: unsubscribed", online(), "tybalt@x.example", None, "unsubscribed -> tybalt@x.example"},
		{"None + Pending Out: unsubscribed", online(), "ask@local.example", None, "unsubscribed -> ask@local.example"},
		{"None + Pending In: unsubscribed", online(), "in@local.example", None, "unsubscribed -> in@local.example"},
		{"None + Pending In, not on the list: unsubscribed", online(), "stranger@local.example", None, "unsubscribed -> stranger@local.example"},
		{"None + Pending Out+In: unsubscribed", online(), "askin@local.example", None, "unsubscribed -> askin@local.example"},
		{"To: unsubscribed", online(), "to@local.example", None, "unsubscribed -> to@local.example"},
		{"To + Pending In: unsubscribed", online(), "toin@local.example", None, "unsubscribed -> toin@local.example"},
		{"approved beforehand: unsubscribed", online(), "approved@local.example", None, "unsubscribed -> approved@local.example"},
		{"not subscribed, by full JID of a resource: unsubscribed", online(), "to@local.example", balcony, "unsubscribed -> to@local.example"},
		{"not subscribed, by full JID of none: unsubscribed", online(), "to@local.example", Asked, "unsubscribed -> to@local.example"},
		{"not subscribed, nobody there: unsubscribed", offline(), "to@local.example", None, "unsubscribed -> to@local.example"},

		// §4.3.2 rules 3 and 4.
		{"From, nobody available: unavailable since when", offline(), "from@local.example", None, "last unavailable -> from@local.example"},
		{"Both, nobody connected: unavailable since when", juliet(t), "both@local.example", None, "last unavailable -> both@local.example"},
		{"From: each available resource", online(), "from@local.example", None, `
			current balcony -> from@local.example
			current garden -> from@local.example`},
		{"From + Pending Out: each available resource", online(), "fromask@local.example", None, `
			current balcony -> fromask@local.example
			current garden -> fromask@local.example`},
		{"Both: each available resource", online(), "both@remote.example", None, `
			current balcony -> both@remote.example
			current garden -> both@remote.example`},
		{"Both, probing from a full JID as before RFC 6121: the same, to that", online(), "both@remote.example/home", None, `
			current balcony -> both@remote.example/home
			current garden -> both@remote.example/home`},
		{"§4.2.2 the account itself: each available resource", online(), "juliet@example.com/garden", None, `
			current balcony -> juliet@example.com/garden
			current garden -> juliet@example.com/garden`},

		// §4.3.2, full JIDs.
		{"Both, by full JID of an available resource: that, and no more", online(), "both@local.example", balcony, "available balcony -> both@local.example"},
		{"Both, by full JID of a connected resource: unavailable", online(), "both@local.example", chamber, "unavailable chamber -> both@local.example"},
		{"Both, by full JID of none: unavailable", online(), "both@local.example", Asked, "unavailable asked -> both@local.example"},
		{"Both, by full JID of none, nobody available: unavailable", offline(), "both@local.example", Asked, "unavailable asked -> both@local.example"},

		// §4.6.6.
		{"directed presence, by full JID: that, and no more", directedTo(t, online(), balcony, "room@chat.example/j"), "room@chat.example/j", balcony, "available balcony -> room@chat.example/j"},
		{"directed presence, the room asks by its own address: that", directedTo(t, online(), balcony, "room@chat.example/j"), "room@chat.example", balcony, "available balcony -> room@chat.example"},
		{"directed presence, by bare JID: only who sent it", directedTo(t, online(), garden, "room@chat.example/j"), "room@chat.example/j", None, "available garden -> room@chat.example/j"},
		{"directed presence of a connected resource: available", directedTo(t, online(), chamber, "room@chat.example/j"), "room@chat.example/j", chamber, "available chamber -> room@chat.example/j"},
		{"directed presence of another resource: unsubscribed", directedTo(t, online(), garden, "room@chat.example/j"), "room@chat.example/j", balcony, "unsubscribed -> room@chat.example/j"},
		{"directed presence to another room: unsubscribed", directedTo(t, online(), balcony, "room@chat.example/j"), "hall@chat.example/j", balcony, "unsubscribed -> hall@chat.example/j"},
		{"directed presence to a subscriber: by subscription", directedTo(t, offline(), balcony, "both@local.example"), "both@local.example", None, "last unavailable -> both@local.example"},
		{"directed presence, by full JID of none: unsubscribed", directedTo(t, online(), balcony, "room@chat.example/j"), "room@chat.example/j", Asked, "unsubscribed -> room@chat.example/j"},

		// XEP-0191 §3.3.
		{"blocked: nothing", blocking(t, online(), "both@local.example"), "both@local.example", None, ""},
		{"a stranger, blocked: nothing", blocking(t, online(), "x.example"), "tybalt@x.example", Asked, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			expect(t, Answer(nil, row.a, jid(t, row.from), row.res), row.want)
		})
	}
}

func TestATakenBackDirectedPresenceAnswersNoProbe(t *testing.T) {
	a := directedTo(t, juliet(t).with("balcony"), balcony, "room@chat.example/j")
	if _, err := a.SendDirected(nil, balcony, jid(t, "room@chat.example/j"), true); err != nil {
		t.Fatal(err)
	}
	expect(t, Answer(nil, a, jid(t, "room@chat.example/j"), balcony), "unsubscribed -> room@chat.example/j")
}

func TestAProbeCostsNoPreApproval(t *testing.T) {
	// §4.3.2 rule 1: the answer is unsubscribed, the approval stays.
	a := juliet(t).with("balcony")
	j := jid(t, "approved@local.example")
	Answer(nil, a, j, None)
	if !a.Roster.State(j).Approved() {
		t.Error("it is gone")
	}
}

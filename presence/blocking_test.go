package presence

import "testing"

func TestBlockingMakesTheAccountUnavailable(t *testing.T) {
	// XEP-0191 §3.3, §6.
	for _, row := range []struct{ name, item, want string }{
		{"a subscriber", "from@local.example", `
			unavailable balcony -> from@local.example
			unavailable chamber -> from@local.example`},
		{"one resource of a subscriber", "from@local.example/x", `
			unavailable balcony -> from@local.example/x
			unavailable chamber -> from@local.example/x`},
		{"a contact that sees nothing", "to@local.example", ``},
		{"a stranger", "tybalt@x.example", ``},
		{"a domain of subscribers", "local.example", `
			unavailable balcony -> both@local.example
			unavailable chamber -> both@local.example
			unavailable balcony -> from@local.example
			unavailable chamber -> from@local.example
			unavailable balcony -> fromask@local.example
			unavailable chamber -> fromask@local.example`},
		{"a room that got directed presence", "room@chat.example", `
			unavailable balcony -> room@chat.example/j
			unavailable garden -> room@chat.example/j2`},
		{"an occupant's address that got directed presence", "room@chat.example/j2", `
			unavailable garden -> room@chat.example/j2`},
		{"a service whose room got directed presence", "chat.example", `
			unavailable balcony -> room@chat.example/j
			unavailable garden -> room@chat.example/j2`},
		{"a subscriber that got directed presence of a resource that is not available", "both@remote.example", `
			unavailable balcony -> both@remote.example
			unavailable chamber -> both@remote.example
			unavailable garden -> both@remote.example/x`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := juliet(t).with("balcony", "chamber", "(garden)")
			directedTo(t, a, balcony, "room@chat.example/j")
			directedTo(t, a, garden, "room@chat.example/j2", "both@remote.example/x")
			expect(t, a.Block(nil, jid(t, row.item)), row.want)
		})
	}
}

func TestUnblockingMakesItAvailableAgain(t *testing.T) {
	// XEP-0191 §3.4.
	for _, row := range []struct {
		name, item string
		still      []string
		want       string
	}{
		{"a subscriber", "from@local.example", nil, `
			current balcony -> from@local.example
			current chamber -> from@local.example`},
		{"one in a mutual subscription is probed too", "both@remote.example", nil, `
			current balcony -> both@remote.example
			current chamber -> both@remote.example
			probe -> both@remote.example`},
		{"one the account is subscribed to is only probed", "to@local.example", nil, `
			probe -> to@local.example`},
		{"a stranger", "tybalt@x.example", nil, ``},
		{"a domain, but for who is still blocked", "local.example", []string{"both@local.example", "toin@local.example"}, `
			current balcony -> from@local.example
			current chamber -> from@local.example
			current balcony -> fromask@local.example
			current chamber -> fromask@local.example
			probe -> to@local.example`},
		{"a subscriber whose domain is still blocked", "from@local.example", []string{"local.example"}, ``},
		{"one resource of a subscriber", "from@local.example/x", nil, `
			current balcony -> from@local.example/x
			current chamber -> from@local.example/x`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := blocking(t, juliet(t), row.still...).with("balcony", "chamber", "(garden)")
			expect(t, a.Unblock(nil, jid(t, row.item)), row.want)
		})
	}
	t.Run("nobody who is not available is announced or curious", func(t *testing.T) {
		expect(t, juliet(t).with("(balcony)").Unblock(nil, jid(t, "local.example")), "")
	})
	t.Run("an account without a roster has nobody to tell", func(t *testing.T) {
		a := (&Account{JID: jid(t, "juliet@example.com")}).with("balcony")
		expect(t, a.Block(nil, jid(t, "local.example")), "")
		expect(t, a.Unblock(nil, jid(t, "local.example")), "")
	})
}

func TestWhatABlockedJIDStandsFor(t *testing.T) {
	// XEP-0191 §6.
	for _, row := range []struct {
		item, jid string
		want      bool
	}{
		{"user@domain/resource", "user@domain/resource", true},
		{"user@domain/resource", "user@domain/other", false},
		{"user@domain/resource", "user@domain", false},
		{"user@domain", "user@domain", true},
		{"user@domain", "user@domain/resource", true},
		{"user@domain", "other@domain", false},
		{"user@domain", "domain", false},
		{"domain/resource", "domain/resource", true},
		{"domain/resource", "domain", false},
		{"domain/resource", "user@domain/resource", false},
		{"domain", "domain", true},
		{"domain", "domain/resource", true},
		{"domain", "user@domain", true},
		{"domain", "user@domain/resource", true},
		{"domain", "user@sub.domain", false},
	} {
		if got := Matches(jid(t, row.item), jid(t, row.jid)); got != row.want {
			t.Errorf("%s for %s: %v", row.item, row.jid, got)
		}
	}
}

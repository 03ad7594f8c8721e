package presence_test

import (
	"fmt"

	"natter/presence"
	"natter/roster"
	"natter/stanza"
)

// The first presence of a second resource.
func ExampleAccount_Broadcast() {
	juliet, _ := stanza.ParseJID("juliet@example.com")
	romeo, _ := stanza.ParseJID("romeo@example.net")
	list := roster.New(juliet, "e1", roster.DefaultLimits)
	list.Put(roster.Item{JID: romeo, State: roster.StateBoth}, nil)

	account := presence.Account{JID: juliet, Roster: list, Resources: []presence.Resource{
		{Available: true}, // 0, the balcony
		{},                // 1, the chamber
	}}
	for _, act := range account.Broadcast(nil, 1, 0) {
		switch {
		case act.To.IsZero():
			fmt.Printf("%v of resource %d to resource %d\n", act.Kind, act.From, act.Own)
		case act.From == presence.None:
			fmt.Printf("%v to %v\n", act.Kind, act.To)
		default:
			fmt.Printf("%v of resource %d to %v\n", act.Kind, act.From, act.To)
		}
	}
	// Output:
	// relay of resource 1 to romeo@example.net
	// relay of resource 1 to resource 0
	// relay of resource 1 to resource 1
	// current of resource 0 to resource 1
	// probe to romeo@example.net
}

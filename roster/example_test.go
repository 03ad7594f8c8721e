package roster_test

import (
	"fmt"

	"natter/roster"
	"natter/stanza"
)

// A request comes in and waits, is approved, and only then makes a contact.
func Example() {
	romeo, _ := stanza.ParseJID("romeo@example.net")
	juliet, _ := stanza.ParseJID("juliet@example.com")
	r := roster.New(romeo, "e1", roster.DefaultLimits)

	e, _ := r.Inbound(juliet, roster.Subscribe, []byte("<presence type='subscribe'/>"))
	fmt.Println(e.After, "deliver:", e.Pass, "push:", e.Pushed)

	e, _ = r.Outbound(juliet, roster.Subscribed)
	fmt.Println(e.After, "route:", e.Pass, "send presence:", e.Granted())
	fmt.Println(string(e.Push.AppendTo(nil)))

	for _, doc := range r.Changes() {
		fmt.Println("store", doc.Key)
	}
	// Output:
	// None + Pending In deliver: true push: false
	// From route: true send presence: true
	// <query xmlns='jabber:iq:roster' ver='e1-1'><item jid='juliet@example.com' subscription='from'/></query>
	// store /
	// store juliet@example.com
}

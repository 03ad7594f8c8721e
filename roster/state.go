package roster

// Subscription is the value of an item's 'subscription' attribute
// (RFC 6121 §2.1.2.5), seen from the owner of the roster.
type Subscription uint8

// The four values of §2.1.2.5. The zero value is None, the attribute's default.
const (
	None Subscription = iota // neither is subscribed to the other
	To                       // the owner is subscribed to the contact
	From                     // the contact is subscribed to the owner
	Both                     // each is subscribed to the other
)

// String gives the attribute's value: "none", "to", "from" or "both".
func (s Subscription) String() string { return subscriptionNames[s&Both] }

var subscriptionNames = [...]string{None: "none", To: "to", From: "from", Both: "both"}

// HasTo reports whether the owner receives the contact's presence.
func (s Subscription) HasTo() bool { return s&To != 0 }

// HasFrom reports whether the contact receives the owner's presence.
func (s Subscription) HasFrom() bool { return s&From != 0 }

// State is what a roster knows about the subscriptions between its owner and
// one contact: one of the nine states of RFC 6121 §A.1, or one of the three of
// them that can carry a pre-approval (§3.4.2). A contact that is not in the
// roster at all has the state StateNone, or StateNoneIn while a request of its
// waits (§A.1, implementation note). The zero value is StateNone.
type State uint8

// The states of §A.1, then those with a pre-approval. An approval is used up
// by the request it answers (the first of the two ways the implementation note
// of §3.4.2 allows), so it never stands beside From or Pending In.
const (
	StateNone State = iota
	StateNoneOut
	StateNoneIn
	StateNoneOutIn
	StateTo
	StateToIn
	StateFrom
	StateFromOut
	StateBoth
	StateNoneApproved
	StateNoneOutApproved
	StateToApproved

	states = 12
)

// stateFacts says what each state means, attribute by attribute.
var stateFacts = [states]struct {
	name         string
	subscription Subscription
	ask          bool // Pending Out: ask='subscribe'
	in           bool // Pending In: not shown in the roster
	approved     bool // approved='true'
}{
	StateNone:            {name: "None", subscription: None},
	StateNoneOut:         {name: "None + Pending Out", subscription: None, ask: true},
	StateNoneIn:          {name: "None + Pending In", subscription: None, in: true},
	StateNoneOutIn:       {name: "None + Pending Out+In", subscription: None, ask: true, in: true},
	StateTo:              {name: "To", subscription: To},
	StateToIn:            {name: "To + Pending In", subscription: To, in: true},
	StateFrom:            {name: "From", subscription: From},
	StateFromOut:         {name: "From + Pending Out", subscription: From, ask: true},
	StateBoth:            {name: "Both", subscription: Both},
	StateNoneApproved:    {name: "None, approved", subscription: None, approved: true},
	StateNoneOutApproved: {name: "None + Pending Out, approved", subscription: None, ask: true, approved: true},
	StateToApproved:      {name: "To, approved", subscription: To, approved: true},
}

// Valid reports whether s is one of the twelve states; anything else can only
// come from a damaged document.
func (s State) Valid() bool { return s < states }

// String gives the state's name as §A.1 writes it.
func (s State) String() string {
	if !s.Valid() {
		return "invalid"
	}
	return stateFacts[s].name
}

// Subscription is the state's 'subscription' attribute.
func (s State) Subscription() Subscription { return stateFacts[s].subscription }

// Ask reports Pending Out: the owner's request waits for the contact's answer.
func (s State) Ask() bool { return stateFacts[s].ask }

// PendingIn reports that the contact's request waits for the owner's answer.
func (s State) PendingIn() bool { return stateFacts[s].in }

// Approved reports a pre-approval: a request to come is granted at once.
func (s State) Approved() bool { return stateFacts[s].approved }

// HasTo reports whether the owner receives the contact's presence.
func (s State) HasTo() bool { return s.Subscription().HasTo() }

// HasFrom reports whether the contact receives the owner's presence.
func (s State) HasFrom() bool { return s.Subscription().HasFrom() }

// looksLike reports whether clients see no difference between s and t: then a
// change from one to the other is no modification of the roster and causes no
// push (RFC 6121 §2.6.3, definition of "roster modification").
func (s State) looksLike(t State) bool {
	return s.Subscription() == t.Subscription() && s.Ask() == t.Ask() && s.Approved() == t.Approved()
}

package roster

import "natter/stanza"

// Kind is the type of a presence stanza that manages subscriptions.
type Kind uint8

// The four kinds of RFC 6121 §3. NoKind stands for "no stanza".
const (
	NoKind Kind = iota
	Subscribe
	Subscribed
	Unsubscribe
	Unsubscribed

	kinds = 5
)

var kindNames = [kinds]string{
	Subscribe: "subscribe", Subscribed: "subscribed", Unsubscribe: "unsubscribe", Unsubscribed: "unsubscribed",
}

// String gives the value of the stanza's 'type' attribute, "" for NoKind.
func (k Kind) String() string {
	if k >= kinds {
		return ""
	}
	return kindNames[k]
}

// KindOf finds the kind for the type of a presence stanza, NoKind for those that
// manage no subscription.
func KindOf(t stanza.Type) Kind {
	switch t {
	case stanza.Subscribe:
		return Subscribe
	case stanza.Subscribed:
		return Subscribed
	case stanza.Unsubscribe:
		return Unsubscribe
	case stanza.Unsubscribed:
		return Unsubscribed
	}
	return NoKind
}

// Sent is what a stanza the owner sends does, one cell of RFC 6121 §A.2.
type Sent struct {
	Next  State
	Route bool // send the stanza on to the contact, from the owner's bare JID
	Push  bool // the item as clients see it changed: push it to the interested resources
}

// Received is what a stanza the contact sent does, one cell of RFC 6121 §A.3.
type Received struct {
	Next      State
	Deliver   bool // hand the stanza to the owner's resources
	Push      bool // the item as clients see it changed: push it to the interested resources
	AutoReply Kind // answer the contact from the owner's bare JID; NoKind for silence
}

// Outbound looks up what happens when the owner of a roster sends a stanza of
// the given kind to a contact in the given state (§A.2; pre-approval §3.4.2).
// NoKind and invalid states change nothing.
func Outbound(s State, k Kind) Sent {
	if !s.Valid() || k >= kinds || k == NoKind {
		return Sent{Next: s}
	}
	cell := outbound[k][s]
	return Sent{Next: cell.next, Route: cell.pass, Push: !s.looksLike(cell.next)}
}

// Inbound looks up what happens when a contact in the given state sends a
// stanza of the given kind to the owner of a roster (§A.3; pre-approval
// §3.4.2). NoKind and invalid states change nothing.
func Inbound(s State, k Kind) Received {
	if !s.Valid() || k >= kinds || k == NoKind {
		return Received{Next: s}
	}
	cell := inbound[k][s]
	return Received{Next: cell.next, Deliver: cell.pass, Push: !s.looksLike(cell.next), AutoReply: cell.reply}
}

// cell is one row of a table of appendix A: pass is its second column, true
// for MUST, false for MUST NOT and SHOULD NOT.
type cell struct {
	pass  bool
	next  State
	reply Kind
}

const (
	pass = true
	hold = false
)

// outbound holds tables 2 to 5 of §A.2.
var outbound = [kinds][states]cell{
	Subscribe: { // §A.2.1
		StateNone:            {pass, StateNoneOut, NoKind},
		StateNoneOut:         {pass, StateNoneOut, NoKind},
		StateNoneIn:          {pass, StateNoneOutIn, NoKind},
		StateNoneOutIn:       {pass, StateNoneOutIn, NoKind},
		StateTo:              {pass, StateTo, NoKind},
		StateToIn:            {pass, StateToIn, NoKind},
		StateFrom:            {pass, StateFromOut, NoKind},
		StateFromOut:         {pass, StateFromOut, NoKind},
		StateBoth:            {pass, StateBoth, NoKind},
		StateNoneApproved:    {pass, StateNoneOutApproved, NoKind},
		StateNoneOutApproved: {pass, StateNoneOutApproved, NoKind},
		StateToApproved:      {pass, StateToApproved, NoKind},
	},
	Unsubscribe: { // §A.2.2
		StateNone:            {pass, StateNone, NoKind},
		StateNoneOut:         {pass, StateNone, NoKind},
		StateNoneIn:          {pass, StateNoneIn, NoKind},
		StateNoneOutIn:       {pass, StateNoneIn, NoKind},
		StateTo:              {pass, StateNone, NoKind},
		StateToIn:            {pass, StateNoneIn, NoKind},
		StateFrom:            {pass, StateFrom, NoKind},
		StateFromOut:         {pass, StateFrom, NoKind},
		StateBoth:            {pass, StateFrom, NoKind},
		StateNoneApproved:    {pass, StateNoneApproved, NoKind},
		StateNoneOutApproved: {pass, StateNoneApproved, NoKind},
		StateToApproved:      {pass, StateNoneApproved, NoKind},
	},
	Subscribed: { // §A.2.3; where it is held back, §3.4.2 makes it a pre-approval
		StateNone:            {hold, StateNoneApproved, NoKind},
		StateNoneOut:         {hold, StateNoneOutApproved, NoKind},
		StateNoneIn:          {pass, StateFrom, NoKind},
		StateNoneOutIn:       {pass, StateFromOut, NoKind},
		StateTo:              {hold, StateToApproved, NoKind},
		StateToIn:            {pass, StateBoth, NoKind},
		StateFrom:            {hold, StateFrom, NoKind},
		StateFromOut:         {hold, StateFromOut, NoKind},
		StateBoth:            {hold, StateBoth, NoKind},
		StateNoneApproved:    {hold, StateNoneApproved, NoKind},
		StateNoneOutApproved: {hold, StateNoneOutApproved, NoKind},
		StateToApproved:      {hold, StateToApproved, NoKind},
	},
	Unsubscribed: { // §A.2.4; it takes a pre-approval back (§3.2.2 rule 2)
		StateNone:            {hold, StateNone, NoKind},
		StateNoneOut:         {hold, StateNoneOut, NoKind},
		StateNoneIn:          {pass, StateNone, NoKind},
		StateNoneOutIn:       {pass, StateNoneOut, NoKind},
		StateTo:              {hold, StateTo, NoKind},
		StateToIn:            {pass, StateTo, NoKind},
		StateFrom:            {pass, StateNone, NoKind},
		StateFromOut:         {pass, StateNoneOut, NoKind},
		StateBoth:            {pass, StateTo, NoKind},
		StateNoneApproved:    {hold, StateNone, NoKind},
		StateNoneOutApproved: {hold, StateNoneOut, NoKind},
		StateToApproved:      {hold, StateTo, NoKind},
	},
}

// inbound holds tables 6 to 9 of §A.3.
var inbound = [kinds][states]cell{
	Subscribe: { // §A.3.1; a request that was approved before is granted unseen (§3.4.2)
		StateNone:            {pass, StateNoneIn, NoKind},
		StateNoneOut:         {pass, StateNoneOutIn, NoKind},
		StateNoneIn:          {hold, StateNoneIn, NoKind},
		StateNoneOutIn:       {hold, StateNoneOutIn, NoKind},
		StateTo:              {pass, StateToIn, NoKind},
		StateToIn:            {hold, StateToIn, NoKind},
		StateFrom:            {hold, StateFrom, Subscribed},
		StateFromOut:         {hold, StateFromOut, Subscribed},
		StateBoth:            {hold, StateBoth, Subscribed},
		StateNoneApproved:    {hold, StateFrom, Subscribed},
		StateNoneOutApproved: {hold, StateFromOut, Subscribed},
		StateToApproved:      {hold, StateBoth, Subscribed},
	},
	Unsubscribe: { // §A.3.2, which unlike §3.3.3 also shows the owner that a request was withdrawn
		StateNone:            {hold, StateNone, NoKind},
		StateNoneOut:         {hold, StateNoneOut, NoKind},
		StateNoneIn:          {pass, StateNone, Unsubscribed},
		StateNoneOutIn:       {pass, StateNoneOut, Unsubscribed},
		StateTo:              {hold, StateTo, NoKind},
		StateToIn:            {pass, StateTo, Unsubscribed},
		StateFrom:            {pass, StateNone, Unsubscribed},
		StateFromOut:         {pass, StateNoneOut, Unsubscribed},
		StateBoth:            {pass, StateTo, Unsubscribed},
		StateNoneApproved:    {hold, StateNoneApproved, NoKind},
		StateNoneOutApproved: {hold, StateNoneOutApproved, NoKind},
		StateToApproved:      {hold, StateToApproved, NoKind},
	},
	Subscribed: { // §A.3.3
		StateNone:            {hold, StateNone, NoKind},
		StateNoneOut:         {pass, StateTo, NoKind},
		StateNoneIn:          {hold, StateNoneIn, NoKind},
		StateNoneOutIn:       {pass, StateToIn, NoKind},
		StateTo:              {hold, StateTo, NoKind},
		StateToIn:            {hold, StateToIn, NoKind},
		StateFrom:            {hold, StateFrom, NoKind},
		StateFromOut:         {pass, StateBoth, NoKind},
		StateBoth:            {hold, StateBoth, NoKind},
		StateNoneApproved:    {hold, StateNoneApproved, NoKind},
		StateNoneOutApproved: {pass, StateToApproved, NoKind},
		StateToApproved:      {hold, StateToApproved, NoKind},
	},
	Unsubscribed: { // §A.3.4; the contact's word never touches the owner's pre-approval (§4.3.2 rule 1)
		StateNone:            {hold, StateNone, NoKind},
		StateNoneOut:         {pass, StateNone, NoKind},
		StateNoneIn:          {hold, StateNoneIn, NoKind},
		StateNoneOutIn:       {pass, StateNoneIn, NoKind},
		StateTo:              {pass, StateNone, NoKind},
		StateToIn:            {pass, StateNoneIn, NoKind},
		StateFrom:            {hold, StateFrom, NoKind},
		StateFromOut:         {pass, StateFrom, NoKind},
		StateBoth:            {pass, StateFrom, NoKind},
		StateNoneApproved:    {hold, StateNoneApproved, NoKind},
		StateNoneOutApproved: {pass, StateNoneApproved, NoKind},
		StateToApproved:      {pass, StateNoneApproved, NoKind},
	},
}

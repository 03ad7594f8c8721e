package stanza

// Kind tells stanzas from other first-level elements. An element is a stanza
// only in the content namespace of its stream (RFC 6120 §4.8.4, §8.2).
type Kind uint8

// The kinds of first-level elements.
const (
	Other Kind = iota
	Message
	Presence
	IQ
)

// String returns the element name, or "other".
func (k Kind) String() string {
	return [...]string{"other", "message", "presence", "iq"}[k&3]
}

// Type is the value of the type attribute of a stanza (RFC 6121 §5.2.2, §4.7.1;
// RFC 6120 §8.2.3).
type Type uint8

// The types. Which ones go with a kind is checked: another one is TypeInvalid.
// For a message TypeInvalid has to be treated as Normal (RFC 6121 §5.2.2).
const (
	TypeNone    Type = iota // no attribute: for a message normal, for presence available
	Chat                    // message
	Groupchat               // message
	Headline                // message
	Normal                  // message
	TypeError               // all kinds
	Unavailable             // presence, and all below up to Probe
	Subscribe
	Subscribed
	Unsubscribe
	Unsubscribed
	Probe
	Get // iq
	Set // iq
	Result
	TypeInvalid
)

var typeNames = [...]string{
	"", "chat", "groupchat", "headline", "normal", "error", "unavailable", "subscribe",
	"subscribed", "unsubscribe", "unsubscribed", "probe", "get", "set", "result", "invalid",
}

// String returns the attribute's value.
func (t Type) String() string { return typeNames[t&15] }

// typeOf reads a type attribute of a stanza of kind k.
func typeOf(k Kind, v []byte) Type {
	t := TypeInvalid
	switch string(v) {
	case "chat":
		t = Chat
	case "groupchat":
		t = Groupchat
	case "headline":
		t = Headline
	case "normal":
		t = Normal
	case "error":
		return TypeError
	case "unavailable":
		t = Unavailable
	case "subscribe":
		t = Subscribe
	case "subscribed":
		t = Subscribed
	case "unsubscribe":
		t = Unsubscribe
	case "unsubscribed":
		t = Unsubscribed
	case "probe":
		t = Probe
	case "get":
		t = Get
	case "set":
		t = Set
	case "result":
		t = Result
	}
	switch {
	case k == Message && t >= Chat && t <= Normal,
		k == Presence && t >= Unavailable && t <= Probe,
		k == IQ && t >= Get && t <= Result:
		return t
	}
	return TypeInvalid
}

package server

import "natter/stanza"

// Hints are the processing hints of XEP-0334 found on a message, with what else
// decides whether it is worth keeping.
type Hints uint8

const (
	NoStore    Hints = 1 << iota // no-store
	NoCopy                       // no-copy
	Store                        // store
	HasBody                      // a <body/>
	HasContent                   // another child that means something to a person or device later on
	OnlyStates                   // nothing but chat states (XEP-0085): worth nothing later
	NoArchive                    // no-permanent-store: kept until it is delivered, never archived
	forgeries                    // children only the server may add: see Passage.Stamp
)

const (
	nsHints = "urn:xmpp:hints"
	nsSID   = "urn:xmpp:sid:0"
	nsDelay = "urn:xmpp:delay"
)

// lasting lists namespaces whose elements are kept for an absent recipient
// though the message has no body: receipts, markers, reactions, corrections of
// state, invitations, calls, encrypted payloads.
var lasting = map[string]bool{
	"urn:xmpp:receipts":                   true, // XEP-0184
	"urn:xmpp:chat-markers:0":             true, // XEP-0333
	"urn:xmpp:reactions:0":                true, // XEP-0444
	"urn:xmpp:message-retract:1":          true, // XEP-0424
	"urn:xmpp:jingle-message:0":           true, // XEP-0353
	"jabber:x:conference":                 true, // XEP-0249
	"eu.siacs.conversations.axolotl":      true, // OMEMO before 0.4
	"urn:xmpp:omemo:2":                    true, // XEP-0384
	"http://jabber.org/protocol/muc#user": true, // mediated invitations
}

// HintsOf reads what decides a message's fate from its children.
func HintsOf(st *stanza.Stanza) Hints {
	var h Hints
	states, others := 0, 0
	for i := range st.NumChildren() {
		c := st.ChildAt(i)
		ns, name := st.Space(c), st.Local(c)
		switch {
		case string(ns) == nsHints:
			switch string(name) {
			case "no-store":
				h |= NoStore
			case "no-permanent-store":
				h |= NoArchive
			case "no-copy":
				h |= NoCopy
			case "store":
				h |= Store
			}
		case string(name) == "body" && string(ns) == stanza.NSClient:
			h |= HasBody
		case string(ns) == "http://jabber.org/protocol/chatstates":
			states++
		case string(ns) == nsSID || string(ns) == nsDelay:
			h |= forgeries
		case lasting[string(ns)]:
			h |= HasContent
			others++
		case string(name) != "thread":
			others++
		}
	}
	if h&(HasBody|Store) == 0 && others == 0 && states > 0 {
		h |= OnlyStates
	}
	return h
}

// Archivable reports whether a message of this type belongs in an archive (XEP-0313
// §6.1.1, XEP-0334 §4.1).
func (h Hints) Archivable(t stanza.Type) bool { return h.Storable(t) && h&NoArchive == 0 }

// Storable reports whether a message of this type is kept until it has reached
// its recipient (XEP-0160 §3, XEP-0334 §4).
func (h Hints) Storable(t stanza.Type) bool {
	switch t {
	case stanza.TypeNone, stanza.Normal, stanza.Chat, stanza.TypeInvalid: // the last as normal: RFC 6121 §5.2.2
		return h&NoStore == 0 && h&(HasBody|HasContent|Store) != 0
	}
	return false
}

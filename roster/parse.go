package roster

import "natter/stanza"

// Get is a roster get: Ver is the version of the list the client has, and
// HasVer whether it named one at all; "" asks for the list and its version
// (RFC 6121 §2.6.2).
type Get struct {
	Ver    string
	HasVer bool
}

// ParseGet reads a roster get, an IQ with a <query/> of Namespace. The error is
// a bad-request, for a query with items (§2.1.3) too.
func ParseGet(iq *stanza.Stanza) (Get, *stanza.Error) {
	query, ok := iq.Child(Namespace, "query")
	if !ok {
		return Get{}, stanza.BadRequest("no roster query")
	}
	if _, ok := iq.Find(query, Namespace, "item"); ok {
		return Get{}, stanza.BadRequest("a roster get has no items")
	}
	var get Get
	get.Ver, get.HasVer = iq.ChildAttr(query, "ver")
	return get, nil
}

// maxParsedGroups is where reading the groups of one item ends. Limits.Groups
// is the bound that answers; this one only keeps the work small.
const maxParsedGroups = 1000

// ParseSet reads a roster set, an IQ with a <query/> of Namespace (RFC 6121
// §2.1.5), and passes over what the RFC does not define. It checks the shape and
// the address; Set and Remove check the rest. The error is a bad-request, or
// jid-malformed for an address that is none.
func ParseSet(iq *stanza.Stanza) (SetRequest, *stanza.Error) {
	query, ok := iq.Child(Namespace, "query")
	if !ok {
		return SetRequest{}, stanza.BadRequest("no roster query")
	}
	var item stanza.Child
	found := false
	for c := range iq.Children(query) {
		if !iq.ChildIs(c, Namespace, "item") {
			continue
		}
		if found {
			return SetRequest{}, stanza.BadRequest("a roster set has only one item")
		}
		item, found = c, true
	}
	if !found {
		return SetRequest{}, stanza.BadRequest("a roster set has an item")
	}

	address, ok := iq.ChildAttr(item, "jid")
	if !ok || address == "" {
		return SetRequest{}, stanza.BadRequest("an item needs a jid")
	}
	j, err := stanza.ParseJID(address)
	if err != nil {
		return SetRequest{}, stanza.JIDMalformed("the item's jid is no address")
	}
	req := SetRequest{JID: j}
	// Of any other subscription no notice is taken (§2.1.2.5).
	if subscription, _ := iq.ChildAttr(item, "subscription"); subscription == "remove" {
		req.Remove = true
		return req, nil
	}
	req.Name, _ = iq.ChildAttr(item, "name")
	for c := range iq.Children(item) {
		if !iq.ChildIs(c, Namespace, "group") {
			continue
		}
		if len(req.Groups) == maxParsedGroups {
			return SetRequest{}, stanza.PolicyViolation("too many groups")
		}
		req.Groups = append(req.Groups, iq.Text(c))
	}
	return req, nil
}

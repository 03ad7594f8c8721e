package caps

import (
	"strings"

	"natter/stanza"
)

// claim is what presence says of a client (XEP-0115 §4). Without a hash there is
// none (§5.4; the format before version 1.4 is not supported); one by a hash that is
// not known can't be checked, and counts for the client alone that makes it.
type claim struct{ hash, ver, node string }

// maxClaim bounds each part of a claim in bytes.
const maxClaim = 256

// claimOf returns what presence claims; false without a claim that can be checked.
func claimOf(st *stanza.Stanza) (claim, bool) {
	e, ok := st.Child(ns, "c")
	if !ok {
		return claim{}, false
	}
	var c claim
	c.hash, _ = st.ChildAttr(e, "hash")
	c.ver, _ = st.ChildAttr(e, "ver")
	c.node, _ = st.ChildAttr(e, "node")
	c.hash = strings.ToLower(c.hash)
	return c, c.valid()
}

func (c claim) valid() bool {
	if c.hash == "" || c.ver == "" || c.node == "" {
		return false
	}
	return len(c.hash) <= maxClaim && len(c.ver) <= maxClaim && len(c.node) <= maxClaim
}

// key is what the features of a client hang on: the node says who is to be asked and
// no more.
func (c claim) key(client stanza.JID) string {
	if hashes[c.hash] == nil {
		return c.hash + " " + c.ver + " " + client.String()
	}
	return c.hash + " " + c.ver
}

// marshal returns the claim as it is kept with a session, nil for none.
func (c claim) marshal() []byte {
	if c == (claim{}) {
		return nil
	}
	return []byte(c.hash + "\n" + c.ver + "\n" + c.node)
}

func unmarshal(data []byte) (claim, bool) {
	parts := strings.SplitN(string(data), "\n", 3)
	if len(parts) != 3 {
		return claim{}, false
	}
	c := claim{parts[0], parts[1], parts[2]}
	return c, c.valid()
}

package main

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// selfInfo is what the client answers to XEP-0030 requests.
type selfInfo struct {
	kind     string   // the identity's type in the category client, such as console or bot
	features []string // beyond those every client has
}

const capsNode = "urn:natter:client"

// discoFeatures returns all features, sorted.
func (s selfInfo) discoFeatures() []string {
	all := append([]string{nsDiscoInfo, nsPing, nsVersion, nsTime}, s.features...)
	slices.Sort(all)
	return slices.Compact(all)
}

// query returns the answer to a disco#info request for the node.
func (s selfInfo) query(asked string) node {
	q := el(nsDiscoInfo, "query", "node", asked).with(
		el("", "identity", "category", "client", "type", s.kind, "name", "natter"))
	for _, f := range s.discoFeatures() {
		q = q.with(el("", "feature", "var", f))
	}
	return q
}

// hash returns the verification string of XEP-0115 §5.1.
func (s selfInfo) hash() string {
	text := "client/" + s.kind + "//natter<" + strings.Join(s.discoFeatures(), "<") + "<"
	sum := sha1.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// caps returns the element that goes into presence.
func (s selfInfo) caps() node {
	return el(nsCaps, "c", "hash", "sha-1", "node", capsNode, "ver", s.hash())
}

// answer replies to a request from somebody else and says whether n was one. A
// roster push is answered, and left to the handler if it is genuine.
func (c *client) answer(n *node) bool {
	t := n.attr("type")
	if n.XMLName.Local != "iq" || t != "get" && t != "set" {
		return false
	}
	reply := el(nsClient, "iq", "type", "result", "id", n.attr("id"), "to", n.attr("from"))
	switch {
	case t == "set" && n.child(nsRoster, "query") != nil && c.fromOwnAccount(n):
		c.send(reply)
		return false
	case t == "get" && n.child(nsPing, "ping") != nil:
	case t == "get" && n.child(nsDiscoInfo, "query") != nil:
		asked := n.child(nsDiscoInfo, "query").attr("node")
		if asked != "" && asked != capsNode+"#"+c.disco.hash() {
			reply = c.refusal(n, "cancel", "item-not-found")
			break
		}
		reply = reply.with(c.disco.query(asked))
	case t == "get" && n.child(nsDiscoItem, "query") != nil:
		reply = reply.with(el(nsDiscoItem, "query"))
	case t == "get" && n.child(nsVersion, "query") != nil:
		version, _ := buildVersion()
		reply = reply.with(el(nsVersion, "query").with(
			el("", "name").text("natter"), el("", "version").text(version)))
	case t == "get" && n.child(nsTime, "time") != nil:
		now := time.Now()
		reply = reply.with(el(nsTime, "time").with(
			el("", "tzo").text(zoneOffset(now)),
			el("", "utc").text(now.UTC().Format("2006-01-02T15:04:05Z"))))
	default:
		reply = c.refusal(n, "cancel", "service-unavailable")
	}
	c.send(reply)
	return true
}

// refusal returns the error reply to a request.
func (c *client) refusal(n *node, kind, condition string) node {
	return el(nsClient, "iq", "type", "error", "id", n.attr("id"), "to", n.attr("from")).with(
		el("", "error", "type", kind).with(el(nsStanzas, condition)))
}

// fromOwnAccount says whether a stanza comes from the own account itself, which
// is who may change the roster (RFC 6121 §2.1.6) and send carbons (XEP-0280
// §11).
func (c *client) fromOwnAccount(n *node) bool {
	from := n.attr("from")
	return from == "" || from == c.account.jid.String()
}

// zoneOffset formats t's distance from UTC as XEP-0202 wants it.
func zoneOffset(t time.Time) string {
	_, seconds := t.Zone()
	if seconds == 0 {
		return "Z"
	}
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d:%02d", sign, seconds/3600, seconds/60%60)
}

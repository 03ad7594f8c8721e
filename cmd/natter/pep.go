package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

const pepHelp = `
Reads, publishes and takes back what an account publishes about itself by PEP
(XEP-0163): pictures, moods, keys, bookmarks. NODE names what it is.

  natter pep list [JID]               the nodes there are
  natter pep get NODE [JID]           its items, one a line
  natter pep set NODE XML|-           publish one; - reads standard input
  natter pep retract NODE ID          take one back
  natter pep delete NODE              delete the node with all in it

JID is whose node it is, the own account's where there is none. An item is printed as
its id, a tab and its XML; with --json as an object on a line. --access says who may
read a node that set makes: open, presence, roster, authorize or whitelist.

  natter pep get http://jabber.org/protocol/geoloc juliet@localhost
  natter pep set http://jabber.org/protocol/mood '<mood xmlns="http://jabber.org/protocol/mood"><happy/></mood>'
`

const (
	nsPubSub      = "http://jabber.org/protocol/pubsub"
	nsPubSubOwner = nsPubSub + "#owner"
)

// pepItem is an item of a node; its JSON form is the output of --json.
type pepItem struct {
	ID  string `json:"id"`
	XML string `json:"xml"`
}

func runPEP(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("pep", pepHelp, std)
	af := fs.accountFlags()
	asJSON := fs.Bool("json", false, "get: print JSON lines")
	id := fs.String("id", "", "set: the item's `ID`; the server makes one where there is none")
	access := fs.String("access", "", "set: `WHO` may read a node that is made: open, presence, whitelist, …")
	timeout := fs.Duration("timeout", 15*time.Second, "wait at most `D` for the answer")
	pos, code, ok := fs.parse(args, 1, 3)
	if !ok {
		return code
	}
	actions := map[string]struct {
		least, most int
		words       string
	}{
		"list": {1, 2, "[JID]"}, "get": {2, 3, "NODE [JID]"}, "set": {3, 3, "NODE XML|-"}, "retract": {3, 3, "NODE ID"}, "delete": {2, 2, "NODE"},
	}
	n, known := actions[pos[0]]
	switch {
	case !known:
		return fs.usageError("there is no %q: list, get, set, retract or delete", pos[0])
	case len(pos) < n.least || len(pos) > n.most:
		return fs.usageError("%s takes %s", pos[0], n.words)
	}
	var payload node
	if pos[0] == "set" {
		text := pos[2]
		if text == "-" {
			all, err := io.ReadAll(io.LimitReader(std.in, 1<<20))
			if err != nil {
				return report(std.err, "pep", err)
			}
			text = string(all)
		}
		var err error
		if payload, err = parseNode(text); err != nil {
			return fs.usageError("that is not one element of XML: %v", err)
		}
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "pep", err)
	}
	go c.serve(ignore)
	defer c.close()
	whose := c.account.jid.Bare().String()
	if pos[0] == "get" && len(pos) == 3 || pos[0] == "list" && len(pos) == 2 {
		j, err := parsePeer(pos[len(pos)-1], c.account.jid.Domainpart())
		if err != nil {
			return report(std.err, "pep", err)
		}
		whose = j.String()
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	switch pos[0] {
	case "list":
		err = c.printNodes(ctx, std.out, whose)
	case "get":
		err = c.printNode(ctx, std.out, whose, pos[1], *asJSON)
	case "set":
		err = c.publish(ctx, pos[1], *id, *access, payload)
	case "retract":
		_, err = c.pubsub(ctx, "set", nsPubSub, "", el("", "retract", "node", pos[1], "notify", "true").with(el("", "item", "id", pos[2])))
	case "delete":
		_, err = c.pubsub(ctx, "set", nsPubSubOwner, "", el("", "delete", "node", pos[1]))
	}
	return report(std.err, "pep", asking(err, whose, *timeout))
}

// pubsub asks for something of XEP-0060, of the own account where to is empty, and
// returns what is in the answer.
func (c *client) pubsub(ctx context.Context, typ, ns, to string, content ...node) (*node, error) {
	answer, err := c.iq(ctx, el(nsClient, "iq", "type", typ, "to", to).with(el(ns, "pubsub").with(content...)))
	if err != nil {
		return nil, err
	}
	return answer.child(ns, "pubsub"), nil
}

// items returns a node's items.
func (c *client) items(ctx context.Context, whose, at string) ([]pepItem, error) {
	answer, err := c.pubsub(ctx, "get", nsPubSub, whose, el("", "items", "node", at))
	if err != nil {
		return nil, err
	}
	var list []pepItem
	for _, i := range answer.child(nsPubSub, "items").all(nsPubSub, "item") {
		item := pepItem{ID: i.attr("id")}
		if len(i.Children) > 0 {
			item.XML = i.Children[0].String()
		}
		list = append(list, item)
	}
	return list, nil
}

func (c *client) printNode(ctx context.Context, w io.Writer, whose, at string, asJSON bool) error {
	list, err := c.items(ctx, whose, at)
	if err != nil {
		return err
	}
	for _, i := range list {
		if asJSON {
			if err := json.NewEncoder(w).Encode(i); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", escapeLine(i.ID), escapeLine(i.XML)); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) printNodes(ctx context.Context, w io.Writer, whose string) error {
	list, err := c.discoItems(ctx, whose, "")
	if err != nil {
		return err
	}
	for _, i := range list {
		if i.Node != "" {
			if _, err := fmt.Fprintln(w, oneLine(i.Node)); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish publishes one item. access, when given, is how the node is made; where
// it is there and has another one, nothing is published.
func (c *client) publish(ctx context.Context, at, id, access string, payload node) error {
	content := []node{el("", "publish", "node", at).with(el("", "item", "id", id).with(payload))}
	if access != "" {
		const form = "jabber:x:data"
		content = append(content, el("", "publish-options").with(el(form, "x", "type", "submit").with(
			el(form, "field", "var", "FORM_TYPE", "type", "hidden").with(el(form, "value").text(nsPubSub+"#publish-options")),
			el(form, "field", "var", "pubsub#access_model").with(el(form, "value").text(access)))))
	}
	_, err := c.pubsub(ctx, "set", nsPubSub, "", content...)
	return err
}

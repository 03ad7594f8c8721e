package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

const discoHelp = `
Asks JID, or the own server, what it is and what it can do (XEP-0030): its
identities, its features with what they are for, and its data forms. With --items
it asks what there is at the address instead: services, rooms, nodes, commands.

  natter disco
  natter disco --items localhost
  natter disco --json juliet@localhost/balcony
`

// discoInfo is the answer to a disco#info request. Its JSON form is the output
// of --json.
type discoInfo struct {
	JID        string              `json:"jid"`
	Node       string              `json:"node,omitempty"`
	Identities []discoIdentity     `json:"identities"`
	Features   []string            `json:"features"`
	Forms      []map[string]string `json:"forms,omitempty"` // field name to values, joined by newlines
}

type discoIdentity struct {
	Category string `json:"category"`
	Type     string `json:"type"`
	Name     string `json:"name,omitempty"`
}

// discoItem is one answer to a disco#items request.
type discoItem struct {
	JID  string `json:"jid"`
	Node string `json:"node,omitempty"`
	Name string `json:"name,omitempty"`
}

func runDisco(ctx context.Context, args []string, std stdio) int {
	fs := newFlags("disco", discoHelp, std)
	af := fs.accountFlags()
	at := fs.String("node", "", "ask about this `NODE` of the address")
	items := fs.Bool("items", false, "list what there is at the address")
	asJSON := fs.Bool("json", false, "print JSON: one object, or with --items one a line")
	timeout := fs.Duration("timeout", 15*time.Second, "wait at most `D` for the answer")
	pos, code, ok := fs.parse(args, 0, 1)
	if !ok {
		return code
	}
	c, err := af.open(ctx, std)
	if err != nil {
		return report(std.err, "disco", err)
	}
	go c.serve(ignore)
	defer c.close()
	target := c.account.jid.Domainpart()
	if len(pos) == 1 {
		j, err := parsePeer(pos[0], target)
		if err != nil {
			return report(std.err, "disco", err)
		}
		target = j.String()
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	if *items {
		err = c.printItems(ctx, std.out, target, *at, *asJSON)
	} else {
		err = c.printInfo(ctx, std.out, target, *at, *asJSON)
	}
	return report(std.err, "disco", asking(err, target, *timeout))
}

// asking words what went wrong with a request to an address.
func asking(err error, target string, timeout time.Duration) error {
	var refused *stanzaError
	switch {
	case errors.As(err, &refused):
		return fail(exitRefused, "", "asking %s: %w", target, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(exitTimeout, "", "asking %s: no answer within %s", target, timeout)
	}
	return err
}

// discoInfo asks the address, at the node unless it is empty, what it is.
func (c *client) discoInfo(ctx context.Context, to, at string) (discoInfo, error) {
	answer, err := c.iq(ctx, el(nsClient, "iq", "type", "get", "to", to).with(el(nsDiscoInfo, "query", "node", at)))
	if err != nil {
		return discoInfo{}, err
	}
	query := answer.child(nsDiscoInfo, "query")
	info := discoInfo{JID: to, Node: at, Identities: []discoIdentity{}, Features: []string{}}
	for _, i := range query.all(nsDiscoInfo, "identity") {
		info.Identities = append(info.Identities, discoIdentity{i.attr("category"), i.attr("type"), i.attr("name")})
	}
	for _, f := range query.all(nsDiscoInfo, "feature") {
		info.Features = append(info.Features, f.attr("var"))
	}
	slices.Sort(info.Features)
	for _, x := range query.all("jabber:x:data", "x") {
		form := map[string]string{}
		for _, field := range x.all("jabber:x:data", "field") {
			var values []string
			for _, v := range field.all("jabber:x:data", "value") {
				values = append(values, v.Text)
			}
			form[field.attr("var")] = strings.Join(values, "\n")
		}
		info.Forms = append(info.Forms, form)
	}
	return info, nil
}

// discoItems asks the address, at the node unless it is empty, what there is.
func (c *client) discoItems(ctx context.Context, to, at string) ([]discoItem, error) {
	answer, err := c.iq(ctx, el(nsClient, "iq", "type", "get", "to", to).with(el(nsDiscoItem, "query", "node", at)))
	if err != nil {
		return nil, err
	}
	var items []discoItem
	for _, i := range answer.child(nsDiscoItem, "query").all(nsDiscoItem, "item") {
		items = append(items, discoItem{i.attr("jid"), i.attr("node"), i.attr("name")})
	}
	return items, nil
}

func (c *client) printInfo(ctx context.Context, w io.Writer, to, at string, asJSON bool) error {
	info, err := c.discoInfo(ctx, to, at)
	if err != nil {
		return err
	}
	if asJSON {
		return encodeLine(w, info)
	}
	_, err = io.WriteString(w, info.text())
	return err
}

// text is the answer for people: one kind of thing a block, in aligned columns.
func (d discoInfo) text() string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(&b, oneLine(strings.TrimSpace(d.JID+" "+d.Node)))
	for _, i := range d.Identities {
		fmt.Fprintf(table, "  is\t%s/%s\t%s\n", oneLine(i.Category), oneLine(i.Type), oneLine(i.Name))
	}
	for _, f := range d.Features {
		fmt.Fprintf(table, "  can\t%s\t%s\n", oneLine(f), featureWords(f))
	}
	for _, form := range d.Forms {
		var names []string
		for name := range form {
			if name != "FORM_TYPE" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			for value := range strings.SplitSeq(form[name], "\n") {
				fmt.Fprintf(table, "  says\t%s\t%s\n", oneLine(name), oneLine(value))
			}
		}
	}
	table.Flush()
	return trimLines(b.String())
}

func (c *client) printItems(ctx context.Context, w io.Writer, to, at string, asJSON bool) error {
	items, err := c.discoItems(ctx, to, at)
	if err != nil {
		return err
	}
	if asJSON {
		for _, i := range items {
			if err := encodeLine(w, i); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, i := range items {
		fmt.Fprintf(table, "%s\t%s\t%s\n", oneLine(i.JID), oneLine(i.Node), oneLine(i.Name))
	}
	table.Flush()
	_, err = io.WriteString(w, trimLines(b.String()))
	return err
}

// encodeLine writes v as one line of JSON.
func encodeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// trimLines removes the blanks tabwriter leaves at the ends of lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

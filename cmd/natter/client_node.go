package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"

	"mellium.im/xmlstream"
)

// Namespaces that several files of the client need.
const (
	nsClient    = "jabber:client"
	nsStanzas   = "urn:ietf:params:xml:ns:xmpp-stanzas"
	nsXML       = "http://www.w3.org/XML/1998/namespace"
	nsRoster    = "jabber:iq:roster"
	nsDiscoInfo = "http://jabber.org/protocol/disco#info"
	nsDiscoItem = "http://jabber.org/protocol/disco#items"
	nsPing      = "urn:xmpp:ping"
	nsVersion   = "jabber:iq:version"
	nsTime      = "urn:xmpp:time"
	nsCaps      = "http://jabber.org/protocol/caps"
	nsDelay     = "urn:xmpp:delay"
	nsOldDelay  = "jabber:x:delay"
	nsStanzaID  = "urn:xmpp:sid:0"
	nsReceipts  = "urn:xmpp:receipts"
	nsCarbons   = "urn:xmpp:carbons:2"
	nsForward   = "urn:xmpp:forward:0"
	nsChatState = "http://jabber.org/protocol/chatstates"
)

// node is one XML element with everything in it: the shape in which the client
// reads and builds stanzas. Text and Children keep their own order but not the
// order between them, as no stanza the client knows mixes the two.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

// el builds an element. attrs are pairs of name and value; a pair with an empty
// value is left out.
func el(space, local string, attrs ...string) node {
	n := node{XMLName: xml.Name{Space: space, Local: local}}
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			n.Attrs = append(n.Attrs, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
		}
	}
	return n
}

// with returns n with the children appended. A child without a namespace of its
// own is in n's.
func (n node) with(children ...node) node {
	n.Children = slices.Concat(n.Children, children)
	for i := range n.Children {
		n.Children[i].inherit(n.XMLName.Space)
	}
	return n
}

func (n *node) inherit(space string) {
	if n.XMLName.Space != "" {
		return
	}
	n.XMLName.Space = space
	for i := range n.Children {
		n.Children[i].inherit(space)
	}
}

// text returns n with the given character data.
func (n node) text(s string) node {
	n.Text = s
	return n
}

// is says whether n has this expanded name.
func (n *node) is(space, local string) bool {
	return n != nil && n.XMLName.Local == local && n.XMLName.Space == space
}

// attr returns the value of the attribute without namespace of this name, ""
// when there is none.
func (n *node) attr(local string) string {
	if n != nil {
		for _, a := range n.Attrs {
			if a.Name.Local == local && a.Name.Space == "" {
				return a.Value
			}
		}
	}
	return ""
}

// child returns the first child of this expanded name, or nil. An empty local
// name stands for any.
func (n *node) child(space, local string) *node {
	if n != nil {
		for i := range n.Children {
			c := &n.Children[i]
			if c.XMLName.Space == space && (local == "" || c.XMLName.Local == local) {
				return c
			}
		}
	}
	return nil
}

// all returns the children of this expanded name.
func (n *node) all(space, local string) []*node {
	var found []*node
	if n != nil {
		for i := range n.Children {
			if n.Children[i].is(space, local) {
				found = append(found, &n.Children[i])
			}
		}
	}
	return found
}

// childText returns the text of the first child of this expanded name, "" when
// there is none.
func (n *node) childText(space, local string) string {
	if c := n.child(space, local); c != nil {
		return c.Text
	}
	return ""
}

// TokenReader implements xmlstream.Marshaler.
func (n node) TokenReader() xml.TokenReader {
	start := xml.StartElement{Name: n.XMLName}
	for _, a := range n.Attrs {
		// The encoder declares namespaces from the names; a declaration that was
		// read along with an element must not be written a second time.
		if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
			start.Attr = append(start.Attr, a)
		}
	}
	var inner []xml.TokenReader
	if n.Text != "" {
		inner = append(inner, xmlstream.Token(xml.CharData(n.Text)))
	}
	for _, c := range n.Children {
		inner = append(inner, c.TokenReader())
	}
	return xmlstream.Wrap(xmlstream.MultiReader(inner...), start)
}

// String returns n as XML text.
func (n node) String() string {
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	if _, err := xmlstream.Copy(e, n.TokenReader()); err != nil {
		return ""
	}
	if err := e.Flush(); err != nil {
		return ""
	}
	return b.String()
}

// readNode reads the element that start began from r, up to its end tag.
func readNode(r xml.TokenReader, start xml.StartElement) (node, error) {
	var n node
	whole := xmlstream.MultiReader(xmlstream.Token(start), xmlstream.InnerElement(r))
	err := xml.NewTokenDecoder(whole).Decode(&n)
	return n, err
}

// parseNode parses one element on its own, as somebody types it. Without an
// xmlns of its own it is in jabber:client, as on the stream.
func parseNode(s string) (node, error) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.DefaultSpace = nsClient
	var n node
	if err := d.Decode(&n); err != nil {
		return node{}, err
	}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return node{}, err
		}
		if text, ok := tok.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
			return node{}, &xml.SyntaxError{Msg: "something follows the element", Line: 1}
		}
	}
}

package scs

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Namespaces the runner itself speaks.
const (
	nsClient   = "jabber:client"
	nsStream   = "http://etherx.jabber.org/streams"
	nsStreams  = "urn:ietf:params:xml:ns:xmpp-streams"
	nsTLS      = "urn:ietf:params:xml:ns:xmpp-tls"
	nsSASL     = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind     = "urn:ietf:params:xml:ns:xmpp-bind"
	nsSession  = "urn:ietf:params:xml:ns:xmpp-session"
	nsSM       = "urn:xmpp:sm:3"
	nsCB       = "urn:xmpp:sasl-cb:0"
	nsRegister = "jabber:iq:register"
	nsXML      = "http://www.w3.org/XML/1998/namespace"
	// nsScansion is what encoding/xml makes of the undeclared prefix.
	nsScansion = "scansion"
)

// Limits on one element, whoever wrote it.
const (
	maxElementBytes = 4 << 20
	maxDepth        = 256
	maxNodes        = 100_000
)

// Element is an XML element with its namespaces resolved. Namespace
// declarations are no attributes of it; comments are left out.
type Element struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Children []Node
}

// Node is a child of an element: an element, or text when Elem is nil.
type Node struct {
	Elem *Element
	Text string
}

// Attr returns the value of the attribute of that local name in no namespace,
// and whether it is there.
func (e *Element) Attr(local string) (string, bool) {
	return e.attr(xml.Name{Local: local})
}

func (e *Element) attr(name xml.Name) (string, bool) {
	for _, a := range e.Attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Text returns the text directly inside the element, without the white space
// around it.
func (e *Element) Text() string {
	var b strings.Builder
	for _, n := range e.Children {
		if n.Elem == nil {
			b.WriteString(n.Text)
		}
	}
	return strings.TrimSpace(b.String())
}

// Elements returns the child elements.
func (e *Element) Elements() []*Element {
	var out []*Element
	for _, n := range e.Children {
		if n.Elem != nil {
			out = append(out, n.Elem)
		}
	}
	return out
}

// Child returns the first child element of that name, nil when there is none.
func (e *Element) Child(space, local string) *Element {
	for _, n := range e.Children {
		if n.Elem != nil && n.Elem.Name.Space == space && n.Elem.Name.Local == local {
			return n.Elem
		}
	}
	return nil
}

// is reports whether the element has that name; it is false for nil.
func (e *Element) is(space, local string) bool {
	return e != nil && e.Name.Space == space && e.Name.Local == local
}

// isStanza reports whether the element counts as a stanza (XEP-0198 §4).
func (e *Element) isStanza() bool {
	return e.is(nsClient, "message") || e.is(nsClient, "presence") || e.is(nsClient, "iq")
}

var (
	errTooDeep = fmt.Errorf("element nests deeper than %d", maxDepth)
	errTooMany = fmt.Errorf("element has more than %d nodes", maxNodes)
)

// readElement reads the rest of the element whose start tag was read last.
func readElement(d *xml.Decoder, start xml.StartElement) (*Element, error) {
	root := newElement(start)
	stack := []*Element{root}
	for nodes := 0; len(stack) > 0; nodes++ {
		if nodes > maxNodes {
			return nil, errTooMany
		}
		tok, err := d.Token()
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		top := stack[len(stack)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) >= maxDepth {
				return nil, errTooDeep
			}
			child := newElement(t)
			top.Children = append(top.Children, Node{Elem: child})
			stack = append(stack, child)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.Children = append(top.Children, Node{Text: string(t)})
		case xml.ProcInst, xml.Directive:
			return nil, errors.New("processing instruction or DTD in the stream")
		}
	}
	return root, nil
}

func newElement(start xml.StartElement) *Element {
	e := &Element{Name: start.Name}
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		e.Attrs = append(e.Attrs, a)
	}
	return e
}

// parseElements reads the elements of a piece of a client's stream: the
// default namespace is jabber:client and the prefix stream is bound. An error
// says on which line of text, counted from 0, it was met.
func parseElements(text string) (elems []*Element, line int, err error) {
	const head = "<stream:stream xmlns='" + nsClient + "' xmlns:stream='" + nsStream + "'>"
	if len(text) > maxElementBytes {
		return nil, 0, fmt.Errorf("more than %d bytes of XML", maxElementBytes)
	}
	d := xml.NewDecoder(strings.NewReader(head + text))
	if _, err := d.Token(); err != nil {
		return nil, 0, err
	}
	for {
		tok, err := d.Token()
		at, _ := d.InputPos()
		if err == io.EOF || isUnclosedRoot(err, d, len(head)+len(text)) {
			return elems, at - 1, nil
		}
		if err != nil {
			return nil, at - 1, trimSyntaxError(err)
		}
		switch t := tok.(type) {
		case xml.StartElement:
			e, err := readElement(d, t)
			if err != nil {
				at, _ = d.InputPos()
				return nil, at - 1, trimSyntaxError(err)
			}
			elems = append(elems, e)
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" {
				return nil, at - 1, fmt.Errorf("text %q outside an element", s)
			}
		case xml.EndElement:
			return nil, at - 1, errors.New("end tag without a start tag")
		case xml.ProcInst, xml.Directive:
			return nil, at - 1, errors.New("processing instruction or DTD")
		}
	}
}

// isUnclosedRoot reports whether err is the decoder's complaint, at the end
// of the input, that the stream element around the text was never closed.
func isUnclosedRoot(err error, d *xml.Decoder, size int) bool {
	var syntax *xml.SyntaxError
	return errors.As(err, &syntax) && syntax.Msg == "unexpected EOF" && d.InputOffset() == int64(size)
}

// trimSyntaxError takes the decoder's own line number off: it counts from the
// start of the block, which nobody sees.
func trimSyntaxError(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return errors.New(syntax.Msg)
	}
	return err
}

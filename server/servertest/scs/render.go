package scs

import (
	"encoding/xml"
	"sort"
	"strings"
)

// render writes the element as lines of canonical XML: two spaces a level,
// attributes sorted, xmlns where the namespace differs from the parent's, the
// usual prefixes for attributes of a namespace, white space between elements
// left out. The lines carry no line ends.
func render(e *Element) []string {
	var lines []string
	renderInto(&lines, e, nsClient, "")
	return lines
}

func renderInto(lines *[]string, e *Element, parentNS, indent string) {
	head := "<" + e.Name.Local
	if e.Name.Space != parentNS {
		head += ` xmlns="` + escape(e.Name.Space) + `"`
	}
	attrs := append([]xml.Attr(nil), e.Attrs...)
	sort.SliceStable(attrs, func(i, j int) bool {
		return attrName(attrs[i].Name) < attrName(attrs[j].Name)
	})
	for _, a := range attrs {
		head += " " + attrName(a.Name) + `="` + escape(a.Value) + `"`
	}
	text, kids := e.Text(), e.Elements()
	tail := "</" + e.Name.Local + ">"
	switch {
	case text == "" && len(kids) == 0:
		*lines = append(*lines, indent+head+"/>")
	case len(kids) == 0:
		*lines = append(*lines, indent+head+">"+escape(text)+tail)
	default:
		*lines = append(*lines, indent+head+">")
		if text != "" {
			*lines = append(*lines, indent+"  "+escape(text))
		}
		for _, k := range kids {
			renderInto(lines, k, e.Name.Space, indent+"  ")
		}
		*lines = append(*lines, indent+tail)
	}
}

func attrName(n xml.Name) string {
	switch n.Space {
	case "":
		return n.Local
	case nsXML:
		return "xml:" + n.Local
	case nsScansion:
		return "scansion:" + n.Local
	}
	return "{" + n.Space + "}" + n.Local
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// escape makes text fit for an attribute value in either quotes and for
// element content.
func escape(s string) string { return escaper.Replace(s) }

// errorNote names the condition and text of an error that came, for a message
// about another matter; it is empty for anything else.
func errorNote(e *Element) string {
	from := e
	if kind, _ := e.Attr("type"); kind == "error" {
		from = e.Child(e.Name.Space, "error")
	} else if !e.is(nsStream, "error") {
		return ""
	}
	if from == nil || len(from.Elements()) == 0 {
		return ""
	}
	note := " (received error " + from.Elements()[0].Name.Local
	for _, k := range from.Elements() {
		if k.Name.Local == "text" {
			note += ": " + k.Text()
		}
	}
	return note + ")"
}

// String returns the element as canonical XML on lines of their own.
func (e *Element) String() string { return strings.Join(render(e), "\n") }

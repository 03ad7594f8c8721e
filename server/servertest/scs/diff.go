package scs

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// diffStanza returns a unified diff from what a script expects to what was
// received. What the match tolerates (extra attributes and children where
// they are allowed, values of matchers) is shown as received on both sides,
// so that only the differences that matter stand out.
func diffStanza(want, got *Element, caps captures) string {
	settled := settle(want, got, strictness(want, nil, false), caps)
	return unified(render(settled), render(got), "expected", "received")
}

// settle returns want with everything that got may add to it, or say in its
// own way, taken over from got.
func settle(want, got *Element, strict bool, caps captures) *Element {
	out := &Element{Name: want.Name}
	if want.Name != got.Name {
		return want
	}
	settleAttrs(out, want, got, strict, caps)
	text := want.Text()
	if text == "" && !wantsNoText(want) || text != "" && matchValue(text, got.Text(), maps.Clone(caps)) {
		text = got.Text()
	}
	if text != "" {
		out.Children = append(out.Children, Node{Text: resolve(text, caps)})
	}
	ws, gs := slices.DeleteFunc(want.Elements(), isAbsent), got.Elements()
	partner, extra := align(want, ws, gs, strict, caps)
	kids := make([]*Element, 0, len(ws)+len(gs))
	for i, w := range ws {
		if partner[i] >= 0 {
			w = settle(w, gs[partner[i]], strictness(w, want, strict), caps)
		}
		kids = append(kids, w)
	}
	if !strict {
		kids = interleave(kids, partner, gs, extra)
	}
	for _, k := range kids {
		out.Children = append(out.Children, Node{Elem: k})
	}
	return out
}

func settleAttrs(out, want, got *Element, strict bool, caps captures) {
	for _, a := range want.Attrs {
		v, ok := got.attr(a.Name)
		switch {
		case a.Name.Space == nsScansion, a.Value == absentValue:
			continue
		case ok && matchValue(a.Value, v, maps.Clone(caps)):
			a.Value = v
		default:
			a.Value = resolve(a.Value, caps)
		}
		out.Attrs = append(out.Attrs, a)
	}
	for _, a := range got.Attrs {
		if _, ok := want.attr(a.Name); !ok && (!strict || a.Name == xmlLang) {
			out.Attrs = append(out.Attrs, a)
		}
	}
}

// align pairs expected children with received ones: those that match first,
// then those of the same name. extra lists the received ones left over that
// no scansion:absent forbids.
func align(want *Element, ws, gs []*Element, strict bool, caps captures) (partner, extra []int) {
	partner = slices.Repeat([]int{-1}, len(ws))
	taken := make([]bool, len(gs))
	passes := []func(w, g *Element) bool{
		func(w, g *Element) bool {
			return matchElement(w, g, strictness(w, want, strict), "", maps.Clone(caps)) == nil
		},
		func(w, g *Element) bool { return w.Name == g.Name },
	}
	for _, fits := range passes {
		for i, w := range ws {
			for j, g := range gs {
				if partner[i] < 0 && !taken[j] && fits(w, g) {
					partner[i], taken[j] = j, true
				}
			}
		}
	}
	for j, g := range gs {
		forbidden := slices.ContainsFunc(want.Elements(), func(w *Element) bool {
			return isAbsent(w) && matchElement(w, g, strictness(w, want, strict), "", maps.Clone(caps)) == nil
		})
		if !taken[j] && !forbidden {
			extra = append(extra, j)
		}
	}
	return partner, extra
}

// interleave puts expected children in the order they were received in, with
// the tolerated extra ones between them; those without a partner come last.
func interleave(kids []*Element, partner []int, gs []*Element, extra []int) []*Element {
	at := make(map[int]*Element)
	var out, rest []*Element
	for i, k := range kids {
		if partner[i] >= 0 {
			at[partner[i]] = k
		} else {
			rest = append(rest, k)
		}
	}
	for j := range gs {
		if k := at[j]; k != nil {
			out = append(out, k)
		} else if slices.Contains(extra, j) {
			out = append(out, gs[j])
		}
	}
	return append(out, rest...)
}

// maxDiffCells bounds the table of the longest common subsequence.
const maxDiffCells = 4 << 20

// unified compares lines and returns them in unified format with three lines
// of context, one hunk for the whole.
func unified(a, b []string, aName, bName string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", aName, bName)
	edits := editScript(a, b)
	const context = 3
	near := make([]bool, len(edits))
	for i, e := range edits {
		if e[0] != ' ' {
			for j := max(0, i-context); j < min(len(edits), i+context+1); j++ {
				near[j] = true
			}
		}
	}
	aLine, bLine, open := 1, 1, false
	for i, e := range edits {
		if near[i] && !open {
			fmt.Fprintf(&out, "@@ -%d +%d @@\n", aLine, bLine)
		}
		open = near[i]
		if near[i] {
			out.WriteString(e + "\n")
		}
		if e[0] != '+' {
			aLine++
		}
		if e[0] != '-' {
			bLine++
		}
	}
	return out.String()
}

// editScript returns the lines of a and b, each behind ' ', '-' or '+'.
func editScript(a, b []string) []string {
	var edits []string
	if len(a)*len(b) > maxDiffCells {
		for _, s := range a {
			edits = append(edits, "-"+s)
		}
		for _, s := range b {
			edits = append(edits, "+"+s)
		}
		return edits
	}
	lcs := make([][]int, len(a)+1)
	for i := range lcs {
		lcs[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lcs[i][j] = lcs[i+1][j+1] + 1
			} else {
				lcs[i][j] = max(lcs[i+1][j], lcs[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			edits = append(edits, " "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && lcs[i+1][j] >= lcs[i][j+1]:
			edits = append(edits, "-"+a[i])
			i++
		default:
			edits = append(edits, "+"+b[j])
			j++
		}
	}
	return edits
}

// describe names an element in a few words for a message.
func describe(e *Element) string {
	s := "<" + e.Name.Local
	for _, name := range []string{"type", "from", "to", "id"} {
		if v, ok := e.attr(xml.Name{Local: name}); ok {
			s += " " + name + "=" + fmt.Sprintf("%q", v)
		}
	}
	return s + ">"
}

package scs

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
)

// captures holds the values that {scansion:capture:NAME} has seen.
type captures map[string]string

// xmlLang is the one attribute that strictness does not forbid.
var xmlLang = xml.Name{Space: nsXML, Local: "lang"}

// mismatch says where and why two elements differ.
type mismatch struct {
	path   string // names from the stanza down, "/message/body"
	reason string
}

func (m *mismatch) String() string { return m.path + ": " + m.reason }

// matchStanza compares a received element with the one a script expects and
// returns nil when they match; then the captures hold the new values. On a
// mismatch they are as before.
func matchStanza(want, got *Element, caps captures) *mismatch {
	trial := maps.Clone(caps)
	if trial == nil {
		trial = captures{}
	}
	if m := matchElement(want, got, strictness(want, nil, false), "", trial); m != nil {
		return m
	}
	maps.Copy(caps, trial)
	return nil
}

// strictness says how an expected element is matched: as scansion:strict
// says, else as its parent if it has the same namespace, else strictly unless
// it is of the stream's own namespaces.
func strictness(e, parent *Element, parentStrict bool) bool {
	if v, ok := e.attr(xml.Name{Space: nsScansion, Local: "strict"}); ok {
		return v == "true"
	}
	if parent != nil && parent.Name.Space == e.Name.Space {
		return parentStrict
	}
	return e.Name.Space != nsClient && e.Name.Space != nsStream
}

func wantsNoText(e *Element) bool {
	v, _ := e.attr(xml.Name{Space: nsScansion, Local: "strict"})
	return v == "true"
}

func isAbsent(e *Element) bool {
	v, _ := e.attr(xml.Name{Space: nsScansion, Local: "absent"})
	return v == "true"
}

func matchElement(want, got *Element, strict bool, path string, caps captures) *mismatch {
	path += "/" + got.Name.Local
	if want.Name != got.Name {
		return &mismatch{path, fmt.Sprintf("expected <%s xmlns=%q>, received <%s xmlns=%q>",
			want.Name.Local, want.Name.Space, got.Name.Local, got.Name.Space)}
	}
	if m := matchAttrs(want, got, strict, path, caps); m != nil {
		return m
	}
	if m := matchText(want, got, path, caps); m != nil {
		return m
	}
	if strict {
		return matchInOrder(want, got, path, caps)
	}
	return matchAnyOrder(want, got, path, caps)
}

func matchAttrs(want, got *Element, strict bool, path string, caps captures) *mismatch {
	for _, a := range want.Attrs {
		if a.Name.Space == nsScansion {
			continue
		}
		v, ok := got.attr(a.Name)
		switch {
		case a.Value == absentValue && ok:
			return &mismatch{path, fmt.Sprintf("attribute %s must not be there, received %q", attrName(a.Name), v)}
		case a.Value == absentValue:
		case !ok:
			return &mismatch{path, fmt.Sprintf("attribute %s is missing, expected %q", attrName(a.Name), a.Value)}
		case !matchValue(a.Value, v, caps):
			return &mismatch{path, fmt.Sprintf("attribute %s: expected %q, received %q", attrName(a.Name), resolve(a.Value, caps), v)}
		}
	}
	if !strict {
		return nil
	}
	for _, a := range got.Attrs {
		if a.Name == xmlLang {
			continue // it may be said on the element or inherited
		}
		if _, ok := want.attr(a.Name); !ok {
			return &mismatch{path, fmt.Sprintf("attribute %s=%q is not expected (strict)", attrName(a.Name), a.Value)}
		}
	}
	return nil
}

// matchText compares the text directly inside. A script that writes none does
// not care, unless it asks for strictness on the very element.
func matchText(want, got *Element, path string, caps captures) *mismatch {
	w, g := want.Text(), got.Text()
	if w == "" && !wantsNoText(want) {
		return nil
	}
	if !matchValue(w, g, caps) {
		return &mismatch{path, fmt.Sprintf("text: expected %q, received %q", resolve(w, caps), g)}
	}
	return nil
}

// matchInOrder is the strict rule for children: the same elements in the same
// order.
func matchInOrder(want, got *Element, path string, caps captures) *mismatch {
	ws := slices.DeleteFunc(want.Elements(), isAbsent)
	gs := got.Elements()
	for i, w := range ws {
		if i >= len(gs) {
			return &mismatch{path, fmt.Sprintf("child <%s> is missing", w.Name.Local)}
		}
		if m := matchElement(w, gs[i], childStrict(want, w, true), path, caps); m != nil {
			return m
		}
	}
	if len(gs) > len(ws) {
		return &mismatch{path, fmt.Sprintf("child <%s xmlns=%q> is not expected (strict)",
			gs[len(ws)].Name.Local, gs[len(ws)].Name.Space)}
	}
	return nil
}

// matchAnyOrder is the non-strict rule for children: each expected one has a
// received one of its own. Pairs are found as a maximum matching, so that a
// vague expectation never takes the child that an exact one needs. While the
// pairs are sought a capture that holds no value yet fits any value; that the
// found pairs agree on the captures is checked after.
func matchAnyOrder(want, got *Element, path string, caps captures) *mismatch {
	gs := got.Elements()
	var ws []*Element
	for _, w := range want.Elements() {
		if !isAbsent(w) {
			ws = append(ws, w)
			continue
		}
		for _, g := range gs {
			if matchElement(w, g, childStrict(want, w, false), path, maps.Clone(caps)) == nil {
				return &mismatch{path, fmt.Sprintf("child <%s> must not be there", w.Name.Local)}
			}
		}
	}
	kept := make(map[[2]int]captures)
	fits := func(w, g int) bool {
		trial := maps.Clone(caps)
		if matchElement(ws[w], gs[g], childStrict(want, ws[w], false), path, trial) != nil {
			return false
		}
		kept[[2]int{w, g}] = trial
		return true
	}
	pairs, lone := pairUp(len(ws), len(gs), fits)
	if lone >= 0 {
		return explainLone(want, ws[lone], gs, pairs, path, caps)
	}
	for w, g := range pairs {
		for name, value := range kept[[2]int{w, g}] {
			if old, ok := caps[name]; ok && old != value {
				return &mismatch{path, fmt.Sprintf("captured %s is both %q and %q", name, old, value)}
			}
			caps[name] = value
		}
	}
	return nil
}

func childStrict(parent, child *Element, parentStrict bool) bool {
	return strictness(child, parent, parentStrict)
}

// explainLone finds the most telling reason why one expected child has no
// partner: the difference to a free child of the same name, if there is one.
func explainLone(want, lone *Element, gs []*Element, pairs []int, path string, caps captures) *mismatch {
	for i, g := range gs {
		if g.Name == lone.Name && !slices.Contains(pairs, i) {
			if m := matchElement(lone, g, childStrict(want, lone, false), path, maps.Clone(caps)); m != nil {
				return m
			}
		}
	}
	return &mismatch{path, fmt.Sprintf("child <%s xmlns=%q> is missing", lone.Name.Local, lone.Name.Space)}
}

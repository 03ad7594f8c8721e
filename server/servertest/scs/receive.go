package scs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// isDisconnected waits for the end of the stream. Nothing but a stream error,
// and what "may receive" announced, may come before it.
func (p *play) isDisconnected(ctx context.Context, act *Act) error {
	a := p.actors[act.Who]
	deadline := time.Now().Add(p.limit(act))
	for {
		e, err := p.next(ctx, act, deadline, nil)
		switch {
		case err == nil && e.is(nsStream, "error"):
		case err == nil:
			return &Error{Script: p.script.Name, Line: act.Line,
				Msg: fmt.Sprintf("%s received %s before the end of the stream", a.Name, describe(e)), Detail: e.String()}
		case errors.Is(err, errTimeout):
			return p.fail(act, "%s is still connected", a.Name)
		case ctx.Err() != nil:
			return p.wrap(act, err)
		default:
			a.hangUp()
			return nil
		}
	}
}

func (p *play) limit(act *Act) time.Duration {
	if act.Within > 0 {
		return act.Within
	}
	return p.opt.Timeout
}

func (p *play) mismatched(act *Act, m *mismatch, want, got *Element) error {
	return &Error{Script: p.script.Name, Line: act.Line,
		Msg:    fmt.Sprintf("%s %s: %s%s", p.actors[act.Who].Name, act.Verb, m, errorNote(got)),
		Detail: diffStanza(want, got, p.caps)}
}

// isOffered looks for features among those of the last stream header.
func (p *play) isOffered(act *Act, text string) error {
	elems, _, err := parseElements(text)
	if err != nil {
		return p.wrap(act, err)
	}
	got := p.actors[act.Who].link.features
	want := &Element{Name: got.Name}
	for _, e := range elems {
		want.Children = append(want.Children, Node{Elem: e})
	}
	if m := matchStanza(want, got, p.caps); m != nil {
		return p.mismatched(act, m, want, got)
	}
	return nil
}

// next takes the next element that the script is to see.
func (p *play) next(ctx context.Context, act *Act, deadline time.Time, wanted []*Element) (*Element, error) {
	a := p.actors[act.Who]
	for {
		e, err := a.link.box.next(ctx, time.Until(deadline))
		if err != nil {
			return nil, err
		}
		over, err := a.passesOver(e.elem, wanted)
		if err != nil {
			return nil, err
		}
		a.noteStream(e.elem)
		if over || !p.fitsAny(wanted, e.elem) && a.takesOptional(e.elem, p.caps) {
			continue
		}
		return e.elem, nil
	}
}

func (p *play) fitsAny(wanted []*Element, e *Element) bool {
	return slices.ContainsFunc(wanted, func(w *Element) bool {
		return matchStanza(w, e, maps.Clone(p.caps)) == nil
	})
}

// missed says that an awaited element did not come.
func (p *play) missed(act *Act, err error, wanted []*Element) error {
	var lines []string
	for _, w := range wanted {
		for _, line := range render(w) {
			lines = append(lines, "  "+line)
		}
	}
	a := p.actors[act.Who]
	return &Error{Script: p.script.Name, Line: act.Line, Err: err,
		Msg: fmt.Sprintf("%s received no %s", a.Name, describe(wanted[0])), Detail: "expected:\n" + strings.Join(lines, "\n")}
}

// receives takes the next elements in order.
func (p *play) receives(ctx context.Context, act *Act, text string) error {
	want, _, err := parseElements(text)
	if err != nil {
		return p.fail(act, "bad XML: %v", err)
	}
	deadline := time.Now().Add(p.limit(act))
	for i, w := range want {
		got, err := p.next(ctx, act, deadline, want[i:i+1])
		if err != nil {
			return p.missed(act, err, want[i:])
		}
		if m := matchStanza(w, got, p.caps); m != nil {
			return p.mismatched(act, m, w, got)
		}
	}
	return nil
}

// receivesAllOf takes as many elements as are expected, each of which must
// have an expectation of its own. The pairs are found anew with each arrival,
// so that a vague expectation yields to an exact one; captures are kept when
// all have come.
func (p *play) receivesAllOf(ctx context.Context, act *Act, text string) error {
	want, _, err := parseElements(text)
	if err != nil {
		return p.fail(act, "bad XML: %v", err)
	}
	deadline := time.Now().Add(p.limit(act))
	var got []*Element
	fits := func(g, w int) bool { return matchStanza(want[w], got[g], maps.Clone(p.caps)) == nil }
	var pairs []int
	for len(got) < len(want) {
		e, err := p.next(ctx, act, deadline, p.unmet(want, pairs))
		if err != nil {
			return p.missed(act, err, p.unmet(want, pairs))
		}
		got = append(got, e)
		previous := pairs
		lone := 0
		if pairs, lone = pairUp(len(got), len(want), fits); lone >= 0 {
			return p.unwanted(act, e, p.unmet(want, previous))
		}
	}
	for g, w := range pairs {
		if m := matchStanza(want[w], got[g], p.caps); m != nil {
			return p.mismatched(act, m, want[w], got[g])
		}
	}
	return nil
}

// unmet lists the expectations that no element has met.
func (p *play) unmet(want []*Element, pairs []int) []*Element {
	var out []*Element
	for i, w := range want {
		if !slices.Contains(pairs, i) {
			out = append(out, w)
		}
	}
	return out
}

// unwanted reports an element that none of the expectations left fits, with a
// diff against the one most like it.
func (p *play) unwanted(act *Act, got *Element, left []*Element) error {
	best := left[0]
	for _, w := range left {
		if likeness(w, got) > likeness(best, got) {
			best = w
		}
	}
	m := matchStanza(best, got, maps.Clone(p.caps))
	if m == nil { // it fits, but another element needs the place
		m = &mismatch{"/" + got.Name.Local, "one more than expected of its kind"}
	}
	return p.mismatched(act, m, best, got)
}

// likeness counts what two elements share.
func likeness(w, g *Element) int {
	n := 0
	if w.Name == g.Name {
		n += 4
	}
	for _, a := range w.Attrs {
		if v, ok := g.attr(a.Name); ok && v == a.Value {
			n++
		}
	}
	return n
}

func (p *play) receivesNothing(ctx context.Context, act *Act) error {
	wait := p.opt.Quiet
	if act.Within > 0 {
		wait = act.Within
	}
	got, err := p.next(ctx, act, time.Now().Add(wait), nil)
	switch {
	case errors.Is(err, errTimeout):
		return nil
	case err != nil:
		return p.wrap(act, err)
	}
	return &Error{Script: p.script.Name, Line: act.Line,
		Msg: fmt.Sprintf("%s received %s where nothing was expected", p.actors[act.Who].Name, describe(got)), Detail: got.String()}
}

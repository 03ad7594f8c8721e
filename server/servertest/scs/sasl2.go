package scs

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
)

const nsSASL2 = "urn:xmpp:sasl:2"

// authenticates logs a character in with SASL2 (XEP-0388). The answer is put back for
// the script to look at.
func (p *play) authenticates(ctx context.Context, act *Act) error {
	a := p.actors[act.Who]
	inline, err := p.expand(act)
	if err != nil {
		return err
	}
	if a.link == nil {
		if err := a.opens(ctx); err != nil {
			return err
		}
	}
	mechanism := a.Props["mechanism"]
	if mechanism == "" {
		mechanism = "SCRAM-SHA-256"
	}
	step, err := a.link.conversation(mechanism, a.Username(), a.Password())
	if err != nil {
		return err
	}
	answer, err := a.link.authenticate2(ctx, mechanism, step, strings.TrimSpace(inline))
	if err != nil {
		return err
	}
	if answer.elem.is(nsSASL2, "success") {
		if err := a.welcomed(ctx, answer.elem); err != nil {
			return err
		}
	}
	a.link.box.unread(answer)
	return nil
}

// authenticate2 runs a mechanism and returns the element that ends it.
func (l *link) authenticate2(ctx context.Context, mechanism string, step func(string) (string, error), inline string) (entry, error) {
	initial, err := step("")
	if err != nil {
		return entry{}, err
	}
	first := ""
	if initial != "" {
		first = "<initial-response>" + base64.StdEncoding.EncodeToString([]byte(initial)) + "</initial-response>"
	}
	err = l.send("<authenticate xmlns='" + nsSASL2 + "' mechanism='" + escape(mechanism) + "'>" + first + inline + "</authenticate>")
	for err == nil {
		var e entry
		if e, err = l.box.next(ctx, l.timeout); err != nil {
			return entry{}, fmt.Errorf("wait for SASL2: %w", err)
		}
		data := ""
		switch {
		case e.elem.is(nsSASL2, "challenge"):
			data = e.elem.Text()
		case e.elem.Child(nsSASL2, "additional-data") != nil:
			data = e.elem.Child(nsSASL2, "additional-data").Text()
		default:
			return e, nil
		}
		in, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return entry{}, fmt.Errorf("SASL data: %w", err)
		}
		out, err := step(string(in))
		if err != nil {
			return entry{}, fmt.Errorf("SASL: %w", err)
		}
		if !e.elem.is(nsSASL2, "challenge") {
			return e, nil
		}
		if err := l.send("<response xmlns='" + nsSASL2 + "'>" + base64.StdEncoding.EncodeToString([]byte(out)) + "</response>"); err != nil {
			return entry{}, err
		}
	}
	return entry{}, err
}

// welcomed takes down what <success/> says and the features that follow it.
func (a *actor) welcomed(ctx context.Context, success *Element) error {
	if id := success.Child(nsSASL2, "authorization-identifier"); id != nil {
		bare, _, full := strings.Cut(id.Text(), "/")
		a.bare = bare
		if full {
			a.full, a.counting, a.resumeID = id.Text(), false, ""
		}
	}
	if bound := success.Child("urn:xmpp:bind:0", "bound"); bound != nil {
		if enabled := bound.Child(nsSM, "enabled"); enabled != nil {
			a.noteStream(enabled)
		}
	}
	a.counting = a.counting || success.Child(nsSM, "resumed") != nil
	features, err := a.link.expect(ctx, "stream features", nsStream, "features")
	if err == nil {
		a.link.features = features
	}
	return err
}

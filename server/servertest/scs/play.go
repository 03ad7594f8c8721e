package scs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Play acts the script out once and returns an *Error for the first act that
// fails, nil when all went as written. When it returns, every connection is
// closed and no goroutine of it is left. Several plays may run at once.
func (s *Script) Play(ctx context.Context, opt Options) error {
	opt = opt.withDefaults()
	p := &play{script: s, opt: opt, caps: captures{}, spoke: -1}
	for i := range s.Cast {
		c := &s.Cast[i]
		p.actors = append(p.actors, &actor{Character: c, opt: opt, trace: p.tracer(c.Name)})
	}
	defer p.leave(ctx)
	if err := p.ensureAccounts(ctx); err != nil {
		return err
	}
	for i := range s.Acts {
		act := &s.Acts[i]
		if err := p.settle(ctx, act); err != nil {
			return p.wrap(act, err)
		}
		if err := p.perform(ctx, act); err != nil {
			return err
		}
	}
	return nil
}

// play is one performance of a script.
type play struct {
	script *Script
	opt    Options
	actors []*actor
	caps   captures
	logMu  sync.Mutex // Log is written by the readers too
	spoke  int        // who sent something after the last "receives"; -1 for nobody
}

// settle gives the server time to process what one character sent before
// another one acts, and keeps book of who sent.
func (p *play) settle(ctx context.Context, act *Act) error {
	switch act.Verb {
	case MayReceive, IsOffered:
		return nil
	case Receives, ReceivesAllOf, ReceivesNothing, IsDisconnected:
		p.spoke = -1
		return nil
	}
	previous := p.spoke
	switch act.Verb {
	case Sends, SendsRaw, DisconnectsHard:
		p.spoke = act.Who
	default: // these wait for the server's answer
		p.spoke = -1
	}
	if previous < 0 || previous == act.Who {
		return nil
	}
	return sleep(ctx, p.opt.Settle)
}

// tracer logs what one character sends and receives.
func (p *play) tracer(name string) func(byte, string) {
	if p.opt.Log == nil {
		return func(byte, string) {}
	}
	return func(dir byte, text string) { p.logf("%s %c %s\n", name, dir, text) }
}

func (p *play) logf(format string, args ...any) {
	if p.opt.Log == nil {
		return
	}
	p.logMu.Lock()
	defer p.logMu.Unlock()
	fmt.Fprintf(p.opt.Log, format, args...)
}

func (p *play) ensureAccounts(ctx context.Context) error {
	if p.opt.EnsureAccount == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, a := range p.actors {
		if seen[a.JID] || a.Props["account"] == "none" {
			continue
		}
		seen[a.JID] = true
		if err := p.opt.EnsureAccount(ctx, a.JID, a.Password()); err != nil {
			return &Error{Script: p.script.Name, Line: a.Line, Msg: "account " + a.JID, Err: err}
		}
	}
	return nil
}

// leave ends what connections are open, in order if the servers answer soon.
func (p *play) leave(ctx context.Context) {
	deadline := time.Now().Add(min(time.Second, p.opt.Timeout))
	for _, a := range p.actors {
		if a.link != nil {
			_ = a.link.sendClose(time.Until(deadline))
		}
	}
	for _, a := range p.actors {
		if a.link != nil {
			_ = a.link.awaitEnd(ctx, time.Until(deadline))
			a.hangUp()
		}
	}
}

func (p *play) fail(act *Act, format string, args ...any) error {
	return &Error{Script: p.script.Name, Line: act.Line, Msg: fmt.Sprintf(format, args...)}
}

// wrap makes an act's error one of the script.
func (p *play) wrap(act *Act, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	return &Error{Script: p.script.Name, Line: act.Line,
		Msg: fmt.Sprintf("%s %s", p.actors[act.Who].Name, act.Verb), Err: err}
}

func (p *play) perform(ctx context.Context, act *Act) error {
	a := p.actors[act.Who]
	p.logf("%s:%d: %s %s\n", p.script.Name, act.Line, a.Name, act.Verb)
	switch act.Verb {
	case Connects:
		return p.wrap(act, a.connects(ctx))
	case Opens:
		return p.wrap(act, a.opens(ctx))
	case LogsIn:
		return p.wrap(act, a.logsIn(ctx))
	case Authenticates:
		return p.wrap(act, p.authenticates(ctx, act))
	case Binds:
		return p.wrap(act, a.binds(ctx))
	case FailsToConnect:
		return p.wrap(act, p.failsToConnect(ctx, act))
	case Resumes:
		return p.wrap(act, p.resumes(ctx, act))
	case Disconnects:
		return p.wrap(act, a.disconnects(ctx))
	case DisconnectsHard:
		a.hangUp()
		return nil
	}
	if act.Verb == Befriends {
		return p.wrap(act, befriend(ctx, a, p.actors[act.Whom]))
	}
	if a.link == nil {
		return p.fail(act, "%s is not connected", a.Name)
	}
	switch act.Verb {
	case IsDisconnected:
		return p.isDisconnected(ctx, act)
	case ReceivesNothing:
		return p.receivesNothing(ctx, act)
	}
	text, err := p.expand(act)
	if err != nil {
		return err
	}
	switch act.Verb {
	case Sends, SendsRaw:
		return p.wrap(act, a.link.send(strings.TrimSpace(text)))
	case IsOffered:
		return p.isOffered(act, text)
	case MayReceive:
		elems, _, err := parseElements(text)
		a.optional = append(a.optional, elems...)
		return p.wrap(act, err)
	case ReceivesAllOf:
		return p.receivesAllOf(ctx, act, text)
	default:
		return p.receives(ctx, act, text)
	}
}

// expand fills the variables of an act's body in.
func (p *play) expand(act *Act) (string, error) {
	text, err := p.script.expand(act.Body, scope{
		captured: func(name string) (string, bool) { v, ok := p.caps[name]; return v, ok },
		part:     func(who int, part string) (string, error) { return p.actors[who].part(part) },
	})
	if err != nil {
		return "", &Error{Script: p.script.Name, Line: act.BodyLine, Msg: err.Error()}
	}
	return text, nil
}

func (p *play) elements(act *Act) ([]*Element, error) {
	if act.Body == "" {
		return nil, nil
	}
	text, err := p.expand(act)
	if err != nil {
		return nil, err
	}
	elems, line, err := parseElements(text)
	if err != nil {
		return nil, &Error{Script: p.script.Name, Line: act.BodyLine + max(line, 0), Msg: "bad XML", Err: err}
	}
	return elems, nil
}

// failsToConnect wants the negotiation to be refused, by the given element if
// there is one.
func (p *play) failsToConnect(ctx context.Context, act *Act) error {
	a := p.actors[act.Who]
	want, err := p.elements(act)
	if err != nil {
		return err
	}
	err = a.connects(ctx)
	var no *refused
	switch {
	case err == nil:
		return p.fail(act, "%s connected as %s", a.Name, a.full)
	case len(want) == 0 && !errors.As(err, &no):
		return err
	case len(want) == 0:
	case !errors.As(err, &no):
		return err
	default:
		if m := matchStanza(want[0], no.got, p.caps); m != nil {
			return p.mismatched(act, m, want[0], no.got)
		}
	}
	a.hangUp()
	return nil
}

func (p *play) resumes(ctx context.Context, act *Act) error {
	want, err := p.elements(act)
	if err != nil {
		return err
	}
	got, err := p.actors[act.Who].resumes(ctx)
	if err != nil || len(want) == 0 {
		return err
	}
	if m := matchStanza(want[0], got, p.caps); m != nil {
		return p.mismatched(act, m, want[0], got)
	}
	return nil
}

package scs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// actor is a character while a script plays.
type actor struct {
	*Character
	opt   Options
	trace func(dir byte, text string)

	link     *link  // nil while not connected
	bare     string // the bare JID it has, where that is not JID: a guest's
	full     string // the full JID it bound last
	resumeID string // of the last <enabled/>; "" when there is none
	handled  uint32 // stanzas received since <enabled/>, modulo 2^32 (XEP-0198 §4)
	counting bool   // <enabled/> was received

	requests int // IQs sent by the runner itself

	optional []*Element // what "may receive" announced and has not come
}

var errNotConnected = errors.New("is not connected")

// opens dials and negotiates up to the stream features under TLS.
func (a *actor) opens(ctx context.Context) error {
	if a.link != nil {
		a.link.cut()
		a.link = nil
	}
	a.optional = nil
	if a.opt.Dial == nil {
		return errors.New("Options.Dial is not set")
	}
	ctx, cancel := context.WithTimeout(ctx, a.opt.Timeout)
	defer cancel()
	conn, err := a.opt.Dial(ctx, a.JID)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	lang := "en"
	if v, ok := a.Props["lang"]; ok {
		lang = v
	}
	l := newLink(conn, a.opt.Timeout, a.Domain(), lang, a.trace)
	a.link = l
	kind := a.tlsKind()
	if kind == "direct" {
		config := a.opt.TLS.Clone()
		config.NextProtos = []string{"xmpp-client"} // XEP-0368 §3
		if err := l.handshake(ctx, config); err != nil {
			return err
		}
		return l.open(ctx)
	}
	if err := l.open(ctx); err != nil || kind == "none" {
		return err
	}
	if err := l.startTLS(ctx, a.opt.TLS); err != nil {
		return err
	}
	return l.open(ctx)
}

// tlsKind settles between the character's wish and the options.
func (a *actor) tlsKind() string {
	switch kind := a.Props["tls"]; {
	case a.opt.TLS == nil:
		return "none"
	case kind != "":
		return kind
	case a.opt.DirectTLS:
		return "direct"
	}
	return "starttls"
}

func (a *actor) logsIn(ctx context.Context) error {
	if err := a.opens(ctx); err != nil {
		return err
	}
	return a.link.login(ctx, a.Username(), a.Password(), a.Props["mechanism"], a.opt.PlainPassword)
}

func (a *actor) binds(ctx context.Context) error {
	if a.link == nil {
		return errNotConnected
	}
	full, err := a.link.bind(ctx, a.Props["resource"])
	if err != nil {
		return err
	}
	a.full, a.counting, a.resumeID = full, false, ""
	return nil
}

func (a *actor) connects(ctx context.Context) error {
	if err := a.logsIn(ctx); err != nil {
		return err
	}
	return a.binds(ctx)
}

// resumes takes up the last session (XEP-0198 §5) and returns <resumed/>.
func (a *actor) resumes(ctx context.Context) (*Element, error) {
	if a.resumeID == "" {
		return nil, errors.New("has no session to resume: no <enabled resume='true'/> with an id was received")
	}
	if a.link == nil {
		if err := a.logsIn(ctx); err != nil {
			return nil, err
		}
	}
	err := a.link.send("<resume xmlns='" + nsSM + "' h='" + a.h() + "' previd='" + escape(a.resumeID) + "'/>")
	if err != nil {
		return nil, err
	}
	e, err := a.link.expect(ctx, "resumption", nsSM, "resumed")
	if err != nil {
		return nil, err
	}
	a.counting = true
	return e, nil
}

func (a *actor) h() string { return strconv.FormatUint(uint64(a.handled), 10) }

// disconnects ends the stream in order. Without one there is nothing to do.
func (a *actor) disconnects(ctx context.Context) error {
	if a.link == nil {
		return nil
	}
	err := a.link.closeStream(ctx, a.opt.Timeout)
	a.link = nil
	return err
}

// hangUp cuts the connection if there is one.
func (a *actor) hangUp() {
	if a.link != nil {
		a.link.cut()
		a.link = nil
	}
}

// noteStream follows what stream management needs to know of an element that
// the script takes.
func (a *actor) noteStream(e *Element) {
	switch {
	case e.is(nsSM, "enabled"):
		a.counting, a.handled, a.resumeID = true, 0, ""
		if resume, _ := e.Attr("resume"); resume == "true" || resume == "1" {
			a.resumeID, _ = e.Attr("id")
		}
	case a.counting && e.isStanza():
		a.handled++
	}
}

// passesOver reports whether the script is not shown this element: an <r/> or
// <a/> that none of the expected elements is, and with Options.PassPresence a
// presence too. The <r/> is answered.
func (a *actor) passesOver(e *Element, wanted []*Element) (bool, error) {
	presence := a.opt.PassPresence && len(wanted) > 0 && e.is(nsClient, "presence")
	if !presence && !e.is(nsSM, "r") && !e.is(nsSM, "a") {
		return false, nil
	}
	for _, w := range wanted {
		if w.Name == e.Name {
			return false, nil
		}
	}
	if e.Name.Local == "r" && a.Props["acks"] != "script" {
		return true, a.link.send("<a xmlns='" + nsSM + "' h='" + a.h() + "'/>")
	}
	return true, nil
}

// takesOptional reports whether the element is one that "may receive"
// announced; each announcement serves once.
func (a *actor) takesOptional(e *Element, caps captures) bool {
	for i, o := range a.optional {
		if matchStanza(o, e, maps.Clone(caps)) == nil {
			a.optional = slices.Delete(a.optional, i, i+1)
			return true
		}
	}
	return false
}

// part gives the variables ${X's PART}.
func (a *actor) part(part string) (string, error) {
	switch part {
	case "JID":
		if a.bare != "" {
			return a.bare, nil
		}
		return a.JID, nil
	case "username":
		return a.Username(), nil
	case "domain":
		return a.Domain(), nil
	case "password":
		return a.Password(), nil
	}
	resource := a.Props["resource"]
	if a.full != "" {
		_, resource, _ = strings.Cut(a.full, "/")
	}
	switch {
	case part == "resource" && resource != "":
		return resource, nil
	case a.full != "":
		return a.full, nil
	case resource != "":
		return a.JID + "/" + resource, nil
	}
	return "", fmt.Errorf("%s has no full JID yet", a.Name)
}

package server_test

import (
	"slices"
	"strings"
	"testing"

	"natter/server/servertest"
	"natter/stanza"
)

// party is the account that is addressed, with its resources.
type party struct {
	t      *testing.T
	srv    *servertest.Server
	exists bool
	who    map[string]*servertest.Client
	away   map[string]*managed
}

func assemble(t *testing.T, srv *servertest.Server, domain, state string) *party {
	t.Helper()
	p := &party{t: t, srv: srv, who: map[string]*servertest.Client{}, away: map[string]*managed{}}
	resources, known := states[state]
	if p.exists = known; !known {
		return p
	}
	srv.Account(t, "juliet@"+domain)
	for _, r := range resources {
		c := srv.Login(t, "juliet@"+domain+"/"+r.name)
		p.who[r.name] = c
		if !r.connected {
			available(c, r.priority)
		}
		if r.detached {
			m := manage(t, c)
			m.cut()
			delete(p.who, r.name)
			p.away[r.name] = m
		}
	}
	for _, c := range p.who {
		settled(c)
	}
	return p
}

// self makes the sender the recipient too.
func (p *party) self(c *servertest.Client) { p.who["garden"] = c }

// outcome is what became of a stanza.
type outcome struct {
	takers    []string // resources that got it, in alphabetical order
	condition string   // of the error that the sender got
	got       []*stanza.Stanza
	replies   []*stanza.Stanza // what else the sender got
}

func (o outcome) String() string {
	switch {
	case o.condition != "":
		return "the sender got " + o.condition
	case len(o.replies) > 0:
		return "the sender got " + string(o.replies[0].Raw)
	case len(o.takers) == 0:
		return "nobody got it"
	}
	return strings.Join(o.takers, " and ") + " got it"
}

// collect sees who got what after the sender has sent one stanza. Roster pushes
// are passed over.
func (p *party) collect(sender *servertest.Client) outcome {
	p.t.Helper()
	var o outcome
	take := func(name string, got []string) {
		for _, st := range stanzas(p.t, got) {
			switch e := stanza.ErrorOf(st); {
			case st.Kind == stanza.IQ && st.Type == stanza.Set && st.HasNS("jabber:iq:roster"):
			case e != nil && name == "the sender" && o.condition == "":
				o.condition = e.Condition
			case name == "the sender":
				o.replies = append(o.replies, st)
			default:
				o.takers = append(o.takers, name)
				o.got = append(o.got, st)
			}
		}
	}
	if _, self := p.who["garden"]; self {
		for _, e := range settled(sender) {
			if name := "garden"; stanza.ErrorOf(parse(p.t, e)) != nil {
				take("the sender", []string{e})
			} else {
				take(name, []string{e})
			}
		}
		return o
	}
	take("the sender", settled(sender))
	for name, c := range p.who {
		take(name, settled(c))
	}
	for name, m := range p.away {
		again, _, ok := resume(p.t, p.srv, m, m.h)
		if !ok {
			p.t.Fatalf("%s cannot be resumed", m.JID)
		}
		take(name, again.sync(p.t))
		again.ack()
		again.cut()
		p.away[name] = again
	}
	slices.Sort(o.takers)
	return o
}

// check looks at the addresses of what was delivered: the sender's own, and what
// was addressed, rewritten by nobody (RFC 6121 §8.5.2.1.1).
func (o outcome) check(t *testing.T, sender *servertest.Client, addr string) {
	t.Helper()
	if addr == "" {
		addr = sender.JID.Bare().String()
	}
	for _, st := range o.got {
		if string(st.From()) != sender.JID.String() || string(st.To()) != addr {
			t.Errorf("the addresses have become from %s to %s", st.From(), st.To())
		}
	}
}

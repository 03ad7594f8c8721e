package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// person is somebody the user knows, talks with, or has heard from: a bare
// address and all that chat keeps for it.
type person struct {
	jid       jid.JID
	contact   *contact            // nil when they are not on the contact list
	resources map[string]resource // where they are online, by resourcepart
	asks      bool                // they want to see the user's presence and wait for an answer
	told      bool                // the user was told so
	lines     []*entry            // the conversation, oldest first, at most maxLines
	unread    int                 // how many of the last lines were not shown as the open conversation
	typing    bool
	shown     string // the presence last told to the user
	room      *room  // the room that it is, while the user is in it or enters it
	again     bool   // … which is after a lost connection
	oldest    string // id in the archive of the earliest message that was read from there
	whole     bool   // the archive has nothing earlier, or there is none
	reading   bool   // it is being read
	paged     int    // how many of the last lines /history has gone back over
}

// resource is what one of a person's clients last said about their presence.
type resource struct {
	show     string // "", chat, away, xa or dnd
	status   string
	priority int
}

// maxLines is how much of each conversation is kept.
const maxLines = 2000

// entry is one line of a conversation.
type entry struct {
	at    time.Time
	mine  bool
	text  string
	id    string // of the message
	nick  string // of who said it, in a room
	state entryState
}

// entryState is how far a message of the user's has come.
type entryState int

const (
	entryTaken     entryState = iota // sent, or received
	entryWaiting                     // there was no connection yet
	entryDelivered                   // the other side's client has it (XEP-0184)
	entryFailed                      // it came back
)

// people is everybody, and the user's own account among them: the pure part of
// chat. It is used from one goroutine.
type people struct {
	me  jid.JID // bare
	all map[string]*person
}

func newPeople(me jid.JID) *people {
	return &people{me: me, all: map[string]*person{}}
}

// get returns the person with j's bare address, who is made known by that.
func (ps *people) get(j jid.JID) *person {
	bare := j.Bare()
	p := ps.all[bare.String()]
	if p == nil {
		p = &person{jid: bare, resources: map[string]resource{}, shown: "offline"}
		ps.all[bare.String()] = p
	}
	return p
}

// setRoster replaces the contact list.
func (ps *people) setRoster(contacts []contact) {
	for _, p := range ps.all {
		p.contact = nil
	}
	for _, c := range contacts {
		ps.update(c)
	}
}

// update applies one item of the contact list, as a roster push brings it.
func (ps *people) update(c contact) {
	p := ps.get(c.jid)
	p.contact = &c
	if c.subscription == "remove" {
		p.contact = nil
	}
	if c.subscription == "from" || c.subscription == "both" {
		p.asks, p.told = false, false
	}
}

// presence applies the presence of one of a person's clients.
func (ps *people) presence(from jid.JID, online bool, r resource) *person {
	p := ps.get(from)
	switch {
	case online:
		p.resources[from.Resourcepart()] = r
	case from.Resourcepart() == "":
		clear(p.resources) // the server speaks for all of them
	default:
		delete(p.resources, from.Resourcepart())
	}
	return p
}

// forgetPresence is for a new session: everybody is offline until heard of.
func (ps *people) forgetPresence() {
	for _, p := range ps.all {
		clear(p.resources)
		p.typing = false
	}
}

// showRank orders what a client can show from most to least reachable.
var showRank = map[string]int{"chat": 0, "": 1, "dnd": 2, "away": 3, "xa": 4}

// best returns the client of a person that speaks for them: the one that would
// get their messages, and among equals the most reachable.
func (p *person) best() (resource, bool) {
	var best resource
	found := false
	for _, name := range slices.Sorted(mapKeys(p.resources)) {
		r := p.resources[name]
		if !found || r.priority > best.priority || r.priority == best.priority && showRank[r.show] < showRank[best.show] {
			best, found = r, true
		}
	}
	return best, found
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// showWords says what a client shows.
var showWords = map[string]string{"": "online", "chat": "free to chat", "away": "away", "xa": "gone for long", "dnd": "busy"}

// presenceWord is the person's presence in a word or two: online, free to chat,
// away, gone for long, busy or offline.
func (p *person) presenceWord() string {
	r, online := p.best()
	if !online {
		return "offline"
	}
	if word, ok := showWords[r.show]; ok {
		return word
	}
	return "online"
}

// status is the text a person has put beside their presence.
func (p *person) status() string {
	r, _ := p.best()
	return r.status
}

// seesMe says whether the person may know that the user is there.
func (p *person) seesMe() bool {
	return p.contact != nil && (p.contact.subscription == "from" || p.contact.subscription == "both")
}

// add appends a line to the conversation.
func (p *person) add(e *entry) {
	p.lines = append(p.lines, e)
	if len(p.lines) > maxLines {
		p.lines = slices.Delete(p.lines, 0, len(p.lines)-maxLines)
	}
	p.paged = 0
}

// find returns the line of the user's with this message id, nil when there is
// none. The latest are looked at first.
func (p *person) find(id string) *entry {
	for _, e := range slices.Backward(p.lines) {
		if e.mine && e.id == id && id != "" {
			return e
		}
	}
	return nil
}

// page returns n more lines of the conversation going back, and whether there
// are older ones still. The first call after a new line gives the last n.
func (p *person) page(n int) (lines []*entry, more bool) {
	end := len(p.lines) - p.paged
	start := max(0, end-n)
	p.paged += end - start
	return p.lines[start:end], start > 0
}

// shortName is what a person would be called if nobody else were.
func (p *person) shortName() string {
	if p.contact != nil && p.contact.name != "" {
		return p.contact.name
	}
	if local := p.jid.Localpart(); local != "" {
		return oneLine(local)
	}
	return p.jid.Domainpart()
}

// name is what the person is called on the screen: the name the user gave them,
// else the part before the @, else, where two would be called the same, the
// address.
func (ps *people) name(p *person) string {
	short := p.shortName()
	if p.jid.Equal(ps.me) {
		return short
	}
	if strings.EqualFold(short, ps.me.Localpart()) {
		return p.jid.String()
	}
	for _, other := range ps.all {
		if other != p && !other.jid.Equal(ps.me) && strings.EqualFold(other.shortName(), short) {
			return p.jid.String()
		}
	}
	return short
}

// list returns the contacts and those who want to become one, the reachable
// first, then by name.
func (ps *people) list() []*person {
	var list []*person
	for _, p := range ps.all {
		if (p.contact != nil || p.asks || p.unread > 0 || p.room != nil) && !p.jid.Equal(ps.me) {
			list = append(list, p)
		}
	}
	rank := func(p *person) int {
		if r, online := p.best(); online {
			return showRank[r.show]
		}
		return len(showRank)
	}
	slices.SortFunc(list, func(a, b *person) int {
		return cmp.Or(
			rank(a)-rank(b),
			strings.Compare(strings.ToLower(ps.name(a)), strings.ToLower(ps.name(b))),
			strings.Compare(a.jid.String(), b.jid.String()))
	})
	return list
}

// unread counts the unread lines of everybody but p.
func (ps *people) unreadBut(p *person) int {
	n := 0
	for _, other := range ps.all {
		if other != p {
			n += other.unread
		}
	}
	return n
}

// resolve finds who is meant by what the user typed: an address, or the name of
// somebody known, whole or the beginning of it. The error says what to type.
func (ps *people) resolve(typed string) (*person, error) {
	if typed == "" {
		return nil, fmt.Errorf("say who: a name from your contact list, or an address like juliet@%s", ps.me.Domainpart())
	}
	if strings.Contains(typed, "@") {
		j, err := jid.Parse(typed)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address: %w", typed, err)
		}
		return ps.get(j), nil
	}
	var exact, starting []*person
	for _, p := range ps.all {
		if p.jid.Equal(ps.me) {
			continue
		}
		for _, name := range []string{ps.name(p), p.shortName(), p.jid.Localpart(), p.jid.String()} {
			lower := strings.ToLower(name)
			switch {
			case lower == strings.ToLower(typed):
				exact = append(exact, p)
			case strings.HasPrefix(lower, strings.ToLower(typed)):
				starting = append(starting, p)
			}
		}
	}
	for _, found := range [][]*person{exact, starting} {
		found = unique(found)
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			var names []string
			for _, p := range found {
				names = append(names, p.jid.String())
			}
			return nil, fmt.Errorf("%q could be %s", typed, strings.Join(names, " or "))
		}
	}
	return nil, fmt.Errorf("nobody is called %q here; for somebody new say the address, such as %s@%s", typed, typed, ps.me.Domainpart())
}

// unique returns the persons once each, by address.
func unique(list []*person) []*person {
	slices.SortFunc(list, func(a, b *person) int { return strings.Compare(a.jid.String(), b.jid.String()) })
	return slices.Compact(list)
}

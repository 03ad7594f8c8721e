package pubsub

import (
	"errors"
	"testing"

	"natter/stanza"
)

func condition(err error) string {
	var e *stanza.Error
	if errors.As(err, &e) {
		return e.Condition
	}
	return ""
}

// What waits to be told is bounded, in number and in bytes.
func TestNothingIsTakenWhileTooMuchWaits(t *testing.T) {
	s := &Service{sending: true} // nobody tells anything
	for range maxOutbox {
		if err := s.enter(); err != nil {
			t.Fatal(err)
		}
		s.append(0, nil)
		s.mu.Unlock()
	}
	if err := s.enter(); condition(err) != "resource-constraint" {
		t.Errorf("too many changes: %v", err)
	}
	s = &Service{sending: true}
	s.append(maxWaiting, nil)
	if err := s.enter(); condition(err) != "resource-constraint" {
		t.Errorf("too many bytes: %v", err)
	}
}

// Nobody fills a service for all alone, not with many small items either.
func TestEachHasAShareOfAServiceForAll(t *testing.T) {
	jid := func(s string) stanza.JID {
		j, err := stanza.ParseJID(s)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	s := &Service{Shared: true, JID: jid("pubsub.localhost"), Limits: Limits{Items: 100, Bytes: 1 << 20, Payload: 1 << 20, Share: Share{Items: 3, Bytes: 4000}}}
	c := Config{Persist: true, Payloads: true, MaxItems: Max}
	n := &node{name: "n", config: c, creator: jid("a@localhost")}
	for _, id := range []string{"1", "2", "3"} {
		n.items = append(n.items, entry{id: id, size: 10})
		s.count(n, &n.items[len(n.items)-1], 1)
	}
	full := &node{name: "full", config: c, creator: jid("b@localhost")}
	full.items = []entry{{id: "x", size: 3500}}
	s.count(full, &full.items[0], 1)
	one := func(id string, size int) *Publication {
		return &Publication{Node: "n", Items: []Item{{ID: id, Payload: make([]byte, size)}}}
	}
	for name, x := range map[string]struct {
		at   *node
		who  string
		p    *Publication
		want string
	}{
		"one more, for which the oldest goes": {n, "c@localhost/x", one("4", 10), ""},
		"in the place of another":             {n, "c@localhost/x", one("3", 10), ""},
		"at a new node of the same":           {nil, "a@localhost/x", one("4", 10), "resource-constraint"},
		"at a new node of somebody else":      {nil, "c@localhost/x", one("4", 10), ""},
		"more bytes than the share":           {full, "b@localhost/x", one("y", 300), "resource-constraint"},
		"a name longer than what is left":     {full, "b@localhost/x", one(string(make([]byte, 1000)), 1), "resource-constraint"},
		"fewer bytes in the place of another": {full, "b@localhost/x", one("x", 300), ""},
	} {
		who := Asker{JID: jid(x.who)}
		if got := condition(s.suits(&c, x.at, &who, x.p)); got != x.want {
			t.Errorf("%s: %q, not %q", name, got, x.want)
		}
	}
}

package main

import (
	"slices"
	"strings"
	"sync"
)

// completer finishes words for the user: commands after a slash, and people
// after a command that takes one. It may be used from any goroutine.
type completer struct {
	mu       sync.Mutex
	nicks    []string // of the room that is open, sorted
	people   []string // what they can be called by, sorted
	asking   []string // those of them whose request is open
	commands []string // with their slash, sorted
}

// update takes over who there is.
func (c *completer) update(ps *people, open *person) {
	var nicks []string
	if open != nil && open.room != nil {
		nicks = open.room.nicks()
	}
	var everybody, asking []string
	for _, p := range ps.all {
		if p.jid.Equal(ps.me) {
			continue
		}
		name := c.handle(p, ps)
		everybody = append(everybody, name)
		if p.asks {
			asking = append(asking, name)
		}
	}
	slices.Sort(everybody)
	slices.Sort(asking)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people, c.asking, c.nicks = everybody, asking, nicks
	if c.commands == nil {
		for _, cmd := range chatCommands() {
			c.commands = append(c.commands, "/"+cmd.name)
		}
		slices.Sort(c.commands)
	}
}

// inRoom are the commands whose first argument is a nick in the open room.
var inRoom = map[string]bool{"kick": true, "ban": true, "mute": true, "voice": true, "pm": true}

// handle is what to type for a person: the name if it is one word, else the
// address.
func (c *completer) handle(p *person, ps *people) string {
	if name := ps.name(p); !strings.ContainsAny(name, " \t") {
		return name
	}
	return p.jid.String()
}

// line completes the word before pos and returns the new line and position. A
// word that could become several things becomes what they have in common.
func (c *completer) line(line string, pos int) (string, int) {
	before, after := line[:pos], line[pos:]
	start := strings.LastIndexByte(before, ' ') + 1
	word := before[start:]
	var candidates []string
	c.mu.Lock()
	switch fields := strings.Fields(before[:start]); {
	case len(fields) == 0 && strings.HasPrefix(word, "/"):
		candidates = c.commands
	case len(fields) == 0 && word != "": // whom it is for, in a room
		found, whole := commonStart(word, c.nicks)
		c.mu.Unlock()
		if found == "" {
			return line, pos
		}
		if whole {
			found += ": "
		}
		return found + after, len(found)
	case len(fields) == 1 && strings.HasPrefix(fields[0], "/"):
		if cmd, ok := findCommand(strings.TrimPrefix(fields[0], "/")); ok && cmd.person {
			candidates = c.people
			if inRoom[cmd.name] {
				candidates = c.nicks
			}
			if (cmd.name == "accept" || cmd.name == "deny") && len(c.asking) > 0 {
				candidates = c.asking
			}
		}
	}
	c.mu.Unlock()
	found, whole := commonStart(word, candidates)
	if found == "" {
		return line, pos
	}
	if whole && !strings.HasPrefix(after, " ") {
		found += " "
	}
	return before[:start] + found + after, start + len(found)
}

// commonStart returns the longest text that all candidates starting with word
// start with, in the first one's spelling, and whether it is the only one.
func commonStart(word string, candidates []string) (start string, only bool) {
	n := 0
	for _, c := range candidates {
		if len(c) < len(word) || !strings.EqualFold(c[:len(word)], word) {
			continue
		}
		if n++; n == 1 {
			start = c
			continue
		}
		i := 0
		for i < len(start) && i < len(c) && start[i] == c[i] {
			i++
		}
		start = start[:max(i, len(word))]
	}
	return strings.ToValidUTF8(start, ""), n == 1
}

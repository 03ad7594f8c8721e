package muc

import (
	"slices"
	"strings"
)

// merge adds what is known in memory to a page of rooms that begins above after:
// those that are not kept, and how many are in each.
func (s *service) merge(list []entry, after string, n int) []entry {
	last := ""
	if len(list) > 0 {
		last = list[len(list)-1].name
	}
	byName := make(map[string]int, len(list))
	for i := range list {
		byName[list[i].name] = i
	}
	s.mu.Lock()
	rooms := make([]*room, 0, len(s.rooms))
	for name, r := range s.rooms {
		if name > after {
			rooms = append(rooms, r)
		}
	}
	s.mu.Unlock()
	full := len(list) > n
	for _, r := range rooms {
		i, known := byName[r.name]
		if !known && full && r.name > last {
			continue // of a later page
		}
		r.mu.Lock()
		e := entry{
			listed: r.listed(), name: r.name, occupants: r.occupants()}
		shown := r.config.Public && !r.locked && !r.gone
		r.mu.Unlock()
		switch {
		case known:
			list[i] = e
		case shown:
			list = append(list, e)
		}
	}
	for i := range list {
		if list[i].Name == "" {
			list[i].Name = list[i].name
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return list
}

// listed is what the list of rooms says of this one.
func (r *room) listed() listed {
	c := &r.config
	return listed{r.title(), c.Description, c.Lang, !c.MembersOnly && c.Password == ""}
}

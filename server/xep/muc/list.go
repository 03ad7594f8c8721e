package muc

import (
	"slices"
	"strings"
)

// loadedRoom is a room in memory as it is listed, if it is.
type loadedRoom struct {
	entry
	shown bool
}

// shown reports whether the room is in the list.
func (r *room) shown() bool { return r.config.Public && !r.locked && !r.gone }

// loaded returns the rooms in memory, by name.
func (s *service) loaded() map[string]loadedRoom {
	s.mu.Lock()
	rooms := make([]*room, 0, len(s.rooms))
	for _, r := range s.rooms {
		rooms = append(rooms, r)
	}
	s.mu.Unlock()
	m := make(map[string]loadedRoom, len(rooms))
	for _, r := range rooms {
		r.mu.Lock()
		m[r.name] = loadedRoom{entry{r.listed(), r.name, r.occupants()}, r.shown()}
		r.mu.Unlock()
	}
	return m
}

// merge adds what is known in memory to a page of rooms that begins above after:
// those that are not kept, and how many are in each.
func (s *service) merge(list []entry, after string, n int) []entry {
	last := ""
	if len(list) > 0 {
		last = list[len(list)-1].name
	}
	full := len(list) > n
	loaded := s.loaded()
	kept := list[:0]
	for _, e := range list {
		if now, ok := loaded[e.name]; ok {
			delete(loaded, e.name)
			if e = now.entry; !now.shown {
				continue
			}
		}
		kept = append(kept, e)
	}
	list = kept
	for name, e := range loaded {
		if e.shown && name > after && !(full && name > last) { // else it is of a later page
			list = append(list, e.entry)
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

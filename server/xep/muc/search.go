package muc

import (
	"slices"
	"strconv"
	"strings"

	"natter/server"
	"natter/server/xep/forms"
	"natter/server/xep/rsm"
	"natter/stanza"
)

// Namespaces of XEP-0433.
const (
	nsSearch       = "urn:xmpp:channel-search:0:search"
	nsSearchParams = "urn:xmpp:channel-search:0:search-params"
	nsSearchOrder  = "urn:xmpp:channel-search:0:order"
	nsSearchError  = "urn:xmpp:channel-search:0:error"
)

const (
	byUsers   = "{" + nsSearchOrder + "}nusers"
	byAddress = "{" + nsSearchOrder + "}address"
)

// maxSearched is how many rooms one search looks at, in the order of their names.
const maxSearched = 10_000

// searchForm is what can be searched for (XEP-0433 §3.2.1).
func searchForm() []byte {
	f := forms.New("form", nsSearchParams)
	f.Add("text-single", "q", "Search for")
	f.AddBool("all", "All rooms, whatever is searched for", false)
	f.AddBool("sinname", "Search in names", true)
	f.AddBool("sindescription", "Search in descriptions", true)
	f.AddBool("sinaddress", "Search in addresses", true)
	f.AddInt("min_users", "Least number of people", 0)
	f.AddList("key", "Order", byUsers, byUsers+"=Number of people", byAddress+"=Address")
	b := stanza.AppendOpen(nil, "search", "xmlns", nsSearch)
	return stanza.AppendClose(f.AppendTo(b), "search")
}

func searchError(e *stanza.Error, condition string) error {
	e.App = stanza.AppendEmpty(nil, condition, "xmlns", nsSearchError)
	return e
}

// search answers a search for rooms (XEP-0433 §3.2.2).
func (s *service) search(q *server.IQ) error {
	f, err := forms.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	if f == nil {
		q.Reply(q.Turn, searchForm())
		return nil
	}
	page, err := rsm.In(q.Stanza, q.Payload)
	if err != nil {
		return err
	}
	want, err := searchOf(f)
	if err != nil {
		return err
	}
	var found []entry
	for after, seen := "", 0; seen < maxSearched; {
		list, more, err := s.public(q.Turn, after, 500)
		if err != nil {
			return err
		}
		for i := range list {
			if want.matches(&list[i], s.domain) {
				found = append(found, list[i])
			}
			after = list[i].name
		}
		if seen += len(list); !more {
			break
		}
	}
	if want.key == byUsers {
		slices.SortStableFunc(found, func(a, b entry) int { return b.occupants - a.occupants })
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].name + "@" + s.domain
	}
	from, to, result, err := rsm.Page(page, ids, maxListed)
	if err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "result", "xmlns", nsSearch)
	for i := from; i < to; i++ {
		b = found[i].append(b, ids[i])
	}
	q.Reply(q.Turn, stanza.AppendClose(result.AppendTo(b), "result"))
	return nil
}

// searched is what is searched for.
type searched struct {
	words                     []string
	inName, inText, inAddress bool
	least                     int
	key                       string
}

// searchOf reads a search, with the errors of XEP-0433 §3.2.2.
func searchOf(f *forms.Form) (w searched, err error) {
	all, _, err := f.Bool("all")
	if err != nil {
		return w, err
	}
	for name, p := range map[string]*bool{"sinname": &w.inName, "sindescription": &w.inText, "sinaddress": &w.inAddress, "sinaddr": &w.inAddress} {
		on, given, err := f.Bool(name)
		if err != nil {
			return w, err
		}
		if given {
			*p = on
		} else if name != "sinaddr" || !f.Has("sinaddress") {
			*p = *p || !given && !(name == "sinaddress" && f.Has("sinaddr"))
		}
	}
	if w.key = f.Get("key"); w.key == "" {
		w.key = byUsers
	}
	if v := f.Get("min_users"); v != "" {
		if w.least, err = strconv.Atoi(v); err != nil || w.least < 0 {
			return w, stanza.BadRequest("min_users is a number")
		}
	}
	text := f.Get("q")
	switch {
	case w.key != byUsers && w.key != byAddress:
		e := stanza.FeatureNotImplemented("rooms are not ordered by that")
		e.Type = stanza.Modify
		return w, searchError(e, "invalid-sort-key")
	case all && text != "":
		return w, searchError(stanza.BadRequest("either all rooms or those that are searched for"), "conflicting-fields")
	case !all && !f.Has("q"):
		return w, searchError(stanza.BadRequest("nothing was searched for"), "no-search-conditions")
	case all:
		return w, nil
	}
	for _, word := range strings.Fields(strings.ToLower(text)) {
		if len(w.words) < 10 {
			w.words = append(w.words, word)
		}
	}
	if len(w.words) == 0 || len(text) > 1024 {
		return w, searchError(stanza.BadRequest("search for at least one word, and no more than 1024 bytes"), "invalid-search-terms")
	}
	return w, nil
}

// matches reports whether every word is in one of the texts that are looked at.
func (w *searched) matches(e *entry, domain string) bool {
	if e.occupants < w.least {
		return false
	}
	var texts []string
	if w.inName {
		texts = append(texts, strings.ToLower(e.Name))
	}
	if w.inText {
		texts = append(texts, strings.ToLower(e.Description))
	}
	if w.inAddress {
		texts = append(texts, e.name+"@"+domain)
	}
	for _, word := range w.words {
		if !slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, word) }) {
			return false
		}
	}
	return true
}

// append appends the room as a result (XEP-0433 §5.2).
func (e *entry) append(b []byte, address string) []byte {
	b = stanza.AppendOpen(b, "item", "address", address)
	b = stanza.AppendElement(b, "name", e.Name)
	if e.Description != "" {
		b = stanza.AppendElement(b, "description", e.Description)
	}
	if e.Lang != "" {
		b = stanza.AppendElement(b, "language", e.Lang)
	}
	b = stanza.AppendElement(b, "nusers", strconv.Itoa(e.occupants))
	if e.Open {
		b = append(b, "<is-open/>"...)
	}
	return stanza.AppendClose(b, "item")
}

package muc

import (
	"context"
	"encoding/json"
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
	hits, err := s.hits(q.Turn, want)
	if err != nil {
		return err
	}
	from, to, result, err := pageOf(page, hits, s.domain)
	if err != nil {
		return err
	}
	list, err := s.entries(q.Turn, hits[from:to])
	if err != nil {
		return err
	}
	b := stanza.AppendOpen(nil, "result", "xmlns", nsSearch)
	for i := range list {
		b = list[i].append(b, list[i].name+"@"+s.domain)
	}
	q.Reply(q.Turn, stanza.AppendClose(result.AppendTo(b), "result"))
	return nil
}

// hit is a room that was found, and how many are in it.
type hit struct {
	name      string
	occupants int
}

// hits goes through all rooms that are listed, and returns those that are wanted, in
// the order that is. One goes through at a time, so that searches take no more than one
// processor.
func (s *service) hits(t *server.Turn, want searched) ([]hit, error) {
	t.Flush()
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.Config.StoreTimeout)
	defer cancel()
	select {
	case s.searching <- struct{}{}:
		defer func() { <-s.searching }()
	case <-ctx.Done():
		return nil, stanza.ResourceConstraint("too many search for rooms just now; try again later")
	}
	var found []hit
	loaded := s.loaded()
	for _, e := range loaded {
		if e.shown && want.matches(&e.entry, s.domain) {
			found = append(found, hit{e.name, e.occupants})
		}
	}
	for after := ""; want.least == 0; { // nobody is in the others
		last, err := s.srv.Store.EachOfKind(ctx, s.domain, kindListed, after, 0, func(name string, data []byte) {
			if _, ok := loaded[name]; ok || !want.mayMatch(name, data, s.domain) {
				return
			}
			e := entry{name: name}
			if json.Unmarshal(data, &e.listed) == nil && want.matches(&e, s.domain) {
				found = append(found, hit{name: name})
			}
		})
		if err != nil {
			return nil, err
		}
		if after = last; last == "" {
			break
		}
	}
	slices.SortFunc(found, func(a, b hit) int {
		if want.key == byUsers && a.occupants != b.occupants {
			return b.occupants - a.occupants
		}
		return strings.Compare(a.name, b.name)
	})
	return found, nil
}

// pageOf applies a query to what was found; the ids are addresses.
func pageOf(page rsm.Query, hits []hit, domain string) (from, to int, r rsm.Result, err error) {
	names := make([]string, len(hits))
	for i := range hits {
		names[i] = hits[i].name
	}
	for _, id := range []*string{&page.After, &page.Before} {
		if name, ok := strings.CutSuffix(*id, "@"+domain); ok {
			*id = name
		}
	}
	if from, to, r, err = rsm.Page(page, names, maxListed); err == nil && to > from {
		r.First, r.Last = r.First+"@"+domain, r.Last+"@"+domain
	}
	return from, to, r, err
}

// entries reads what is said of rooms that were found; those that are gone or not in
// the list meanwhile are left out.
func (s *service) entries(t *server.Turn, hits []hit) ([]entry, error) {
	list := make([]entry, 0, len(hits))
	for _, h := range hits {
		s.mu.Lock()
		r := s.rooms[h.name]
		s.mu.Unlock()
		e := entry{name: h.name, occupants: h.occupants}
		if r != nil {
			r.mu.Lock()
			shown := r.shown()
			e.listed = r.listed()
			r.mu.Unlock()
			if !shown {
				continue
			}
		} else {
			doc, ok, err := s.get(t, s.key(h.name, kindListed, ""))
			if err != nil {
				return nil, err
			}
			if !ok || json.Unmarshal(doc.Data, &e.listed) != nil {
				continue
			}
		}
		list = append(list, e)
	}
	return list, nil
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

// mayMatch looks at what is stored of a room, as it is, for what can be told quickly:
// false when it cannot match.
func (w *searched) mayMatch(name string, data []byte, domain string) bool {
	for _, word := range w.words {
		if !plain(word) || containsFold(data, word) || w.inAddress && strings.Contains(name+"@"+domain, word) {
			continue
		}
		if strings.ContainsAny(word, "ik") && !ascii(data) {
			continue // U+0130 and U+212A have them as their small letters
		}
		return false
	}
	return true
}

// plain reports whether a word stands in JSON as it is.
func plain(word string) bool {
	for i := range len(word) {
		if c := word[i]; c >= 0x80 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c < ' ' {
			return false
		}
	}
	return true
}

// containsFold reports whether b has a word that is plain and in lower case.
func containsFold(b []byte, word string) bool {
	first := word[0]
	for i := 0; i+len(word) <= len(b); i++ {
		if lower(b[i]) != first {
			continue
		}
		n := 1
		for n < len(word) && lower(b[i+n]) == word[n] {
			n++
		}
		if n == len(word) {
			return true
		}
	}
	return false
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
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

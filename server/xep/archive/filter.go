package archive

import (
	"fmt"
	"slices"
	"time"

	"natter/server/store"
	"natter/server/xep/forms"
	"natter/server/xep/rsm"
	"natter/stanza"
)

// fieldSearch is the field of XEP-0431 §3 in Clark notation.
const fieldSearch = "{" + NSSearch + "}fulltext"

// maxSearch bounds a search in bytes.
const maxSearch = 1024

// filter is a query as it was asked.
type filter struct {
	queryID string
	store.RangeQuery
	search string
	ids    []uint64 // these messages only; nil for all
	named  []uint64 // ids that must be in the archive
	rsm    rsm.Query
	flip   bool
	narrow bool // the form leaves out some of the archive
}

// size is how many messages the page may have.
func (f *filter) size() int {
	if f.rsm.Max < 0 {
		return defaultPage
	}
	return f.rsm.Size(maxPage)
}

// fields read the values of a query's form (XEP-0313 §4.1). What a field without a
// value asks for is nothing.
var fields = map[string]func(a *Archive, f *filter, values []string) error{
	"with":              (*Archive).with,
	"start":             (*Archive).start,
	"end":               (*Archive).end,
	"before-id":         func(a *Archive, f *filter, v []string) error { return a.bound(f, v[0], &f.BeforeID, lower) },
	"after-id":          func(a *Archive, f *filter, v []string) error { return a.bound(f, v[0], &f.AfterID, higher) },
	"ids":               (*Archive).single,
	"include-groupchat": (*Archive).groupchat,
	fieldSearch:         (*Archive).fulltext,
}

// has reports whether this archive knows the field.
func (a *Archive) has(field string) bool {
	switch field {
	case "include-groupchat":
		return a.Groupchat
	case fieldSearch:
		return a.Search
	}
	return fields[field] != nil
}

// parse reads a query. Errors are bad-request, feature-not-implemented and
// item-not-found.
func (a *Archive) parse(st *stanza.Stanza, query stanza.Child) (*filter, error) {
	f := &filter{}
	f.queryID, _ = st.ChildAttr(query, "queryid")
	form, err := forms.In(st, query)
	if err != nil {
		return nil, err
	}
	if form != nil {
		if err := a.submitted(f, form); err != nil {
			return nil, err
		}
	}
	if f.rsm, err = rsm.In(st, query); err != nil {
		return nil, err
	}
	_, f.flip = st.Find(query, NS, "flip-page")
	if f.rsm.Index >= 0 {
		return nil, stanza.FeatureNotImplemented("pages are asked for by ids, not by an index") // XEP-0059 §2.6
	}
	if f.rsm.After != "" {
		if err := a.bound(f, f.rsm.After, &f.AfterID, higher); err != nil {
			return nil, err
		}
	}
	if f.rsm.Before != "" {
		if err := a.bound(f, f.rsm.Before, &f.BeforeID, lower); err != nil {
			return nil, err
		}
	}
	f.Reverse = f.rsm.Backward()
	return f, nil
}

// submitted reads the form.
func (a *Archive) submitted(f *filter, form *forms.Form) error {
	if form.Type != "submit" || form.FormType() != NS {
		return stanza.BadRequest("a query holds a form of type submit whose FORM_TYPE is " + NS)
	}
	for i := range form.Fields {
		field := &form.Fields[i]
		switch {
		case field.Var == "FORM_TYPE":
			continue
		case !a.has(field.Var): // XEP-0313 §4.1.5
			return stanza.FeatureNotImplemented(fmt.Sprintf("queries have no field %q", field.Var))
		case len(field.Values) == 0 || len(field.Values) == 1 && field.Values[0] == "":
			continue
		}
		if err := fields[field.Var](a, f, field.Values); err != nil {
			return err
		}
		f.narrow = f.narrow || field.Var != "include-groupchat"
	}
	return nil
}

func (a *Archive) with(f *filter, values []string) error {
	j, err := stanza.ParseJID(values[0])
	if err != nil {
		return stanza.BadRequest("'with' is an address")
	}
	f.With = j.String()
	if a.With != nil {
		f.With, err = a.With(j)
	}
	return err
}

// start and end are inclusive. Messages have times of whole milliseconds.
func (a *Archive) start(f *filter, values []string) (err error) {
	if f.Start, err = timestamp("start", values[0]); f.Start.Nanosecond()%1e6 != 0 {
		f.Start = f.Start.Add(time.Millisecond)
	}
	return err
}

func (a *Archive) end(f *filter, values []string) (err error) {
	f.End, err = timestamp("end", values[0])
	return err
}

// timestamp reads a time in XEP-0082's DateTime profile.
func timestamp(name, value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		return at, stanza.BadRequest(fmt.Sprintf("'%s' is a time such as 2010-07-10T23:08:25Z (XEP-0082)", name))
	}
	return at, nil
}

func lower(a, b uint64) bool  { return a < b }
func higher(a, b uint64) bool { return a > b }

// bound narrows the range of ids by one that the asker has seen.
func (a *Archive) bound(f *filter, value string, id *uint64, narrower func(a, b uint64) bool) error {
	n, err := a.id(value)
	if err != nil {
		return err
	}
	f.named = append(f.named, n)
	if *id == 0 || narrower(n, *id) {
		*id = n
	}
	return nil
}

// id returns the log's id for one of the archive's. The record may be gone.
func (a *Archive) id(value string) (uint64, error) {
	id, ok := a.Host.ParseArchiveID(a.Owner, value)
	if !ok {
		return 0, notFound()
	}
	return id, nil
}

func notFound() error { return stanza.ItemNotFound("the archive has no message with that id") }

// single reads the ids of messages that are wanted (XEP-0313 §4.1.3).
func (a *Archive) single(f *filter, values []string) error {
	if len(values) > maxPage {
		return stanza.NotAcceptable(fmt.Sprintf("up to %d messages can be asked for by their ids", maxPage))
	}
	for _, v := range values {
		id, err := a.id(v)
		if err != nil {
			return err
		}
		f.ids = append(f.ids, id)
	}
	slices.Sort(f.ids)
	f.ids = slices.Compact(f.ids)
	f.named = append(f.named, f.ids...)
	return nil
}

// groupchat checks the field that changes nothing.
func (a *Archive) groupchat(_ *filter, values []string) error {
	switch values[0] {
	case "true", "1", "false", "0":
		return nil
	}
	return stanza.BadRequest("include-groupchat is true or false")
}

func (a *Archive) fulltext(f *filter, values []string) error {
	if len(values[0]) > maxSearch {
		return stanza.NotAcceptable(fmt.Sprintf("a search may have up to %d bytes", maxSearch))
	}
	f.search = values[0]
	return nil
}

// form is what queries may hold (XEP-0313 §4.1.5).
func (a *Archive) form() []byte {
	f := forms.New("form", NS)
	f.Add("jid-single", "with", "")
	f.Add("text-single", "start", "")
	f.Add("text-single", "end", "")
	f.Add("text-single", "before-id", "")
	f.Add("text-single", "after-id", "")
	f.Fields = append(f.Fields, forms.Field{Type: "list-multi", Var: "ids", Open: true})
	if a.Groupchat {
		f.Add("boolean", "include-groupchat", "")
	}
	if a.Search {
		f.Add("text-single", fieldSearch, "")
	}
	b := stanza.AppendOpen(nil, "query", "xmlns", NS)
	return stanza.AppendClose(f.AppendTo(b), "query")
}

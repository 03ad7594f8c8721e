package archive

import (
	"context"
	"errors"
	"slices"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/rsm"
	"natter/stanza"
)

// page is what a query found.
type page struct {
	list     []store.Record // in the order of the archive
	complete bool           // there is no more in the direction that was asked for
	count    int            // of the whole result, -1 when not known
}

// read reads the page that a query asks for.
func (a *Archive) read(r *reader, f *filter) (page, error) {
	for _, id := range f.named {
		q := store.RangeQuery{AfterID: id - 1, BeforeID: id + 1, N: 1}
		list, err := r.store.Range(r.ctx, a.Owner, q)
		if err != nil {
			return page{}, err
		}
		if len(list) == 0 { // XEP-0313 §4.1.3, §4.3.2
			return page{}, notFound()
		}
	}
	p := page{count: -1}
	size := f.size()
	if f.rsm.Present && !f.narrow {
		var err error
		if p.count, err = r.store.Count(r.ctx, a.Owner); err != nil {
			return page{}, err
		}
	}
	q := f.RangeQuery
	q.N, q.Bytes = size+1, r.bytes // one more tells whether there are more
	list, err := a.find(r, f, q)
	if err != nil {
		return page{}, err
	}
	bytes := 0
	for i := range list {
		bytes += len(list[i].Stanza)
	}
	p.complete = len(list) <= size && bytes < r.bytes
	p.list = list[:min(len(list), size)]
	if q.Reverse {
		slices.Reverse(p.list)
	}
	return p, nil
}

// find reads what matches all of the filter.
func (a *Archive) find(r *reader, f *filter, q store.RangeQuery) ([]store.Record, error) {
	if f.ids == nil {
		return a.rangeOf(r, f, q)
	}
	ids := slices.Clone(f.ids)
	if q.Reverse {
		slices.Reverse(ids)
	}
	var list []store.Record
	bytes := 0
	for _, id := range ids {
		if id <= q.AfterID || q.BeforeID != 0 && id >= q.BeforeID {
			continue
		}
		one := q
		one.AfterID, one.BeforeID = id-1, id+1
		found, err := a.rangeOf(r, f, one)
		if err != nil {
			return nil, err
		}
		for i := range found {
			list = append(list, found[i])
			bytes += len(found[i].Stanza)
		}
		if len(list) == q.N || bytes >= q.Bytes {
			break
		}
	}
	return list, nil
}

// searchTime bounds a search, with the time it waits for others.
const searchTime = 5 * time.Second

// searches bounds those that run at once: the store has other readers.
var searches = make(chan struct{}, 2)

// rangeOf reads a range of the archive, or what is found in it by its words (XEP-0431).
func (a *Archive) rangeOf(r *reader, f *filter, q store.RangeQuery) ([]store.Record, error) {
	if f.search == "" {
		return r.store.Range(r.ctx, a.Owner, q)
	}
	ctx, cancel := context.WithTimeout(r.ctx, searchTime)
	defer cancel()
	select {
	case searches <- struct{}{}:
		defer func() { <-searches }()
	case <-ctx.Done():
		return nil, stanza.ResourceConstraint("too many others search just now; try again later")
	}
	list, err := r.store.Search(ctx, a.Owner, f.search, q)
	if errors.Is(err, store.ErrBehind) || errors.Is(err, context.DeadlineExceeded) {
		return nil, stanza.ResourceConstraint("the search takes too long: ask for a shorter time, or for one contact's messages")
	}
	return list, err
}

// result is the page as result sets tell of it (XEP-0059 §2.1).
func (a *Archive) result(p page) rsm.Result {
	r := rsm.Result{Index: -1, Count: p.count}
	if n := len(p.list); n > 0 {
		r.First = string(a.Host.AppendArchiveID(nil, a.Owner, p.list[0].ID))
		r.Last = string(a.Host.AppendArchiveID(nil, a.Owner, p.list[n-1].ID))
	}
	return r
}

// metadata answers with the first and the last message (XEP-0313 §5).
func (a Archive) metadata(q *server.IQ) error {
	return later(q, func(r *reader) error {
		b, err := a.Metadata(r.ctx, nil)
		if err != nil {
			return err
		}
		r.q.Reply(r.t, b)
		return nil
	})
}

// Metadata appends what <metadata/> says of the archive as it is in the store.
func (a Archive) Metadata(ctx context.Context, dst []byte) ([]byte, error) {
	b := stanza.AppendOpen(dst, "metadata", "xmlns", NS)
	for i, name := range []string{"start", "end"} {
		list, err := a.Host.Server.Store.Range(ctx, a.Owner, store.RangeQuery{N: 1, Reverse: i == 1})
		if err != nil {
			return dst, err
		}
		if len(list) == 0 {
			break
		}
		b = stanza.AppendEmpty(b, name, "id", string(a.Host.AppendArchiveID(nil, a.Owner, list[0].ID)),
			"timestamp", list[0].Time().Format(stampFormat))
	}
	return stanza.AppendClose(b, "metadata"), nil
}

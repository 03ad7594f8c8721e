package archive

import (
	"slices"

	"natter/server/store"
	"natter/stanza"
)

// stampFormat is XEP-0082's DateTime with milliseconds, in UTC.
const stampFormat = "2006-01-02T15:04:05.000Z"

// send sends the messages of a page and then its end.
func (a *Archive) send(r *reader, f *filter, p page) {
	list := p.list
	if f.flip { // §4.3.4: the same messages in the other order
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	to := r.q.Origin.JID.String()
	for i := range list {
		r.deliver(a.message(nil, to, f.queryID, &list[i]))
	}
	b := stanza.AppendOpen(nil, "fin", "xmlns", NS, "complete", yes(p.complete))
	b = a.result(p).AppendTo(b)
	r.q.Reply(r.t, stanza.AppendClose(b, "fin"))
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// message appends one result (XEP-0313 §4.2, XEP-0297 §3).
func (a *Archive) message(b []byte, to, queryID string, rec *store.Record) []byte {
	id := string(a.Host.AppendArchiveID(nil, a.Owner, rec.ID))
	b = stanza.AppendOpen(b, "message", "from", a.Owner, "to", to)
	b = stanza.AppendOpen(b, "result", "xmlns", NS, "queryid", queryID, "id", id)
	b = stanza.AppendOpen(b, "forwarded", "xmlns", NSForward)
	b = stanza.AppendEmpty(b, "delay", "xmlns", "urn:xmpp:delay", "stamp", rec.Time().Format(stampFormat))
	if a.Show != nil {
		b = a.Show(b, rec)
	} else {
		b = append(b, rec.Stanza...)
	}
	return append(b, "</forwarded></result></message>"...)
}

package blocking

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"natter/server"
	"natter/stanza"
)

const (
	nsReport = "urn:xmpp:reporting:1"
	nsSID    = "urn:xmpp:sid:0"
)

// Bounds on what one report may hold (XEP-0377 sets none).
const (
	maxReportText = 2000 // bytes
	maxReported   = 20   // messages
)

// report is what somebody who blocks an address says about it (XEP-0377 §3).
type report struct {
	jid    stanza.JID
	reason string
	text   string
	ids    []uint64 // messages in the reporter's archive
}

// reasons are those of XEP-0377 §3, for people.
var reasons = map[string]string{"urn:xmpp:reporting:spam": "spam", "urn:xmpp:reporting:abuse": "abuse"}

// reportIn reads the report in an item of a request; nil when there is none.
func reportIn(st *stanza.Stanza, item stanza.Child, jid stanza.JID, by string) (*report, error) {
	c, ok := st.Find(item, nsReport, "report")
	if !ok {
		return nil, nil
	}
	r := &report{jid: jid}
	why, _ := st.ChildAttr(c, "reason")
	if r.reason = reasons[why]; r.reason == "" {
		return nil, stanza.BadRequest("a report needs a reason: urn:xmpp:reporting:spam or urn:xmpp:reporting:abuse")
	}
	for child := range st.Children(c) {
		switch {
		case st.ChildIs(child, nsReport, "text") && r.text == "":
			if r.text = strings.TrimSpace(st.Text(child)); len(r.text) > maxReportText {
				r.text = strings.ToValidUTF8(r.text[:maxReportText], "")
			}
		case st.ChildIs(child, nsSID, "stanza-id") && len(r.ids) < maxReported:
			who, _ := st.ChildAttr(child, "by")
			id, _ := st.ChildAttr(child, "id")
			if n, err := strconv.ParseUint(id, 10, 64); err == nil && who == by {
				r.ids = append(r.ids, n)
			}
		}
	}
	return r, nil
}

// reports reads those of a request.
func reports(q *server.IQ) ([]*report, error) {
	var list []*report
	for c := range q.Stanza.Children(q.Payload) {
		text, _ := q.Stanza.ChildAttr(c, "jid")
		j, err := stanza.ParseJID(text)
		if err != nil || !q.Stanza.ChildIs(c, ns, "item") {
			continue
		}
		r, err := reportIn(q.Stanza, c, j, q.Account.Bare)
		if err != nil {
			return nil, err
		}
		if r != nil {
			list = append(list, r)
		}
	}
	return list, nil
}

// pass tells the administrators of reports, with the messages that the reporter
// names and has. It reads the store.
func (m *module) pass(ctx context.Context, a *server.Account, list []*report) {
	srv := m.host.Server
	for _, r := range list {
		srv.Log.Warn("report", "account", a.Bare, "about", r.jid.String(), "reason", r.reason)
		var b strings.Builder
		fmt.Fprintf(&b, "%s has blocked %s and reports it for %s.", a.Bare, r.jid, r.reason)
		if r.text != "" {
			b.WriteString("\n\n" + r.text)
		}
		for _, id := range r.ids {
			rec, ok, err := srv.Store.GetRecord(ctx, id)
			if err == nil && ok && slices.Contains(rec.Owners[:], a.Bare) && rec.Text != "" {
				fmt.Fprintf(&b, "\n\n%s, %s: %s", rec.Time().Format("2006-01-02 15:04"), rec.From, rec.Text)
			}
		}
		srv.Do(func(t *server.Turn) {
			for _, admin := range srv.Admins() {
				msg := stanza.AppendOpen(nil, "message", "from", m.host.Name, "to", admin, "type", "normal", "id", server.NewID())
				msg = stanza.AppendElement(msg, "subject", "A report about "+r.jid.String())
				msg = stanza.AppendElement(msg, "body", b.String())
				srv.Send(t, stanza.AppendClose(msg, "message"))
			}
		})
	}
}

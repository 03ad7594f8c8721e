package push

import (
	"strconv"
	"strings"
	"time"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

// cause is what a device is woken for.
type cause struct {
	what    string // for the log
	sender  string // as the settings let it be told
	body    string
	pending bool // it is a subscription request
}

// answerTime is how long a push service may take.
const answerTime = 2 * time.Minute

// maxFailed is how many notices in a row may fail for reasons that may pass before
// the registration ends (§7.1).
const maxFailed = 10

// message wakes the devices that lack a message that was kept (§7).
func (m *module) message(p *server.Passage) server.Verdict {
	if c, ok := m.causeOf(p.Account, p.Origin.JID, p.Stanza, p.Hints); ok {
		m.wake(p.Turn, p.Account, c, "")
	}
	return server.Pass
}

// causeOf says what a message wakes devices for, if it does.
func (m *module) causeOf(a *server.Account, from stanza.JID, st *stanza.Stanza, hints server.Hints) (c cause, ok bool) {
	c.what = "message"
	switch {
	case from.Bare() == a.JID:
		return c, false // one's own, from another device
	case st.HasNS("urn:xmpp:jingle-message:0"):
		if _, ring := st.Child("urn:xmpp:jingle-message:0", "propose"); !ring {
			return c, false
		}
		c.what = "call"
	case hints&(server.HasBody|server.HasContent) == 0 || quiet(st):
		return c, false
	}
	m.describe(&c, from, st)
	return c, true
}

// on wakes a device whose connection has turned out to be gone, for messages that were
// sent to it and that it has not confirmed: nobody knew that they would not arrive.
func (m *module) on(t *server.Turn, e server.Event) {
	if e.Kind != server.ConnectionLost {
		return
	}
	for i := len(e.Unconfirmed) - 1; i >= 0; i-- { // the newest says what it is about
		st, err := stanza.ParseIn(e.Unconfirmed[i], stanza.NSClient, stanza.Limits{Bytes: len(e.Unconfirmed[i])})
		if err != nil || st.Kind != stanza.Message {
			continue
		}
		from, err := stanza.ParseJIDBytes(st.From())
		if err != nil {
			continue
		}
		if c, ok := m.causeOf(e.Account, from, st, server.HintsOf(st)); ok {
			m.wake(t, e.Account, c, e.Session.ID)
			return
		}
	}
}

// quiet reports messages that nobody needs to be woken for: they have no text, and
// are about ones that were seen.
func quiet(st *stanza.Stanza) bool {
	if st.HasBody() {
		return false
	}
	for _, ns := range []string{"urn:xmpp:receipts", "urn:xmpp:chat-markers:0", "urn:xmpp:message-retract:1"} {
		if st.HasNS(ns) {
			return true
		}
	}
	return false
}

// presence wakes devices for subscription requests.
func (m *module) presence(p *server.Passage) server.Verdict {
	if p.Stanza.Type == stanza.Subscribe {
		c := cause{what: "subscription request", pending: true}
		m.describe(&c, p.Origin.JID, p.Stanza)
		m.wake(p.Turn, p.Account, c, "")
	}
	return server.Pass
}

// describe adds what the settings let push services know.
func (m *module) describe(c *cause, from stanza.JID, st *stanza.Stanza) {
	switch m.host.Server.Config.PushContent {
	case "sender":
		c.sender = from.String()
	case "all":
		c.sender = from.String()
		if c.body = st.Body(); len(c.body) > 1024 {
			c.body = strings.ToValidUTF8(c.body[:1024], "")
		}
	}
}

// wake notifies each device of the account that is not connected, or that of one
// session alone, if it is named. The account must not be locked.
func (m *module) wake(t *server.Turn, a *server.Account, c cause, session string) {
	a.Lock()
	connected := make(map[string]bool)
	for _, s := range a.Sessions() {
		connected[s.ID] = !s.Has(server.SessionDetached)
	}
	var list devices
	for _, d := range devicesOf(a) {
		switch {
		case session != "" && d.Session != session:
		case connected[d.Session]:
			d.state.count = 0
			d.note(entry{What: c.what, Came: "not sent: the device is connected"})
		case d.state.asking:
			d.state.again, d.state.next = true, c
		default:
			d.state.asking = true
			list = append(list, d)
		}
	}
	a.Unlock()
	for _, d := range list {
		m.send(t, a, d, c)
	}
}

// send publishes to a device's node (§7).
func (m *module) send(t *server.Turn, a *server.Account, d *device, c cause) {
	service, err := stanza.ParseJID(d.Service)
	if err != nil {
		return
	}
	a.Lock()
	d.state.count++
	payload := notice(d, c)
	a.Unlock()
	m.host.Server.Ask(t, m.host.JID, service, stanza.Set, payload, answerTime, func(t *server.Turn, _ *stanza.Stanza, refused *stanza.Error) {
		m.answered(t, a, d, c, refused)
	})
}

// notice is the publish request.
func notice(d *device, c cause) []byte {
	summary := forms.New("", "urn:xmpp:push:summary")
	if c.pending {
		summary.Add("", "pending-subscription-count", "", "1")
	} else {
		summary.Add("", "message-count", "", strconv.Itoa(d.state.count))
	}
	if c.sender != "" {
		summary.Add("", "last-message-sender", "", c.sender)
	}
	if c.body != "" {
		summary.Add("", "last-message-body", "", c.body)
	}
	b := stanza.AppendOpen(nil, "pubsub", "xmlns", nsPubsub)
	b = stanza.AppendOpen(b, "publish", "node", d.Node)
	b = append(b, "<item><notification xmlns='"+ns+"'>"...)
	b = summary.AppendTo(b)
	b = append(b, "</notification></item></publish>"...)
	if d.Options != nil {
		b = append(b, "<publish-options>"...)
		b = append(b, d.Options...)
		b = append(b, "</publish-options>"...)
	}
	return stanza.AppendClose(b, "pubsub")
}

// passing are the conditions after which a later notice may succeed (§7.1).
var passing = map[string]bool{
	"remote-server-timeout": true, "remote-server-not-found": true, "recipient-unavailable": true,
	"resource-constraint": true, "internal-server-error": true, "policy-violation": true,
}

// answered takes the service's word on a notice: an error ends the registration,
// unless it may pass and has not come too often.
func (m *module) answered(t *server.Turn, a *server.Account, d *device, c cause, refused *stanza.Error) {
	a, err := m.host.LockAccount(t, a.Local) // it may have been let go and loaded again
	if a == nil || err != nil {
		return
	}
	if d = devicesOf(a).like(d); d == nil {
		a.Unlock()
		return // disabled meanwhile
	}
	said, gone := "sent", false
	if refused == nil {
		d.state.failed = 0
	} else {
		d.state.failed++
		gone = !passing[refused.Condition] && refused.Type != stanza.Wait || d.state.failed >= maxFailed
		said = "refused by the push service: " + refused.Condition
		if refused.Text != "" {
			said += " (" + refused.Text + ")"
		}
		if gone {
			m.host.Server.Log.Info("push registration ended", "account", a.Bare, "service", d.Service, "err", refused.Condition)
		}
	}
	d.note(entry{What: c.what, Came: said})
	b := new(store.Batch)
	if gone {
		m.drop(a, b, func(other *device) bool { return other == d })
	} else {
		b.Put(m.doc(a, d))
	}
	again, next := d.state.again && !gone, d.state.next
	d.state.again, d.state.asking = false, again
	a.Unlock()
	t.Commit(b, nil)
	if again {
		m.send(t, a, d, next)
	}
}

// showLog shows the owner what each device was sent.
func (m *module) showLog(c *server.CommandCall) (server.CommandResult, error) {
	a := c.Account
	form := forms.New("result", "urn:natter:push:log")
	form.Title = "Notices to wake devices"
	a.Lock()
	for _, d := range devicesOf(a) {
		var lines []string
		for _, e := range d.Log {
			lines = append(lines, e.At.Format(time.RFC3339)+" "+e.What+": "+e.Came)
		}
		if lines == nil {
			lines = []string{"nothing yet since " + d.Since.Format(time.RFC3339)}
		}
		form.Add("text-multi", d.Service+" "+d.Node, d.Service, lines...)
	}
	a.Unlock()
	if len(form.Fields) == 1 {
		return server.CommandResult{Note: "No device of this account asks to be woken."}, nil
	}
	return server.CommandResult{Form: form.Bytes()}, nil
}

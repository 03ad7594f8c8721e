package muc

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"natter/stanza"
)

// line is a message that a room has sent to its occupants.
type line struct {
	id   uint64 // in the store's order of ids
	at   time.Time
	nick string // "" for the room itself
	bare string // who sent it
	wire wire

	passing bool // those who enter are not told of it
}

func (l *line) size() int { return len(l.wire.Head) + len(l.wire.Tail) + len(l.nick) + 64 }

// history is what a room tells those who enter of what was said before.
type history struct {
	most, mostBytes int
	lines           []line
	bytes           int
	buried          []uint64 // retracted, perhaps before they were said; the last few
}

// add appends a line; the oldest go beyond the bounds.
func (h *history) add(l line) {
	if slices.Contains(h.buried, l.id) {
		return
	}
	h.lines = append(h.lines, l)
	h.bytes += l.size()
	for len(h.lines) > 0 && (len(h.lines) > h.most || h.bytes > h.mostBytes) {
		h.bytes -= h.lines[0].size()
		h.lines[0] = line{}
		h.lines = h.lines[1:]
	}
}

// remove takes a line out, if it is there.
func (h *history) remove(id uint64) {
	if h.buried = append(h.buried, id); len(h.buried) > 100 {
		h.buried = h.buried[1:]
	}
	for i := range h.lines {
		if h.lines[i].id == id {
			h.bytes -= h.lines[i].size()
			h.lines = append(h.lines[:i:i], h.lines[i+1:]...)
			return
		}
	}
}

// wanted is how much of it one wants (XEP-0045 §7.2.14).
type wanted struct {
	chars, stanzas int // -1 for no such bound
	since          time.Time
}

// wantedOf reads <history/>; what is no number or time is passed over.
func wantedOf(st *stanza.Stanza, muc stanza.Child, now time.Time) wanted {
	w := wanted{chars: -1, stanzas: -1}
	h, ok := st.Find(muc, nsMUC, "history")
	if !ok {
		return w
	}
	number := func(name string) int {
		v, ok := st.ChildAttr(h, name)
		if !ok {
			return -1
		}
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return -1
		}
		return int(n)
	}
	w.chars, w.stanzas = number("maxchars"), number("maxstanzas")
	if s := number("seconds"); s >= 0 {
		w.since = now.Add(-time.Duration(s) * time.Second)
	}
	if v, ok := st.ChildAttr(h, "since"); ok {
		if at, err := time.Parse(time.RFC3339, v); err == nil && at.After(w.since) {
			w.since = at
		}
	}
	return w
}

// pick returns the lines that go to who wants them: the newest, of whole stanzas
// (§7.2.14), no more than most unless it was asked for more. more is how many characters
// each has beside its wire.
func (h *history) pick(w wanted, most, more int) []line {
	n := most
	if w.stanzas >= 0 {
		n = w.stanzas
	}
	from, chars := len(h.lines), 0
	for from > 0 && len(h.lines)-from < n {
		l := &h.lines[from-1]
		chars += utf8.RuneCount(l.wire.Head) + utf8.RuneCount(l.wire.Tail) + more
		if w.chars >= 0 && chars > w.chars || l.at.Before(w.since) {
			break
		}
		from--
	}
	return h.lines[from:]
}

// appendDelay appends when a message was sent (XEP-0203), as the room says.
func (r *room) appendDelay(b []byte, at time.Time) []byte {
	return stanza.AppendEmpty(b, "delay", "xmlns", nsDelay, "from", r.jid.String(), "stamp", stamp(at))
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// replay tells a client that enters of what was said before, and of the subject,
// which is always the last and there even when it is empty (§7.2.15).
func (r *room) replay(x *exchange, c *client, w wanted) {
	for _, l := range r.history.pick(w, r.config.History, utf8.RuneCount(c.attr)+len(r.appendDelay(nil, time.Time{}))) {
		x.give(c, l.wire.with(r.appendDelay(nil, l.at)))
	}
	x.give(c, r.subjectWire())
}

// subject is what a room is about just now.
type subject struct {
	Elements []byte    `json:",omitempty"` // whole <subject/>s; nil for none
	Nick     string    `json:",omitempty"` // who set it; "" for the room
	At       time.Time `json:",omitzero"`
}

// subjectWire is the message that says it.
func (r *room) subjectWire() wire {
	s := &r.subject
	w := r.fromRoom("groupchat")
	if s.Nick != "" {
		if attr, _, err := r.addressOf(s.Nick); err == nil {
			w.Head = append(append([]byte("<message from='"), attr...), "' to='"...)
		}
	}
	b := s.Elements
	if b == nil {
		b = []byte("<subject/>")
	}
	b = b[:len(b):len(b)]
	if !s.At.IsZero() {
		b = r.appendDelay(b, s.At)
	}
	return w.with(b)
}

// text returns the subject as text, the first where there are several languages.
func (s *subject) text() string {
	if s.Elements == nil {
		return ""
	}
	st, err := stanza.ParseIn(append(append([]byte("<message>"), s.Elements...), "</message>"...), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		return ""
	}
	t, _ := st.ChildText(stanza.NSClient, "subject")
	return t
}

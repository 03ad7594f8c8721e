package main

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
	"mellium.im/xmpp/jid"
)

// view turns what happens into lines of text: times, names and texts in
// columns. It knows the width of the screen and whether it has colours, and
// nothing else.
type view struct {
	width   func() int // of the screen in cells; 0 when lines must not be wrapped
	colours bool       // escape sequences are understood and wanted
	symbols bool       // characters beyond ASCII are understood
	nicks   int        // width of the column of names
	now     func() time.Time
}

// newView returns a view without colours, whose lines are not wrapped.
func newView() *view {
	return &view{width: func() int { return 0 }, nicks: leastNick, now: time.Now}
}

// Limits of the column of names, in cells.
const (
	leastNick = 6
	mostNick  = 16
)

// Styles, as parameters of the SGR escape sequence.
const (
	styleDim   = "2"
	styleBold  = "1"
	styleGreen = "32"
	styleAmber = "33"
	styleRed   = "31"

	styleMention = "1;7" // bold and reversed: somebody speaks of the user
)

// nickStyles are the colours of other people's names.
var nickStyles = []string{"36", "35", "34", "32", "33", "96", "95", "94"}

// paint puts text into a style.
func (v *view) paint(style, text string) string {
	if !v.colours || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// sym is s where it can be shown, else its stand-in.
func (v *view) sym(s, plain string) string {
	if v.symbols {
		return s
	}
	return plain
}

// fit widens the column of names for one more name.
func (v *view) fit(name string) {
	v.nicks = min(max(v.nicks, cells(name)), mostNick)
}

// nickStyle is the colour of a name: always the same for the same address.
func nickStyle(address string) string {
	h := fnv.New32a()
	h.Write([]byte(address))
	return nickStyles[h.Sum32()%uint32(len(nickStyles))]
}

// clock shows when something was said: the time, with the day unless it was
// today.
func (v *view) clock(t time.Time) string {
	now := v.now()
	t = t.In(now.Location())
	switch {
	case t.Year() != now.Year():
		return t.Format("2 Jan 2006 15:04")
	case t.YearDay() != now.YearDay():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("15:04")
}

// line is one thing on the screen: when, who, and what.
type line struct {
	at        time.Time
	nick      string
	nickStyle string
	text      string // may have several lines
	tail      string // said dimly after the text
}

// said lays out something somebody said.
func (v *view) said(l line) []string {
	v.fit(l.nick)
	clock := v.clock(l.at)
	nick := cut(l.nick, v.nicks)
	pad := strings.Repeat(" ", v.nicks-cells(nick))
	head := v.paint(styleDim, clock) + "  " + v.paint(l.nickStyle, nick) + pad + "  "
	indent := cells(clock) + 2 + v.nicks + 2
	return v.block(head, indent, l.text, l.tail)
}

// notice lays out something that happened, dimly, with a dot in front.
func (v *view) notice(text string) []string {
	return v.happened(v.paint(styleDim, v.sym("·", "-")), text)
}

// happened is notice with another mark than the dot: one cell, painted.
func (v *view) happened(mark, text string) []string {
	clock := v.clock(v.now())
	head := v.paint(styleDim, clock) + "  " + mark + " "
	return v.blockStyled(head, cells(clock)+4, text, "", styleDim)
}

// complaint lays out what was wrong with something the user typed.
func (v *view) complaint(text string) []string {
	return v.blockStyled(v.paint(styleRed, v.sym("✗", "!"))+" ", 2, text, "", "")
}

// plain lays out an answer to a command: lines as they are, wrapped. What a line
// begins with as indentation its rest has, too.
func (v *view) plain(text string) []string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		rest := strings.TrimLeft(paragraph, " ")
		lead := paragraph[:len(paragraph)-len(rest)]
		out = append(out, v.blockStyled(lead, len(lead), rest, "", "")...)
	}
	return out
}

func (v *view) block(head string, indent int, text, tail string) []string {
	return v.blockStyled(head, indent, text, tail, "")
}

// blockStyled puts head before the first line of the text and indents the
// others by as many cells as head takes.
func (v *view) blockStyled(head string, indent int, text, tail, style string) []string {
	room := 0
	if v.width() > 0 {
		room = max(v.width()-indent, 20)
	}
	var out []string
	prefix := head
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(text, "\t", "    "), "\n") {
		for _, piece := range wrap(paragraph, room) {
			out = append(out, prefix+v.paint(style, piece))
			prefix = strings.Repeat(" ", indent)
		}
	}
	if tail == "" {
		return out
	}
	last := len(out) - 1
	used := cells(stripEscapes(out[last]))
	if v.width() > 0 && used+1+cells(tail) > v.width() {
		return append(out, strings.Repeat(" ", indent)+v.paint(styleDim, tail))
	}
	out[last] += " " + v.paint(styleDim, tail)
	return out
}

// presenceMark is the sign and style of a presence.
func (v *view) presenceMark(word string) (mark, style string) {
	switch word {
	case "online", "free to chat":
		return v.sym("●", "*"), styleGreen
	case "away", "gone for long":
		return v.sym("◐", "~"), styleAmber
	case "busy":
		return v.sym("◉", "!"), styleRed
	}
	return v.sym("○", "-"), styleDim
}

// somebody is a name to show in an example to me: not my own.
func somebody(me jid.JID) string {
	if me.Localpart() == "juliet" {
		return "romeo"
	}
	return "juliet"
}

// rosterTable lays out the contact list in columns.
func (v *view) rosterTable(ps *people) []string {
	list := ps.list()
	if len(list) == 0 {
		return v.plain("Your contact list is empty. Add somebody with /add " + somebody(ps.me) + "@" + ps.me.Domainpart())
	}
	nameWidth, wordWidth, jidWidth := 0, 0, 0
	for _, p := range list {
		if p.room != nil {
			wordWidth = max(wordWidth, cells("room"))
		}
		nameWidth = max(nameWidth, min(cells(ps.name(p)), 24))
		wordWidth = max(wordWidth, cells(p.presenceWord()))
		jidWidth = max(jidWidth, min(cells(addressBeside(ps, p)), 40))
	}
	var out []string
	for _, p := range list {
		word := p.presenceWord()
		mark, style := v.presenceMark(word)
		if p.room != nil {
			word, mark, style = "room", "#", styleGreen
		}
		row := "  " + v.paint(style, mark) + " " + padRight(cut(ps.name(p), 24), nameWidth) +
			"  " + padRight(word, wordWidth) + "  "
		row += v.paint(styleDim, padRight(cut(addressBeside(ps, p), 40), jidWidth))
		for _, note := range v.rosterNotes(p) {
			row += "  " + note
		}
		out = append(out, strings.TrimRight(row, " "))
	}
	return out
}

// addressBeside is what stands beside a name: the address, unless it is the
// name.
func addressBeside(ps *people, p *person) string {
	if address := p.jid.String(); address != ps.name(p) {
		return address
	}
	return ""
}

// rosterNotes is what else there is to say about a contact.
func (v *view) rosterNotes(p *person) []string {
	var notes []string
	if p.unread > 0 {
		notes = append(notes, v.paint(styleBold, fmt.Sprintf("%d unread", p.unread)))
	}
	switch {
	case p.room != nil:
		notes = append(notes, v.paint(styleDim, count(len(p.room.occupants), "there", "there")))
	case p.asks:
		notes = append(notes, "wants to see when you are there: /accept or /deny them")
	case p.contact == nil:
		notes = append(notes, v.paint(styleDim, "not on your list"))
	case p.contact.ask:
		notes = append(notes, v.paint(styleDim, "has not answered yet"))
	case p.contact.subscription == "none":
		notes = append(notes, v.paint(styleDim, "neither sees the other"))
	case p.contact.subscription == "from":
		notes = append(notes, v.paint(styleDim, "sees you; you do not see them"))
	}
	if status := p.status(); status != "" {
		notes = append(notes, status)
	}
	return notes
}

// cells returns how many columns of a terminal the text takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens s to at most n cells, with an ellipsis where something is
// missing.
func cut(s string, n int) string {
	if cells(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		if used += runeCells(r); used > n-1 {
			return s[:i] + "…"
		}
	}
	return s
}

func padRight(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-cells(s)))
}

// wrap breaks one line of text into pieces of at most room cells, at blanks
// where there are some. A room of 0 or less is without end.
func wrap(s string, room int) []string {
	if room <= 0 || cells(s) <= room {
		return []string{s}
	}
	var out []string
	for cells(s) > room {
		used, end, blank := 0, 0, -1
		for i, r := range s {
			w := runeCells(r)
			if r == ' ' {
				blank = i
			}
			if used+w > room && i > 0 {
				break
			}
			used += w
			end = i + len(string(r))
		}
		next := end
		if blank > 0 && s[:blank] != strings.Repeat(" ", blank) {
			end, next = blank, blank+1
		}
		out = append(out, strings.TrimRight(s[:end], " "))
		s = s[next:]
	}
	return append(out, s)
}

// stripEscapes removes the escape sequences that paint puts in.
func stripEscapes(s string) string {
	var b strings.Builder
	for {
		start := strings.Index(s, "\x1b[")
		if start < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:start])
		end := strings.IndexByte(s[start:], 'm')
		if end < 0 {
			return b.String()
		}
		s = s[start+end+1:]
	}
}

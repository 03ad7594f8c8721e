package muc

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/disco"
	"natter/server/xep/forms"
	"natter/stanza"
)

const (
	nsCommands    = "http://jabber.org/protocol/commands"
	nsHatCommands = "urn:xmpp:hats:commands"
)

// Bounds on hats: how many a room has, and how many somebody wears.
const (
	maxHats   = 50
	maxWorn   = 10
	maxHatURI = 255
)

// hat is a title that a room gives (XEP-0317).
type hat struct {
	URI, Title string
	Hue        string `json:",omitempty"`
}

func (r *room) hat(uri string) int {
	return slices.IndexFunc(r.extras.Hats, func(h hat) bool { return h.URI == uri })
}

// appendHats appends what an occupant wears (§3.1).
func (r *room) appendHats(b []byte, oc *occupant) []byte {
	if len(r.extras.Hats) == 0 {
		return b
	}
	worn := r.affs[oc.bare.String()].Hats
	if len(worn) == 0 {
		return b
	}
	b = stanza.AppendOpen(b, "hats", "xmlns", nsHats)
	for _, uri := range worn {
		if i := r.hat(uri); i >= 0 {
			h := &r.extras.Hats[i]
			b = stanza.AppendEmpty(b, "hat", "title", h.Title, "uri", h.URI, "hue", h.Hue)
		}
	}
	return stanza.AppendClose(b, "hats")
}

// hatsHash changes with the list of hats (§2).
func (r *room) hatsHash() string {
	h := sha1.New()
	for _, x := range r.extras.Hats {
		h.Write([]byte(x.URI + "\x00" + x.Title + "\x00" + x.Hue + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hatCommand is one of the commands that give hats (§3.2 to §3.7).
type hatCommand struct {
	name, label string
	least       affiliation
	form        func(r *room) *forms.Form // nil for one that takes no form
	do          func(x *exchange, r *room, f *forms.Form) *stanza.Error
	result      func(r *room) []byte
}

// prefixed with urn:xmpp:hats:commands: they are the nodes.
var hatCommands = []hatCommand{
	{name: "create", label: "Create a hat", least: admin, form: func(*room) *forms.Form {
		f := forms.New("form", nsHatCommands)
		f.Fields = append(f.Fields,
			forms.Field{Var: "hats#title", Type: "text-single", Label: "Title", Required: true},
			forms.Field{Var: "hats#uri", Type: "text-single", Label: "URI", Required: true})
		return f.Add("text-single", "hats#hue", "Hue, in degrees")
	}, do: createHat},
	{name: "destroy", label: "Destroy a hat", least: admin, form: hatChoice, do: destroyHat},
	{name: "list", label: "List the hats", least: none, result: func(r *room) []byte {
		return hatTable(r.extras.Hats, nil)
	}},
	{name: "assign", label: "Give somebody a hat", least: admin, form: wearerForm, do: assignHat},
	{name: "unassign", label: "Take a hat from somebody", least: admin, form: wearerForm, do: unassignHat},
	{name: "list-assigned", label: "List who wears which hat", least: admin, result: func(r *room) []byte {
		var hats []hat
		var who []string
		for _, bare := range sortedKeys(r.affs) {
			for _, uri := range r.affs[bare].Hats {
				if i := r.hat(uri); i >= 0 {
					hats, who = append(hats, r.extras.Hats[i]), append(who, bare)
				}
			}
		}
		return hatTable(hats, who)
	}},
}

func sortedKeys(m map[string]standing) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// hatChoice is a form with the room's hats to choose from.
func hatChoice(r *room) *forms.Form {
	field := forms.Field{Var: "hats#uri", Type: "list-single", Label: "Hat", Required: true}
	for _, h := range r.extras.Hats {
		field.Options = append(field.Options, forms.Option{Label: h.Title, Value: h.URI})
	}
	f := forms.New("form", nsHatCommands)
	f.Fields = append(f.Fields, field)
	return f
}

func wearerForm(r *room) *forms.Form {
	f := hatChoice(r)
	f.Fields = slices.Insert(f.Fields, 1, forms.Field{Var: "hats#jid", Type: "jid-single", Label: "Address", Required: true})
	return f
}

// hatTable is a result of several items: hats, with who wears each when who is given.
func hatTable(hats []hat, who []string) []byte {
	b := stanza.AppendOpen(nil, "x", "xmlns", forms.NS, "type", "result")
	columns := []string{"hats#title", "hats#uri", "hats#hue"}
	if who != nil {
		columns = append([]string{"hats#jid"}, columns...)
	}
	b = append(b, "<reported>"...)
	for _, c := range columns {
		b = stanza.AppendEmpty(b, "field", "var", c)
	}
	b = append(b, "</reported>"...)
	for i, h := range hats {
		b = append(b, "<item>"...)
		for _, c := range columns {
			v := map[string]string{"hats#title": h.Title, "hats#uri": h.URI, "hats#hue": h.Hue}[c]
			if c == "hats#jid" {
				v = who[i]
			}
			b = stanza.AppendOpen(b, "field", "var", c)
			b = stanza.AppendClose(stanza.AppendElement(b, "value", v), "field")
		}
		b = append(b, "</item>"...)
	}
	return stanza.AppendClose(b, "x")
}

// commands lists those that the asker may use.
func (x *exchange) commands(r *room, q *server.IQ) error {
	var b []byte
	for _, c := range hatCommands {
		if r.affiliation(q.Origin.JID) >= c.least {
			b = stanza.AppendEmpty(b, "item", "jid", r.jid.String(), "node", nsHatCommands+":"+c.name, "name", c.label)
		}
	}
	return x.reply(q, disco.Query(disco.NSItems, nsCommands, b))
}

// command answers a command to the room (XEP-0050); those it has are about hats.
func (x *exchange) command(r *room, q *server.IQ) error {
	node, _ := q.Stanza.ChildAttr(q.Payload, "node")
	action, _ := q.Stanza.ChildAttr(q.Payload, "action")
	name, ok := strings.CutPrefix(node, nsHatCommands+":")
	i := slices.IndexFunc(hatCommands, func(c hatCommand) bool { return c.name == name })
	if !ok || i < 0 {
		return stanza.ItemNotFound("the room has no such command")
	}
	c := &hatCommands[i]
	if a := r.affiliation(q.Origin.JID); a < c.least || c.least == none && a == outcast {
		return stanza.Forbidden("only administrators and owners of the room may do that")
	}
	switch action {
	case "", "execute", "complete", "next":
	case "cancel":
		return x.reply(q, commandOf(node, "canceled", nil))
	default:
		return stanza.BadRequest("the command has one step only")
	}
	if c.result != nil {
		return x.reply(q, commandOf(node, "completed", c.result(r)))
	}
	f, err := forms.In(q.Stanza, q.Payload)
	switch {
	case err != nil:
		return err
	case f == nil:
		return x.reply(q, commandOf(node, "executing", c.form(r).Bytes()))
	case f.Type == "cancel":
		return x.reply(q, commandOf(node, "canceled", nil))
	case f.Type != "submit":
		return stanza.BadRequest("a form comes back with type submit or cancel")
	}
	if refused := c.do(x, r, f); refused != nil {
		return refused
	}
	return r.commit(x, q, new(store.Batch), commandOf(node, "completed", nil))
}

// commandOf is an answer to a command. All commands have one step, so that the
// session's id means nothing.
func commandOf(node, status string, content []byte) []byte {
	b := stanza.AppendOpen(nil, "command", "xmlns", nsCommands, "node", node, "sessionid", server.NewID(), "status", status)
	if status == "executing" {
		b = append(b, "<actions execute='complete'><complete/></actions>"...)
	}
	return stanza.AppendClose(append(b, content...), "command")
}

func createHat(x *exchange, r *room, f *forms.Form) *stanza.Error {
	h := hat{URI: f.Get("hats#uri"), Title: f.Get("hats#title"), Hue: f.Get("hats#hue")}
	if h.URI == "" || h.Title == "" || len(h.URI) > maxHatURI || len(h.Title) > maxHatURI {
		return stanza.NotAcceptable("a hat has a title and a URI of up to 255 bytes")
	}
	if h.Hue != "" {
		if v, err := strconv.ParseFloat(h.Hue, 64); err != nil || !(v >= 0 && v <= 360) {
			return stanza.NotAcceptable("the hue is a number of degrees, from 0 to 360")
		}
	}
	i := r.hat(h.URI)
	switch {
	case i >= 0:
		r.extras.Hats[i] = h
	case len(r.extras.Hats) >= maxHats:
		return stanza.ResourceConstraint("the room has as many hats as it may; destroy one first")
	default:
		r.extras.Hats = append(r.extras.Hats, h)
	}
	r.hatsChanged(x)
	if i >= 0 {
		r.showHats(x, h.URI)
	}
	return nil
}

func destroyHat(x *exchange, r *room, f *forms.Form) *stanza.Error {
	uri := f.Get("hats#uri")
	i := r.hat(uri)
	if i < 0 {
		return stanza.ItemNotFound("the room has no such hat")
	}
	wearers := r.wearers(uri)
	r.extras.Hats = slices.Delete(r.extras.Hats, i, i+1)
	for _, bare := range sortedKeys(r.affs) {
		if slices.Contains(r.affs[bare].Hats, uri) {
			r.takeOff(bare, uri)
		}
	}
	r.hatsChanged(x)
	for _, oc := range wearers {
		oc.cached = [2][]byte{}
		r.tell(x, oc, &change{})
	}
	return nil
}

// wearer reads whom a form is about, and which hat.
func (r *room) wearer(f *forms.Form) (bare, uri string, _ *stanza.Error) {
	j, err := stanza.ParseJID(f.Get("hats#jid"))
	if err != nil {
		return "", "", stanza.JIDMalformed("that is not an address")
	}
	if uri = f.Get("hats#uri"); r.hat(uri) < 0 {
		return "", "", stanza.ItemNotFound("the room has no such hat")
	}
	return j.Bare().String(), uri, nil
}

func assignHat(x *exchange, r *room, f *forms.Form) *stanza.Error {
	bare, uri, err := r.wearer(f)
	if err != nil {
		return err
	}
	st := r.standing(bare)
	if _, known := r.affs[bare]; !known && len(r.affs) >= x.svc.srv.Config.RoomAffiliations {
		return stanza.ResourceConstraint("the room's lists are full")
	}
	if slices.Contains(st.Hats, uri) {
		return nil
	}
	if len(st.Hats) >= maxWorn {
		return stanza.ResourceConstraint("nobody wears more hats than that")
	}
	st.Hats = append(slices.Clone(st.Hats), uri)
	r.setStanding(bare, st)
	r.showHats(x, uri)
	return nil
}

func unassignHat(x *exchange, r *room, f *forms.Form) *stanza.Error {
	bare, uri, err := r.wearer(f)
	if err != nil {
		return err
	}
	if !slices.Contains(r.affs[bare].Hats, uri) {
		return stanza.ItemNotFound("that hat is not worn by them")
	}
	wearers := r.wearers(uri)
	r.takeOff(bare, uri)
	for _, oc := range wearers {
		if oc.bare.String() == bare {
			oc.cached = [2][]byte{}
			r.tell(x, oc, &change{})
		}
	}
	return nil
}

func (r *room) takeOff(bare, uri string) {
	st := r.standing(bare)
	st.Hats = slices.DeleteFunc(slices.Clone(st.Hats), func(u string) bool { return u == uri })
	r.setStanding(bare, st)
}

// wearers are the occupants who wear a hat.
func (r *room) wearers(uri string) []*occupant {
	var list []*occupant
	for oc := range r.everybody() {
		if slices.Contains(r.affs[oc.bare.String()].Hats, uri) {
			list = append(list, oc)
		}
	}
	return list
}

// showHats tells of those who wear a hat, as they look now.
func (r *room) showHats(x *exchange, uri string) {
	for _, oc := range r.wearers(uri) {
		oc.cached = [2][]byte{}
		r.tell(x, oc, &change{})
	}
}

// hatsChanged says that the list of hats is another one (§3.2).
func (r *room) hatsChanged(x *exchange) { r.announce(x, statusConfigChanged) }

// announce tells everybody of status codes (§10.2.1).
func (r *room) announce(x *exchange, codes ...string) {
	b := append([]byte(nil), "<x xmlns='"+nsUser+"'>"...)
	for _, code := range codes {
		b = stanza.AppendEmpty(b, "status", "code", code)
	}
	w := r.fromRoom("groupchat").with(append(b, "</x>"...)).shared()
	for _, c := range r.clients {
		x.spread(c, w)
	}
}

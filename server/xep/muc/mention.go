package muc

import (
	"slices"
	"strconv"

	"natter/server"
	"natter/server/store"
	"natter/server/xep/forms"
	"natter/stanza"
)

const nsMentions = "urn:xmpp:mentions:0"

// mentionKinds are what can be mentioned in a room beside one person (XEP-0513
// §3.2): the field that says who may, and the feature that goes with it.
var mentionKinds = []struct{ field, label, least string }{
	{"mentions#individual", "Who can mention one person?", "participants"},
	{"mentions#channel", "Who can mention everybody?", "moderators"},
	{"mentions#associations", "Who can mention roles and affiliations?", "participants"},
	{"mentions#hats", "Who can mention hats?", "participants"},
}

var mentionFeatures = []string{nsMentions, nsMentions + "#channel", nsMentions + "#associations", nsMentions + "#hats"}

var mentionChoices = []string{"participants=Everybody with voice", "moderators=Moderators", "none=Nobody"}

// maxMentions is how many mentions a message has at most, unless the room says
// otherwise, and what it can say.
const (
	mostMentions = 20
	maxMentions  = 1000
)

// mentions is what a room says of who may mention whom (XEP-0513 §3.5). It is for
// clients to go by: messages are passed on as they are.
type mentions struct {
	Count int               `json:",omitempty"` // 0: mostMentions
	Who   map[string]string `json:",omitempty"` // by field; what is not there is as in mentionKinds
}

func (m *mentions) count() int {
	if m.Count == 0 {
		return mostMentions
	}
	return m.Count
}

func (m *mentions) who(field, least string) string {
	if v, ok := m.Who[field]; ok {
		return v
	}
	return least
}

// addMentions adds the permissions to a form; options says that it is to be filled in.
func (r *room) addMentions(f *forms.Form, options bool) {
	m := &r.extras.Mentions
	f.Add("text-single", "mentions#count", "How many mentions are allowed in a message?", strconv.Itoa(m.count()))
	for _, k := range mentionKinds {
		if options {
			f.AddList(k.field, k.label, m.who(k.field, k.least), mentionChoices...)
		} else {
			f.Add("list-single", k.field, k.label, m.who(k.field, k.least))
		}
	}
}

// mentionForm answers with the permissions (XEP-0513 §3.5).
func (x *exchange) mentionForm(r *room, q *server.IQ) error {
	if err := r.mayLook(q.Origin.JID); err != nil {
		return err
	}
	f := forms.New("form", nsMentions)
	f.Title = "Permissions for mentions"
	r.addMentions(f, true)
	b := stanza.AppendOpen(nil, "query", "xmlns", nsMentions)
	return x.reply(q, stanza.AppendClose(f.AppendTo(b), "query"))
}

// setMentions changes them.
func (x *exchange) setMentions(r *room, q *server.IQ) error {
	if r.affiliation(q.Origin.JID) < mayConfigure {
		return stanza.Forbidden("only owners decide about mentions")
	}
	f, err := forms.In(q.Stanza, q.Payload)
	switch {
	case err != nil:
		return err
	case f == nil:
		return stanza.BadRequest("the form is missing")
	case f.Type == "cancel":
		return x.reply(q, nil)
	case f.Type != "submit" || f.FormType() != "" && f.FormType() != nsMentions:
		return stanza.BadRequest("that is not the form of permissions for mentions")
	}
	next := mentions{Count: r.extras.Mentions.count(), Who: map[string]string{}}
	if v := f.Get("mentions#count"); v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || n == 0 || n > maxMentions {
			return stanza.NotAcceptable("the count is a number from 1 to " + strconv.Itoa(maxMentions))
		}
		next.Count = int(n)
	}
	for _, k := range mentionKinds {
		v := r.extras.Mentions.who(k.field, k.least)
		if f.Has(k.field) {
			v = f.Get(k.field)
		}
		if !slices.Contains([]string{"participants", "moderators", "none"}, v) {
			return stanza.NotAcceptable(k.label + " Nobody of that name")
		}
		next.Who[k.field] = v
	}
	r.extras.Mentions = next
	r.announce(x, statusConfigChanged)
	return r.commit(x, q, new(store.Batch), nil)
}

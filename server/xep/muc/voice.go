package muc

import (
	"time"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

// voiceEvery is how often one occupant may ask for voice.
const voiceEvery = time.Minute

// voice handles a request for voice of a visitor's, which goes to the moderators as
// a form (§7.13, §8.6), or such a form that a moderator has filled in.
func (r *room) voice(x *exchange, o *server.Origin, f *forms.Form) *stanza.Error {
	c := r.byJID[o.JID.String()]
	if c == nil {
		return stanza.NotAcceptable("you are not in the room; enter it first")
	}
	if f.Has("muc#request_allow") {
		return r.voiceAnswer(x, c, f)
	}
	now := time.Now()
	switch {
	case f.Type != "submit" || f.Get("muc#role") != "participant":
		return stanza.BadRequest("one asks for the role of a participant")
	case c.oc.role != visitor:
		return stanza.NotAllowed("you have voice already")
	case !r.config.VoiceRequests:
		return stanza.Forbidden("the room takes no requests for voice")
	case now.Sub(c.oc.asked) < voiceEvery:
		e := stanza.PolicyViolation("you have just asked; give the moderators time to answer")
		e.Type = stanza.Wait
		return e
	}
	c.oc.asked = now
	form := forms.New("form", nsRequest)
	form.Title = "Request for voice"
	form.Instructions = "To let this person speak, say so below and submit the form; to pass over the request, cancel it."
	form.AddList("muc#role", "Requested role", "participant", "participant=Participant")
	form.Add("jid-single", "muc#jid", "Address", c.jid.String())
	form.Add("text-single", "muc#roomnick", "Nick in the room", c.oc.nick)
	form.AddBool("muc#request_allow", "Grant voice to this person?", false)
	w := r.fromRoom("normal").with(form.Bytes())
	for _, m := range r.clients {
		if m.oc.role >= mayVoice {
			x.give(m, w)
		}
	}
	return nil
}

// voiceAnswer gives voice to whom a moderator's form names.
func (r *room) voiceAnswer(x *exchange, c *client, f *forms.Form) *stanza.Error {
	if c.oc.role < mayVoice {
		return stanza.Forbidden("only moderators grant voice")
	}
	allow, _, err := f.Bool("muc#request_allow")
	switch {
	case err != nil:
		return asStanzaError(err)
	case f.Type != "submit" || !allow:
		return nil
	case f.Get("muc#role") != "participant":
		return stanza.BadRequest("the form grants the role of a participant only")
	}
	oc := r.nicks[f.Get("muc#roomnick")]
	if j, err := stanza.ParseJID(f.Get("muc#jid")); oc == nil || err == nil && oc.bare != j.Bare() {
		return stanza.ItemNotFound("that person is not in the room any more")
	}
	if oc.role == visitor {
		r.setRole(x, oc, participant, c.oc.nick, "")
	}
	return nil
}

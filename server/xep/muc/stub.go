package muc

import (
	"time"

	"natter/server"
	"natter/server/xep/forms"
	"natter/stanza"
)

type activity struct{}

func (a *activity) count(time.Time, *stanza.Stanza) {}

func (e *extras) tokenState(string, time.Time) int { return tokenUnknown }

func (r *room) redeem(x *exchange, bare stanza.JID, token string) *stanza.Error { return nil }

func (r *room) sendVersions(x *exchange, c *client, st *stanza.Stanza, muc stanza.Child) {}

func (r *room) appendVersion(b []byte) []byte { return b }

func (r *room) newVersion(bare string, was, is affiliation) []byte { return nil }

func (r *room) appendHats(b []byte, oc *occupant) []byte { return b }

func (r *room) slow(oc *occupant, st *stanza.Stanza) *stanza.Error { return nil }

func (r *room) retraction(x *exchange, c *client, o *server.Origin, st *stanza.Stanza) (bool, *stanza.Error) {
	return false, nil
}

func (r *room) mediated(x *exchange, o *server.Origin, st *stanza.Stanza) *stanza.Error {
	return stanza.BadRequest("that is nothing a room understands")
}

func (x *exchange) reserved(r *room, q *server.IQ) error { return x.reply(q, nil) }

func (r *room) moreFeatures() []string { return nil }

func (r *room) moreInfo(f *forms.Form) {}

var moreServiceFeatures []string

func (s *service) answerMore(q *server.IQ, ns, name string) error {
	return stanza.ServiceUnavailable("the room service does not answer that")
}

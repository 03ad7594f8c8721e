package servertest_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// TestAnUnknownAccountAnswersLikeAStrangers: whatever is asked of a bare or full
// JID, the answer does not tell whether there is such an account.
func TestAnUnknownAccountAnswersLikeAStrangers(t *testing.T) {
	payloads := []string{
		`<query xmlns='jabber:iq:roster'/>`,
		`<query xmlns='jabber:iq:last'/>`,
		`<query xmlns='jabber:iq:version'/>`,
		`<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>`,
		`<query xmlns='jabber:iq:register'/>`,
		`<query xmlns='http://jabber.org/protocol/disco#info'/>`,
		`<query xmlns='http://jabber.org/protocol/disco#items'/>`,
		`<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>`,
		`<ping xmlns='urn:xmpp:ping'/>`,
		`<time xmlns='urn:xmpp:time'/>`,
		`<vCard xmlns='vcard-temp'/>`,
		`<enable xmlns='urn:xmpp:carbons:2'/>`,
		`<disable xmlns='urn:xmpp:carbons:2'/>`,
		`<blocklist xmlns='urn:xmpp:blocking'/>`,
		`<block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block>`,
		`<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`,
		`<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`,
		`<query xmlns='urn:nobody:knows'/>`,
	}
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Online(t, "romeo@localhost/garden")
		srv.Account(t, "offline@localhost")
		srv.Online(t, "online@localhost/balcony")
		ask := func(local, resource, typ, payload string) string {
			romeo.Send(`<iq type='` + typ + `' id='q' to='` + local + `@localhost` + resource + `'>` + payload + `</iq>`)
			return strings.ReplaceAll(romeo.Next(), local, "SOMEBODY")
		}
		for _, typ := range []string{"get", "set"} {
			for _, p := range payloads {
				for _, resource := range []string{"", "/nowhere"} {
					want := ask("unknown", resource, typ, p)
					for _, local := range []string{"offline", "online"} {
						if got := ask(local, resource, typ, p); got != want {
							t.Errorf("%s %s to an account that is %s%s:\n  %s\nand to one that is not there:\n  %s", typ, p, local, resource, got, want)
						}
					}
				}
				if got, want := ask("online", "/balcony", typ, p), ask("unknown", "/balcony", typ, p); got != want {
					t.Errorf("%s %s to a session:\n  %s\nand to none:\n  %s", typ, p, got, want)
				}
			}
		}
		for _, typ := range []string{"", "probe", "subscribed", "unsubscribed", "unsubscribe", "unavailable"} {
			for _, local := range []string{"unknown", "offline", "online"} {
				romeo.Send(`<presence type='` + typ + `' to='` + local + `@localhost'/>`)
				if typ == "" {
					romeo.Sync() // an error: that type is none
					continue
				}
				if got := answers(romeo.Sync()); len(got) > 0 && typ != "probe" {
					t.Errorf("presence of type %s to %s was answered with %q", typ, local, got)
				}
			}
		}
	})
}

// answers leaves roster pushes out.
func answers(got []string) []string {
	var list []string
	for _, e := range got {
		if !regexp.MustCompile(`^<iq type='set'.*jabber:iq:roster`).MatchString(e) {
			list = append(list, e)
		}
	}
	return list
}

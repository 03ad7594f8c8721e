package mam

import (
	"testing"

	"natter/stanza"
)

// FuzzPrefs has anything read as preferences: what is taken is told again as it was,
// within its bounds.
func FuzzPrefs(f *testing.F) {
	for _, seed := range []string{
		`<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>romeo@montague.lit</jid></always><never><jid>montague@montague.lit/x</jid></never></prefs>`,
		`<prefs xmlns='urn:xmpp:mam:2' default='always'/>`, `<prefs xmlns='urn:xmpp:mam:2' default='&amp;'><never><jid/></never></prefs>`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		parse := func(content string) (*prefs, error) {
			st, err := stanza.Parse([]byte(`<iq xmlns='jabber:client' type='set' id='1'>`+content+`</iq>`), stanza.AfterLogin)
			if err != nil || st.NumChildren() != 1 {
				return nil, err
			}
			return parsePrefs(st, st.ChildAt(0))
		}
		p, err := parse(content)
		if err != nil || p == nil {
			return
		}
		if len(p.Always) > maxListed || len(p.Never) > maxListed {
			t.Fatalf("%d and %d addresses", len(p.Always), len(p.Never))
		}
		q, err := parse(string(p.element()))
		if err != nil || string(q.element()) != string(p.element()) {
			t.Fatalf("%s is told as %s (%v)", content, p.element(), err)
		}
	})
}

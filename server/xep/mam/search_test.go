package mam_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"natter/server"
	"natter/server/servertest"
	"natter/server/store"
)

const fulltext = "{urn:xmpp:fulltext:0}fulltext"

// TestSearch finds what one's own messages say (XEP-0431), as soon as they are there
// and later, when they are indexed.
func TestSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		paris := srv.Login(t, "paris@localhost/street")
		juliet := srv.Login(t, "juliet@localhost/balcony")
		say := func(c *servertest.Client, to, text string) {
			c.Send(`<message type='chat' to='` + to + `'><body>` + text + `</body></message>`)
			c.Sync()
		}
		say(romeo, "juliet@localhost", "With love&apos;s light wings")
		say(juliet, "romeo@localhost", "LOVE is blind")
		say(paris, "juliet@localhost", "my love")
		say(paris, "nurse@localhost", "not her business: love")
		say(romeo, "juliet@localhost", "我们明天见面")
		say(romeo, "juliet@localhost", "Größe")
		srv.Account(t, "nurse@localhost")
		for _, when := range []string{"at once", "later"} {
			for _, tt := range []struct {
				fields []string
				want   string
			}{
				{[]string{fulltext, "love"}, "With love's light wings|LOVE is blind|my love"},
				{[]string{fulltext, "love", "with", "romeo@localhost"}, "With love's light wings|LOVE is blind"},
				{[]string{fulltext, "love", "with", "paris@localhost/street"}, "my love"},
				{[]string{fulltext, "business"}, ""},
				{[]string{fulltext, `"light wings"`}, "With love's light wings"},
				{[]string{fulltext, `wings light`}, "With love's light wings"},
				{[]string{fulltext, `"wings light"`}, ""},
				{[]string{fulltext, "明天"}, "我们明天见面"},
				{[]string{fulltext, "天明"}, ""},
				{[]string{fulltext, "größe"}, "Größe"},
				{[]string{fulltext, "lov*"}, "With love's light wings|LOVE is blind|my love"},
				{[]string{fulltext, "body : love OR"}, ""},
				{[]string{fulltext, "..."}, ""},
				{[]string{fulltext, "love", "end", "1999-01-01T00:00:00Z"}, ""},
			} {
				var got []string
				f := juliet.History("", form(tt.fields...))
				for _, m := range f.Messages {
					got = append(got, m.Body())
				}
				if s := strings.Join(got, "|"); s != tt.want || !f.Complete() {
					t.Errorf("%s, %s: found %q, want %q: %s", when, tt.fields, s, tt.want, f.Fin.Raw)
				}
			}
			last := juliet.History("", form(fulltext, "love")+`<set xmlns='http://jabber.org/protocol/rsm'><max>2</max><before/></set>`)
			if last.Bodies() != "LOVE is blind my love" || last.Complete() || last.Set("count") != "" {
				t.Errorf("%s, the last page: %s %s", when, last.Bodies(), last.Fin.Raw)
			}
			if f := juliet.History("", form(fulltext, strings.Repeat("x", 1025))); f.Condition() != "not-acceptable" {
				t.Errorf("a long search: %s", f.Fin.Raw)
			}
			time.Sleep(time.Minute) // of the bubble's time: nothing else is to be done
			if synctest.Wait(); srv.Store.WordsBehind() {
				t.Error("the words are not indexed")
			}
		}
	})
}

// TestArchivesAreCut to their age and their number of messages, without anybody
// asking for it.
func TestArchivesAreCut(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: server.Config{ArchiveDays: 3, ArchiveMessages: 10, ResumeTime: time.Minute}})
		send := func(id string, n int) {
			romeo := srv.Login(t, "romeo@localhost/garden")
			for range n {
				romeo.Send(fmt.Sprintf(`<message type='chat' to='juliet@localhost' id='%s'><body>x</body></message>`, id))
			}
			romeo.Sync()
			romeo.Close()
		}
		srv.Account(t, "juliet@localhost")
		has := func() string {
			juliet := srv.Login(t, "juliet@localhost/balcony")
			defer juliet.Close()
			return history(juliet)
		}
		send("old", 2)
		time.Sleep(2 * day)
		send("new", 3)
		if got := has(); got != "old old new new new" {
			t.Errorf("after two days: %s", got)
		}
		time.Sleep(day + 2*time.Hour)
		if got := has(); got != "new new new" {
			t.Errorf("after three days: %s", got)
		}
		romeo := srv.Login(t, "romeo@localhost/garden")
		if got := history(romeo); got != "new new new" {
			t.Errorf("the other side has %s", got)
		}
		romeo.Close()
		// What has not reached her waits for her all the same.
		juliet := srv.Login(t, "juliet@localhost/balcony")
		juliet.Send("<presence/>")
		n := 0
		for _, e := range append(juliet.Sync(), juliet.Sync()...) {
			n += strings.Count(e, "<message")
		}
		for ; n < 5; n++ {
			juliet.Next()
		}
	})
}

// TestAnArchiveIsCutToItsNumber of messages.
func TestAnArchiveIsCutToItsNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := servertest.Options{Config: server.Config{ArchiveMessages: 10}, Store: store.Options{Path: filepath.Join(t.TempDir(), "natter.db")}}
		srv := servertest.New(t, opts)
		srv.Account(t, "juliet@localhost")
		romeo := srv.Login(t, "romeo@localhost/garden")
		for i := range 25 {
			romeo.Send(fmt.Sprintf(`<message type='chat' to='juliet@localhost' id='%d'><body>x</body></message>`, i))
		}
		romeo.Sync()
		srv.Close() // which has the index written, by which archives are counted
		srv = servertest.New(t, opts)
		time.Sleep(time.Minute)
		for _, who := range []string{"romeo@localhost/garden", "juliet@localhost/balcony"} {
			if got := history(srv.Login(t, who)); got != "15 16 17 18 19 20 21 22 23 24" {
				t.Errorf("%s has %s", who, got)
			}
		}
	})
}

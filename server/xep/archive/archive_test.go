package archive_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// form is a query's form, fields given as name, value.
func form(fields ...string) string { return servertest.Form("urn:xmpp:mam:2", fields...) }

// ids is a query's form that asks for these messages.
func ids(list ...string) string {
	values := "<value>" + strings.Join(list, "</value><value>") + "</value>"
	return strings.Replace(form("ids", "x"), "<value>x</value>", values, 1)
}

// rsm is a query's result set.
func rsm(content string) string {
	return `<set xmlns='http://jabber.org/protocol/rsm'>` + content + `</set>`
}

// history logs somebody in who has had messages 1 to n from romeo, all odd ones
// from the garden and the others from the orchard.
func history(t *testing.T, srv *servertest.Server, n int) *servertest.Client {
	t.Helper()
	garden, orchard := srv.Login(t, "romeo@localhost/garden"), srv.Login(t, "romeo@localhost/orchard")
	srv.Account(t, "juliet@localhost")
	for i := 1; i <= n; i++ {
		c := garden
		if i%2 == 0 {
			c = orchard
		}
		c.Send(fmt.Sprintf(`<message to='juliet@localhost' type='chat' id='m%d'><body>%d</body></message>`, i, i))
		c.Sync()
	}
	return srv.Login(t, "juliet@localhost/balcony")
}

func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := history(t, srv, 7)
		all := juliet.History("", "")
		if all.Bodies() != "1 2 3 4 5 6 7" || !all.Complete() {
			t.Fatalf("got %s, %s", all.Bodies(), all.Fin.Raw)
		}
		if all.Set("first") != all.IDs[0] || all.Set("last") != all.IDs[6] {
			t.Errorf("set: %s", all.Fin.Raw)
		}
		id := func(n int) string { return all.IDs[n-1] }
		for _, tt := range []struct {
			name, query, want string
			complete          bool
			count             string
		}{
			{"a page from the start", rsm(`<max>3</max>`), "1 2 3", false, "7"},
			{"the next one", rsm(`<max>3</max><after>` + id(3) + `</after>`), "4 5 6", false, "7"},
			{"the last one", rsm(`<max>3</max><after>` + id(6) + `</after>`), "7", true, "7"},
			{"a page that just fits", rsm(`<max>3</max><after>` + id(4) + `</after>`), "5 6 7", true, "7"},
			{"beyond the end", rsm(`<max>3</max><after>` + id(7) + `</after>`), "", true, "7"},
			{"the end", rsm(`<max>3</max><before/>`), "5 6 7", false, "7"},
			{"the page before", rsm(`<max>3</max><before>` + id(5) + `</before>`), "2 3 4", false, "7"},
			{"the first one from behind", rsm(`<max>3</max><before>` + id(2) + `</before>`), "1", true, "7"},
			{"all of an end", rsm(`<before/>`), "1 2 3 4 5 6 7", true, "7"},
			{"the count alone", rsm(`<max>0</max>`), "", false, "7"},
			{"flipped", rsm(`<max>3</max>`) + `<flip-page/>`, "3 2 1", false, "7"},
			{"the end flipped", rsm(`<max>3</max><before/>`) + `<flip-page/>`, "7 6 5", false, "7"},
			{"after-id", form("after-id", id(5)), "6 7", true, ""},
			{"before-id", form("before-id", id(3)), "1 2", true, ""},
			{"both", form("before-id", id(6), "after-id", id(3)), "4 5", true, ""},
			{"both, backwards", form("before-id", id(6), "after-id", id(2)) + rsm(`<max>2</max><before/>`), "4 5", false, ""},
			{"both, the page before", form("before-id", id(6), "after-id", id(2)) + rsm(`<max>2</max><before>`+id(4)+`</before>`), "3", true, ""},
			{"one by its id", form("ids", id(6)), "6", true, ""},
			{"ids by pages", ids(id(6), id(2), id(4), id(2)) + rsm(`<max>2</max>`), "2 4", false, ""},
			{"ids backwards", ids(id(6), id(2), id(4), id(2)) + rsm(`<max>2</max><before/>`), "4 6", false, ""},
			{"with a bare address", form("with", "romeo@localhost"), "1 2 3 4 5 6 7", true, ""},
			{"with an odd spelling", form("with", "ROMEO@Localhost/garden"), "1 3 5 7", true, ""},
			{"with a full address", form("with", "romeo@localhost/orchard") + rsm(`<max>2</max>`), "2 4", false, ""},
			{"with nobody", form("with", "mercutio@localhost"), "", true, ""},
			{"with oneself", form("with", "juliet@localhost"), "", true, ""},
			{"since the beginning", form("start", "1999-01-01T00:00:00Z"), "1 2 3 4 5 6 7", true, ""},
			{"before the beginning", form("end", "1999-01-01T00:00:00+02:00"), "", true, ""},
			{"from what is to come", form("start", "2222-01-01T00:00:00.123456Z"), "", true, ""},
			{"empty fields", form("with", "", "start", "", "ids", ""), "1 2 3 4 5 6 7", true, ""},
			{"without what rooms said", form("include-groupchat", "false"), "1 2 3 4 5 6 7", true, ""},
		} {
			f := juliet.History("", tt.query)
			if f.Bodies() != tt.want || f.Complete() != tt.complete {
				t.Errorf("%s: got %q, want %q: %s", tt.name, f.Bodies(), tt.want, f.Fin.Raw)
			}
			if n := f.Set("count"); n != tt.count {
				t.Errorf("%s: count %q, want %q", tt.name, n, tt.count)
			}
		}
	})
}

func TestWhatIsWrongWithAQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		juliet := history(t, srv, 2)
		romeo := srv.Login(t, "romeo@localhost/garden")
		its := romeo.History("", "").IDs[0] // the same message, in the other archive
		if mine := juliet.History("", "").IDs[0]; mine == its {
			t.Errorf("both archives know a message as %s", mine)
		}
		for _, tt := range []struct{ name, query, condition string }{
			{"nothing but a FORM_TYPE", form(), ""},
			{"no FORM_TYPE", `<x xmlns='jabber:x:data' type='submit'><field var='with'><value>romeo@localhost</value></field></x>`, "bad-request"},
			{"another FORM_TYPE", servertest.Form("urn:xmpp:mam:1"), "bad-request"},
			{"a form that was cancelled", `<x xmlns='jabber:x:data' type='cancel'/>`, "bad-request"},
			{"an unknown field", form("{http://example.com/}free-text-search", "x"), "feature-not-implemented"},
			{"an unknown field without a value", strings.Replace(form("colour", "x"), "<value>x</value>", "", 1), "feature-not-implemented"},
			{"no address", form("with", "@"), "bad-request"},
			{"no time", form("start", "yesterday"), "bad-request"},
			{"no time either", form("end", "2010-07-10"), "bad-request"},
			{"neither true nor false", form("include-groupchat", "perhaps"), "bad-request"},
			{"a number that is none", rsm(`<max>many</max>`), "bad-request"},
			{"a page by its index", rsm(`<max>1</max><index>1</index>`), "feature-not-implemented"},
			{"made up, after", rsm(`<after>09af3-cc343-b409f</after>`), "item-not-found"},
			{"made up, before", rsm(`<before>AAAAAAAAAAAAAAAAAAAAAA</before>`), "item-not-found"},
			{"of another archive", form("after-id", its), "item-not-found"},
			{"of another archive, by id", form("ids", its), "item-not-found"},
			{"one known, one not", form("before-id", its, "after-id", "x"), "item-not-found"},
		} {
			f := juliet.History("", tt.query)
			got := f.Condition()
			if got != tt.condition || len(f.IDs) > 0 && got != "" {
				t.Errorf("%s: got %q, want %q: %s", tt.name, got, tt.condition, f.Fin.Raw)
			}
		}
		juliet.Send(`<iq type='set' id='n'><query xmlns='urn:xmpp:mam:2' node='blog'/></iq>`)
		juliet.ExpectError("feature-not-implemented")
	})
}

func TestAnArchiveIsItsOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t, servertest.Options{Config: configTwo()})
		history(t, srv, 2)
		for _, who := range []string{"romeo@localhost/x", "nurse@localhost/x", "friar@example.org/x"} {
			c := srv.Login(t, who)
			var answers []string
			for _, whose := range []string{"juliet@localhost", "nobody@localhost"} {
				for _, payload := range []string{`<query xmlns='urn:xmpp:mam:2'/>`, `<metadata xmlns='urn:xmpp:mam:2'/>`} {
					typ := "set"
					if strings.HasPrefix(payload, "<metadata") {
						typ = "get"
					}
					c.Send(`<iq type='` + typ + `' id='q' to='` + whose + `'>` + payload + `</iq>`)
					answers = append(answers, strings.ReplaceAll(c.ExpectError("forbidden"), whose, "W"))
				}
			}
			if answers[0] != answers[2] || answers[1] != answers[3] {
				t.Errorf("%s can tell who is not there: %s", who, answers)
			}
		}
	})
}

func TestMetadataAndForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		nurse := srv.Login(t, "nurse@localhost/room")
		nurse.Send(`<iq type='get' id='m'><metadata xmlns='urn:xmpp:mam:2'/></iq>`)
		if got := nurse.Next(); !strings.Contains(got, "<metadata xmlns='urn:xmpp:mam:2'></metadata>") {
			t.Errorf("an empty archive: %s", got)
		}
		if f := nurse.History("", ""); len(f.IDs) != 0 || !f.Complete() || f.Set("first") != "" {
			t.Errorf("an empty archive: %s", f.Fin.Raw)
		}
		juliet := history(t, srv, 3)
		all := juliet.History("", "")
		juliet.Send(`<iq type='get' id='m'><metadata xmlns='urn:xmpp:mam:2'/></iq>`)
		juliet.Expect(`<iq type='result' id='m'><metadata xmlns='urn:xmpp:mam:2'><start id='` + all.IDs[0] +
			`' timestamp='{scansion:any}'/><end id='` + all.IDs[2] + `' timestamp='{scansion:any}'/></metadata></iq>`)
		juliet.Send(`<iq type='get' id='f'><query xmlns='urn:xmpp:mam:2'/></iq>`)
		got := juliet.Next()
		for _, want := range []string{
			`var='with' type='jid-single'`, `var='start' type='text-single'`, `var='end' type='text-single'`,
			`var='before-id'`, `var='after-id'`, `var='ids' type='list-multi'><validate`, `var='include-groupchat' type='boolean'`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in %s", want, got)
			}
		}
		if strings.Contains(got, "required") {
			t.Errorf("a field is required: %s", got)
		}
	})
}

// TestALargeArchiveFitsTheQueue: a client that asks for a lot at once and reads
// slowly gets all of it.
func TestALargeArchiveFitsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		srv.Account(t, "juliet@localhost")
		long := strings.Repeat("x", 60_000)
		for range 20 {
			romeo.Send(`<message to='juliet@localhost' type='chat'><body>` + long + `</body></message>`)
			romeo.Sync()
		}
		juliet := srv.Login(t, "juliet@localhost/balcony")
		const asked = 16
		for i := range asked {
			juliet.Send(fmt.Sprintf(`<iq type='set' id='q%d'><query xmlns='urn:xmpp:mam:2'/></iq>`, i))
		}
		synctest.Wait() // nothing is read until the server can do no more
		for i := range asked {
			n := 0
			for {
				got := juliet.Next()
				if strings.HasPrefix(got, "<message") {
					n++
					continue
				}
				if !strings.Contains(got, fmt.Sprintf("id='q%d'", i)) || !strings.Contains(got, "<fin ") || strings.Contains(got, "complete") {
					t.Fatalf("query %d: %.200s", i, got)
				}
				break
			}
			if n == 0 || n == 20 {
				t.Errorf("query %d: %d messages", i, n)
			}
		}
		total, after := 0, ""
		for {
			f := juliet.History("", rsm(`<max>100</max>`+after))
			total += len(f.IDs)
			if f.Complete() {
				break
			}
			after = `<after>` + f.Set("last") + `</after>`
		}
		if total != 20 {
			t.Errorf("paged through %d messages, want 20", total)
		}
		// More than may wait is refused, and nothing else is lost by it.
		for i := range 100 {
			juliet.Send(fmt.Sprintf(`<iq type='get' id='m%d'><metadata xmlns='urn:xmpp:mam:2'/></iq>`, i))
		}
		answers := len(juliet.Sync())
		for ; answers < 100; answers++ {
			juliet.Next()
		}
	})
}

package archive_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
	"natter/stanza"
)

// found is the answer to a query.
type found struct {
	ids    []string // of the results, in the order they came
	bodies []string
	fin    *stanza.Stanza // the result of the query, or its error
	raw    []string
}

func (f *found) text() string { return strings.Join(f.bodies, " ") }

// set returns what the result set says: first, last, count.
func (f *found) set(t *testing.T, name string) string {
	t.Helper()
	fin, ok := f.fin.Child("urn:xmpp:mam:2", "fin")
	if !ok {
		t.Fatalf("no <fin/> in %s", f.fin.Raw)
	}
	set, ok := f.fin.Find(fin, "http://jabber.org/protocol/rsm", "set")
	if !ok {
		t.Fatalf("no <set/> in %s", f.fin.Raw)
	}
	c, _ := f.fin.Find(set, "http://jabber.org/protocol/rsm", name)
	if c == (stanza.Child{}) {
		return ""
	}
	return f.fin.Text(c)
}

func (f *found) complete() bool {
	fin, _ := f.fin.Child("urn:xmpp:mam:2", "fin")
	v, _ := f.fin.ChildAttr(fin, "complete")
	return v == "true"
}

// ask sends a query with this content and reads all of the answer.
func ask(t *testing.T, c *servertest.Client, content string) *found {
	t.Helper()
	c.Send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f27'>` + content + `</query></iq>`)
	f := &found{}
	for {
		raw := c.Next()
		st, err := stanza.ParseIn([]byte(raw), stanza.NSClient, stanza.AfterLogin)
		if err != nil {
			t.Fatal(err)
		}
		if st.Kind == stanza.IQ {
			f.fin = st
			return f
		}
		res, ok := st.Child("urn:xmpp:mam:2", "result")
		if !ok {
			t.Fatalf("no result: %s", raw)
		}
		id, _ := st.ChildAttr(res, "id")
		if q, _ := st.ChildAttr(res, "queryid"); q != "f27" {
			t.Errorf("queryid %q in %s", q, raw)
		}
		fwd, _ := st.Find(res, "urn:xmpp:forward:0", "forwarded")
		msg, _ := st.Find(fwd, "jabber:client", "message")
		body, _ := st.Find(msg, "jabber:client", "body")
		f.ids = append(f.ids, id)
		f.bodies = append(f.bodies, st.Text(body))
		f.raw = append(f.raw, raw)
	}
}

// field is a field of a query's form.
func field(name string, values ...string) string {
	return `<field var='` + name + `'><value>` + strings.Join(values, "</value><value>") + `</value></field>`
}

// form is a query's form.
func form(fields ...string) string {
	return `<x xmlns='jabber:x:data' type='submit'>` + field("FORM_TYPE", "urn:xmpp:mam:2") + strings.Join(fields, "") + `</x>`
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
		all := ask(t, juliet, "")
		if all.text() != "1 2 3 4 5 6 7" || !all.complete() {
			t.Fatalf("got %s, %s", all.text(), all.fin.Raw)
		}
		if all.set(t, "first") != all.ids[0] || all.set(t, "last") != all.ids[6] {
			t.Errorf("set: %s", all.fin.Raw)
		}
		id := func(n int) string { return all.ids[n-1] }
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
			{"after-id", form(field("after-id", id(5))), "6 7", true, ""},
			{"before-id", form(field("before-id", id(3))), "1 2", true, ""},
			{"both", form(field("before-id", id(6)), field("after-id", id(3))), "4 5", true, ""},
			{"both, backwards", form(field("before-id", id(6)), field("after-id", id(2))) + rsm(`<max>2</max><before/>`), "4 5", false, ""},
			{"both, the page before", form(field("before-id", id(6)), field("after-id", id(2))) + rsm(`<max>2</max><before>`+id(4)+`</before>`), "3", true, ""},
			{"ids", form(field("ids", id(6), id(2), id(2))), "2 6", true, ""},
			{"ids by pages", form(field("ids", id(6), id(2), id(4))) + rsm(`<max>2</max>`), "2 4", false, ""},
			{"ids backwards", form(field("ids", id(6), id(2), id(4))) + rsm(`<max>2</max><before/>`), "4 6", false, ""},
			{"with a bare address", form(field("with", "romeo@localhost")), "1 2 3 4 5 6 7", true, ""},
			{"with an odd spelling", form(field("with", "ROMEO@Localhost/garden")), "1 3 5 7", true, ""},
			{"with a full address", form(field("with", "romeo@localhost/orchard")) + rsm(`<max>2</max>`), "2 4", false, ""},
			{"with nobody", form(field("with", "mercutio@localhost")), "", true, ""},
			{"with oneself", form(field("with", "juliet@localhost")), "", true, ""},
			{"since the beginning", form(field("start", "1999-01-01T00:00:00Z")), "1 2 3 4 5 6 7", true, ""},
			{"before the beginning", form(field("end", "1999-01-01T00:00:00+02:00")), "", true, ""},
			{"from what is to come", form(field("start", "2222-01-01T00:00:00.123456Z")), "", true, ""},
			{"empty fields", form(field("with", ""), field("start", ""), field("ids", "")), "1 2 3 4 5 6 7", true, ""},
			{"without what rooms said", form(field("include-groupchat", "false")), "1 2 3 4 5 6 7", true, ""},
		} {
			f := ask(t, juliet, tt.query)
			if f.text() != tt.want || f.complete() != tt.complete {
				t.Errorf("%s: got %q, want %q: %s", tt.name, f.text(), tt.want, f.fin.Raw)
			}
			if n := f.set(t, "count"); n != tt.count {
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
		its := ask(t, romeo, "").ids[0] // the same message, in the other archive
		if mine := ask(t, juliet, "").ids[0]; mine == its {
			t.Errorf("both archives know a message as %s", mine)
		}
		for _, tt := range []struct{ name, query, condition string }{
			{"nothing but a FORM_TYPE", form(), ""},
			{"no FORM_TYPE", `<x xmlns='jabber:x:data' type='submit'>` + field("with", "romeo@localhost") + `</x>`, "bad-request"},
			{"another FORM_TYPE", `<x xmlns='jabber:x:data' type='submit'>` + field("FORM_TYPE", "urn:xmpp:mam:1") + `</x>`, "bad-request"},
			{"a form that was cancelled", `<x xmlns='jabber:x:data' type='cancel'/>`, "bad-request"},
			{"an unknown field", form(field("{http://example.com/}free-text-search", "x")), "feature-not-implemented"},
			{"an unknown field without a value", form(`<field var='colour'/>`), "feature-not-implemented"},
			{"no address", form(field("with", "@")), "bad-request"},
			{"no time", form(field("start", "yesterday")), "bad-request"},
			{"no time either", form(field("end", "2010-07-10")), "bad-request"},
			{"neither true nor false", form(field("include-groupchat", "perhaps")), "bad-request"},
			{"a number that is none", rsm(`<max>many</max>`), "bad-request"},
			{"a page by its index", rsm(`<max>1</max><index>1</index>`), "feature-not-implemented"},
			{"made up, after", rsm(`<after>09af3-cc343-b409f</after>`), "item-not-found"},
			{"made up, before", rsm(`<before>AAAAAAAAAAAAAAAAAAAAAA</before>`), "item-not-found"},
			{"of another archive", form(field("after-id", its)), "item-not-found"},
			{"of another archive, by id", form(field("ids", its)), "item-not-found"},
			{"one known, one not", form(field("before-id", its), field("after-id", "x")), "item-not-found"},
		} {
			f := ask(t, juliet, tt.query)
			got := ""
			if e := stanza.ErrorOf(f.fin); e != nil {
				got = e.Condition
			}
			if got != tt.condition || len(f.ids) > 0 && got != "" {
				t.Errorf("%s: got %q, want %q: %s", tt.name, got, tt.condition, f.fin.Raw)
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
		if f := ask(t, nurse, ""); len(f.ids) != 0 || !f.complete() || f.set(t, "first") != "" {
			t.Errorf("an empty archive: %s", f.fin.Raw)
		}
		juliet := history(t, srv, 3)
		all := ask(t, juliet, "")
		juliet.Send(`<iq type='get' id='m'><metadata xmlns='urn:xmpp:mam:2'/></iq>`)
		juliet.Expect(`<iq type='result' id='m'><metadata xmlns='urn:xmpp:mam:2'><start id='` + all.ids[0] +
			`' timestamp='{scansion:any}'/><end id='` + all.ids[2] + `' timestamp='{scansion:any}'/></metadata></iq>`)
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
			f := ask(t, juliet, rsm(`<max>100</max>`+after))
			total += len(f.ids)
			if f.complete() {
				break
			}
			after = `<after>` + f.set(t, "last") + `</after>`
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

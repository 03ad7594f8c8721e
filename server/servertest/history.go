package servertest

import (
	"strings"

	"natter/stanza"
)

// Found is the answer to a query of an archive (XEP-0313).
type Found struct {
	IDs      []string         // of the results, in the order they came
	Messages []*stanza.Stanza // what each of them holds
	Results  []string         // the results as they came
	Fin      *stanza.Stanza   // the answer to the query: its end or an error
}

// Bodies are the bodies of the messages, with spaces between.
func (f *Found) Bodies() string {
	var list []string
	for _, m := range f.Messages {
		list = append(list, m.Body())
	}
	return strings.Join(list, " ")
}

// Complete reports whether the archive has said that there is no more.
func (f *Found) Complete() bool {
	fin, _ := f.Fin.Child("urn:xmpp:mam:2", "fin")
	v, _ := f.Fin.ChildAttr(fin, "complete")
	return v == "true"
}

// Set returns the text of an element of the result set: first, last or count; ""
// without it.
func (f *Found) Set(name string) string {
	const rsm = "http://jabber.org/protocol/rsm"
	fin, _ := f.Fin.Child("urn:xmpp:mam:2", "fin")
	set, _ := f.Fin.Find(fin, rsm, "set")
	if c, ok := f.Fin.Find(set, rsm, name); ok {
		return f.Fin.Text(c)
	}
	return ""
}

// Condition returns the condition of the error that the query was answered with,
// "" when there was none.
func (f *Found) Condition() string {
	if e := stanza.ErrorOf(f.Fin); e != nil {
		return e.Condition
	}
	return ""
}

// History asks the archive at an address, "" for the client's own, with a query that
// has this content, and reads all of the answer.
func (c *Client) History(at, content string) *Found {
	c.t.Helper()
	if at != "" {
		at = " to='" + at + "'"
	}
	c.Send(`<iq type='set' id='history'` + at + `><query xmlns='urn:xmpp:mam:2' queryid='f27'>` + content + `</query></iq>`)
	f := &Found{}
	for {
		raw := c.Next()
		st := c.parse(raw)
		if st.Kind == stanza.IQ && st.IDString() == "history" {
			f.Fin = st
			return f
		}
		result, ok := st.Child("urn:xmpp:mam:2", "result")
		if !ok {
			continue // something live
		}
		if q, _ := st.ChildAttr(result, "queryid"); q != "f27" {
			c.t.Errorf("a result of another query: %s", raw)
		}
		id, _ := st.ChildAttr(result, "id")
		f.IDs, f.Results = append(f.IDs, id), append(f.Results, raw)
		forwarded, _ := st.Find(result, "urn:xmpp:forward:0", "forwarded")
		m := &stanza.Stanza{}
		if inner, ok := st.Find(forwarded, "jabber:client", "message"); ok {
			m = c.parse(string(st.Detach(nil, inner)))
		}
		f.Messages = append(f.Messages, m)
	}
}

func (c *Client) parse(raw string) *stanza.Stanza {
	c.t.Helper()
	st, err := stanza.ParseIn([]byte(raw), stanza.NSClient, stanza.AfterLogin)
	if err != nil {
		c.t.Fatalf("%v in %s", err, raw)
	}
	return st
}

// Form is a data form to submit (XEP-0004) with a FORM_TYPE and the values of other
// fields, each as name, value.
func Form(formType string, fields ...string) string {
	b := stanza.AppendOpen(nil, "x", "xmlns", "jabber:x:data", "type", "submit")
	for i := -2; i < len(fields); i += 2 {
		name, value := "FORM_TYPE", formType
		if i >= 0 {
			name, value = fields[i], fields[i+1]
		}
		b = stanza.AppendOpen(b, "field", "var", name)
		b = append(stanza.AppendElement(b, "value", value), "</field>"...)
	}
	return string(append(b, "</x>"...))
}

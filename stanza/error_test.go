package stanza

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestStreamErrorAppend(t *testing.T) {
	for _, row := range []struct {
		e    StreamError
		want string
	}{
		{StreamError{Condition: "host-unknown"}, "<host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"},
		{StreamError{Condition: "conflict", Text: "a < b"},
			"<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-streams'>a &lt; b</text>"},
		{StreamError{Condition: "see-other-host", Host: "[2001:db8::1]:9222"},
			"<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>[2001:db8::1]:9222</see-other-host>"},
		{*tooBig(10), "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xml:lang='en' xmlns='urn:ietf:params:xml:ns:xmpp-streams'>more than 10 bytes</text><stanza-too-big xmlns='urn:xmpp:errors'/>"},
	} {
		if got, want := string(row.e.AppendTo(nil)), "<stream:error>"+row.want+"</stream:error>"; got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
		st, err := Parse(row.e.AppendAlone(nil), AfterLogin)
		if err != nil || !st.Is(NSStream, "error") {
			t.Errorf("%s does not stand alone: %v", row.e.AppendAlone(nil), err)
		}
	}
	if got := notWellFormed("x").Error(); got != "stream error not-well-formed: x" {
		t.Error(got)
	}
}

func TestStanzaErrorsHaveTheirTypes(t *testing.T) {
	for typ, es := range map[string][]*Error{
		"modify": {BadRequest(""), JIDMalformed(""), NotAcceptable(""), PolicyViolation(""), Redirect("xmpp:a@b", "")},
		"cancel": {Conflict(""), FeatureNotImplemented(""), Gone("xmpp:a@b", ""), InternalServerError(""), ItemNotFound(""), NotAllowed(""), RemoteServerNotFound(""), ServiceUnavailable(""), UndefinedCondition("")},
		"auth":   {Forbidden(""), NotAuthorized(""), RegistrationRequired(""), SubscriptionRequired("")},
		"wait":   {RecipientUnavailable(""), RemoteServerTimeout(""), ResourceConstraint(""), UnexpectedRequest("")},
	} {
		for _, e := range es {
			content := "/>"
			if e.URI != "" {
				content = ">xmpp:a@b</" + e.Condition + ">"
			}
			want := "<error type='" + typ + "'><" + e.Condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'" + content + "</error>"
			if got := string(e.AppendTo(nil)); got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		}
	}
}

func TestErrorReply(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"addresses are swapped and the id kept", "<iq type='get' id='1' from='a@b/c' to='d@e'/>",
			"<iq from='d@e' to='a@b/c' id='1' type='error'>ERR</iq>"},
		{"a small payload comes back", "<message from='a@b/c' to='d@e'><body>x</body></message>",
			"<message from='d@e' to='a@b/c' type='error'><body>x</body>ERR</message>"},
		{"one with prefixes does not", "<message to='d@e' xmlns:p='u'><p:a/></message>", "<message from='d@e' type='error'>ERR</message>"},
		{"nor one with prefixes of attributes", "<message to='d@e' xmlns:p='u'><a p:a='b'/></message>", "<message from='d@e' type='error'>ERR</message>"},
		{"an iq has an id in any case", "<iq type='set'/>", "<iq id='' type='error'>ERR</iq>"},
		{"an apostrophe can't end a value", "<presence to=\"o'hara@e\"/>", "<presence from='o&apos;hara@e' type='error'>ERR</presence>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := &Error{Condition: "item-not-found", App: []byte("ERR")}
			e.Type = Wait
			got, ok := AppendErrorReply(nil, one(t, row.in), e, nil, nil)
			want := strings.Replace(row.want, "ERR", string(e.AppendTo(nil)), 1)
			if !ok || string(got) != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestErrorsAndResultsAreNotAnswered(t *testing.T) {
	for _, in := range []string{"<message type='error'/>", "<presence type='error'/>", "<iq type='error'/>", "<iq type='result'/>", "<r xmlns='urn:xmpp:sm:3'/>"} {
		if out, ok := AppendErrorReply([]byte("x"), one(t, in), BadRequest(""), nil, nil); ok || string(out) != "x" {
			t.Errorf("%s was answered: %s", in, out)
		}
	}
}

func TestAppendResult(t *testing.T) {
	st := one(t, "<iq type='get' id='1' from='a@b/c' to='d@e'><q xmlns='u'/></iq>")
	if got := string(AppendResult(nil, st, nil, nil, nil)); got != "<iq from='d@e' to='a@b/c' id='1' type='result'/>" {
		t.Error(got)
	}
	if got := string(AppendResult(nil, st, []byte("x"), []byte("y"), []byte("<z/>"))); got != "<iq from='x' to='y' id='1' type='result'><z/></iq>" {
		t.Error(got)
	}
}

func TestErrorOf(t *testing.T) {
	e := &Error{Type: Auth, Condition: "gone", Text: "a & b", By: "o'hara@x", URI: "xmpp:a@b", App: []byte("<app xmlns='urn:app' xml:lang='en'/>")}
	reply, _ := AppendErrorReply(nil, one(t, "<iq type='get' id='1'/>"), e, nil, nil)
	got := ErrorOf(one(t, string(reply)))
	if fmt.Sprint(*got) != fmt.Sprint(*e) {
		t.Errorf("got %+v, want %+v", got, e)
	}
	var asError error = fmt.Errorf("handling: %w", e)
	if found := (*Error)(nil); !errors.As(asError, &found) || found.Error() != "stanza error gone: a & b" {
		t.Error(asError)
	}
	for in, want := range map[string]string{
		"<message type='error'><error/></message>":                                 "undefined-condition",
		"<message type='error'/>":                                                  "",
		"<message><error type='cancel'/></message>":                                "",
		"<message type='error'><error xmlns='urn:x'/></message>":                   "",
		"<message type='error'><error type='odd'><bad-request/></error></message>": "undefined-condition",
	} {
		got := ""
		if e := ErrorOf(one(t, in)); e != nil {
			got = e.Condition
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

package scs

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const cast = "[Client] Romeo\n\tjid: romeo@localhost\n[Client] Juliet's phone\n\tjid: juliet@localhost/phone\n[Client] Juliet\n\tjid: juliet@localhost\n---\n"

func mustParse(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Parse("test.scs", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHeaderGivesTitleDescriptionAndTags(t *testing.T) {
	s := mustParse(t, "# A title\n# More about it\n# and more\n## slow\n## status: stable\n\n# not part of it\n"+cast)
	if s.Title != "A title" || s.Description != "More about it\nand more" {
		t.Errorf("title %q, description %q", s.Title, s.Description)
	}
	if !s.HasTag("slow") || !s.HasTag("status: stable") || len(s.Tags) != 2 {
		t.Errorf("tags %q", s.Tags)
	}
}

func TestCastHasItsProperties(t *testing.T) {
	s := mustParse(t, "[Client] Bob's phone\n\tpassword: s3: cret!\n\tjid: bob@example.org/home\n\tresource: mobile\n")
	c := s.Cast[0]
	if c.Name != "Bob's phone" || c.JID != "bob@example.org" || c.Password() != "s3: cret!" ||
		c.Props["resource"] != "mobile" || c.Username() != "bob" || c.Domain() != "example.org" {
		t.Errorf("got %+v", c)
	}
}

func TestActsAreReadAsSentences(t *testing.T) {
	type act struct {
		who    string
		verb   Verb
		body   string
		within time.Duration
	}
	rows := []struct {
		name, text string
		want       act
	}{
		{"connects", "Romeo connects", act{"Romeo", Connects, "", 0}},
		{"the longest name wins", "Juliet's phone connects", act{"Juliet's phone", Connects, "", 0}},
		{"sends with a block", "Romeo sends:\n\t<presence/>\n", act{"Romeo", Sends, "\t<presence/>", 0}},
		{"the colon is optional", "Romeo sends\n\t<presence/>\n", act{"Romeo", Sends, "\t<presence/>", 0}},
		{"an element on the same line", "Romeo sends: <presence/>", act{"Romeo", Sends, "<presence/>", 0}},
		{"a block that is not indented", "Romeo sends:\n<presence/>\n", act{"Romeo", Sends, "<presence/>", 0}},
		{"blank lines within a block", "Romeo sends:\n\t<a>\n\n\t</a>\n\n\nJuliet connects", act{"Romeo", Sends, "\t<a>\n\n\t</a>", 0}},
		{"a comment ends a block", "Romeo sends:\n\t<a/>\n# comment\n", act{"Romeo", Sends, "\t<a/>", 0}},
		{"receives within a time", "Romeo receives within 2s:\n\t<a/>\n", act{"Romeo", Receives, "\t<a/>", 2 * time.Second}},
		{"receives all of", "Romeo receives all of:\n\t<a/>\n\t<b/>\n", act{"Romeo", ReceivesAllOf, "\t<a/>\n\t<b/>", 0}},
		{"all of within a time", "Romeo receives all of within 3s:\n\t<a/>\n", act{"Romeo", ReceivesAllOf, "\t<a/>", 3 * time.Second}},
		{"within a time all of", "Romeo receives within 3s all of:\n\t<a/>\n", act{"Romeo", ReceivesAllOf, "\t<a/>", 3 * time.Second}},
		{"receives nothing, as scansion has it", "Romeo receives: nothing", act{"Romeo", ReceivesNothing, "", 0}},
		{"receives nothing for a time", "Romeo receives nothing for 500ms", act{"Romeo", ReceivesNothing, "", 500 * time.Millisecond}},
		{"disconnects hard", "Romeo disconnects hard", act{"Romeo", DisconnectsHard, "", 0}},
		{"is disconnected", "Romeo is disconnected", act{"Romeo", IsDisconnected, "", 0}},
		{"raw text is not parsed", "Romeo sends raw:\n\t<a><b></a>\n", act{"Romeo", SendsRaw, "\t<a><b></a>", 0}},
		{"fails to connect", "Romeo fails to connect", act{"Romeo", FailsToConnect, "", 0}},
		{"resumes", "Romeo resumes:\n\t<resumed xmlns='urn:xmpp:sm:3'/>\n", act{"Romeo", Resumes, "\t<resumed xmlns='urn:xmpp:sm:3'/>", 0}},
		{"may receive", "Romeo may receive: <presence/>", act{"Romeo", MayReceive, "<presence/>", 0}},
		{"befriends", "Romeo befriends Juliet's phone", act{"Romeo", Befriends, "", 0}},
		{"trailing white space", "Romeo connects \t", act{"Romeo", Connects, "", 0}},
		{"carriage returns", "Romeo sends:\r\n\t<a/>\r\n", act{"Romeo", Sends, "\t<a/>", 0}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s := mustParse(t, cast+r.text)
			a := s.Acts[0]
			got := act{s.Cast[a.Who].Name, a.Verb, a.Body, a.Within}
			if !reflect.DeepEqual(got, r.want) {
				t.Errorf("got %+v, want %+v", got, r.want)
			}
		})
	}
}

func TestCommentsMayStandAnywhere(t *testing.T) {
	s := mustParse(t, cast+"// one\n-- two\n--\n# three\nRomeo connects\n## four\n----------\nRomeo disconnects\n// vim: syntax=xml:")
	if len(s.Acts) != 2 {
		t.Errorf("%d acts", len(s.Acts))
	}
}

func TestBadScriptsAreRefusedAtTheirLine(t *testing.T) {
	rows := []struct {
		name, text string
		line       int
		want       string
	}{
		{"an unknown character", "Tybalt connects", 8, "no character of the cast"},
		{"an unknown act", "Romeo dances", 8, `unknown act "dances"`},
		{"words too many", "Romeo connects quickly", 8, "not understood"},
		{"no XML where it is needed", "Romeo sends:\n", 8, "nothing below"},
		{"XML where there is none", "Romeo connects\n\t<a/>", 9, "takes no XML"},
		{"an indented line that belongs nowhere", "\t<a/>", 8, "belongs to no act"},
		{"broken XML, at its own line", "Romeo sends:\n\t<a>\n\t\t<b>\n\t</a>\n", 11, "bad XML"},
		{"text between elements", "Romeo sends:\n\t<a/> hello", 9, "outside an element"},
		{"an end tag too many", "Romeo sends:\n\t<a/></a>", 9, "bad XML"},
		{"the end of the stream as XML", "Romeo sends:\n\t</stream:stream>", 9, "bad XML"},
		{"a DTD", "Romeo sends:\n\t<!DOCTYPE x><a/>", 9, "bad XML"},
		{"an element that never ends", "Romeo sends:\n\t<a>", 9, "bad XML"},
		{"no time after within", "Romeo receives within:\n\t<a/>", 8, "the time is missing"},
		{"a time that is none", "Romeo receives within soon:\n\t<a/>", 8, "bad time"},
		{"a time below zero", "Romeo receives nothing for -1s", 8, "bad time"},
		{"a time beyond reason", "Romeo receives nothing for 100h", 8, "bad time"},
		{"a variable nobody set", "Romeo sends:\n\t<a b=\"${c}\"/>", 9, "unknown variable ${c}"},
		{"a variable of a stranger", "Romeo sends:\n\t<a b=\"${Tybalt's JID}\"/>", 9, "unknown variable"},
		{"a variable without an end", "Romeo sends:\n\t<a b=\"${Romeo's JID\"/>", 9, "${ without }"},
		{"variables without an end to nesting", "Romeo sends:\n\t" + strings.Repeat("${base64:", 20) + strings.Repeat("}", 20), 9, "too deep"},
		{"a capture before it is made", "Romeo sends:\n\t<a b=\"${x}\"/>\nRomeo receives:\n\t<a b=\"{scansion:capture:x}\"/>", 9, "unknown variable"},
		{"an unknown matcher", "Romeo receives:\n\t<a b=\"{scansion:some}\"/>", 9, "unknown matcher"},
		{"a bad expression", "Romeo receives:\n\t<a b=\"{scansion:regexp:(}\"/>", 9, "missing closing )"},
		{"an unknown scansion attribute", "Romeo receives:\n\t<a scansion:lax=\"true\"/>", 9, "unknown attribute"},
		{"strict that is neither", "Romeo receives:\n\t<a scansion:strict=\"maybe\"/>", 9, "neither true nor false"},
		{"a friend who is not there", "Romeo befriends Tybalt", 8, "no other character"},
		{"a friend who is oneself", "Juliet befriends Juliet's phone", 8, "no other character"},
		{"two elements where one is meant", "Romeo resumes:\n\t<a/><b/>", 9, "takes one element"},
		{"the same name twice", "[Client] Romeo\n\tjid: a@b", 8, "in the cast twice"},
		{"a name that is none", "[Client] ", 8, "no name"},
		{"a class that is unknown", "[Component] c", 8, "unknown class"},
		{"a class without an end", "[Client Romeo", 8, "missing ]"},
		{"a property that is unknown", "[Client] X\n\tcolour: red", 9, "unknown property"},
		{"a property without a value", "[Client] X\n\tjid", 9, "expected a property"},
		{"a character without an address", "[Client] X\n", 8, "is not like"},
		{"an address of a server", "[Client] X\n\tjid: localhost", 8, "is not like"},
		{"a TLS nobody knows", "[Client] X\n\tjid: a@b\n\ttls: maybe", 8, "none of starttls"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, err := Parse("test.scs", cast+r.text)
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want an error of the script", err)
			}
			if bad.Line != r.line || !strings.Contains(bad.Error(), r.want) {
				t.Errorf("got %v\nwant line %d, %q", bad, r.line, r.want)
			}
		})
	}
}

func TestVariablesAreExpandedAndEscaped(t *testing.T) {
	s := mustParse(t, cast)
	in := scope{
		captured: func(name string) (string, bool) { return "<" + name + ">", name != "missing" },
		part:     func(who int, part string) (string, error) { return s.Cast[who].Name + "/" + part, nil },
	}
	rows := []struct{ name, text, want string }{
		{"a part of a character", `<a b="${Romeo's JID}"/>`, `<a b="Romeo/JID"/>`},
		{"full JID is not the JID of somebody's full", `${Juliet's phone's full JID}`, "Juliet&apos;s phone/full JID"},
		{"a captured value is escaped", `${x}`, "&lt;x&gt;"},
		{"base64 of text", `${base64:hello}`, "aGVsbG8="},
		{"SHA-1 of text", `${sha-1:${Romeo's username}}`, "ZEtwT5kKy25yWjYq7uUDt92p0g8="},
		{"base64 of variables, unescaped, and NUL", `${base64:\0${Romeo's username}\0${x}}`, "AFJvbWVvL3VzZXJuYW1lADx4Pg=="},
		{"a dollar alone stays", `$5 {a}`, `$5 {a}`},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got, err := s.expand(r.text, in)
			if err != nil || got != r.want {
				t.Errorf("got %q, %v; want %q", got, err, r.want)
			}
		})
	}
}

func TestFreshRenamesWholeAddressesOnly(t *testing.T) {
	source := "[Client] Romeo\n\tjid: romeo@localhost\n[Client] Rome\n\tjid: rome@localhost/x\n---\n" +
		"Romeo sends:\n\t<a to='romeo@localhost' b='oromeo@localhost' c='romeo@localhost.org' d=\"romeo@localhost/home\"/>\n" +
		"\t<b to='garden@conference.localhost/Romeo' c='garden@conference.example.org'/>\n"
	s, rooms, err := Fresh(mustParse(t, source), source, "-7")
	if err != nil {
		t.Fatal(err)
	}
	if s.Cast[0].JID != "romeo-7@localhost" || s.Cast[1].JID != "rome-7@localhost" {
		t.Errorf("cast %+v", s.Cast)
	}
	want := "\t<a to='romeo-7@localhost' b='oromeo@localhost' c='romeo@localhost.org' d=\"romeo-7@localhost/home\"/>\n" +
		"\t<b to='garden-7@conference.localhost/Romeo' c='garden@conference.example.org'/>"
	if len(rooms) != 1 || rooms[0] != "garden-7@conference.localhost" {
		t.Errorf("rooms %v", rooms)
	}
	if s.Acts[0].Body != want {
		t.Errorf("got  %s\nwant %s", s.Acts[0].Body, want)
	}
}

func TestDomainIsReplacedAsAWholeWord(t *testing.T) {
	got := renameDomain("jid: a@localhost to='room@conference.localhost' mylocalhost localhosts localhost/x localhost", "example.org")
	want := "jid: a@example.org to='room@conference.example.org' mylocalhost localhosts example.org/x example.org"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

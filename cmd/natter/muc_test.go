package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRoomFromTheCommandLine(t *testing.T) {
	w := newWorld(t)
	juliet := w.start("juliet@localhost", "muc", "join", "garden")
	juliet.expect("You are in garden@conference.localhost as juliet, with 0 others")

	if got := w.natter("romeo@localhost", "", "muc", "say", "garden", "But", "soft!"); got != (outcome{}) {
		t.Errorf("saying something: %+v", got)
	}
	juliet.expect("romeo has come in (2 there).")
	juliet.expect("romeo\tBut soft!")
	juliet.expect("romeo has left (1 there).")
	if got := w.natter("romeo@localhost", "a\nb\n", "send", "--room", "garden", "-"); got != (outcome{}) {
		t.Errorf("sending to a room: %+v", got)
	}
	juliet.expect(`romeo` + "\t" + `a\nb`)

	romeo := w.start("romeo@localhost", "muc", "join", "garden@conference.localhost", "--json", "--nick", "Montague")
	romeo.expect(`"kind":"entered"`)
	juliet.expect("Montague has come in")
	juliet.enter("Wherefore art thou?")
	romeo.expect(`"nick":"juliet"`)
	romeo.expect(`"body":"Wherefore art thou?"`)
	romeo.enter("/nick Romeo")
	juliet.expect("Montague is now called Romeo.")
	juliet.enter("/topic Love")
	romeo.expect(`"kind":"subject"`)
	romeo.expect(`"subject":"Love"`)

	got := w.natter("juliet@localhost", "", "muc", "who", "garden", "--json", "--nick", "Nurse")
	for _, want := range []string{`"nick":"Romeo"`, `"nick":"juliet"`, `"nick":"Nurse"`, `"affiliation":"owner"`} {
		if !strings.Contains(got.out, want) {
			t.Errorf("who: no %s in %+v", want, got)
		}
	}
	if got := w.natter("romeo@localhost", "", "muc", "moderate", "garden", "kick", "juliet"); got.code != exitRefused {
		t.Errorf("romeo puts juliet out: %+v", got)
	}
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "kick", "Tybalt", "--nick", "Nurse"); got.code != exitRefused || !strings.Contains(got.err, "nobody called Tybalt") {
		t.Errorf("somebody who is not there: %+v", got)
	}
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "kick", "Romeo", "the", "watch", "--nick", "Nurse"); got.code != exitOK {
		t.Errorf("putting out: %+v", got)
	}
	juliet.expect("Romeo was put out of the room")
	romeo.expect(`"kind":"kicked"`)
	romeo.end(exitRefused)
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "ban", "romeo@localhost", "--nick", "Nurse"); got.code != exitOK {
		t.Errorf("banning: %+v", got)
	}
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "list", "banned", "--nick", "Nurse"); !strings.HasPrefix(got.out, "romeo@localhost") {
		t.Errorf("the banned: %+v", got)
	}
	if got := w.natter("romeo@localhost", "", "muc", "say", "garden", "hi"); got.code != exitRefused || !strings.Contains(got.err, "banned from the room") {
		t.Errorf("a banned one speaks: %+v", got)
	}
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "unban", "romeo@localhost", "--nick", "Nurse"); got.code != exitOK {
		t.Errorf("letting in again: %+v", got)
	}
	if got := w.natter("juliet@localhost", "", "muc", "moderate", "garden", "topic", "The", "orchard", "--nick", "Nurse"); got.code != exitOK {
		t.Errorf("the topic: %+v", got)
	}
	juliet.expect("* topic: The orchard")
}

func TestRoomSettingsFromTheCommandLine(t *testing.T) {
	w := newWorld(t)
	w.start("juliet@localhost", "muc", "join", "garden").expect("You are in")
	name := []string{"--nick", "Nurse"}
	do := func(args ...string) outcome {
		return w.natter("juliet@localhost", "", append(append([]string{"muc"}, args...), name...)...)
	}
	if got := do("config", "garden", "roomname=The garden", "muc#roomconfig_persistentroom=1"); got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	if got := do("config", "garden"); !strings.Contains(got.out, "muc#roomconfig_roomname=The garden\n") || !strings.Contains(got.out, "muc#roomconfig_persistentroom=1\n") {
		t.Errorf("%+v", got)
	}
	if got := do("config", "garden", "roomnam=x"); got.code != exitUsage || !strings.Contains(got.err, "no setting") {
		t.Errorf("%+v", got)
	}
	got := do("list", "--json")
	var listed map[string]any
	if err := json.Unmarshal([]byte(got.out), &listed); err != nil || listed["jid"] != "garden@conference.localhost" || listed["occupants"] != "1" {
		t.Errorf("%+v: %v", got, err)
	}
	if got := do("list"); !strings.Contains(got.out, "1 there") || !strings.Contains(got.out, "The garden") {
		t.Errorf("%+v", got)
	}
	if got := w.natter("romeo@localhost", "", "muc", "destroy", "garden"); got.code != exitRefused || !strings.Contains(got.err, "owner") {
		t.Errorf("romeo removes it: %+v", got)
	}
	if got := do("destroy", "garden", "the", "end"); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	if got := do("list"); got.out != "" {
		t.Errorf("%+v", got)
	}
}

func TestMUCUsage(t *testing.T) {
	w := newWorld(t)
	for _, row := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"muc", "jion", "garden"}, exitUsage, "did you mean join?"},
		{[]string{"muc", "join"}, exitUsage, "join needs a ROOM"},
		{[]string{"muc", "say", "garden"}, exitUsage, "TEXT"},
		{[]string{"muc", "say", "garden", " "}, exitUsage, "the message is empty"},
		{[]string{"muc", "say", "@", "hi"}, exitUsage, "not the address of a room"},
		{[]string{"muc", "moderate", "garden", "hug", "juliet"}, exitUsage, "no action"},
	} {
		if got := w.natter("romeo@localhost", "", row.args...); got.code != row.code || !strings.Contains(got.err, row.says) {
			t.Errorf("%q: %+v", row.args, got)
		}
	}
}

func TestMentions(t *testing.T) {
	r := &room{nick: "Romeo"}
	for text, want := range map[string]bool{
		"romeo: hi": true, "hi ROMEO": true, "hi, Romeo!": true, "Romeos": false, "Romeos and romeo": true, "": false, "preromeo": false,
	} {
		if got := r.mentions(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

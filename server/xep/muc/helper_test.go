package muc_test

import (
	"fmt"
	"strings"
	"testing"

	"natter/server/servertest"
)

const garden = "garden@conference.localhost"

// enter has a client join a room and reads what it is told up to the subject.
func enter(t *testing.T, c *servertest.Client, room, nick string) []string {
	t.Helper()
	c.Send(fmt.Sprintf(`<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, room, nick))
	return untilSubject(t, c)
}

// untilSubject reads up to the subject that ends a join.
func untilSubject(t *testing.T, c *servertest.Client) []string {
	t.Helper()
	var got []string
	for {
		e := c.Next()
		got = append(got, e)
		if strings.Contains(e, "type='error'") {
			t.Fatalf("refused: %s", e)
		}
		if strings.HasPrefix(e, "<message") && strings.Contains(e, "<subject") && !strings.Contains(e, "<body") {
			return got
		}
	}
}

// open makes a room: its first occupant enters it and takes it as it is.
func open(t *testing.T, c *servertest.Client, room, nick string) {
	t.Helper()
	enter(t, c, room, nick)
	configure(t, c, room, nil)
}

// configure submits fields of a room's configuration.
func configure(t *testing.T, c *servertest.Client, room string, fields map[string]string) {
	t.Helper()
	f := `<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>`
	for name, v := range fields {
		f += fmt.Sprintf(`<field var='%s'><value>%s</value></field>`, name, v)
	}
	c.Send(fmt.Sprintf(`<iq type='set' id='conf' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>%s</x></query></iq>`, room, f))
	for {
		if e := c.Next(); strings.Contains(e, "id='conf'") {
			if !strings.Contains(e, "type='result'") {
				t.Fatalf("configuring: %s", e)
			}
			return
		}
	}
}

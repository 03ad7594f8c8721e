package roster

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"natter/stanza"
)

// clientItem is an item as a client reads it with another XML parser.
type clientItem struct {
	JID          string   `xml:"jid,attr"`
	Name         string   `xml:"name,attr"`
	Subscription string   `xml:"subscription,attr"`
	Ask          string   `xml:"ask,attr"`
	Approved     string   `xml:"approved,attr"`
	Groups       []string `xml:"jabber:iq:roster group"`
}

type clientQuery struct {
	XMLName xml.Name     `xml:"jabber:iq:roster query"`
	Ver     string       `xml:"ver,attr"`
	Items   []clientItem `xml:"jabber:iq:roster item"`
}

func readAsClient(t testing.TB, data []byte) clientQuery {
	t.Helper()
	var q clientQuery
	d := xml.NewDecoder(strings.NewReader(string(data)))
	if err := d.Decode(&q); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("%s: more than one element", data)
	}
	return q
}

func TestItemsAreWrittenAsTheirStatesShow(t *testing.T) {
	for _, row := range []struct {
		name  string
		reach []func(*Roster, stanza.JID)
		want  string
	}{
		{"None", nil, `<item jid='j@example.com' subscription='none'/>`},
		{"Pending Out", ask, `<item jid='j@example.com' subscription='none' ask='subscribe'/>`},
		{"Pending In does not show", in, `<item jid='j@example.com' subscription='none'/>`},
		{"To", to, `<item jid='j@example.com' subscription='to'/>`},
		{"From", from, `<item jid='j@example.com' subscription='from'/>`},
		{"From and Pending Out", slices.Concat(from, ask), `<item jid='j@example.com' subscription='from' ask='subscribe'/>`},
		{"Both", both, `<item jid='j@example.com' subscription='both'/>`},
		{"a pre-approval", approve, `<item jid='j@example.com' subscription='none' approved='true'/>`},
		{"a pre-approval and Pending Out", slices.Concat(approve, ask), `<item jid='j@example.com' subscription='none' ask='subscribe' approved='true'/>`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := romeos(t)
			set(t, r, "j@example.com", "")
			for _, step := range row.reach {
				step(r, jid(t, "j@example.com"))
			}
			want := `<query xmlns='jabber:iq:roster' ver='` + r.Version() + `'>` + row.want + `</query>`
			if got := string(r.AppendResult(nil)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestAnEmptyRosterIsAnEmptyQuery(t *testing.T) {
	// §2.1.4, and unlike the empty result of §2.6.3.
	r := romeos(t)
	received(t, r, "juliet@example.com", Subscribe)
	if got := string(r.AppendResult([]byte("x"))); got != "x<query xmlns='jabber:iq:roster' ver='e1-0'/>" {
		t.Errorf("got %s", got)
	}
}

func TestWhatPeopleWriteIsEscaped(t *testing.T) {
	r := romeos(t)
	hard := "<a href='x'>&amp;\"\t\n\r]]></a> \u00e9 \U0001F600"
	set(t, r, "juliet@example.com", hard, hard, "B&B")
	set(t, r, "nurse@example.com", "Nurse")
	q := readAsClient(t, r.AppendResult(nil))
	if len(q.Items) != 2 || q.Ver != r.Version() {
		t.Fatalf("read %+v", q)
	}
	if got := q.Items[0]; got.Name != hard || !slices.Equal(got.Groups, []string{hard, "B&B"}) {
		t.Errorf("read %q", got)
	}
}

func TestAPushHoldsOneItemAndTheVersion(t *testing.T) {
	// §2.1.6, §2.5.2.
	r := romeos(t)
	added := set(t, r, "nurse@example.com", "Nurse", "Servants")
	got := string(added.AppendTo(nil))
	if want := "<query xmlns='jabber:iq:roster' ver='e1-1'><item jid='nurse@example.com' name='Nurse' subscription='none'><group>Servants</group></item></query>"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	out, err := r.Remove(jid(t, "nurse@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	got = string(out.Push.AppendTo(nil))
	if want := "<query xmlns='jabber:iq:roster' ver='e1-2'><item jid='nurse@example.com' subscription='remove'/></query>"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(added.AppendTo(nil)); !strings.Contains(got, "Nurse") {
		t.Errorf("a push changed after it was made: %s", got)
	}
}

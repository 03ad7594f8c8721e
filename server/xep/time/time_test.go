package xtime_test

import (
	"encoding/xml"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"natter/server/servertest"

	"mellium.im/xmpp/xtime"
)

func TestTheHostTellsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := servertest.New(t)
		romeo := srv.Login(t, "romeo@localhost/garden")
		time.Sleep(90*time.Second + 7*time.Millisecond) // the bubble's clock moves on
		romeo.Send(`<iq type='get' id='t1' to='localhost'><time xmlns='urn:xmpp:time'/></iq>`)
		got := romeo.Next()
		var iq struct {
			ID   string     `xml:"id,attr"`
			Type string     `xml:"type,attr"`
			Time xtime.Time `xml:"urn:xmpp:time time"`
		}
		if err := xml.Unmarshal([]byte(got), &iq); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		if iq.ID != "t1" || iq.Type != "result" {
			t.Fatalf("got %s", got)
		}
		if now := time.Now().Truncate(time.Millisecond); !iq.Time.Equal(now) {
			t.Errorf("it is %s, not %s", now, iq.Time)
		}
		form := regexp.MustCompile(`<tzo>(Z|[+-]\d\d:\d\d)</tzo><utc>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z</utc>`)
		if !form.MatchString(got) {
			t.Errorf("not in the formats of XEP-0082: %s", got)
		}
	})
}

package pep_test

import (
	"fmt"
	"testing"

	"natter/server/servertest"
)

// BenchmarkPublish publishes at a node whose events one contact wants, to disk in
// memory, one request after the other.
func BenchmarkPublish(b *testing.B) {
	srv := servertest.New(b)
	srv.Befriend(b, "romeo@localhost", "juliet@localhost")
	juliet := srv.Online(b, "juliet@localhost/balcony")
	b.ReportAllocs()
	for i := range b.N {
		juliet.Send(publish("p", tune, item("current", payload(fmt.Sprint(i)))))
		juliet.Expect(`<iq type='result' id='p'/>`)
	}
}

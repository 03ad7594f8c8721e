package muc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"natter/server"
	"natter/server/servertest"
)

// An occupant that reads nothing delays nobody, and is put out when what waits
// for it reaches the bound.
func TestOneWhoDoesNotReadDelaysNobody(t *testing.T) {
	for _, acks := range []bool{false, true} {
		t.Run(fmt.Sprintf("acknowledgements %v", acks), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := servertest.New(t, servertest.Options{Config: server.Config{QueueBytes: 64 << 10, NoLimits: true}})
				romeo, juliet, mercutio := srv.Login(t, "romeo@localhost/a"), srv.Login(t, "juliet@localhost/b"), srv.Login(t, "mercutio@localhost/c")
				if acks {
					mercutio.Send("<enable xmlns='urn:xmpp:sm:3'/>")
					mercutio.Next()
				}
				open(t, romeo, garden, "Romeo")
				enter(t, juliet, garden, "Juliet")
				enter(t, mercutio, garden, "Mercutio") // … and reads no more
				gone := make(map[*servertest.Client]bool)
				until := func(c *servertest.Client, what string) {
					for {
						e := c.Next()
						if strings.HasPrefix(e, "<presence") && strings.Contains(e, "/Mercutio'") && strings.Contains(e, "type='unavailable'") {
							gone[c] = true
						}
						if strings.Contains(e, what) {
							return
						}
					}
				}
				for i := range 200 {
					romeo.Send(fmt.Sprintf("<message type='groupchat' to='%s'><body>number %d %s</body></message>", garden, i, strings.Repeat("x", 2000)))
					until(romeo, fmt.Sprintf("<body>number %d ", i))
					until(juliet, fmt.Sprintf("<body>number %d ", i))
				}
				if !gone[romeo] || !gone[juliet] {
					t.Error("who does not read is in the room still, with 400 KB waiting and a bound of 64")
				}
			})
		})
	}
}

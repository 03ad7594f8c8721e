package server_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"natter/server/servertest"
)

// TestComingAndGoingReadsOnce: who becomes available and unavailable over and over
// has at most one reader of offline messages at a time; the others would keep
// everybody else from the store.
func TestComingAndGoingReadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const times = 500
		open := make(chan struct{})
		close(open)
		stalled := make(chan (<-chan struct{}), 1)
		stalled <- open
		o := twoDomainOptions()
		o.Store.Gate = func() error {
			gate := <-stalled
			stalled <- gate
			<-gate
			return nil
		}
		srv := servertest.New(t, o)
		srv.Account(t, "juliet@example.org")
		romeo := online(t, srv, "romeo@localhost/garden", 0)
		var said []string
		for i := range 3 {
			said = append(said, fmt.Sprint(i))
			romeo.Send(message("juliet@example.org", said[i]))
		}
		settled(romeo)
		juliet := srv.Login(t, "juliet@example.org/balcony")
		settled(juliet)

		mended := make(chan struct{})
		<-stalled
		stalled <- mended
		before := runtime.NumGoroutine()
		for range times {
			juliet.Send(`<presence/><presence type='unavailable'/>`)
		}
		juliet.Send(`<presence/>`)
		got := settled(juliet)
		if more := runtime.NumGoroutine() - before; more > 10 {
			t.Errorf("%d goroutines wait for the store", more)
		}
		<-stalled
		stalled <- open
		close(mended)
		synctest.Wait()
		if b := bodies(t, append(got, settled(juliet)...)); !slices.Equal(b, said) {
			t.Errorf("she got %q", b)
		}
	})
}

package web_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"natter/server"
)

// How many are held: few by default, so that the test is quick; docs/benchmarks.md has
// what came of more.
var readers = flag.Int("readers", 100, "how many readers of one room's events are held at once")

// TestManyReadersOfOneRoom holds that many readers of a room's events; each gets every
// message, in order.
func TestManyReadersOfOneRoom(t *testing.T) {
	w := newAPIWorld(t, server.Config{NoLimits: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: -1}}
	before := inUse()
	const messages = 10
	var connected, done sync.WaitGroup
	failed := make(chan error, *readers)
	for range *readers {
		connected.Add(1)
		done.Go(func() {
			req, err := http.NewRequestWithContext(ctx, "GET", w.url+"/api/rooms/garden/events", nil)
			if err != nil {
				panic(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				connected.Done()
				failed <- err
				return
			}
			defer resp.Body.Close()
			in := bufio.NewScanner(resp.Body)
			in.Scan()
			connected.Done()
			for got := 0; got < messages; {
				if !in.Scan() {
					failed <- fmt.Errorf("the stream ended after %d messages: %v", got, in.Err())
					return
				}
				if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
					if !strings.Contains(data, fmt.Sprintf(`"body":"m%d"`, got)) {
						failed <- fmt.Errorf("message %d is %s", got, data)
						return
					}
					got++
				}
			}
		})
	}
	connected.Wait()
	t.Logf("%d readers hold %d bytes each, both sides of the connection together", *readers, (inUse()-before)/uint64(*readers))
	began := time.Now()
	for i := range messages {
		w.say(fmt.Sprintf("m%d", i))
	}
	done.Wait()
	t.Logf("%d messages to each took %v", messages, time.Since(began).Round(time.Millisecond))
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// inUse is how much memory is in use, stacks included.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

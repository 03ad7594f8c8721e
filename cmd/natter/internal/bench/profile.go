package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// A profiler fetches profiles from the natter that a run has started, by its
// --pprof flag, and keeps them as files for `go tool pprof`.
type profiler struct {
	addr string // where the server serves its profiles
	base string // file name without its ending
	cpu  chan error
}

// startCPU begins a CPU profile of d, rounded to whole seconds. It does nothing
// on a nil profiler, and is called once at most.
func (p *profiler) startCPU(ctx context.Context, d time.Duration) {
	if p == nil {
		return
	}
	p.cpu = make(chan error, 1)
	seconds := max(int(d.Round(time.Second).Seconds()), 1)
	go func() { p.cpu <- p.fetch(ctx, fmt.Sprintf("profile?seconds=%d", seconds), ".cpu") }()
}

// heap takes a heap profile, after a garbage collection in the server.
func (p *profiler) heap(ctx context.Context) error {
	if p == nil {
		return nil
	}
	return p.fetch(ctx, "heap?gc=1", ".heap")
}

// wait returns when the CPU profile, if one was begun, is in its file.
func (p *profiler) wait() error {
	if p == nil || p.cpu == nil {
		return nil
	}
	return <-p.cpu
}

// fetch stores one profile.
func (p *profiler) fetch(ctx context.Context, what, ending string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, maxDuration)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/debug/pprof/"+what, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("fetching a profile: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
		return fmt.Errorf("fetching a profile: %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	f, err := os.Create(p.base + ending)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	_, err = io.Copy(f, resp.Body)
	return err
}

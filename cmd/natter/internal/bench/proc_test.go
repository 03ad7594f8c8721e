package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	line := "4711 (a (strange) name) S 1 4711 4711 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 1 0 100 1000 200\n"
	got, err := parseStat([]byte(line))
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("%v, %v; want 1.75s", got, err)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1 2", "1 (x) S 1 1 1 1 1 1 1 1 1 1 a b 0"} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

func TestParseStatus(t *testing.T) {
	got, err := parseStatus([]byte("Name:\tx\nVmHWM:\t 99999 kB\nVmRSS:\t   12345 kB\nThreads:\t1\n"))
	if err != nil || got != 12345 {
		t.Errorf("%d, %v; want 12345", got, err)
	}
	if got, err := parseStatus([]byte("Name:\tx\n")); err == nil {
		t.Errorf("no VmRSS gives %d", got)
	}
}

func TestMetersReadThisProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc to read on " + runtime.GOOS)
	}
	from := readMeter(os.Getpid())
	for from.ok && readMeter(os.Getpid()).tool-from.tool < 3*tick {
		// works, so that the clock moves
	}
	var r Result
	readMeter(os.Getpid()).since(from, 1000, &r)
	if r.ServerCPU < 30 || r.Rate <= 0 || r.ServerCores <= 0 {
		t.Errorf("%+v", r)
	}
	if kb, err := residentKB(os.Getpid()); err != nil || kb < 1000 {
		t.Errorf("%d KB resident, %v", kb, err)
	}
}

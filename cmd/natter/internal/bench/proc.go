package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of the CPU times in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// processCPU returns the CPU time, user and system, that the process has used
// since it began, in steps of 10 ms (proc(5), /proc/pid/stat fields 14 and 15).
func processCPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return parseStat(b)
}

// parseStat reads utime and stime out of a /proc/pid/stat line. The second
// field, the command, is in parentheses and may hold anything.
func parseStat(b []byte) (time.Duration, error) {
	i := bytes.LastIndexByte(b, ')')
	fields := bytes.Fields(b[i+1:])
	const utime, stime = 14 - 3, 15 - 3 // counted from field 3, the first after the command
	if i < 0 || len(fields) <= stime {
		return 0, fmt.Errorf("%q is no /proc/pid/stat line", b)
	}
	var sum time.Duration
	for _, f := range [][]byte{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading a /proc/pid/stat line: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// machineCPU returns the time all processors have spent in processes since the
// machine began, interrupts, stolen time and idling left out.
func machineCPU() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 4 || string(fields[0]) != "cpu" {
		return 0, fmt.Errorf("%q is no /proc/stat line", line)
	}
	var sum time.Duration
	for _, f := range fields[1:4] { // user, nice, system
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading /proc/stat: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// residentKB returns the resident set of a process, in KiB (VmRSS).
func residentKB(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return parseStatus(b)
}

// parseStatus reads VmRSS out of /proc/pid/status.
func parseStatus(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			fields := bytes.Fields(rest)
			if len(fields) == 2 && string(fields[1]) == "kB" {
				return strconv.ParseInt(string(fields[0]), 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no VmRSS in /proc/pid/status")
}

// A meter reads wall and CPU clocks at one moment: two of them bound a measurement.
type meter struct {
	wall                  time.Time
	server, tool, machine time.Duration
	ok                    bool // the CPU figures were there to read
}

// readMeter reads the clocks. pid is the server's process, 0 when unknown.
func readMeter(pid int) meter {
	m := meter{wall: time.Now()}
	if pid == 0 {
		return m
	}
	var err1, err2, err3 error
	m.server, err1 = processCPU(pid)
	m.tool, err2 = processCPU(os.Getpid())
	m.machine, err3 = machineCPU()
	m.ok = err1 == nil && err2 == nil && err3 == nil
	return m
}

// since fills r's time, rate and CPU figures for ops operations between from and m.
func (m meter) since(from meter, ops int64, r *Result) {
	seconds := m.wall.Sub(from.wall).Seconds()
	r.Ops += ops
	r.Seconds += seconds
	if seconds > 0 {
		r.Rate = float64(ops) / seconds
	}
	if !m.ok || !from.ok || seconds <= 0 {
		return
	}
	server, tool := (m.server - from.server).Seconds(), (m.tool - from.tool).Seconds()
	r.ServerCores = server / seconds
	r.ToolCores = tool / seconds
	r.OtherCores = max((m.machine-from.machine).Seconds()-server-tool, 0) / seconds
	if ops > 0 {
		r.ServerCPU = server * 1e6 / float64(ops)
	}
}

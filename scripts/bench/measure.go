//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what the bench reads from /proc/PID/stat.
type stat struct {
	parent       int
	user, system time.Duration // in ticks of 10 ms: good enough for the split only
}

// tick is USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// parseStat reads the text of /proc/PID/stat. The command's name, the second
// field, may contain anything, so the fields are counted from its last bracket.
func parseStat(text []byte) (stat, error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return stat{}, fmt.Errorf("stat %q: no command", text)
	}
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 13 {
		return stat{}, fmt.Errorf("stat %q: %d fields after the command, want 13 or more", text, len(fields))
	}
	var n [3]int
	for i, at := range []int{1, 11, 12} { // fields 4, 14 and 15 of proc(5)
		v, err := strconv.Atoi(string(fields[at]))
		if err != nil {
			return stat{}, fmt.Errorf("stat %q: %w", text, err)
		}
		n[i] = v
	}
	return stat{parent: n[0], user: time.Duration(n[1]) * tick, system: time.Duration(n[2]) * tick}, nil
}

// family is root and all processes below it.
func family(root int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		s, err := parseStat(text)
		if err != nil {
			return nil, err
		}
		children[s.parent] = append(children[s.parent], pid)
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	slices.Sort(all)
	return all, nil
}

// usage is the CPU time that processes have used since they were started.
type usage struct {
	total        time.Duration // exact
	user, system time.Duration // in ticks
}

func (u usage) minus(v usage) usage {
	return usage{u.total - v.total, u.user - v.user, u.system - v.system}
}

// userShare is the part of the time that was spent outside the kernel.
func (u usage) userShare() float64 {
	if u.user+u.system == 0 {
		return 0
	}
	return float64(u.user) / float64(u.user+u.system)
}

// cpu adds up what pids have used. The total is read from each process's CPU
// clock, which counts nanoseconds and includes threads that have ended;
// /proc/PID/stat counts ticks, and /proc/PID/task/*/schedstat forgets threads
// that have ended (/proc/PID/schedstat is the first thread's alone).
func cpu(pids []int) (usage, error) {
	var u usage
	for _, pid := range pids {
		var t unix.Timespec
		if err := unix.ClockGettime(cpuClock(pid), &t); err != nil {
			return u, fmt.Errorf("cpu clock of process %d: %w", pid, err)
		}
		u.total += time.Duration(t.Nano())
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return u, err
		}
		s, err := parseStat(text)
		if err != nil {
			return u, err
		}
		u.user += s.user
		u.system += s.system
	}
	return u, nil
}

// cpuClock is what clock_getcpuclockid(3) answers: the complement of pid above
// the number of the scheduler's clock.
func cpuClock(pid int) int32 {
	const sched = 2
	return int32(^pid<<3 | sched)
}

// resident adds up the resident bytes of pids. smaps_rollup counts page by
// page; the VmRSS of /proc/PID/status is an estimate.
func resident(pids []int) (int64, error) {
	total := int64(0)
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		n, err := parseRollup(text)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// parseRollup finds the resident bytes in the text of /proc/PID/smaps_rollup.
func parseRollup(text []byte) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("Rss:"))
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("smaps_rollup %q: %w", line, err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("smaps_rollup has no Rss")
}

//go:build linux

package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"usher/proxy/waittest"
)

func TestParseStat(t *testing.T) {
	tests := []struct {
		name, text string
		want       stat
		bad        bool
	}{
		{name: "ordinary", text: "7 (nginx) S 3 7 7 0 -1 4194560 1 2 3 4 65 339 8 9 20 0 1 0",
			want: stat{parent: 3, user: 650 * time.Millisecond, system: 3390 * time.Millisecond}},
		{name: "a command with brackets and spaces", text: "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 1 2 8 9 20 0 1 0",
			want: stat{parent: 3, user: tick, system: 2 * tick}},
		{name: "no command", text: "7 S 3", bad: true},
		{name: "too short", text: "7 (nginx) S 3 7 7 0 -1 4194560 1 2 3 4 65", bad: true},
		{name: "not a number", text: "7 (nginx) S x 7 7 0 -1 4194560 1 2 3 4 65 339 8 9", bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStat([]byte(tt.text))
			if (err != nil) != tt.bad || got != tt.want {
				t.Errorf("got %+v, %v, want %+v, an error: %v", got, err, tt.want, tt.bad)
			}
		})
	}
}

func TestParseRollup(t *testing.T) {
	text := "00400000-7fff ---p 00000000 00:00 0    [rollup]\nRss:                1234 kB\nPss:                 567 kB\n"
	if got, err := parseRollup([]byte(text)); err != nil || got != 1234<<10 {
		t.Errorf("got %d, %v, want %d", got, err, 1234<<10)
	}
	for _, text := range []string{"", "Pss: 1 kB\n", "Rss: x kB\n"} {
		if got, err := parseRollup([]byte(text)); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

// The CPU clock must agree with the ticks of /proc/PID/stat, for a process
// with a child of its own as well.
func TestCPUOfFamily(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 60; :) & wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	waittest.Until(t, "sh, its subshell, sleep", func() bool {
		var err error
		if pids, err = family(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		return len(pids) >= 3
	})
	used, err := cpu(pids)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(pids, cmd.Process.Pid) || slices.Contains(pids, os.Getpid()) || len(pids) < 3 {
		t.Fatalf("family of %d: got %v, want it and its children", cmd.Process.Pid, pids)
	}
	ticks := used.user + used.system
	if used.total < 10*time.Millisecond || (used.total-ticks).Abs() > time.Duration(2*len(pids)+1)*tick {
		t.Errorf("got %v by the clocks and %v by ticks, want about the same and not nothing", used.total, ticks)
	}
	for _, pid := range pids {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
	_ = cmd.Wait()
}

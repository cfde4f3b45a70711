//go:build linux && !portable

package proxy_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"usher/proxy/handover"
)

// A server that is told to stop while it gives the next process what it knows,
// which may take some time, first ends that.
func TestStopWhileAnotherTakesOver(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	heir := exec.CommandContext(t.Context(), "/bin/sleep", "1000")
	if err := heir.Start(); err != nil {
		t.Fatal(err)
	}
	defer heir.Wait()
	defer heir.Process.Kill()
	process, err := os.FindProcess(heir.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := b.dial(t, "/ws", nil) // it serves
	c.Close()
	b.wantSessions(t, 0)
	yield := b.Resign(t, &handover.Heir{Process: process, Deaf: errors.New("it is none")})
	b.stop()
	wantSoon(t, "lines of the end", 1, func() int { return len(b.log.lines(t, "stopping")) })
	select {
	case <-b.done:
		t.Fatal("got the end, want it behind what is given")
	case <-time.After(300 * time.Millisecond):
	}
	yield()
	b.wantStop(t, patience)
}

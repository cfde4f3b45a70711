//go:build linux && !portable

package relay

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
)

// otherClock is how far the times of two loops are apart, as those of two
// processes are.
const otherClock = time.Hour + 7*time.Minute

// handOnFan has the fan go on in another loop, if it can move, through what
// another process reads. A GET that waits is made again there.
func (h *fanHarness) handOnFan() {
	h.t.Helper()
	h.loop.now = h.now
	parcels := h.loop.pack(1<<20, true)
	if len(parcels) == 0 {
		return
	}
	parcel := parcels[0]
	var st FanState
	var s session.State
	reread(h.t, parcel.Fan, &st)
	reread(h.t, parcel.Session.State(), &s)
	old, next := h.loop, h.nextLoop()
	f, a, err := st.Unpack(h.options, h.entry(), h.regain, duplicates(h.t, parcel.Descriptors))
	if err != nil {
		h.t.Fatalf("%+v: %v", st, err)
	}
	h.moving = true
	old.unpacked(parcels, true)
	h.moving = false
	if len(old.fans) != 0 || len(old.timers) != 0 || old.occupied() || old.load.Load() != 0 {
		h.t.Fatalf("got %d fans and %d timers left", len(old.fans), len(old.timers))
	}
	old.finishUp()
	h.loop, h.fan, h.moves = next, f, h.moves+1
	h.now += otherClock
	next.now, next.began = h.now, old.began-int64(otherClock)
	next.load.Add(1)
	a.settle(h.registry.Restore(s), next, func() { h.release(&h.released) })
	for _, p := range h.again {
		f.Poll(p)
	}
	h.again = nil
	h.settled()
}

// settled turns the loop without another move.
func (h *fanHarness) settled() {
	h.t.Helper()
	between := h.between
	h.between = nil
	h.step()
	h.between = between
}

// nextLoop is the loop of another process.
func (h *fanHarness) nextLoop() *loop {
	h.t.Helper()
	lp, err := newLoop()
	if err != nil {
		h.t.Fatal(err)
	}
	lp.tapping.hub, lp.stopping, lp.last = h.loop.tapping.hub, h.loop.stopping, h.loop.last
	return lp
}

// regain tells who owns a leg that has come from another process.
func (h *fanHarness) regain(to session.Leg) Dialled {
	for i, service := range h.options.Demux.Services {
		if service.Name == to.Upstream {
			return Dialled{Tag: "endpoint-" + string(rune('0'+i)), To: to, Release: func() { h.release(&h.freed) }}
		}
	}
	h.t.Errorf("got a leg to %+v", to)
	return Dialled{To: to}
}

// Every script of a fan is played once more with a fan that moves to another
// process, that is another loop with another clock, behind each of its steps.
func TestFanScriptsMoved(t *testing.T) {
	skip := strings.Join([]string{
		"TestFanPolls", "TestFanPollsInTheMidst", "TestFanPollsBehindAnOldLoss", // a move ends the time in which packets gather
		"TestFanSlowClient",                     // it has MiBs to carry at each step
		"TestHeldUpLoopAnswersPolls",            // it is the loop that is late, and not the next
		"TestFan(Parcel|Unpack|ScriptsMoved).*", // they move by themselves
	}, "|")
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^Test.*(Fan|Poll|Deflate)|^FuzzFan$", "-test.skip=^("+skip+")$", "-test.v")
	c.Env = append(os.Environ(), movesEnv+"=yes")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, failures(out))
	}
	moves := 0
	for _, m := range regexp.MustCompile(`moved (\d+) times`).FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		moves += n
	}
	if moves < 500 {
		t.Errorf("got %d moves in all, want more", moves)
	}
}

func failures(out []byte) string {
	var b strings.Builder
	for line := range strings.SplitSeq(string(out), "\n") {
		if !strings.HasPrefix(line, "=== ") && !strings.Contains(line, "--- PASS") {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// wantFanMoved moves the fan, or has it put aside and taken back.
func (h *fanHarness) wantFanMoved(taken bool) {
	h.t.Helper()
	if !taken {
		h.loop.now = h.now
		parcels := h.loop.pack(1<<20, true)
		if len(parcels) != 1 {
			h.t.Fatalf("got %d parcels, want 1", len(parcels))
		}
		h.turn() // whatever else happens
		h.loop.unpacked(parcels, false)
		return
	}
	before := h.moves
	if h.handOnFan(); h.moves == before {
		h.t.Fatal("got the fan where it was, want it moved")
	}
}

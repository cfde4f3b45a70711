package messages

import (
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/ws"
)

// A timer that is late must not be put off: what it was set for is due, such as
// the end in a drain.
func TestLookThatIsDueIsNotPutOff(t *testing.T) {
	p := &pair{timer: time.AfterFunc(time.Hour, func() {})}
	defer p.timer.Stop()
	due := time.Now().Add(-time.Millisecond)
	p.wake(due)
	p.wake(time.Now().Add(time.Hour))
	if !p.due.Equal(due) {
		t.Errorf("next look: got %v from now, want the one that is overdue", time.Until(p.due).Round(time.Minute))
	}
	sooner := due.Add(-time.Second)
	p.wake(sooner)
	if !p.due.Equal(sooner) {
		t.Errorf("next look: got %v, want the sooner %v", p.due, sooner)
	}
}

// The process was stopped for longer than anybody may be silent. What its peers
// sent meanwhile is there and not read yet.
func TestHeldUpPairHearsBeforeItJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{IdleTimeout: time.Minute}})
		synctest.Wait()
		var p *pair
		for p = range r.relay.live {
		}
		lookLate := func() {
			now := time.Now()
			p.passed.set(now.Add(-2 * time.Minute))
			p.mu.Lock()
			p.due = now.Add(-time.Minute)
			p.mu.Unlock()
			p.tick()
		}
		lookLate()
		if p.closing() {
			t.Fatal("got the end, want it only when what is there was read")
		}
		r.client.send(0x81, "still here")
		r.upstream.wantMessage("sent meanwhile", ws.Text, "still here")
		time.Sleep(catchUpTime)
		synctest.Wait()
		if p.closing() {
			t.Fatal("got the end of a session that was not idle")
		}
		lookLate()
		lookLate()
		r.client.wantClose("late again, and still nothing", ws.CodeGoingAway, "nothing passed for 1m0s")
		r.upstream.wantClose("late again, and still nothing", ws.CodeGoingAway, "nothing passed for 1m0s")
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("usher.idle", ws.CodeGoingAway)
	})
}

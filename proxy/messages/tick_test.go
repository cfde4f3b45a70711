package messages

import (
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/session"
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
		for _, p = range r.relay.live {
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
		time.Sleep(session.CatchUpTime)
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

// What usher itself has to do does not wait, and those who are judged do, also
// if the clocks are looked at in between.
func TestHeldUpPairDrainsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{IdleTimeout: time.Minute}})
		synctest.Wait()
		var p *pair
		for _, p = range r.relay.live {
		}
		now := time.Now()
		p.passed.set(now.Add(-2 * time.Minute))
		p.mu.Lock()
		p.due = now.Add(-time.Minute)
		p.mu.Unlock()
		p.tick()
		time.Sleep(session.CatchUpTime / 2)
		p.tick()
		if p.closing() {
			t.Fatal("got the end, want it only when what is there was read")
		}
		d := goingAway
		d.Until = time.Now().Add(time.Minute)
		p.leaveAt(time.Now(), &d)
		time.Sleep(time.Millisecond)
		r.client.wantClose("in time", 1001, "usher is shutting down")
		r.upstream.wantClose("in time", 1001, "usher is shutting down")
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("usher.shutdown", 1001)
	})
}

// A drain is not late either that was due while usher was held up.
func TestHeldUpPairDrainsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		synctest.Wait()
		var p *pair
		for _, p = range r.relay.live {
		}
		due := time.Now().Add(-time.Minute)
		p.mu.Lock()
		p.due, p.leave = due, &leave{drain: &goingAway, at: due, until: time.Now().Add(time.Minute)}
		p.mu.Unlock()
		p.tick()
		if !p.closing() {
			t.Error("got the session open, want it drained")
		}
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("usher.shutdown", 1001)
	})
}

// A session that is said to expire sooner does, and as is said then.
func TestSessionIsRetimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		synctest.Wait()
		if !r.session.Retime(time.Now().Add(time.Minute).Unix(), 3001) {
			t.Error("got no sooner")
		}
		r.relay.Wake(r.session)
		time.Sleep(58 * time.Second)
		if r.session.Ended() {
			t.Fatal("got the end before its time")
		}
		time.Sleep(3 * time.Second)
		r.client.wantClose("expired", 3001, "token expired")
		r.upstream.wantClose("expired", 3001, "token expired")
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("usher.expired", 3001)
	})
}

package messages

import (
	"testing"
	"time"
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

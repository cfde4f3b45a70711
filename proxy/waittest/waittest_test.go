package waittest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		Until(t, "a second passes", func() bool { return time.Since(began) >= time.Second })
		Equal(t, "seconds", 3, func() int { return int(time.Since(began).Seconds()) })
		if took := time.Since(began); took > 3*time.Second+100*time.Millisecond {
			t.Errorf("got %v, want the wait to end with what is waited for", took)
		}
		if within(time.Minute, func() bool { return false }) || time.Since(began) < time.Minute {
			t.Errorf("got an end after %v, want none within a minute", time.Since(began))
		}
	})
}

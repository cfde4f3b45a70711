package plain

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A watchdog barks when one thing takes too long, not when many follow each other.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var barked atomic.Int64
		w := Watchdog{Bark: func() { barked.Add(1) }}
		for range 100 {
			w.Watch(time.Second)
			time.Sleep(900 * time.Millisecond)
			if w.Rest() {
				t.Fatal("late, and it was not")
			}
		}
		time.Sleep(time.Hour)
		w.Watch(time.Second)
		time.Sleep(time.Second - 1)
		synctest.Wait()
		if barked.Load() != 0 {
			t.Fatalf("barked %d times too early", barked.Load())
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if barked.Load() != 1 || !w.Rest() {
			t.Errorf("barked %d times, want once", barked.Load())
		}
		w.Watch(time.Second)
		w.End()
		time.Sleep(time.Hour)
		if barked.Load() != 1 {
			t.Error("barked behind its end")
		}
	})
}

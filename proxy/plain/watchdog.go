package plain

import (
	"sync"
	"time"
)

// Watchdog calls Bark when something takes too long. Nearly all is over soon: a
// timer that runs already is not set anew for the next.
type Watchdog struct {
	Bark func() // static; must not use the Watchdog

	mu    sync.Mutex
	due   time.Time   // zero while there is nothing to watch; guarded by mu, as all that follows
	timer *time.Timer // nil before the first use
	runs  bool        // timer does
	late  bool        // Bark was
}

// Watch begins to watch something that may take d.
func (w *Watchdog) Watch(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Now().Add(d)
	switch {
	case w.runs:
	case w.timer == nil:
		w.timer = time.AfterFunc(d, w.wake)
		w.runs = true
	default:
		w.timer.Reset(d)
		w.runs = true
	}
}

// Rest says that it is done, and whether it ever took too long.
func (w *Watchdog) Rest() (late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	return w.late
}

// End is Rest for the last time: Bark is not called behind it.
func (w *Watchdog) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *Watchdog) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = false
	if w.due.IsZero() {
		return
	}
	if left := time.Until(w.due); left > 0 {
		w.timer.Reset(left)
		w.runs = true
		return
	}
	w.late = true
	w.Bark()
}

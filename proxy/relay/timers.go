package relay

import (
	"container/heap"
	"time"
)

// timers is a heap of what is to be looked at, by when. Each stands in it once: a
// deadline that has moved back is noticed when the old one is reached, so that
// traffic costs nothing here.
type timers []timed

// timed is what a loop looks at when a time of its has come.
type timed interface {
	clock() *timer
	tick(lp *loop)
}

// timer is embedded in what is timed.
type timer struct {
	due   time.Duration // when the loop looks at it again
	index int           // in the loop's heap, -1 if not there
}

func (t *timer) clock() *timer { return t }

// schedule sees to it that p is looked at no later than at due.
func (t *timers) schedule(p timed, due time.Duration) {
	switch at := p.clock(); {
	case at.index < 0:
		at.due = due
		heap.Push(t, p)
	case due < at.due:
		at.due = due
		heap.Fix(t, at.index)
	}
}

// set has p looked at at due, be it earlier or later than was said before.
func (t *timers) set(p timed, due time.Duration) {
	if at := p.clock(); at.index >= 0 {
		at.due = due
		heap.Fix(t, at.index)
		return
	}
	t.schedule(p, due)
}

// drop takes p out.
func (t *timers) drop(p timed) {
	if i := p.clock().index; i >= 0 {
		heap.Remove(t, i)
	}
}

// expired takes out and returns one that is due, or nil.
func (t *timers) expired(now time.Duration) timed {
	if len(*t) == 0 || (*t)[0].clock().due > now {
		return nil
	}
	return heap.Pop(t).(timed)
}

// next returns when the first is due; ok is false if there is none.
func (t timers) next() (due time.Duration, ok bool) {
	if len(t) == 0 {
		return 0, false
	}
	return t[0].clock().due, true
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].clock().due < t[j].clock().due }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].clock().index, t[j].clock().index = i, j
}

func (t *timers) Push(x any) {
	p := x.(timed)
	p.clock().index = len(*t)
	*t = append(*t, p)
}

func (t *timers) Pop() any {
	old := *t
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	p.clock().index = -1
	return p
}

package relay

import (
	"container/heap"
	"time"
)

// timers is a heap of pairs by when they are due. A pair stands in it once: a
// deadline that has moved back is noticed when the old one is reached, so that
// traffic costs nothing here.
type timers []*pair

// schedule sees to it that p is looked at no later than at due.
func (t *timers) schedule(p *pair, due time.Duration) {
	switch {
	case p.index < 0:
		p.due = due
		heap.Push(t, p)
	case due < p.due:
		p.due = due
		heap.Fix(t, p.index)
	}
}

// drop takes p out.
func (t *timers) drop(p *pair) {
	if p.index >= 0 {
		heap.Remove(t, p.index)
	}
}

// expired takes out and returns a pair that is due, or nil.
func (t *timers) expired(now time.Duration) *pair {
	if len(*t) == 0 || (*t)[0].due > now {
		return nil
	}
	return heap.Pop(t).(*pair)
}

// next returns when the first pair is due; ok is false if there is none.
func (t timers) next() (due time.Duration, ok bool) {
	if len(t) == 0 {
		return 0, false
	}
	return t[0].due, true
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].due < t[j].due }

func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

func (t *timers) Push(x any) {
	p := x.(*pair)
	p.index = len(*t)
	*t = append(*t, p)
}

func (t *timers) Pop() any {
	old := *t
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	p.index = -1
	return p
}

package relay

import (
	"context"
	"time"
)

// LoopStats is a loop at one moment, as it says itself.
type LoopStats struct {
	Lag    time.Duration // it took this long to come to the question: what a byte that comes waits for, at most
	Paused int           // legs whose peer is not read, as they take nothing
	Fans   FanStats
}

// Inspect asks the loops. One that has ended, or does not answer before ctx
// ends, has waited as long as that took. A loop that is asked looks at all of
// its sessions: it should not be asked more often than every second or so.
func (g *Group) Inspect(ctx context.Context) []LoopStats {
	began := time.Now()
	answers := make([]chan LoopStats, len(g.loops))
	for i, lp := range g.loops {
		answers[i] = make(chan LoopStats, 1)
		if !lp.post(func(lp *loop) { answers[i] <- lp.inspect(began) }) {
			answers[i] <- LoopStats{}
		}
	}
	list := make([]LoopStats, len(g.loops))
	for i, answer := range answers {
		select {
		case list[i] = <-answer:
		case <-ctx.Done():
			list[i].Lag = time.Since(began)
		}
	}
	return list
}

func (lp *loop) inspect(began time.Time) LoopStats {
	st := LoopStats{Lag: time.Since(began), Paused: lp.paused()}
	fans, paused := lp.census()
	st.Fans, st.Paused = fans, st.Paused+paused
	return st
}

// paused counts the legs of pairs that take nothing.
func (lp *loop) paused() int {
	n := 0
	for _, p := range lp.pairs {
		for i := range p.legs {
			if p.legs[i].backlogged() {
				n++
			}
		}
	}
	return n
}

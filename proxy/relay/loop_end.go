package relay

import "usher/proxy/session"

// clients returns how many the loop has, with sessions and without. Anybody may
// ask.
func (lp *loop) clients() int64 { return lp.load.Load() + lp.seats.Load() }

// occupied tells whether the loop has sessions, those included whose clients
// are still to hear that they are over, or that are packed.
func (lp *loop) occupied() bool { return len(lp.pairs)+len(lp.fans)+lp.away > 0 }

// whenEmpty closes c when the loop has no sessions.
func (lp *loop) whenEmpty(c chan struct{}) {
	lp.empty = append(lp.empty, c)
	lp.vacate()
}

// vacate is called when a session has left the loop.
func (lp *loop) vacate() {
	if len(lp.empty) == 0 || lp.occupied() {
		return
	}
	for _, c := range lp.empty {
		close(c)
	}
	lp.empty = nil
}

// close has the loop end. What it has is cut.
func (lp *loop) close() {
	lp.closing = true
	d := session.Drain{Cause: session.Cause{Side: session.Usher, Event: session.Shutdown}, Code: 1001}
	if lp.last != nil {
		d = *lp.last
	}
	d.Over, d.Until = 0, lp.epoch.Add(lp.now)
	lp.shutdown(&d, share{0, 1})
}

// finishUp ends what a loop without sessions still has.
func (lp *loop) finishUp() {
	lp.ended = true
	lp.evict()
	for _, p := range lp.mail.close() {
		p(lp)
	}
	lp.pipes.close()
	lp.poller.close()
}

package messages

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/ws"
)

// show shows p to taps, which l has sent and whose first left bytes belong to a
// frame that began before. It belongs to the goroutine that reads.
func (l *leg) show(p []byte, left int64) {
	taps := l.pair.taps.Taps()
	if !taps.Take(l.pair.session) {
		return
	}
	l.intake.stream.See(taps, l.like(l.side, l.peer.side), p, left)
}

// showControl shows a control frame, whole and not masked.
func (l *leg) showControl(from, to session.Side, op ws.Opcode, payload []byte) {
	if taps := l.pair.taps.Taps(); taps.Take(l.pair.session) {
		taps.Own(l.like(from, to), op, payload)
	}
}

func (l *leg) like(from, to session.Side) tap.Frame {
	return tap.Frame{Session: l.pair.session, From: from, To: to, Time: time.Now().UnixNano()}
}

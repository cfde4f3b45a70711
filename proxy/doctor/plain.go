package doctor

import (
	"context"
	"time"
)

// plain examines a path where Engine.IO does not answer to polling. Each of
// its clients just opens a WebSocket, so that is done here too.
func (e *examination) plain(ctx context.Context, path string) Finding {
	f := Finding{Path: path}
	a := e.upgrade(ctx, upgrade{path: path, patient: true})
	switch {
	case a.status == 101:
		f.Speaks = "WebSocket"
		e.judgeOpen(ctx, &f, a)
	case a.silentEnd():
		f.judgeEnd(e, a)
	case a.fromWS():
		f.Diagnosis = OtherPath
		f.seen("an upgrade is answered %s: so does a ws server to a path that is not its own", a.line())
	case a.status == 401 || a.status == 403:
		f.Diagnosis = Refused
		f.seen("an upgrade is answered %s", a.line())
	case a.status > 0:
		f.Diagnosis = NoHandler
		f.seen("an upgrade is answered %s", a.line())
	default:
		f.Diagnosis = NoHandler
		f.seen("an upgrade is answered %s within %v", a.line(), e.timeout)
	}
	return f
}

// judgeOpen judges a WebSocket that was opened.
func (e *examination) judgeOpen(ctx context.Context, f *Finding, a answer) {
	const what = "a client"
	switch {
	case a.second != "":
		f.Diagnosis = Intruder
		f.seen("%s is answered twice on one socket: 101, then %q", what, a.second)
	case a.ended > 0:
		f.Diagnosis = Odd
		f.seen("%s is answered 101, and the socket ends %s later", what, millis(a.ended-a.first))
		if how := e.died(ctx, nil); how != "" {
			f.Diagnosis = Killed
			f.seen("after that, %s", how)
		}
	default:
		f.seen("%s is connected after %s", what, millis(a.first))
		if a.first > 700*time.Millisecond && e.stranger.ended > 0 {
			f.seen("that is close to the %s after which Socket.IO ends the upgrades of others", seconds(e.stranger.ended))
		}
	}
}

// judgeEnd judges an upgrade that was ended without a word.
func (f *Finding) judgeEnd(e *examination, a answer) {
	f.Diagnosis = NoHandler
	f.seen("an upgrade is ended without a word after %s", seconds(a.ended))
	if !e.stranger.reaped(a.ended) {
		return
	}
	f.seen("so does Socket.IO, on the same server, to an upgrade that is not its own")
	if a.killed > 0 {
		f.Diagnosis = SlowHandler
		f.seen("after %s somebody closed the socket that Socket.IO had only ended: the handler it belongs to", seconds(a.killed))
		return
	}
	f.seen("within %v nobody else touched the socket", e.timeout)
}

func millis(d time.Duration) string { return d.Round(time.Millisecond).String() }

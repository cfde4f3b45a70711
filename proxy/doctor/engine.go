package doctor

import (
	"context"
	"time"
)

const rounds = 3 // how often a session is tried on each transport before it counts

// engine examines a path where Engine.IO answers to polling.
func (e *examination) engine(ctx context.Context, s *engineSession) Finding {
	f := Finding{Path: s.path, Speaks: s.speaks()}
	switch {
	case !s.offersWebSocket():
		f.Diagnosis = PollingOnly
		f.seen("its open packet offers no upgrade")
	case e.unsafe(ctx, s, &f):
		if e.crash {
			e.websocketFirst(ctx, s.path, s.revision, &f)
		}
		if f.Diagnosis == Works {
			e.moveToWebSocket(ctx, s, &f)
		}
	default:
		e.moveToWebSocket(ctx, s, &f)
		if f.Diagnosis == Works || e.crash && f.Diagnosis != NotSticky {
			// Where it works, no other handler spoke up, so that a WebSocket
			// without a session is safe.
			e.websocketFirst(ctx, s.path, s.revision, &f)
		}
	}
	if f.Diagnosis != Works {
		e.post(ctx, s, packetClose) // rather than let it wait for its ping
	}
	if f.Diagnosis.Healthy() {
		e.parser(ctx, s.path, &f)
	}
	return f
}

// unsafe reports whether a WebSocket on the session's path could be claimed
// twice by what was learnt so far, and then fills in f.
func (e *examination) unsafe(ctx context.Context, s *engineSession, f *Finding) bool {
	// Nobody can accept this: who answers is the handler that was attached first.
	a := e.upgrade(ctx, upgrade{path: s.path, query: engineQuery(s.revision, "websocket") + "&sid=usher-doctor", version: versionNone})
	if a.fromWS() {
		f.Diagnosis = Intruder
		f.seen("an upgrade of a session that does not exist is answered %s: so does a ws server, not Socket.IO", a.line())
	}
	if e.stranger.taker == anyPath || e.stranger.taker == eitherTaker {
		f.seen("an upgrade of %s, which nobody serves, is answered %s: a ws server that may take every path", e.stranger.path, e.stranger.line)
		if f.Diagnosis == Works {
			f.Diagnosis = Unproven
		}
		return true
	}
	return false
}

// moveToWebSocket does what every Socket.IO client does after polling, and
// makes sure each time that polling still works. A balancer that takes turns
// must not meet the two in step, so the number of requests between them grows.
func (e *examination) moveToWebSocket(ctx context.Context, s *engineSession, f *Finding) {
	polls := 0
	poll := func(times int) bool {
		for range times {
			polls++
			if a := e.post(ctx, s, packetNoop); a.status != 200 {
				f.pollingFails(polls, a)
				return false
			}
		}
		return true
	}
	var a answer
	for n := 1; n <= rounds; n++ {
		if !poll(n) {
			return
		}
		a = e.upgrade(ctx, upgrade{path: s.path, query: s.query("websocket"), say: "2probe", await: "3probe", finish: "5"})
		if !a.unknownSid() {
			f.judgeUpgrade(e, a)
			return
		}
	}
	if !poll(rounds) {
		return
	}
	f.Diagnosis = SharedPath
	f.seen("a session that polling opened is known to polling (%d times of %d) and unknown to the upgrade handler (%d times of %d, %s)", polls, polls, rounds, rounds, a.line())
}

// pollingFails judges a session that polling itself does not know on every connection.
func (f *Finding) pollingFails(n int, a answer) {
	f.Diagnosis = NotSticky
	if a.code() != codeSid {
		f.Diagnosis = Odd
	}
	f.seen("request %d of a session that polling has just opened is answered %s", n, a.line())
}

// judgeUpgrade judges the answer to an upgrade of a known session.
func (f *Finding) judgeUpgrade(e *examination, a answer) {
	const what = "the upgrade of a session that polling has just opened"
	switch {
	case a.said("3probe") && !a.over():
		f.Diagnosis = Works
		f.seen("a client that begins with polling moves on to WebSocket")
	case a.second != "":
		f.Diagnosis = Intruder
		f.seen("%s is answered twice on one socket: 101, then %q", what, a.second)
	case a.fromWS():
		f.Diagnosis = Intruder
		f.seen("%s is answered %s: so does a ws server, not Socket.IO", what, a.line())
	case a.code() != codeNone:
		f.Diagnosis = Stripped
		f.seen("%s is answered %s: so does Socket.IO to a request that is no upgrade", what, a.line())
	case a.silentEnd() && e.stranger.reaped(a.ended):
		f.Diagnosis = SlowHandler
		f.seen("%s is ended without a word after %s", what, seconds(a.ended))
	case a.status == 101:
		f.Diagnosis = Odd
		f.seen("%s is answered 101, but the probe behind it is not", what)
	default:
		f.Diagnosis = Odd
		f.seen("%s is answered %s", what, a.line())
	}
}

// websocketOnly examines a path where Engine.IO has polling switched off.
func (e *examination) websocketOnly(ctx context.Context, path string) Finding {
	f := Finding{Path: path, Speaks: "Socket.IO without polling", Diagnosis: Unproven}
	f.seen("polling is switched off: GET is answered \"Transport unknown\"")
	if e.crash {
		e.websocketFirst(ctx, path, 4, &f)
	}
	return f
}

// websocketFirst opens a WebSocket without a session, as clients do that skip
// polling, and judges what becomes of it, and of the process.
func (e *examination) websocketFirst(ctx context.Context, path string, revision int, f *Finding) {
	const what = "a client that begins with WebSocket"
	canary, _ := e.open(ctx, path)
	a := e.upgrade(ctx, upgrade{path: path, query: engineQuery(revision, "websocket"), await: "0{"})
	if how := e.died(ctx, canary); how != "" {
		f.Diagnosis = Killed
		f.seen("%s was answered %s, and then %s", what, a.line(), how)
		return
	}
	switch {
	case a.second != "":
		f.worse(Intruder)
		f.seen("%s is answered twice on one socket: 101, then %q", what, a.second)
	case a.silentEnd() && e.stranger.reaped(a.ended):
		f.worse(SlowHandler)
		f.seen("%s is ended without a word after %s", what, seconds(a.ended))
	case a.said("0{") && !a.over():
		if f.Diagnosis == Unproven {
			f.Diagnosis = Works
		}
		f.seen("%s is connected after %s", what, millis(a.first))
	default:
		f.worse(Odd)
		f.seen("%s is answered %s", what, a.line())
	}
}

// died returns how the process shows that it is not the one it was, or "".
func (e *examination) died(ctx context.Context, canary *engineSession) string {
	select {
	case <-time.After(settle): // a process needs a moment to die
	case <-ctx.Done():
	}
	c, err := e.dial(ctx)
	if err != nil {
		return "nothing listens any more: the process died"
	}
	c.Close()
	if canary == nil {
		return ""
	}
	a := e.post(ctx, canary, packetNoop)
	e.post(ctx, canary, packetClose)
	if a.code() == codeSid {
		return "a session of a moment before is gone: the process died and was started again"
	}
	return ""
}

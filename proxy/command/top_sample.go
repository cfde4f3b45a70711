package command

import (
	"context"
	"time"

	"usher/proxy/admin"
)

// topSample is what a running usher was doing at one moment.
type topSample struct {
	at       time.Time
	status   admin.Status
	sessions admin.SessionPage // only for the table of sessions
}

// topSessions asks for those that top looks at: the newest.
const topSessions = "/v1/sessions?limit=1000"

// sampleTop asks a running usher.
func sampleTop(ctx context.Context, c *operator, withSessions bool) (s topSample, err error) {
	if err = c.get(ctx, "/v1/status", &s.status); err == nil && withSessions {
		err = c.get(ctx, topSessions, &s.sessions)
	}
	s.at = time.Now()
	return s, err
}

// pace is what has passed in a second, on average between two samples.
type pace struct {
	opened, messages, bytes float64
	in, out                 admin.Traffic // the same of one second, whole
	handshake               float64       // seconds, of those that were made; 0 if none was
}

// newPace compares what was counted. What is fewer than before was counted by
// another process: then nothing is known.
func newPace(before, now admin.Counts, seconds float64) pace {
	if seconds <= 0 || now.Opened < before.Opened {
		return pace{}
	}
	p := trafficPace(before.FromClient, before.FromUpstream, now.FromClient, now.FromUpstream, seconds)
	p.opened = float64(now.Opened-before.Opened) / seconds
	if n := now.Handshake.Count - before.Handshake.Count; now.Handshake.Count > before.Handshake.Count {
		p.handshake = (now.Handshake.Sum - before.Handshake.Sum) / float64(n)
	}
	return p
}

func trafficPace(fromClient, fromUpstream, clientNow, upstreamNow admin.Traffic, seconds float64) pace {
	in := perSecond(fromClient, clientNow, seconds)
	out := perSecond(fromUpstream, upstreamNow, seconds)
	return pace{in: in, out: out, messages: float64(in.Messages + out.Messages), bytes: float64(in.Bytes + out.Bytes)}
}

func perSecond(before, now admin.Traffic, seconds float64) admin.Traffic {
	return admin.Traffic{Messages: rate(before.Messages, now.Messages, seconds), Bytes: rate(before.Bytes, now.Bytes, seconds)}
}

func rate(before, now uint64, seconds float64) uint64 {
	if now < before || seconds <= 0 {
		return 0
	}
	return uint64(float64(now-before)/seconds + 0.5)
}

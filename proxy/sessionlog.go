package proxy

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/handshake"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// sessionLogQueue is how many ended sessions may wait for the log. A log that
// does not move must not stop the loops: what does not fit is only counted.
const sessionLogQueue = 4096

// sessionLogDelay is how long a line may wait for others: waking the writer for
// each session costs more than its line does.
const sessionLogDelay = 20 * time.Millisecond

// sessionLog writes one line for each session that ended.
type sessionLog struct {
	log     *slog.Logger
	queue   chan ended
	closing chan struct{} // closed when no session is left
	dropped atomic.Uint64
	writer  sync.WaitGroup
}

type ended struct {
	session *session.Session
	end     session.End
}

func newSessionLog(log *slog.Logger) *sessionLog {
	l := &sessionLog{log: log, queue: make(chan ended, sessionLogQueue), closing: make(chan struct{})}
	l.writer.Go(l.write)
	return l
}

// ended is the registry's onEnd. It never blocks.
func (l *sessionLog) ended(s *session.Session, e session.End) {
	select {
	case l.queue <- ended{s, e}:
	default:
		l.dropped.Add(1)
	}
}

// close returns when everything is written. No session ends any more.
func (l *sessionLog) close() {
	close(l.closing)
	l.writer.Wait()
}

func (l *sessionLog) write() {
	for {
		select {
		case e := <-l.queue:
			l.line(e.session, e.end)
			continue
		default:
			l.reportDropped()
		}
		select {
		case e := <-l.queue:
			time.Sleep(sessionLogDelay)
			l.line(e.session, e.end)
		case <-l.closing:
			l.writeRest()
			return
		}
	}
}

func (l *sessionLog) writeRest() {
	for len(l.queue) > 0 {
		e := <-l.queue
		l.line(e.session, e.end)
	}
	l.reportDropped()
}

func (l *sessionLog) reportDropped() {
	if n := l.dropped.Swap(0); n > 0 {
		l.log.Warn("session lines dropped: the log is too slow", "sessions", n)
	}
}

func (l *sessionLog) line(s *session.Session, e session.End) {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("id", s.ID), slog.String("route", s.Route))
	if legs, split := s.Legs(); split {
		attrs = append(attrs, slog.Any("legs", byLeg(legs)))
	} else {
		attrs = append(attrs, slog.String("upstream", s.Upstream), slog.String("endpoint", s.Endpoint))
	}
	attrs = append(attrs,
		slog.String("client", s.Client),
		slog.Float64("duration_s", e.Time.Sub(s.Started).Seconds()),
		slog.Uint64("messages_in", s.FromClient.Messages.Load()),
		slog.Uint64("bytes_in", s.FromClient.Bytes.Load()),
		slog.Uint64("messages_out", s.FromUpstream.Messages.Load()),
		slog.Uint64("bytes_out", s.FromUpstream.Bytes.Load()),
		slog.Int("code", int(e.Code)),
		slog.String("cause", e.Cause.String()),
	)
	if e.Namespaces != nil {
		attrs = append(attrs, slog.Any("namespaces", slices.Sorted(slices.Values(e.Namespaces))))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
		if errors.Is(e.Err, ws.ErrAnswer) {
			attrs = append(attrs, slog.String("hint", handshake.HintEIO3))
		}
	}
	l.log.LogAttrs(context.Background(), slog.LevelInfo, "session ended", attrs...)
}

// byLeg names where the legs were that a session had at its end.
func byLeg(legs []session.Leg) []string {
	list := make([]string, len(legs))
	for i, l := range legs {
		list[i] = l.Upstream + "=" + l.Endpoint
	}
	return list
}

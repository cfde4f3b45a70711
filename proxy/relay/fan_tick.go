package relay

import (
	"errors"
	"fmt"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// tick looks at f because a time of its has come, acts on those that are over,
// and schedules the next.
func (f *fan) tick(lp *loop) {
	due := never
	if !f.closing() {
		due = min(f.tickLeave(), f.tickExpiry(), f.tickDemux(), f.tickPolls(), f.tickProbe())
	}
	for _, s := range f.strands {
		due = min(due, f.tickStrand(s))
	}
	if f.closing() {
		due = min(due, f.tickEnd())
	}
	if due != never {
		f.wake(due)
	}
	f.settle()
}

// tickDemux does what is due in the session and returns when the next is.
func (f *fan) tickDemux() time.Duration {
	now := f.loop.now
	if now >= f.demuxDue() {
		if f.congested() {
			f.demux.Unread(now)
		}
		f.demux.Tick(now)
	}
	if f.closing() {
		return never
	}
	return f.demuxDue()
}

// demuxDue returns when the session is looked at. Most of what it then does is
// to judge who is silent.
func (f *fan) demuxDue() time.Duration {
	due := f.demux.Due()
	if due <= 0 {
		return never
	}
	return f.loop.judgedAt(due)
}

// tickStrand ends a strand that takes, finishes or answers nothing, and
// returns when the next of its times comes.
func (f *fan) tickStrand(s *strand) time.Duration {
	now, due := f.loop.now, never
	if s.is(closed) {
		return never
	}
	if s.is(sentClose) {
		if now >= s.cutAt {
			s.close(f.loop)
			return never
		}
		return s.cutAt
	}
	if s.backlogged() {
		at := f.loop.judgedAt(s.moved + s.writeTimeout())
		if now >= at {
			f.abandon(s, fmt.Sprintf("took nothing for %v", s.writeTimeout()))
			return never
		}
		due = at
	}
	if t := s.options().MessageTimeout; t > 0 && s.began > 0 {
		at := f.loop.judgedAt(s.began + t)
		switch {
		case now < at:
		case s.muted == 0 && f.hears(s):
			err := fmt.Errorf("message was not complete after %v", t)
			f.reject(s, session.Stalled, farewell{ws.CodePolicy, err.Error()}, err)
			return s.cutAt
		default: // it gets more time, but not yet
			at = now + time.Second
		}
		due = min(due, at)
	}
	return due
}

// abandon ends what s stands for because s takes nothing. It is not worth a
// Close frame.
func (f *fan) abandon(s *strand, what string) {
	s.set(deaf)
	f.gone(s, session.Stalled, farewell{ws.CodeGoingAway, "client: " + what}, errors.New(what))
}

// tickEnd cuts what is left when its time is over, and forgets the sid.
func (f *fan) tickEnd() time.Duration {
	now, due := f.loop.now, never
	if now >= f.end.cutAt {
		for _, s := range f.strands {
			s.close(f.loop)
		}
	} else {
		due = f.end.cutAt
	}
	if !f.end.gone {
		if now >= f.end.goneAt {
			f.forget()
		} else {
			due = min(due, f.end.goneAt)
		}
	}
	return due
}

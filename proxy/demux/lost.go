package demux

import (
	"strings"
	"time"
)

// LegLost says that a leg ended: the upstream closed it or went, or it took
// nothing for too long. Its number is free, unless it is dialled again.
func (s *Session) LegLost(now time.Duration, leg int) {
	s.now = now
	if !s.legIn(leg, legDialling, legOpening, legOpen, legLeaving) {
		return
	}
	if s.legs[leg].state == legDialling || s.legs[leg].state == legOpening {
		s.legFailed(leg, nil)
	} else {
		s.lost(leg, nil)
	}
	s.schedule()
}

// lost does what the upstream's policy wants where its leg has gone. Namespaces
// that are not joined yet wait for a new leg under each policy. Err is as in
// End.
func (s *Session) lost(leg int, err error) {
	l := &s.legs[leg]
	l.in.drop(s.effects)
	switch {
	case s.mode == opaque:
		s.end(LegLost, err)
		return
	case l.state == legLeaving:
		s.hardClosed(err)
		return
	case !s.needed(leg):
		l.free()
		return
	case s.mode == starting && l.eager && !s.hasJoined(leg):
		s.legFailed(leg, err)
		return
	}
	if s.hasJoined(leg) && !s.loseJoined(leg, err) {
		return
	}
	if !s.holdPending(leg) {
		return
	}
	if !s.needed(leg) {
		l.free()
		return
	}
	most := l.ended(s.now)
	l.prefer = ""
	if s.service(leg).AffinityPID && s.recoverable(leg) {
		l.prefer = l.tag
	}
	s.dialAgain(leg, int(l.attempts)-1-max(1, s.service(leg).Endpoints), most)
}

// answered notes that a namespace was joined through the leg. Dials that have
// failed do not count any more; legs that were short still do, as this one may
// become another.
func (l *leg) answered(now time.Duration) {
	l.attempts = uint16(l.short)
	if l.joined == 0 {
		l.joined = now
	}
}

// ended counts a leg that is lost and to be dialled again, and returns for how
// long that may pause at most. One that has lasted is dialled as if it were the
// first.
func (l *leg) ended(now time.Duration) (most time.Duration) {
	most = maxPause
	if l.joined != 0 {
		most = maxShortPause
		if now >= l.joined+steadyLeg {
			l.attempts, l.short = 0, 0
		}
		l.short = min(l.short, 254) + 1 // behind that pauses do not grow
	}
	l.attempts++
	l.joined = 0
	l.asks.anew()
	return most
}

// hasJoined tells whether the client takes itself to be connected through the
// leg.
func (s *Session) hasJoined(leg int) bool {
	for i := range s.spaces {
		if sp := &s.spaces[i]; int(sp.leg) == leg && sp.joined() {
			return true
		}
	}
	return false
}

// loseJoined applies the policy to the namespaces that are joined through a
// leg. It tells whether the session goes on.
func (s *Session) loseJoined(leg int, err error) bool {
	l, policy := &s.legs[leg], s.service(leg).OnLoss
	if policy == Transport || policy == Reconnect && l.asks.exhausted() {
		s.end(LegLost, err)
		return false
	}
	if policy == Reconnect {
		s.stats.Redials.Add(1)
	}
	for i := 0; i < len(s.spaces); i++ {
		sp := &s.spaces[i]
		switch {
		case int(sp.leg) != leg || !sp.joined():
		case policy == Disconnect:
			if s.expel(sp); s.mode == over {
				return false
			}
		case sp.state == open:
			sp.state, sp.since, sp.sent = rejoining, s.now, false
			s.unholdConnects(sp)
		}
	}
	return true
}

// unholdConnects forgets the CONNECTs that are kept beside the stored one.
func (s *Session) unholdConnects(sp *space) {
	if sp.wait != nil {
		s.unhold(&sp.wait.connects)
	}
}

// maxUnanswered is how many legs in a row may go with the CONNECT of a namespace
// before it was answered. Some CONNECTs make a server close the connection that
// they come by, and one client is not to have it dialled for ever.
const maxUnanswered = 8

// holdPending marks that the CONNECTs of a leg's namespaces are to be sent
// again, and gives up those that went unanswered too often. It tells whether
// the session goes on.
func (s *Session) holdPending(leg int) bool {
	for i := 0; i < len(s.spaces) && s.mode != over; i++ {
		sp := &s.spaces[i]
		if sp.state == left || int(sp.leg) != leg || !sp.sent {
			continue
		}
		sp.sent = false
		if sp.unanswered++; sp.unanswered >= maxUnanswered {
			s.giveUpUnanswered(sp)
			i-- // it is no longer there
			continue
		}
		if sp.state == connecting {
			sp.since = s.now
			s.stats.Held.Add(1)
		}
	}
	return s.mode != over
}

// giveUpUnanswered gives up a namespace as one whose leg does not come.
func (s *Session) giveUpUnanswered(sp *space) {
	s.stats.GivenUp.Add(1)
	if sp.state == rejoining {
		s.end(Stuck, s.ofService(int(sp.leg), errUnanswered))
		return
	}
	s.giveUp(sp, textUnavailable, dataUnavailable)
}

// maxRefusal bounds what clients are told of an upstream's refusal.
const maxRefusal = 512

// refusedAgain ends the session of a client that takes itself to be connected,
// but whose CONNECT is refused now that it was sent again: what it shows may have
// been good once only, or for a while. It comes back with something new, as it
// would behind a loss without us.
func (s *Session) refusedAgain(leg int) { s.end(LegLost, s.ofService(leg, errAgain)) }

// legRefused ends what depends on a leg whose upstream does not want the client.
func (s *Session) legRefused(leg int, r Refusal) {
	if s.hasJoined(leg) {
		s.refusedAgain(leg)
		return
	}
	text := strings.ToValidUTF8(r.Text[:min(len(r.Text), maxRefusal)], "")
	s.legs[leg].free()
	for i := 0; i < len(s.spaces) && s.mode != over; i++ {
		sp := &s.spaces[i]
		if int(sp.leg) != leg || sp.state == left {
			continue
		}
		s.giveUp(sp, text, r.data())
		i-- // it is no longer there
	}
}

// hardClosed ends the session of a client that the upstream has disconnected
// from all of its namespaces, and then from itself.
func (s *Session) hardClosed(err error) {
	for i := range s.spaces {
		if sp := &s.spaces[i]; sp.joined() && s.mode != over {
			s.expel(sp)
		}
	}
	s.end(LegClosed, err)
}

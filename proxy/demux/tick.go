package demux

import (
	"time"

	"usher/proxy/engineio"
)

// beat is usher's half of the heartbeat with the client.
type beat struct {
	began    time.Duration // when the handshake was answered
	heard    time.Duration // the client's last packet
	due      time.Duration // the next ping, or the end of the wait
	sent     time.Duration // the last ping
	waiting  bool          // EIO4: for a pong
	extended bool          // the wait was extended, since other packets came
}

func (b *beat) start(s *Session) {
	b.began, b.heard = s.now, s.now
	b.due = s.now + s.config.PingInterval
	if s.version == engineio.V3 {
		b.due += s.config.PingTimeout
	}
}

func (b *beat) pong(s *Session) {
	b.waiting, b.extended = false, false
	b.due = s.now + s.config.PingInterval
}

// tick pings the client, or ends the session if it is silent.
func (b *beat) tick(s *Session) {
	c := s.config
	switch {
	case s.version == engineio.V3:
		if b.due = b.heard + c.PingInterval + c.PingTimeout; b.due <= s.now {
			s.end(Silent, nil)
		}
	case s.now < b.due:
	case !b.waiting:
		b.waiting, b.sent = true, s.now
		b.due = max(b.due, s.now-lateTick) + c.PingTimeout
		s.effects.ToClient(control(engineio.Ping, nil))
	case b.heard > b.sent && !b.extended: // its pong may be behind something large
		b.extended = true
		b.due = s.now + c.PingTimeout
	default:
		s.end(Silent, nil)
	}
}

// lateTick is how late a ping may be sent without the client getting as much
// more time for its pong, so that the two waits do not add up their delays.
const lateTick = 10 * time.Millisecond

// spare gives the client a second more for its half of the heartbeat.
func (b *beat) spare(s *Session) {
	const more = time.Second
	if s.version == engineio.V3 {
		b.heard = max(b.heard, s.now+more-s.config.PingInterval-s.config.PingTimeout)
	} else if b.waiting {
		b.due = max(b.due, s.now+more)
	}
}

// Unread says, before a Tick, that the caller does not read the client, because
// a leg has enough to take: its pong may be there.
func (s *Session) Unread(now time.Duration) {
	s.now = now
	s.beat.spare(s)
}

// Tick does what is due.
func (s *Session) Tick(now time.Duration) {
	s.now = now
	if s.mode == routing || s.mode == opaque {
		s.beat.tick(s)
		s.tickConnect()
	}
	for i := 0; i < len(s.legs) && s.mode != over; i++ {
		s.tickLeg(i)
	}
	if s.mode != over {
		s.tickGrants()
	}
	s.tickHeld()
	s.schedule()
}

// tickConnect ends the session of a client that joins nothing.
func (s *Session) tickConnect() {
	if s.awaitsConnect() && s.now >= s.beat.began+s.config.ConnectTimeout {
		s.end(Unconnected, nil)
	}
}

func (s *Session) awaitsConnect() bool {
	return s.mode == routing && s.version == engineio.V4 && !s.asked
}

func (s *Session) tickLeg(leg int) {
	l := &s.legs[leg]
	switch l.state {
	case legOpening:
		if s.now >= l.due {
			s.failLeg(leg, errNoOpen)
		}
	case legPausing:
		if s.now >= l.due {
			s.dial(leg)
		}
	case legLeaving:
		if s.now >= l.due {
			s.closeLeg(leg)
		}
	case legOpen:
		s.tickBeat(leg)
	case legFree, legDialling:
	}
}

// tickBeat pings an upstream of EIO3, and gives up one that is silent.
func (s *Session) tickBeat(leg int) {
	l := &s.legs[leg]
	switch {
	case s.version == engineio.V4:
		if s.now >= l.heard+l.interval+l.timeout {
			s.breakLeg(leg, errNoBeat)
		}
	case s.now < l.due:
	case l.pinged:
		s.breakLeg(leg, errNoBeat)
	default:
		l.pinged, l.due = true, s.now+l.timeout
		s.effects.ToLeg(leg, control(engineio.Ping, nil))
	}
}

// longHold is after how long a CONNECT that waits is counted as a long one.
const longHold = 20 * time.Second

// tickHeld looks after the namespaces that wait for a leg.
func (s *Session) tickHeld() {
	for i := 0; i < len(s.spaces) && s.mode != over; i++ {
		sp := &s.spaces[i]
		if !s.waits(sp) {
			continue
		}
		if !sp.long && s.now >= sp.since+longHold {
			sp.long = true
			s.stats.Long.Add(1)
		}
		leg := int(sp.leg)
		hold := s.service(leg).ConnectHold
		if hold <= 0 || s.now < sp.since+hold {
			continue
		}
		if sp.state == rejoining {
			s.end(Stuck, s.ofService(leg, errNoLeg))
			return
		}
		s.giveUp(sp, textUnavailable, dataUnavailable)
		s.leave(leg, false)
		i--
	}
}

// waits tells whether a namespace waits for its leg to open.
func (s *Session) waits(sp *space) bool {
	return (sp.state == connecting || sp.state == rejoining) && sp.leg >= 0 && s.legs[sp.leg].state != legOpen
}

// schedule computes when Tick is wanted.
func (s *Session) schedule() {
	s.due = 0
	if s.mode == over {
		return
	}
	if s.mode != starting {
		s.until(s.beat.due)
	}
	if s.awaitsConnect() {
		s.until(s.beat.began + s.config.ConnectTimeout)
	}
	for i := range s.legs {
		switch l := &s.legs[i]; {
		case l.state == legOpening, l.state == legPausing, l.state == legLeaving:
			s.until(l.due)
		case l.state == legOpen && s.version == engineio.V3:
			s.until(l.due)
		case l.state == legOpen:
			s.until(l.heard + l.interval + l.timeout)
		}
	}
	for i := range s.spaces {
		sp := &s.spaces[i]
		if sp.until != 0 && !sp.keep && sp.state != left {
			s.until(sp.until)
		}
		if !s.waits(sp) {
			continue
		}
		if hold := s.service(int(sp.leg)).ConnectHold; hold > 0 {
			s.until(sp.since + hold)
		}
		if !sp.long {
			s.until(sp.since + longHold)
		}
	}
}

// until brings the next Tick forward to t, which may be long ago where the
// session was restored.
func (s *Session) until(t time.Duration) {
	t = max(t, 1)
	if s.due == 0 || t < s.due {
		s.due = t
	}
}

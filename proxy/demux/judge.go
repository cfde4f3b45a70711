package demux

import (
	"time"

	"usher/proxy/engineio"
	"usher/proxy/socketio"
)

// Plea is what a CONNECT says of who wants to join a guarded namespace. It is valid
// during the call only.
type Plea struct {
	Namespace string
	Query     []byte // EIO3
	Data      []byte
}

// Verdict is what became of a plea.
type Verdict struct {
	Refused string        // what the client is told; "" if it may join
	Data    string        // JSON beside that, for EIO4
	Until   time.Duration // when what lets it in ends; 0 for never
	Keep    bool          // that does not end the session
	Code    uint16        // of the Close frame then
}

// plea is a CONNECT that is being judged, and what came for its namespace behind it.
type plea struct {
	ticket uint32
	name   string
	held   stash
	gone   bool // nobody wants to join any more, and the verdict is still due
}

// Judging tells whether a verdict is due.
func (s *Session) Judging() bool { return len(s.pleas) > 0 }

// ExpiryCode is that of the Close frame of a session that has ended by Expired.
func (s *Session) ExpiryCode() uint16 { return s.expiryCode }

func (s *Session) pleaOf(name []byte) *plea {
	for i := range s.pleas {
		if !s.pleas[i].gone && s.pleas[i].name == string(name) {
			return &s.pleas[i]
		}
	}
	return nil
}

// plead has a CONNECT judged, if its namespace is guarded. It tells whether that has
// to be waited for.
func (s *Session) plead(m *Message, h *socketio.Header) bool {
	if s.version == engineio.V3 && h.Root() || s.version == engineio.V4 && h.Query != nil || !socketio.ValidNamespace(h.Namespace) {
		return false
	}
	if p := s.pleaOf(h.Namespace); p != nil {
		s.asked = true
		s.hold(&p.held, m)
		return true
	}
	if !s.effects.Guarded(string(h.Namespace)) || !s.validConnect(m, h) {
		return false
	}
	if d, ok := s.config.rules.find(h.Namespace); ok {
		s.submit(d.name, m, h)
		return true
	}
	return false
}

func (s *Session) submit(name string, m *Message, h *socketio.Header) {
	s.asked = true
	if len(s.pleas) >= s.config.MaxNamespaces || !s.rate.has(s.now, s.config) {
		s.refuseConnect(h.Namespace, textTooFast, "")
		return
	}
	s.tickets++
	p := plea{ticket: s.tickets, name: name}
	if !s.hold(&p.held, m) {
		return
	}
	s.pleas = append(s.pleas, p)
	whole := s.load(m)
	s.effects.Judge(p.ticket, Plea{Namespace: name, Query: h.Query, Data: whole[h.Data:]})
	clear(whole)
	s.effects.Give(whole)
}

// Judged is the answer to Judge.
func (s *Session) Judged(now time.Duration, ticket uint32, v Verdict) {
	s.now = now
	for i := range s.pleas {
		if p := s.pleas[i]; p.ticket == ticket && s.mode != over {
			s.pleas = append(s.pleas[:i], s.pleas[i+1:]...)
			s.release(&p.held)
			if !p.gone {
				s.resume(&p, v)
			}
			p.held.drop(s.effects)
			break
		}
	}
	s.schedule()
}

// resume goes on with a CONNECT that was judged, and what came behind it.
func (s *Session) resume(p *plea, v Verdict) {
	first, rest := unpack(p.held.buf)
	if v.Refused == "" {
		s.connect(first.head, &first.header)
		s.grant(p.name, v)
	} else {
		s.rate.take(s.now, s.config)
		s.refuseConnect(first.header.Namespace, v.Refused, v.Data)
	}
	for len(rest) > 0 && s.mode != over {
		var next packet
		next, rest = unpack(rest)
		s.follow(&next)
	}
}

// follow goes on with a packet that has waited for the verdict of a CONNECT before
// it. There may be another CONNECT in between.
func (s *Session) follow(next *packet) {
	again := s.pleaOf(next.header.Namespace)
	sp := s.find(next.header.Namespace)
	switch {
	case next.header.Type == socketio.Connect:
		if !s.plead(next.head, &next.header) && s.mode != over {
			s.connect(next.head, &next.header)
		}
	case again != nil:
		next.each(func(m *Message) bool { return s.hold(&again.held, m) })
	case sp != nil && sp.state != left && sp.leg >= 0:
		s.dispatch(sp, next)
	default:
		s.drop(DropUnknown)
	}
}

// grant notes until when a namespace may be joined. Of two tokens the one that ends
// first counts.
func (s *Session) grant(name string, v Verdict) {
	sp := s.find([]byte(name))
	if s.mode == over || sp == nil || sp.state == left || v.Until == 0 {
		return
	}
	if sp.until == 0 || v.Until < sp.until {
		sp.until = v.Until
	}
	sp.keep, sp.code = v.Keep, v.Code
}

// cancel forgets a CONNECT that is being judged, as the client leaves the namespace.
// It counts as one until it is judged, as somebody is asked. What came behind it for
// a namespace that was joined before is for that.
func (s *Session) cancel(name []byte) {
	p := s.pleaOf(name)
	if p == nil {
		return
	}
	p.gone = true
	s.rate.take(s.now, s.config)
	held := p.held
	p.held = stash{}
	s.release(&held)
	if sp := s.find(name); sp != nil && sp.joined() {
		_, rest := unpack(held.buf)
		for len(rest) > 0 && s.mode != over {
			var next packet
			if next, rest = unpack(rest); next.header.Type != socketio.Connect {
				s.dispatch(sp, &next)
			}
		}
	}
	held.drop(s.effects)
}

// stale tells whether a CONNECT must not be sent again.
func (s *Session) stale(sp *space) bool { return sp.until != 0 && s.now >= sp.until }

// tickGrants ends the session when a token has ended that a namespace of its was
// joined by.
func (s *Session) tickGrants() {
	for i := range s.spaces {
		if sp := &s.spaces[i]; sp.state != left && !sp.keep && s.stale(sp) {
			s.expiryCode = sp.code
			s.end(Expired, nil)
			return
		}
	}
}

// has tells whether take would.
func (b *bucket) has(now time.Duration, c *Config) bool {
	again := *b
	return again.take(now, c)
}

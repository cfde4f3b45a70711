package demux

// An opaque session is one leg to the fallback. Messages pass as they are; the
// end of the leg is the end of the session.

// turnOpaque makes the session opaque because of the client's first message.
func (s *Session) turnOpaque(m *Message) {
	if s.config.Fallback < 0 {
		s.stats.Foreign.Add(1)
		s.end(Foreign, ErrParser)
		return
	}
	s.leaveSpaces()
	s.mode = opaque
	leg, dial := s.legFor(s.config.Fallback)
	if dial {
		s.dial(leg)
	}
	s.opaqueFromClient(m)
	s.schedule()
}

// leaveSpaces forgets all namespaces, and closes all legs but the fallback's.
func (s *Session) leaveSpaces() {
	s.alien = true
	s.stats.Opaque.Add(1)
	for i := range s.spaces {
		s.unwait(&s.spaces[i])
	}
	s.spaces = nil
	for i := range s.legs {
		if s.legs[i].state != legFree && int(s.legs[i].service) != s.config.Fallback {
			s.closeLeg(i)
		}
	}
}

func (s *Session) opaqueFromClient(m *Message) {
	leg, _ := s.legFor(s.config.Fallback)
	if s.legs[leg].state == legOpen {
		s.toLeg(leg, m)
		return
	}
	s.hold(&s.early, m)
}

// flushOpaque sends what the client has sent before the leg was open.
func (s *Session) flushOpaque(leg int) {
	m := new(Message)
	for rest := s.early.buf; len(rest) > 0 && s.mode != over; {
		rest = next(rest, m)
		s.toLeg(leg, m)
	}
	s.unhold(&s.early)
}

package tls13

// UpdateOut changes the keys that seal, and asks the peer to change its own.
func (s *Session) UpdateOut(dst []byte, ask bool) ([]byte, error) {
	if !ask {
		return s.updateOut(dst)
	}
	dst, err := s.out.seal(dst, handshakeRecord, []byte{keyUpdate, 0, 0, 1, updateRequested})
	s.out.update()
	return dst, err
}

// SealPadded seals p with padding behind it.
func (s *Session) SealPadded(dst, p []byte, padding int) ([]byte, error) {
	if padding == 0 {
		return s.out.seal(dst, dataRecord, p)
	}
	p = append(append([]byte(nil), p...), dataRecord)
	return s.out.seal(dst, 0, append(p, make([]byte, padding-1)...))
}

// Numbers returns those of the next records.
func (s *Session) Numbers() (in, out uint64) { return s.in.number, s.out.number }

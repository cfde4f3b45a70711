package tls13

// Seal appends the records that carry p to dst. If there is an error, what is
// returned is dst.
func (s *Session) Seal(dst, p []byte) ([]byte, error) {
	begin := len(dst)
	for len(p) > 0 {
		var err error
		n := min(len(p), MaxData)
		if dst, err = s.seal(dst, dataRecord, p[:n]); err != nil {
			return dst[:begin], err
		}
		p = p[n:]
	}
	return dst, nil
}

// Owes tells whether the session has something to say by itself. The one who
// reads asks after each Open.
func (s *Session) Owes() bool { return s.owes != 0 }

// Reply appends what the session has to say: that its keys change, as it was
// asked, or what is wrong, after which nothing follows. The one who reads calls
// it, while nobody writes.
func (s *Session) Reply(dst []byte) ([]byte, error) {
	if s.handed {
		return dst, ErrHandedOn
	}
	owes, err := s.owes, error(nil)
	s.owes = 0
	if owes&owesUpdate != 0 && !s.said {
		dst, err = s.updateOut(dst)
	}
	if owes&owesAlert != 0 && !s.said && err == nil {
		dst, err = s.tell(dst, s.due)
	}
	return dst, err
}

// End appends that nothing follows, once.
func (s *Session) End(dst []byte) ([]byte, error) {
	switch {
	case s.handed:
		return dst, ErrHandedOn
	case s.said:
		return dst, nil
	}
	return s.tell(dst, closeNotify)
}

// tell appends an alert. Nothing follows it.
func (s *Session) tell(dst []byte, a Alert) ([]byte, error) {
	level := byte(2) // fatal
	if a == closeNotify {
		level = 1
	}
	dst, err := s.seal(dst, alertRecord, []byte{level, byte(a)})
	s.said = true
	return dst, err
}

// seal appends a record, behind another if the keys have to change.
func (s *Session) seal(dst []byte, kind byte, p []byte) (_ []byte, err error) {
	switch {
	case s.handed:
		return dst, ErrHandedOn
	case s.said:
		return dst, ErrEnded
	}
	if s.out.number >= maxNumber {
		if dst, err = s.updateOut(dst); err != nil {
			return dst, err
		}
	}
	return s.out.seal(dst, kind, p)
}

// updateOut appends that the keys change, and changes them.
func (s *Session) updateOut(dst []byte) ([]byte, error) {
	dst, err := s.out.seal(dst, handshakeRecord, []byte{keyUpdate, 0, 0, 1, 0})
	if err == nil {
		s.out.update()
	}
	return dst, err
}

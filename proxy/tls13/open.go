package tls13

import (
	"encoding/binary"
	"errors"
	"io"
)

// RecordSize returns the size of the record that p begins with, or of its head
// while that is not whole. ok is false if that is no record.
func RecordSize(p []byte) (n int, ok bool) {
	if len(p) < headSize {
		return headSize, true
	}
	size := int(binary.BigEndian.Uint16(p[3:]))
	return headSize + size, p[0] >= changeCipherSpec && p[0] <= dataRecord && p[1] == legacy>>8 && size <= maxCipher
}

// Open opens the next record that has come, into dst if that has room for
// OpenRoom bytes, else where it stands. It returns what the record brings, which
// may be nothing; ErrShort if it is not whole, io.EOF if the peer has said that
// nothing follows. After any other error nothing more can be read, and the peer
// may have to hear why: see Owes.
func (s *Session) Open(dst []byte) ([]byte, error) {
	switch {
	case s.handed:
		return nil, ErrHandedOn
	case s.fault != nil:
		return nil, s.fault
	}
	p, err := s.next(dst)
	if err != nil && !errors.Is(err, ErrShort) {
		s.fail(err)
	}
	return p, err
}

func (s *Session) next(dst []byte) ([]byte, error) {
	record := s.rest
	if len(record) < headSize {
		return nil, ErrShort
	}
	size, _ := RecordSize(record)
	switch {
	case record[0] != dataRecord:
		return nil, unexpectedMessage.fault() // RFC 8446, 5
	case binary.BigEndian.Uint16(record[1:]) != legacy:
		return nil, protocolVersion.fault()
	case size > MaxRecord:
		return nil, recordOverflow.fault()
	case size > len(record):
		return nil, ErrShort
	}
	record, s.rest = record[:size], record[size:]
	if cap(dst) < OpenRoom {
		dst = record[headSize:]
	}
	p, kind, err := s.in.open(dst, record)
	if err != nil {
		return nil, err
	}
	if kind != handshakeRecord && s.post.within() {
		return nil, unexpectedMessage.fault() // RFC 8446, 5.1
	}
	switch kind {
	case dataRecord:
		return p, s.bring(len(p))
	case handshakeRecord:
		return nil, s.takePost(p)
	case alertRecord:
		return nil, s.takeAlert(p)
	}
	return nil, unexpectedMessage.fault()
}

// bring counts a record that brings n bytes.
func (s *Session) bring(n int) error {
	if n == 0 {
		return s.idle()
	}
	s.useless = 0
	if s.brought++; s.brought >= updateEvery {
		s.brought = 0
		s.updates = max(s.updates, 1) - 1
	}
	return nil
}

// idle counts a record that brings nothing.
func (s *Session) idle() error {
	if s.useless++; s.useless > maxUseless {
		return unexpectedMessage.fault()
	}
	return nil
}

func (s *Session) takePost(p []byte) error {
	if err := s.idle(); err != nil {
		return err
	}
	n, err := s.post.take(p, s.client)
	if err != nil || !n.updated {
		return err
	}
	if s.updates++; s.updates > maxUpdates {
		return unexpectedMessage.fault()
	}
	s.in.update()
	if n.requested {
		s.owes |= owesUpdate
	}
	return nil
}

func (s *Session) takeAlert(p []byte) error {
	if len(p) != 2 {
		return decodeError.fault()
	}
	switch a := Alert(p[1]); a {
	case closeNotify:
		return io.EOF
	case userCanceled: // RFC 8446, 6.1
		return s.idle()
	default:
		return AlertError{Alert: a, Remote: true}
	}
}

// fail has nothing more be read, and the peer told why, if it is its fault.
func (s *Session) fail(err error) {
	s.fault, s.rest, s.own = err, nil, nil
	said, ok := errors.AsType[AlertError](err)
	switch {
	case ok && !said.Remote:
		s.due = said.Alert
	case errors.Is(err, ErrSpent):
		s.due = internalError
	default:
		return
	}
	s.owes |= owesAlert
}

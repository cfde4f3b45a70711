//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
)

// socket is one client: what it sends, and what it expects.
type socket struct {
	id   int
	link *link

	// sending
	frame   []byte // one whole masked frame
	header  int    // bytes of it before the payload
	stampAt int    // of the payload, a multiple of 4
	key     [4]byte
	sent    uint32 // messages
	pending []byte // the rest of frame that a plain socket did not take

	// receiving
	want     []byte // payload of the next message
	received uint32 // messages
	at       int    // bytes of want that have come
	op       byte   // of its messages
	inside   bool   // between the first and the last frame of a message
	inFrame  bool   // between a header and the end of its payload
	current  frameHeader
	left     int             // bytes of the current frame still to come
	head     [maxHeader]byte // the beginning of a header, as far as it has come
	held     int             // bytes of head
	control  []byte          // payload of a control frame
}

func newSocket(id int, k *link, op byte, size int) *socket {
	s := &socket{id: id, link: k, op: op, key: [4]byte{0x5a, byte(id), byte(id >> 8), 0xc3}}
	s.want = newPayload(op, size, id)
	s.frame = appendFrame(nil, op, s.want, &s.key)
	s.header = len(s.frame) - size
	stamp(s.want, 0)
	return s
}

func (s *socket) wrap(err error) error { return fmt.Errorf("socket %d: %w", s.id, err) }

// send sends the socket's message with the next stamp.
func (s *socket) send() error {
	if len(s.pending) > 0 {
		return s.wrap(fmt.Errorf("%d bytes of the last message were not taken yet", len(s.pending)))
	}
	stampMasked(s.frame[s.header+s.stampAt:], s.sent, s.key)
	s.sent++
	if s.link.tls != nil {
		_, err := s.link.tls.Write(s.frame)
		return err
	}
	n, ok := writeSome(s.link.raw.fd, s.frame)
	if !ok {
		return s.wrap(fmt.Errorf("write: connection is broken"))
	}
	s.pending = s.frame[n:]
	return nil
}

// flush goes on where send stopped.
func (s *socket) flush() error {
	if len(s.link.raw.out) > 0 {
		return s.link.raw.flush()
	}
	if len(s.pending) == 0 {
		return nil
	}
	n, ok := writeSome(s.link.raw.fd, s.pending)
	if !ok {
		return fmt.Errorf("write: connection is broken")
	}
	s.pending = s.pending[n:]
	return nil
}

// feed checks what came, and tells l of each whole message.
func (s *socket) feed(l *load, p []byte) error {
	var done error
	for {
		if !s.inFrame {
			p = s.begin(p)
			if !s.inFrame {
				return done
			}
		}
		part := p[:min(len(p), s.left)]
		p = p[len(part):]
		s.left -= len(part)
		if err := s.part(l, part); err != nil {
			return err
		}
		if s.left > 0 {
			return done
		}
		s.inFrame = false
		if err := s.end(l); errors.Is(err, errDone) {
			done = err
		} else if err != nil {
			return err
		}
	}
}

// begin reads a header and returns what follows it.
func (s *socket) begin(p []byte) []byte {
	if len(p) == 0 {
		return nil
	}
	head := append(s.head[:s.held], p[:min(len(p), maxHeader-s.held)]...)
	h, size := parseHeader(head)
	if size == 0 {
		s.held = len(head)
		return nil
	}
	p = p[size-s.held:]
	s.held, s.current, s.left, s.inFrame = 0, h, h.length, true
	s.control = s.control[:0]
	return p
}

// part takes payload bytes of the current frame.
func (s *socket) part(l *load, p []byte) error {
	switch {
	case s.current.masked:
		return errors.New("a frame from the server is masked")
	case s.current.rsv:
		return errors.New("a frame has a reserved bit")
	case s.current.op >= opClose:
		s.control = append(s.control, p...)
		return nil
	case s.current.op != s.opcode():
		return fmt.Errorf("message %d: opcode %d at byte %d, want %d", s.received, s.current.op, s.at, s.opcode())
	case len(p) > len(s.want)-s.at:
		return fmt.Errorf("message %d: longer than the %d bytes expected", s.received, len(s.want))
	case !bytes.Equal(p, s.want[s.at:s.at+len(p)]):
		return fmt.Errorf("message %d: differs from what was sent between byte %d and %d", s.received, s.at, s.at+len(p))
	}
	s.at += len(p)
	l.bytes += int64(len(p))
	return nil
}

// opcode is what the next data frame must have.
func (s *socket) opcode() byte {
	if s.inside {
		return opContinuation
	}
	return s.op
}

// end is called at the end of each frame.
func (s *socket) end(l *load) error {
	switch {
	case s.current.op == opPing:
		_, err := s.link.Write(appendFrame(nil, opPong, s.control, &s.key))
		return err
	case s.current.op == opPong:
		return nil
	case s.current.op == opClose:
		return fmt.Errorf("closed by the proxy: %q", s.control)
	case !s.current.fin:
		s.inside = true
		return nil
	case s.at < len(s.want):
		return fmt.Errorf("message %d: %d bytes, want %d", s.received, s.at, len(s.want))
	}
	s.at, s.inside = 0, false
	s.received++
	stamp(s.want[s.stampAt:], s.received)
	l.messages++
	return l.message(s)
}

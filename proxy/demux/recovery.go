package demux

import "usher/proxy/socketio"

// recovery is what an upstream that lives needs to give a client whose leg was
// lost its socket back, with the events that it has missed.
type recovery struct {
	pid  string // that the upstream has given; "" if it cannot do that
	tail []byte // end of the last event, where its offset stands
}

// maxTail is as much of an event's end as holds an offset.
const maxTail = 136

// begin notes the pid of an upstream's CONNECT. A new one ends what was before.
func (r *recovery) begin(pid string) {
	if pid != r.pid {
		r.pid, r.tail = pid, nil
	}
}

// note keeps the end of an event.
func (r *recovery) note(event []byte) {
	r.tail = append(r.tail[:0], event[max(0, len(event)-maxTail):]...)
}

// offset returns the offset of the last event, "" if there is none.
func (r *recovery) offset() string { return socketio.Offset(r.tail) }

// track notes a packet that goes to the client, if it may be needed. Only
// events that ask for no answer have an offset.
func (s *Session) track(sp *space, m *Message, h *socketio.Header) {
	if sp.wait == nil || sp.wait.pid == "" || h.HasID || h.Type != socketio.Event && h.Type != socketio.BinaryEvent {
		return
	}
	if m.whole() {
		sp.wait.note(m.Head)
		return
	}
	whole := s.load(m)
	sp.wait.note(whole)
	s.effects.Give(whole)
}

// recoverable tells whether a namespace of a leg that was lost may get its
// state back, which only the same endpoint can do.
func (s *Session) recoverable(leg int) bool {
	for i := range s.spaces {
		if sp := &s.spaces[i]; int(sp.leg) == leg && sp.state == rejoining && sp.wait != nil && sp.wait.pid != "" && sp.wait.offset() != "" {
			return true
		}
	}
	return false
}

// rejoin sends the stored CONNECT of a namespace, with what recovers the state
// as the client knows it. What the client itself said of a state to recover is
// of a time before.
func (s *Session) rejoin(leg int, sp *space) {
	if s.stale(sp) {
		s.refusedAgain(leg)
		return
	}
	w := sp.waiting()
	p, pid, offset := w.stored, w.pid, w.offset()
	h, _, err := socketio.ParseHeader(p, true)
	if err != nil || (pid == "" || offset == "") && socketio.ParseAnswer(p[h.Data:]).PID == "" {
		s.toLeg(leg, own(p))
		return
	}
	if offset == "" {
		pid = ""
	}
	const members = `,"pid":"","offset":""}`
	b := s.effects.Take(len(p) + len(members) + 6*(len(pid)+len(offset))) // as many if all is escaped
	b = socketio.AppendRecovery(b, p, h, pid, offset)
	s.toLeg(leg, own(b))
	clear(b)
	s.effects.Give(b)
}

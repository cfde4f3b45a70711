package relay

// serve is user's: it reads from the socket and writes to it.
func (s *Seat) serve(lp *loop, _ *line) {
	if s.is(connecting) && !s.is(vacated) {
		lp.finishDial(s)
	}
	if s.is(vacated | connecting) {
		return
	}
	if s.backlogged() {
		lp.flush(&s.line)
	}
	for range lp.reads {
		if !s.hungry() {
			return
		}
		lp.read(&s.line)
	}
	if s.hungry() {
		lp.postpone(&s.line)
	}
}

// hungry tells whether the seat is to be read.
func (s *Seat) hungry() bool { return s.is(readable) && !s.is(paused|finished|vacated) }

// take is user's, as are lost, stuck and freed. A seat holds nothing back.
func (s *Seat) take(_ *loop, _ *line, p []byte, _ int) { s.owner.Take(s, p) }

func (s *Seat) lost(_ *loop, _ *line, err error) {
	if !s.is(vacated) {
		s.owner.Lost(s, err)
	}
}

func (s *Seat) stuck(*loop, *line)           {}
func (s *Seat) freed(*loop, *line, *backlog) {}

// clock and tick make the alarm one of the loop's timers.
func (s *Seat) clock() *timer { return &s.alarm }

func (s *Seat) tick(lp *loop) {
	if due := lp.judgedAt(s.alarm.due); lp.now < due {
		lp.timers.set(s, due)
		return
	}
	s.owner.Due(s)
}

// vacate makes the seat over. What becomes of the socket is the caller's matter.
func (s *Seat) vacate() {
	s.set(vacated)
	s.loop.timers.drop(s)
	s.uncount()
}

// count has the seat counted with what keeps its loop busy, and uncount takes
// that back.
func (s *Seat) count() {
	s.set(counted)
	s.loop.seats.Add(1)
}

func (s *Seat) uncount() {
	if s.is(counted) {
		s.unset(counted)
		s.loop.seats.Add(-1)
	}
}

// evict closes the seats that are left when the loop has ended, and tells their
// owners.
func (lp *loop) evict() {
	for _, e := range lp.poller.slots.entries {
		if s := e.seat(); s != nil {
			tell := s.owner.Lost
			if s.is(connecting) {
				tell = s.owner.Connected
			}
			s.Close()
			tell(s, ErrClosed)
		}
	}
}

// seat returns the seat that has a slot, nil if it is none's.
func (e slot) seat() *Seat {
	if e.line == nil {
		return nil
	}
	s, _ := e.line.user.(*Seat)
	return s
}

package relay

import "net/netip"

// Dial begins to connect to an address on the seat's loop. If it is connected
// at once the caller may write; if not, g.Connected tells, and it is g that
// gives up when that takes too long. An address that needs more than the kernel
// is errors.ErrUnsupported.
func (s *Seat) Dial(to netip.AddrPort, g Owner) (d *Seat, connected bool, err error) {
	lp := s.loop
	if lp.ended {
		return nil, false, ErrClosed
	}
	d = newSeat(lp, g)
	d.peer = to
	d.set(connecting)
	if connected, err = lp.dial(d); err != nil {
		return nil, false, err
	}
	if connected {
		d.unset(connecting)
	}
	return d, connected, nil
}

// dialled tells the owner of s what became of it.
func (lp *loop) dialled(s *Seat, err error) {
	if err != nil {
		s.Close()
	}
	s.unset(connecting)
	s.owner.Connected(s, err)
}

package relay

import (
	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/socket"
	"usher/proxy/ws"
)

// Unpack makes of the state and the descriptors of a parcel what a group can
// take in, as PairState.Unpack does, under the options of the route as it is here.
// regain returns who owns a leg, but for the leg itself. The Fan may be used once
// the arrival was taken in.
func (st *FanState) Unpack(o *FanOptions, e Entry, regain func(session.Leg) Dialled, descriptors []int) (*Fan, *Arrival, error) {
	f, err := st.fan(o, e, descriptors)
	if err != nil {
		return nil, nil, err
	}
	return f.handle, &Arrival{
		settle: func(s *session.Session, lp *loop, release func()) {
			f.session, f.entry.Release = s, release
			f.loop, f.handle.loop = lp, lp
			for _, s := range f.strands {
				if s.side == upstream {
					s.belongs(lp, regain(s.to))
				}
			}
			if !lp.post(func(lp *loop) { lp.readmitFan(f, st) }) {
				lp.failFan(f, ErrClosed)
			}
		},
		drop: func() {
			for _, s := range f.strands {
				s.abandon()
			}
		},
	}, nil
}

// fan makes one that is on no loop yet.
func (st *FanState) fan(o *FanOptions, e Entry, descriptors []int) (*fan, error) {
	if !socket.Movable || len(descriptors) != len(st.Strands) {
		return nil, errParcel
	}
	if err := st.Demux.Check(o.Demux, e.Version); err != nil {
		return nil, err
	}
	f := newFan(nil, o, e, nil).fan
	f.legs = make([]branch, len(st.Demux.Legs))
	for i := range st.Strands {
		s, err := st.Strands[i].strand(f)
		if err != nil {
			return nil, err
		}
		f.strands = append(f.strands, s)
	}
	if !f.complete(st) {
		return nil, errParcel
	}
	f.sid, f.ready, f.excess = st.SID, true, st.Excess
	for i, fd := range descriptors { // nothing fails any more
		f.strands[i].socket = socketOf(fd)
	}
	return f, nil
}

// complete tells whether f has what it needs to go on, and notes how its client
// speaks.
func (f *fan) complete(st *FanState) bool {
	for i := range st.Demux.Legs {
		l := &st.Demux.Legs[i]
		if l.Dialling() || l.Connected() != (f.legs[i].strand != nil) {
			return false
		}
	}
	for i := range st.Packets {
		if k := st.Packets[i].Kind; k <= engineio.Open || k > engineio.Noop {
			return false
		}
	}
	switch {
	case f.client != nil:
		f.handle.state.Store(int32(WebSocket))
		return f.probing == nil && len(st.Packets) == 0
	case f.probing != nil:
		f.handle.state.Store(int32(Probing))
	}
	return f.entry.Polling
}

// strand makes one without a socket, with its place in f.
func (st *StrandState) strand(f *fan) (*strand, error) {
	s := newStrand(f, client, -1)
	place := &f.client
	switch {
	case st.Role == roleProbe:
		place = &f.probing
	case st.Role == roleLeg && st.Number >= 0 && st.Number < len(f.legs):
		s = newStrand(f, upstream, st.Number)
		place = &f.legs[st.Number].strand
	case st.Role != roleClient:
		return nil, errParcel
	}
	if *place != nil {
		return nil, errParcel
	}
	*place = s
	return s, st.fill(s)
}

// fill gives s what needs no loop.
func (st *StrandState) fill(s *strand) (err error) {
	if s.check, err = st.Check.Checker(); err != nil {
		return err
	}
	if err = st.Line.fill(&s.line); err != nil {
		return err
	}
	if s.check.Open() != (st.Parts != nil) || st.Window > 15 {
		return errParcel
	}
	s.b64, s.window, s.probed, s.to = st.Base64, st.Window, st.Probed, st.To
	if m := st.Parts; m != nil {
		s.parts = &parts{m.Bytes, m.Binary, m.Packed, m.Key, max(0, m.At)}
	}
	if r := st.Rest; r != nil {
		s.rest = &rest{bytes: r.Bytes, more: r.More}
	}
	return nil
}

// readmitFan takes in a fan that has come with st.
func (lp *loop) readmitFan(f *fan, st *FanState) {
	if lp.ended {
		lp.failFan(f, ErrClosed)
		return
	}
	d, err := demux.Restore(f.options.Demux, f.counts(), f.entry.Version, st.Demux, lp.now, (*effects)(f))
	if err != nil { // it was checked
		lp.failFan(f, err)
		return
	}
	f.demux = d
	f.spent.Restore(lp.now, st.Spent)
	f.unread, f.answers.filledAt = lp.since(st.Unread), lp.since(st.FilledAt)
	for _, p := range st.Packets {
		f.answers.out.add(&lp.outputs, p.Kind, p.Binary, p.Data)
	}
	for i, s := range f.strands {
		from := &st.Strands[i]
		s.muted, s.cutAt = lp.since(from.Muted), lp.since(from.CutAt)
		lp.restore(&s.line, &from.Line)
	}
	f.noteLegs()
	lp.goOnWith(f)
}

// goOnWith has f, which is not on the poller, go on.
func (lp *loop) goOnWith(f *fan) {
	lines := make([]*line, len(f.strands))
	for i, s := range f.strands {
		lines[i] = &s.line
	}
	if err := lp.unpackLines(lines...); err != nil {
		lp.failFan(f, err)
		return
	}
	lp.fans[f.session] = f
	if told := f.session.Dismissed(); told != nil {
		f.leaveAt(lp.now, told)
	}
	if lp.stopping {
		f.leaveAt(lp.now, lp.last)
	}
	f.tick(lp)
}

// loseGone loses the legs whose endpoints have gone while f was put aside.
func (f *fan) loseGone() {
	for i := range f.legs {
		if s := f.legs[i].strand; s != nil && s.gone != nil && !f.closing() && s.gone() {
			f.dismiss(s, farewell{code: ws.CodeGoingAway})
			f.loseLeg(s, errEndpointGone)
		}
	}
	f.settle()
}

// failFan ends a fan that is on no poller and cannot come there.
func (lp *loop) failFan(f *fan, err error) {
	for _, s := range f.strands {
		lp.letGo(&s.line)
		if s.release != nil {
			s.release()
		}
	}
	lp.timers.drop(f)
	f.demux.Close()
	f.end = &fanEnd{told: true, gone: true}
	f.strands, f.client, f.probing = nil, nil, nil
	if f.answers.get != nil {
		f.answers.doneGet(Answer{Status: UnknownSID})
	}
	lp.refuseFan(f, err)
}

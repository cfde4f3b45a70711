package relay

import (
	"errors"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// PairState is a pair as data. Times are how long ago something was; 0 is never.
// Fields may be added and removed: what a reader does not know it leaves out,
// and what is not there has its zero value.
type PairState struct {
	Options Options
	Passed  time.Duration
	PingID  uint64              `json:",omitempty"`
	Spent   session.BucketState `json:",omitzero"`
	Legs    [2]LegState         // the client's first
}

// LegState is a leg of a pair as data.
type LegState struct {
	Line    LineState
	Check   ws.CheckerState
	Counted uint32        `json:",omitempty"`
	Pinged  time.Duration `json:",omitempty"`
}

// LineState is a line as data, besides its descriptor.
type LineState struct {
	Held   []byte        `json:",omitempty"`
	Waits  []byte        `json:",omitempty"` // what the socket has not taken
	Waited time.Duration `json:",omitempty"` // since when
	Heard  time.Duration `json:",omitempty"`
	Began  time.Duration `json:",omitempty"`
	Moved  time.Duration `json:",omitempty"`
}

// packPair puts p aside.
func (lp *loop) packPair(p *pair) (*Parcel, error) {
	descriptors, err := lp.packLines(&p.legs[client].line, &p.legs[upstream].line)
	if err != nil {
		return nil, err
	}
	lp.timers.drop(p)
	delete(lp.pairs, p)
	st := &PairState{Options: *p.options, Passed: lp.ago(p.passed), PingID: p.pingID, Spent: p.spent.State(lp.now)}
	for i := range p.legs {
		l := &p.legs[i]
		st.Legs[i] = LegState{Line: lp.lineState(&l.line), Check: l.check.State(), Counted: l.counted, Pinged: lp.ago(l.pinged)}
	}
	return &Parcel{Session: p.session, Pair: st, Descriptors: descriptors, away: p}, nil
}

// packLines has lines stand still, or none of them, and returns their
// descriptors.
func (lp *loop) packLines(lines ...*line) (descriptors []int, err error) {
	for i, l := range lines {
		if err = lp.emptyPipe(l); err == nil {
			err = lp.poller.release(l)
		}
		if err != nil {
			return nil, errors.Join(err, lp.unpackLines(lines[:i]...))
		}
		l.set(vacated)
		descriptors = append(descriptors, l.socket.descriptor())
	}
	return descriptors, nil
}

// unpackLines has them go on, or none of them.
func (lp *loop) unpackLines(lines ...*line) error {
	for i, l := range lines {
		if err := lp.poller.add(l); err != nil {
			for _, l := range lines[:i] {
				lp.poller.remove(l)
			}
			return err
		}
	}
	for _, l := range lines {
		l.unset(vacated | readable | ending) // the poller will tell
		lp.enqueue(l)
	}
	return nil
}

func (lp *loop) lineState(l *line) LineState {
	st := LineState{Held: l.held, Heard: lp.ago(l.heard), Began: lp.ago(l.began), Moved: lp.ago(l.moved)}
	if b := l.backlog; b != nil {
		st.Waits, st.Waited = b.bytes[b.sent:], lp.ago(b.since)
	}
	return st
}

// handed implements away.
func (p *pair) handed(lp *loop) {
	for i := range p.legs {
		lp.letGo(&p.legs[i].line)
	}
	p.release()
}

// letGo forgets a line whose socket another process has.
func (lp *loop) letGo(l *line) {
	if b := l.backlog; b != nil {
		l.backlog = nil
		lp.outputs.give(b.bytes)
	}
	lp.tapping.forget(l)
	l.socket.close()
	l.set(closed)
	l.held = nil
}

// back implements away.
func (p *pair) back(lp *loop) {
	lp.goOn(p)
}

// goOn has p, which is not on the poller, relay again.
func (lp *loop) goOn(p *pair) {
	if err := lp.unpackLines(&p.legs[client].line, &p.legs[upstream].line); err != nil {
		lp.refuseAdoption(p, err)
		return
	}
	lp.pairs[p] = struct{}{}
	if told := p.session.Dismissed(); told != nil {
		lp.leaveAt(p, lp.now, told)
	}
	if lp.stopping {
		lp.leaveAt(p, lp.now, lp.last)
	}
	p.tick(lp)
}

// pair makes one that is on no loop yet.
func (st *PairState) pair(o *Options, descriptors []int) (*pair, error) {
	if !moves || len(descriptors) != len(st.Legs) {
		return nil, errParcel
	}
	p := newPair(nil, o, nil)
	p.pingID = st.PingID
	for i := range p.legs {
		l, from := &p.legs[i], &st.Legs[i]
		var err error
		if l.check, err = from.Check.Checker(); err != nil {
			return nil, err
		}
		if len(from.Line.Held) > maxHeld {
			return nil, errParcel
		}
		l.counted, l.held = from.Counted, from.Line.Held
	}
	for i, fd := range descriptors { // nothing fails any more
		p.legs[i].socket = socketOf(fd)
	}
	return p, nil
}

// readmit is admit for a pair that has come with st.
func (lp *loop) readmit(p *pair, st *PairState) {
	if lp.ended {
		lp.refuseAdoption(p, ErrClosed)
		return
	}
	p.passed = lp.since(st.Passed)
	p.spent.Restore(lp.now, st.Spent)
	for i := range p.legs {
		p.legs[i].pinged = lp.since(st.Legs[i].Pinged)
		lp.restore(&p.legs[i].line, &st.Legs[i].Line)
	}
	lp.goOn(p)
}

// restore gives l what st knows of times, and of what its socket has not taken.
func (lp *loop) restore(l *line, st *LineState) {
	l.heard, l.began, l.moved = lp.since(st.Heard), lp.since(st.Began), lp.since(st.Moved)
	if len(st.Waits) > 0 {
		l.backlog = &backlog{since: lp.since(st.Waited)}
		lp.outputs.append(l.backlog, st.Waits)
		l.user.stuck(lp, l)
	}
}

package relay

import (
	"time"

	"usher/proxy/session"
	"usher/proxy/socket"
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

// packPair puts p aside.
func (lp *loop) packPair(p *pair) (*Parcel, error) {
	lines, descriptors, err := lp.packLines(&p.legs[client].line, &p.legs[upstream].line)
	if err != nil {
		return nil, err
	}
	lp.timers.drop(p)
	delete(lp.pairs, p.session)
	st := &PairState{Options: *p.options, Passed: lp.ago(p.passed), PingID: p.pingID, Spent: p.spent.State(lp.now)}
	for i := range p.legs {
		l := &p.legs[i]
		st.Legs[i] = LegState{Line: lines[i], Check: l.check.State(), Counted: l.counted, Pinged: lp.ago(l.pinged)}
	}
	return &Parcel{Session: p.session, Pair: st, Descriptors: descriptors, away: p}, nil
}

// handed implements away.
func (p *pair) handed(lp *loop) {
	for i := range p.legs {
		lp.letGo(&p.legs[i].line)
	}
	p.release()
}

// refuse implements away.
func (p *pair) refuse() { p.legs[client].refused = true }

// back implements away.
func (p *pair) back(lp *loop) {
	lp.goOn(p)
}

// goOn has p, which is not on the poller, relay again.
func (lp *loop) goOn(p *pair) {
	if err := lp.unpackLines(&p.legs[client].line, &p.legs[upstream].line); err != nil {
		lp.timers.drop(p)
		lp.refuseAdoption(p, err)
		return
	}
	lp.pairs[p.session] = p
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
	if !socket.Movable || len(descriptors) != len(st.Legs) {
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
		if err = from.Line.fill(&l.line); err != nil {
			return nil, err
		}
		l.counted = from.Counted
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

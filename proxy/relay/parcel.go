package relay

import (
	"errors"
	"time"

	"usher/proxy/session"
)

// Parcel is a session on its way to another process: data, and the descriptors
// that belong to it. Until it is known whether the other has taken it, it stands
// still on its loop, and nothing is read from its sockets or written to them.
type Parcel struct {
	Session     *session.Session
	Pair        *PairState // nil if it is no pair
	Fan         *FanState  // nil if it is no fan
	Descriptors []int      // still the loop's

	// Refused may be set by who hands it on: the other process has taken the
	// others, and cannot take this one. It stays.
	Refused bool

	away away
}

// clear overwrites the secrets.
func (p *Parcel) clear() {
	if p.Pair != nil {
		for i := range p.Pair.Legs {
			p.Pair.Legs[i].Line.clear()
		}
	}
	if p.Fan != nil {
		for i := range p.Fan.Strands {
			p.Fan.Strands[i].Line.clear()
		}
	}
}

// away is who has been put aside.
type away interface {
	// handed is called when another process has it: what is left of it here goes
	// without a word to anybody.
	handed(lp *loop)
	// back is called when it has not.
	back(lp *loop)
	// refuse says that it cannot have it.
	refuse()
}

// Move gives the sessions that can move to hand, a few at a time: as many as have
// most descriptors, or one. It reports whether it has taken them. Those that it
// has are no sessions of this group any more; if it has not, they go on as if
// nothing had been, and Move returns. Sessions that come to the group meanwhile
// may be left out. Those whose clients poll move only if polls says so: requests
// that come here later are not for this group. It must not be called by a loop.
func (g *Group) Move(most int, polls bool, hand func([]*Parcel) bool) {
	for _, lp := range g.loops {
		for {
			some, taken := lp.move(most, polls, hand)
			if some && !taken {
				return
			}
			if !some {
				break
			}
		}
	}
}

// move moves those of one turn, and tells whether there were some, and whether
// they were taken.
func (lp *loop) move(most int, polls bool, hand func([]*Parcel) bool) (some, taken bool) {
	packed := make(chan []*Parcel, 1)
	if !lp.post(func(lp *loop) { packed <- lp.pack(most, polls) }) {
		return false, false
	}
	parcels := <-packed
	if len(parcels) == 0 {
		return false, false
	}
	taken = hand(parcels)
	done := make(chan struct{})
	if lp.post(func(lp *loop) { lp.unpacked(parcels, taken); close(done) }) { // a loop with sessions that are away has not ended
		<-done
	}
	return true, taken
}

// pack puts sessions aside.
func (lp *loop) pack(most int, polls bool) (parcels []*Parcel) {
	for _, p := range lp.pairs {
		if most < len(p.legs) && len(parcels) > 0 {
			break
		}
		if p.stays() != "" {
			continue
		}
		if parcel, err := lp.packPair(p); err == nil {
			parcels, most = append(parcels, parcel), most-len(parcel.Descriptors)
		}
	}
	carried := 0
	for _, f := range lp.fans {
		if (most < max(1, len(f.strands)) || carried > mostCarried) && len(parcels) > 0 {
			break
		}
		if f.polls() && !polls {
			continue
		}
		if parcel := lp.packFan(f); parcel != nil { // one that polls may have no descriptors
			parcels, most = append(parcels, parcel), most-max(1, len(parcel.Descriptors))
			carried += f.carries()
		}
	}
	lp.away += len(parcels)
	return parcels
}

// unpacked ends the time in which parcels stood still.
func (lp *loop) unpacked(parcels []*Parcel, taken bool) {
	lp.away -= len(parcels)
	for _, p := range parcels {
		p.clear()
		if taken && !p.Refused {
			p.away.handed(lp)
			p.Session.Leave()
			lp.load.Add(-1)
			continue
		}
		if p.Refused {
			p.away.refuse()
		}
		p.away.back(lp)
	}
	lp.vacate()
}

// Arrival is a session that has come from another process, of which everything
// is done that may fail.
type Arrival struct {
	settle func(s *session.Session, lp *loop, release func())
	drop   func()
}

var errParcel = errors.New("the descriptors of a session do not fit it")

// Unpack makes of the state and the descriptors of a parcel what a group can
// take in; o are its options, which sessions may share. The descriptors are the
// arrival's; if there is an error, they are still the caller's.
func (st *PairState) Unpack(o *Options, descriptors []int) (*Arrival, error) {
	p, err := st.pair(o, descriptors)
	if err != nil {
		return nil, err
	}
	return &Arrival{
		settle: func(s *session.Session, lp *loop, release func()) {
			p.session, p.release = s, release
			if !lp.post(func(lp *loop) { lp.readmit(p, st) }) {
				lp.refuseAdoption(p, ErrClosed)
			}
		},
		drop: func() { p.legs[client].abandon(); p.legs[upstream].abandon() },
	}, nil
}

// TakeIn has the group go on with a session that has come from another process,
// where s is what it is here. It is Adopt but for that.
func (g *Group) TakeIn(s *session.Session, a *Arrival, release func()) {
	lp := g.choose()
	lp.load.Add(1)
	a.settle(s, lp, release)
}

// Drop closes what the other process still has.
func (a *Arrival) Drop() { a.drop() }

// ago returns how long ago t was, and 1 more, or 0 if it never was.
func (lp *loop) ago(t time.Duration) time.Duration {
	if t == 0 {
		return 0
	}
	return lp.now - t + 1
}

// since is ago's reverse.
func (lp *loop) since(ago time.Duration) time.Duration {
	if ago == 0 {
		return 0
	}
	return max(lp.now-ago+1, 1)
}

package relay

import (
	"time"

	"usher/proxy/demux"
	"usher/proxy/session"
)

func newPair(s *session.Session, o *Options, release func()) *pair {
	p := &pair{session: s, options: o, release: release, timer: timer{index: -1}, spent: session.NewBucket(o.ClientRate)}
	for i := range p.legs {
		l := &p.legs[i]
		l.user, l.pair, l.side = p, p, side(i)
		l.socket = noSocket
	}
	return p
}

// fail ends a pair that never came to a loop.
func (p *pair) fail(err error) {
	p.legs[client].abandon()
	p.legs[upstream].abandon()
	p.session.End(session.End{Cause: session.Cause{Side: session.Usher, Event: session.Failed}, Err: err, Time: time.Now()})
	p.release()
}

// adopt takes p in. What was read behind the handshakes passes first.
func (lp *loop) adopt(p *pair, early ...[]byte) {
	if lp.ended {
		lp.refuseAdoption(p, ErrClosed)
		return
	}
	for i := range p.legs {
		if err := lp.poller.add(&p.legs[i].line); err != nil {
			for j := range i {
				lp.poller.remove(&p.legs[j].line)
			}
			lp.refuseAdoption(p, err)
			return
		}
	}
	lp.admit(p, early...)
}

// admit has p relay from now on.
func (lp *loop) admit(p *pair, early ...[]byte) {
	lp.pairs[p.session] = p
	p.passed = lp.now
	for i := range p.legs {
		p.legs[i].heard = lp.now
	}
	for i := range p.legs {
		lp.feed(&p.legs[i].line, early[i])
	}
	if lp.stopping {
		lp.leaveAt(p, lp.now, lp.last)
	}
	p.tick(lp)
}

// refuseAdoption ends a pair that was given to lp but cannot be taken in.
func (lp *loop) refuseAdoption(p *pair, err error) {
	lp.load.Add(-1)
	p.fail(err)
}

// refuseFan ends a fan that came when the loop had ended, or that it cannot take in.
func (lp *loop) refuseFan(f *fan, err error) {
	lp.load.Add(-1)
	f.handle.state.Store(int32(Over))
	f.session.End(session.End{Cause: session.Cause{Side: session.Usher, Event: session.Failed}, Err: err, Time: time.Now()})
	f.answer("", demux.Refusal{Status: 503})
	f.entry.Gone()
	f.entry.Release()
}

package relay

import (
	"errors"
	"fmt"

	"usher/proxy/demux"
	"usher/proxy/session"
)

// dial has a leg dialled. What comes of it is posted.
func (f *fan) dial(leg int, to demux.Target) {
	for leg >= len(f.legs) {
		f.legs = append(f.legs, branch{})
	}
	b := &f.legs[leg]
	b.strand = nil
	b.dial = (b.dial + 1) | 1
	mine, lp := b.dial, f.loop
	f.entry.Dial(to, func(d Dialled) {
		if !lp.post(func(*loop) { f.dialled(leg, mine, d) }) {
			d.drop()
		}
	})
}

// drop closes what nobody wants any more.
func (d *Dialled) drop() {
	if d.Err != nil {
		return
	}
	d.Leg.Conn.Close()
	if d.Release != nil {
		d.Release()
	}
}

// dialled takes a leg in, or tells that there is none.
func (f *fan) dialled(leg int, mine uint32, d Dialled) {
	if f.closing() || f.legs[leg].dial != mine {
		d.drop()
		return
	}
	b, lp := &f.legs[leg], f.loop
	b.dial++ // even: it is over
	if d.Err == nil && d.Lost != nil && d.Lost() {
		d.drop()
		d = Dialled{Err: ofUpstream(d.To.Upstream, errEndpointGone)}
	}
	if d.Err != nil {
		f.why = d.Err
	}
	switch {
	case d.Err != nil && d.Refused.Status != 0:
		f.demux.LegRefused(lp.now, leg, d.Refused)
	case d.Err != nil:
		f.demux.LegFailed(lp.now, leg)
	default:
		f.attach(leg, d)
	}
	f.why = nil
	f.settle()
}

// attach makes a leg of what was dialled.
func (f *fan) attach(leg int, d Dialled) {
	lp := f.loop
	s, early, err := f.adopt(d.Leg, upstream, leg)
	if err != nil {
		f.why = ofUpstream(d.To.Upstream, err)
		d.drop()
		f.demux.LegFailed(lp.now, leg)
		return
	}
	s.belongs(lp, d)
	f.legs[leg].strand = s
	f.noteLegs()
	f.demux.LegUp(lp.now, leg, d.Tag)
	lp.feed(&s.line, early)
}

// belongs notes whose s is.
func (s *strand) belongs(lp *loop, d Dialled) {
	s.tag, s.to, s.release, s.gone, s.passed = d.Tag, d.To, d.Release, d.Lost, lp.passed.of(d.To.Upstream)
}

// noteLegs tells the session which legs are there: those whose end is under way
// among them, since their upstreams have them still. A session that ends keeps
// those that it had.
func (f *fan) noteLegs() {
	if f.closing() {
		return
	}
	var list []session.Leg
	for _, s := range f.strands {
		if s.side == upstream && !s.is(closed) {
			list = append(list, s.to)
		}
	}
	f.session.SetLegs(list)
}

// closeLeg tells a leg its end, or gives up to dial it.
func (f *fan) closeLeg(leg int, why farewell) {
	b := &f.legs[leg]
	if b.dial&1 == 1 {
		b.dial++
	}
	if s := b.strand; s != nil {
		b.strand = nil
		f.dismiss(s, why)
	}
}

// loseLeg tells the session that a leg is gone.
func (f *fan) loseLeg(s *strand, err error) {
	f.legs[s.number].strand = nil
	f.why = ofUpstream(s.to.Upstream, err)
	f.demux.LegLost(f.loop.now, s.number)
	f.why = nil
}

// ofUpstream names the upstream that err, nil for the end of a connection, is
// about: a session with namespaces has several.
func ofUpstream(name string, err error) error {
	if err == nil {
		err = errLegLost
	}
	return fmt.Errorf("%s: %w", name, err)
}

var errLegLost = errors.New("connection lost")

package relay

import (
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// fan is a session of one client and several legs. A demux.Session says what
// becomes of each message; the fan moves it.
//
// It is in one of four states:
//
//   - waiting: its handshake is not answered yet, or its client has not been
//     handed over. What is for the client gathers in the outbox.
//   - polling: so it does while the client polls, maybe beside a probe.
//   - streaming: the client has a WebSocket.
//   - closing: end says why. When all sockets are closed the session has
//     ended; a client that polls is told so by its next GET.
type fan struct {
	// static after construction
	handle  *Fan
	loop    *loop
	session *session.Session
	options *FanOptions
	entry   Entry
	demux   *demux.Session

	// owned by the loop
	client  *strand // nil while there is none
	probing *strand // nil while there is none
	legs    []branch
	strands []*strand       // all whose sockets are open, those that are closing included
	spent   *session.Bucket // what the client has used of its rate
	unread  time.Duration   // since when the client has to wait for a leg; 0 if it has not
	answers answers         // of the client's polling requests
	sid     string          // as the client knows it
	why     error           // of the leg that the session is being told to be gone; nil otherwise
	ready   bool            // the handshake was answered
	excess  bool            // the client's last POST was too big
	refused bool            // another process could not take it, and is not asked again
	first   uint8           // which of the strands was read first when there was room again
	leave   *leave          // nil unless usher is to end it
	end     *fanEnd         // nil unless closing
	apart   bool            // it is put aside for another process
	calls   []post          // that came while it is
	timer                   // when the loop looks at the fan again
}

// branch is a leg by its number: dialled, open, or neither.
type branch struct {
	strand *strand
	dial   uint32 // counts the dials of this number; odd while one is under way
}

// fanEnd is why and how a fan ends.
type fanEnd struct {
	end
	told     bool          // the session has ended
	goneAt   time.Duration // when the sid is forgotten
	gone     bool          // it is
	farewell byte          // the packet for the client's next GET
	moved    bool          // it goes on in another process
}

func newFan(s *session.Session, o *FanOptions, e Entry, lp *loop) *Fan {
	f := &fan{session: s, options: o, entry: e, loop: lp, timer: timer{index: -1}}
	f.spent = session.NewBucket(o.Client.ClientRate)
	f.demux = demux.New(o.Demux, f.counts(), e.Version, (*effects)(f))
	f.handle = &Fan{loop: lp, fan: f}
	return f.handle
}

// counts is where the demux.Session counts.
func (f *fan) counts() *demux.Stats {
	if f.options.Counts == nil {
		return new(demux.Stats)
	}
	return f.options.Counts
}

// open takes the fan in.
func (lp *loop) open(f *fan) {
	if lp.ended {
		lp.refuseFan(f, ErrClosed)
		return
	}
	lp.fans[f.session] = f
	f.demux.Start(lp.now)
	if due := lp.expiry(f.session); due != never {
		f.wake(due)
	}
	if lp.stopping {
		f.leaveAt(lp.now, lp.last)
	}
	f.settle()
}

// adopt makes a strand of a connection, which is to be fed early.
func (f *fan) adopt(l Leg, s side, number int) (_ *strand, early []byte, err error) {
	st := newStrand(f, s, number)
	st.tied = l.Tied
	if early, err = st.init(l.Conn, l.Early); err != nil {
		return nil, nil, err
	}
	if err := f.loop.poller.add(&st.line); err != nil {
		st.abandon()
		return nil, nil, err
	}
	st.heard = f.loop.now
	f.strands = append(f.strands, st)
	return st, early, nil
}

// listens tells whether what s sends is for the session.
func (f *fan) listens(s *strand) bool {
	return s == f.client || s == f.probing || s.number >= 0 && f.legs[s.number].strand == s
}

// hears tells whether s may be read: there is room where it sends to. What
// does not reach the session is read, for its end; so is a probe, whose time to
// take over is limited.
func (f *fan) hears(s *strand) bool {
	switch {
	case f.closing() || !f.listens(s) || s == f.probing:
		return true
	case s.side == client:
		return !f.holdsBack() && s.waits() <= 2*f.options.outLimit()
	case s.waits() > f.options.legQueue():
		return false
	case f.client != nil:
		return !f.client.backlogged()
	}
	return f.answers.out.size() <= f.options.outLimit()
}

// congested tells whether a leg has so much to take that its client has to
// wait.
func (f *fan) congested() bool {
	for i := range f.legs {
		if s := f.legs[i].strand; s != nil && s.waits() > f.options.legQueue() {
			return true
		}
	}
	return false
}

// holdsBack tells whether the client has to wait for a leg, and keeps account of
// it: what has gathered meanwhile comes at once, and not too fast.
func (f *fan) holdsBack() bool {
	congested := f.congested()
	switch {
	case congested && f.unread == 0:
		f.unread = f.loop.now
	case !congested && f.unread > 0:
		f.spent.Unread(f.unread, f.loop.now)
		f.unread = 0
	}
	return congested
}

// expects tells whether a leg that is still to be served may have something for
// the client.
func (f *fan) expects() bool {
	for _, s := range f.strands {
		if s.is(queued) && s.side == upstream {
			return true
		}
	}
	return false
}

// waits returns how many bytes the socket of s has not taken.
func (s *strand) waits() int {
	if s.backlog == nil {
		return 0
	}
	return len(s.backlog.bytes) - s.backlog.sent
}

// freed has those read again that had to wait for s. They take turns at being
// the first, so that none waits for ever where s has room for one.
func (f *fan) freed(lp *loop, s *strand) {
	n := len(f.strands)
	f.first++
	for i := range n {
		other := f.strands[(int(f.first)+i)%n]
		if other == s || other.side != s.side {
			lp.enqueue(&other.line)
		}
	}
}

// count notes fresh bytes from s.
func (f *fan) count(s *strand, fresh int) {
	c := &f.session.FromClient
	if s.side == upstream {
		c = &f.session.FromUpstream
	}
	c.Bytes.Add(uint64(fresh))
	if s.passed != nil {
		s.passed.from.bytes.Add(uint64(fresh))
	}
	if s.side == client {
		f.spend(0, fresh)
	}
}

// spend takes from the client's rate, and ends the session where it is over.
func (f *fan) spend(messages, bytes int) {
	if !f.closing() && !f.spent.Spend(f.loop.now, messages, bytes) {
		f.close(session.Cause{Side: session.Client, Event: session.Rate}, farewell{ws.CodePolicy, "more than max_rate was sent"}, nil)
	}
}

// received hands a message to the session.
func (f *fan) received(s *strand, m *demux.Message) {
	lp := f.loop
	switch {
	case s.number >= 0:
		f.session.FromUpstream.Messages.Add(1)
		s.passed.from.messages.Add(1)
		if m.Type == engineio.Message {
			f.session.FromUpstream.Last.Store(lp.began + int64(lp.now))
		}
		f.demux.FromLeg(lp.now, s.number, m)
	case s == f.probing:
		f.probed(m)
	default:
		f.fromClient(m)
	}
}

// fromClient hands a message of the client, by whatever transport, to the
// session.
func (f *fan) fromClient(m *demux.Message) {
	lp := f.loop
	f.session.FromClient.Messages.Add(1)
	if m.Type == engineio.Message {
		f.excess = false // it has not given up
		f.session.FromClient.Last.Store(lp.began + int64(lp.now))
	}
	if f.spend(1, 0); !f.closing() {
		f.demux.FromClient(lp.now, m)
	}
}

// wake has f looked at no later than at due, but never in the turn that is.
func (f *fan) wake(due time.Duration) {
	if due <= f.loop.now {
		due = f.loop.now + time.Millisecond
	}
	f.loop.timers.schedule(f, due)
}

// settle closes the sockets that have nothing more to do, answers what can be
// answered, ends the session when all is closed, and sees to its timers.
func (f *fan) settle() {
	fewer := false
	for i := 0; i < len(f.strands); i++ {
		s := f.strands[i]
		if (f.closing() || !f.listens(s)) && s.done() {
			s.close(f.loop)
		}
		if s.is(closed) {
			f.strands = append(f.strands[:i], f.strands[i+1:]...)
			fewer = fewer || s.side == upstream
			i--
		}
	}
	if fewer {
		f.noteLegs()
	}
	if f.answers.post != nil && !f.holdsBack() {
		f.answers.donePost(Done)
	}
	if f.closing() {
		f.finish()
		return
	}
	if due := f.demuxDue(); due != never {
		f.wake(due)
	}
}

package relay

import (
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/socket"
	"usher/proxy/ws"
)

// FanState is a fan as data. Times are as in PairState, negative for what is
// still to come. Fields may be added and removed.
type FanState struct {
	Version  engineio.Version
	SID      string
	Polling  bool                `json:",omitempty"` // it has begun so
	Base64   bool                `json:",omitempty"`
	Demux    demux.State         // its legs are connected where a strand has their number
	Strands  []StrandState       `json:",omitempty"` // in the order of their descriptors
	Spent    session.BucketState `json:",omitzero"`
	Unread   time.Duration       `json:",omitempty"`
	Excess   bool                `json:",omitempty"`
	FilledAt time.Duration       `json:",omitempty"`
	Packets  []PacketState       `json:",omitempty"` // wait for a poll
}

// StrandState is a strand as data.
type StrandState struct {
	Role   string      // leg, client or probe
	Number int         `json:",omitempty"` // of a leg
	To     session.Leg `json:",omitzero"`
	Line   LineState
	Check  ws.CheckerState
	Parts  *PartsState   `json:",omitempty"`
	Rest   *RestState    `json:",omitempty"`
	Muted  time.Duration `json:",omitempty"`
	Base64 bool          `json:",omitempty"`
	Window uint8         `json:",omitempty"`
	Probed bool          `json:",omitempty"`
	CutAt  time.Duration `json:",omitempty"`
}

// PartsState is a message that came in pieces, as data.
type PartsState struct {
	Bytes  []byte  `json:",omitempty"`
	Binary bool    `json:",omitempty"`
	Packed bool    `json:",omitempty"`
	Key    [4]byte `json:",omitzero"`
	At     int     `json:",omitempty"`
}

// RestState is what was read and not looked at, as data.
type RestState struct {
	Bytes []byte `json:",omitempty"`
	More  []byte `json:",omitempty"`
}

// PacketState is a packet that waits for a poll.
type PacketState struct {
	Kind   engineio.PacketType
	Binary bool   `json:",omitempty"`
	Data   []byte `json:",omitempty"`
}

// What a strand can be.
const (
	roleLeg    = "leg"
	roleClient = "client"
	roleProbe  = "probe"
)

// mostCarried bounds what a fan that moves has in its hands, as all of it stands
// still while it is written, sent and read. With more it is tried again later.
const mostCarried = 4 << 20

// stays returns what keeps f here, "" if nothing does. Some of what does is over in
// a moment.
func (f *fan) stays() string {
	if f.closing() || f.leave != nil {
		return staysEnds
	}
	if f.refused {
		return staysRefused
	}
	for _, s := range f.strands {
		if why := s.stays(); why != "" {
			return why
		}
	}
	if f.polls() && f.entry.Stays != nil {
		if why := f.entry.Stays(); why != "" {
			return why
		}
	}
	if !socket.Movable || f.occupied() || f.carries() > mostCarried {
		return Busy
	}
	return ""
}

// occupied tells whether f has begun something that is no data.
func (f *fan) occupied() bool {
	switch {
	case !f.ready || f.answers.post != nil || f.demux.Judging():
		return true
	case f.client == nil && !f.entry.Polling: // its handshake is being answered
		return true
	case !f.answers.out.empty() && f.answers.out.packets[0].kind == engineio.Open: // likewise
		return true
	}
	for i := range f.legs {
		if f.legs[i].dial&1 == 1 {
			return true
		}
	}
	for _, s := range f.strands {
		if !f.listens(s) || s.rest != nil && s.rest.lost {
			return true
		}
	}
	return false
}

// carries returns about how many bytes f has in its hands.
func (f *fan) carries() int {
	n := f.demux.Held() + f.answers.out.size()
	for _, s := range f.strands {
		n += s.waits()
		if s.parts != nil {
			n += len(s.parts.bytes)
		}
		if s.rest != nil {
			n += len(s.rest.bytes) + len(s.rest.more)
		}
	}
	return n
}

// polls tells whether requests of f's client may be on their way.
func (f *fan) polls() bool { return f.client == nil }

// packFan puts f aside, if it can move.
func (lp *loop) packFan(f *fan) *Parcel {
	f.tidy()
	if f.stays() != "" || f.entry.Hold != nil && !f.entry.Hold() {
		return nil
	}
	lines := make([]*line, len(f.strands))
	for i, s := range f.strands {
		lines[i] = &s.line
	}
	states, descriptors, err := lp.packLines(lines...)
	if err != nil {
		f.held(false)
		return nil
	}
	lp.timers.drop(f)
	delete(lp.fans, f.session)
	f.apart = true
	return &Parcel{Session: f.session, Fan: f.state(states), Descriptors: descriptors, away: f}
}

// tidy has what is about to leave f leave it now.
func (f *fan) tidy() {
	for _, s := range f.strands {
		s.writeOut(f.loop)
	}
	if f.answers.get != nil && !f.answers.out.empty() && !f.closing() {
		f.answerGet()
	}
}

// state is f as data.
func (f *fan) state(lines []LineState) *FanState {
	lp, a := f.loop, &f.answers
	st := &FanState{
		Version: f.entry.Version, SID: f.sid, Polling: f.entry.Polling, Base64: f.entry.Base64,
		Demux: f.demux.State(lp.now), Spent: f.spent.State(lp.now), Unread: lp.ago(f.unread), Excess: f.excess,
		FilledAt: lp.ago(a.filledAt),
	}
	a.out.each(func(p engineio.Packet) { st.Packets = append(st.Packets, PacketState{p.Type, p.Binary, p.Data}) })
	for i, s := range f.strands {
		st.Strands = append(st.Strands, s.state(lp, lines[i]))
	}
	return st
}

// state is s as data.
func (s *strand) state(lp *loop, as LineState) StrandState {
	st := StrandState{
		Role: roleLeg, Number: s.number, To: s.to, Line: as, Check: s.check.State(),
		Muted: lp.ago(s.muted), Base64: s.b64, Window: s.window, Probed: s.probed, CutAt: lp.ago(s.cutAt),
	}
	switch s {
	case s.fan.client:
		st.Role = roleClient
	case s.fan.probing:
		st.Role = roleProbe
	}
	if m := s.parts; m != nil {
		st.Parts = &PartsState{m.bytes, m.binary, m.packed, m.key, m.at}
	}
	if r := s.rest; r != nil {
		st.Rest = &RestState{r.bytes, r.more}
	}
	return st
}

// handed implements away. A GET that waits is told to ask again: the client's next
// one is for the other process.
func (f *fan) handed(lp *loop) {
	for _, s := range f.strands {
		s.endMessage(lp)
		s.rest = nil
		lp.letGo(&s.line)
		if s.release != nil {
			s.release()
		}
	}
	f.demux.Close()
	f.answers.drop(lp)
	f.end = &fanEnd{told: true, gone: true, moved: true}
	f.strands, f.client, f.probing = nil, nil, nil
	if f.answers.get != nil {
		f.answers.doneGet(ComeAgain(f.entry.Version))
	}
	f.resumeCalls()
	f.held(true)
	f.entry.Release()
}

// ComeAgain is the answer to a GET whose session another process has.
func ComeAgain(v engineio.Version) Answer {
	noop := []engineio.Packet{{Type: engineio.Noop}}
	body, _ := engineio.AppendPayload(nil, v, noop, true)
	return Answer{Body: body, Again: true}
}

// refuse implements away.
func (f *fan) refuse() { f.refused = true }

// back implements away.
func (f *fan) back(lp *loop) {
	lp.goOnWith(f)
	f.loseGone()
	f.resumeCalls()
	f.held(false)
}

// held takes Entry.Hold back.
func (f *fan) held(moved bool) {
	if f.entry.Held != nil {
		f.entry.Held(moved)
	}
}

// whenHere calls do, or does so when f is no longer put aside.
func (f *fan) whenHere(lp *loop, do post) {
	if f.apart {
		f.calls = append(f.calls, do)
		return
	}
	do(lp)
}

// resumeCalls makes the calls that came while f was put aside.
func (f *fan) resumeCalls() {
	f.apart = false
	for _, do := range f.calls {
		do(f.loop)
	}
	f.calls = nil
}

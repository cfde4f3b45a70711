package relay

import (
	"sync/atomic"

	"usher/proxy/session"
)

// Fan is the handle of one session of several legs. Its methods may be called
// from any goroutine, also when the session is long over; they return before
// anything has happened.
type Fan struct {
	loop  *loop
	fan   *fan
	state atomic.Int32
}

// Transport says how a fan's client speaks, for the verification of its next
// request.
type Transport int32

// The transports of a fan.
const (
	Polling Transport = iota
	Probing           // polling, with a WebSocket beside it that may take over
	WebSocket
	Over // the session is over
)

// Transport returns how the client speaks at the moment.
func (f *Fan) Transport() Transport { return Transport(f.state.Load()) }

// Poll is a GET of a client that polls. The Fan takes it over; its address
// tells it from others.
type Poll struct {
	Text bool // no octets in the answer (JSONP)

	// Answer is called once by the loop, and must not block. It owns the body.
	Answer func(Answer)
}

// Answer is what a polling request is answered with.
type Answer struct {
	Status Status
	Body   []byte // of Done, to a GET
	Octets bool   // its type is application/octet-stream
	Again  bool   // it says nothing: the GET is to be made once more, to another process
}

// Status says what kind of answer a polling request gets.
type Status uint8

// The kinds of answers.
const (
	Done       Status = iota // 200
	Broken                   // 400 with an empty body: it broke the transport's rules, and the session is over
	UnknownSID               // engineio.SIDUnknown
	BadRequest               // engineio.BadRequest: the client speaks over WebSocket now
	OwnParser                // engineio.BadRequest with ParserRule, and the session is over
)

// ParserRule is what a client with a parser of its own is told where no upstream
// takes its session whole.
const ParserRule = "client has a parser of its own: the route's socketio needs a fallback"

// Open begins a session of one client and several legs: eager ones are dialled
// at once. It calls s.End once.
func (g *Group) Open(s *session.Session, o *FanOptions, e Entry) *Fan {
	lp := g.choose()
	lp.load.Add(1)
	h := newFan(s, o, e, lp)
	s.SetLegs(nil)
	if !lp.post(func(lp *loop) { lp.open(h.fan) }) {
		lp.refuseFan(h.fan, ErrClosed)
	}
	return h
}

// Socket hands over the client's socket, when the handshake was one of
// WebSocket: its 101 has been sent. The open packet follows.
func (f *Fan) Socket(l Leg, b64 bool) { f.accept(l, b64, (*fan).welcome) }

// Probe hands over a WebSocket that the client opened to a session that polls.
// If it may not take over it is closed.
func (f *Fan) Probe(l Leg, b64 bool) { f.accept(l, b64, (*fan).probe) }

// Poll has p answered when there is something for the client. The first one
// gets the open packet.
func (f *Fan) Poll(p *Poll) {
	if !f.post(func(lp *loop) { f.fan.poll(lp, p) }) {
		p.Answer(Answer{Status: UnknownSID})
	}
}

// Abort says that the client of p, which is not answered yet, is gone: that
// ends the session.
func (f *Fan) Abort(p *Poll) {
	f.post(func(*loop) { f.fan.abort(p) })
}

// Post takes a payload that the client has sent, octets if its type was
// application/octet-stream. answer is called once by the loop, when all of it
// was passed on, and must not block. The Fan owns body.
func (f *Fan) Post(body []byte, octets bool, answer func(Status)) {
	if !f.post(func(lp *loop) { f.fan.post(lp, &posted{body: body, octets: octets, answer: answer}) }) {
		answer(UnknownSID)
	}
}

// TooBig says that the client has posted more than it may at once, and was told
// so. The session goes on, as at the reference server, but clients give it up: if
// that is the next that this one does, this is why.
func (f *Fan) TooBig() {
	f.post(func(*loop) { f.fan.excess = true })
}

// Break ends the session because its client broke a rule of the polling
// transport that the caller watches over, such as a second POST beside one: a
// waiting GET is answered, and the sid is unknown from then on.
func (f *Fan) Break(err error) {
	f.post(func(lp *loop) { f.fan.breakOff(lp, err) })
}

// post has do run by the loop, when the fan is not put aside; false if the loop
// has ended.
func (f *Fan) post(do post) bool {
	return f.loop.post(func(lp *loop) { f.fan.whenHere(lp, do) })
}

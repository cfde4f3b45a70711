package relay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

const (
	// farewellTimeout is how long the peer of a strand may take to answer a
	// Close frame. It is short: until its socket is closed a client takes what it
	// emits for deliverable.
	farewellTimeout = time.Second
	// tombstoneTime is how long the sid of a client that polls is kept for its
	// next GET.
	tombstoneTime = 30 * time.Second
	// crossing is the same for a client that closed by itself.
	crossing = 100 * time.Millisecond
)

func (f *fan) closing() bool { return f.end != nil }

// close ends the session: everybody is told, in the way that is theirs.
func (f *fan) close(cause session.Cause, why farewell, err error) {
	if f.closing() {
		return
	}
	lp := f.loop
	f.end = &fanEnd{end: end{cause: cause, code: why.code, err: err, cutAt: lp.now + farewellTimeout}, farewell: byte(engineio.Close)}
	if cause.Event == session.Closed && cause.Side == session.Client {
		f.end.farewell = byte(engineio.Noop)
	}
	f.demux.Close()
	f.answer("", demux.Refusal{Status: 503})
	polls := Transport(f.handle.state.Swap(int32(Over))) != WebSocket && f.entry.Polling
	for i := range f.legs {
		f.closeLeg(i, farewell{code: ws.CodeGoingAway})
	}
	for _, s := range f.strands {
		f.dismiss(s, why)
	}
	f.client, f.probing = nil, nil
	if !forGood(cause) || !polls {
		f.answers.drop(lp)
	}
	f.bury(polls)
	f.blame()
	lp.timers.schedule(f, f.end.cutAt)
}

// forGood tells whether the client of a session that ends so is not to come back by
// itself: where another was closed for it, it would have that closed in turn.
func forGood(c session.Cause) bool { return c.Event == session.Replaced }

// blame has the end of a client that went because it had posted too much say so.
func (f *fan) blame() {
	c := &f.end.cause
	if f.excess && c.Side == session.Client && (c.Event == session.Closed || c.Event == session.Lost || c.Event == session.Silent) {
		c.Event, f.end.code, f.end.err = session.TooBig, ws.CodeTooBig, errTooBig
	}
}

// bury answers the client's waiting GET, or keeps the sid for its next one. What is
// left for the client has an answer of its own: clients of today would see a close
// packet beside it first.
func (f *fan) bury(polls bool) {
	switch {
	case f.answers.get != nil && !f.answers.out.empty():
		f.answerGet()
		f.keep(tombstoneTime)
	case f.answers.get != nil:
		f.answers.doneGet(f.farewell())
		f.forget()
	case !polls, f.end.cause.Event == session.Silent, f.crashed(): // nobody comes back, or is told
		f.forget()
	case f.end.farewell == byte(engineio.Noop):
		f.keep(crossing)
	default:
		f.keep(tombstoneTime)
	}
	if f.end.foreign() {
		f.answers.donePost(OwnParser)
	}
	f.answers.donePost(Done)
}

// foreign says whether the client's parser is not the usual one: it comes again
// and again, and somebody has to see why.
func (e *fanEnd) foreign() bool { return errors.Is(e.err, demux.ErrParser) }

// farewell is what a GET is answered with at the end. A client that polls a
// server which crashes has an error and no close packet: behind that, some
// clients, such as Python's, would not connect again.
func (f *fan) farewell() Answer {
	switch {
	case f.crashed():
		return Answer{Status: Broken}
	case f.end.foreign():
		return Answer{Status: OwnParser}
	}
	last := []engineio.Packet{{Type: engineio.PacketType(f.end.farewell)}}
	f.showPacketTo(client, "", last[0].Type, nil, true)
	body, _ := engineio.AppendPayload(nil, f.entry.Version, last, true)
	return Answer{Body: body}
}

// crashed says whether an upstream took the session with it without a word.
func (f *fan) crashed() bool {
	return f.end.cause.Side == session.Upstream && (f.end.cause.Event == session.Lost || f.end.cause.Event == session.Stalled)
}

// inOrder says whether err is the loss of a leg whose upstream has closed it, by
// WebSocket or by Engine.IO.
func inOrder(err error) bool {
	_, closed := errors.AsType[*legClosedError](err)
	return closed || errors.Is(err, demux.ErrClose)
}

// legClosedError is the loss of a leg whose upstream closed it in good order.
type legClosedError struct{ code ws.Code }

func (e *legClosedError) Error() string { return fmt.Sprintf("closed with code %d", e.code) }

// keep has the sid forgotten after d.
func (f *fan) keep(d time.Duration) {
	if f.loop.stopping {
		d = min(d, farewellTimeout)
	}
	f.end.goneAt = f.loop.now + d
	f.loop.timers.schedule(f, f.end.goneAt)
}

// forget says that the sid means nothing any more.
func (f *fan) forget() {
	if !f.end.gone {
		f.end.gone = true
		f.answers.drop(f.loop)
		f.entry.Gone()
	}
}

// dismiss tells s why it is closed.
func (f *fan) dismiss(s *strand, why farewell) {
	if s.is(sentClose | closed) {
		return
	}
	lp := f.loop
	s.endMessage(lp)
	if !s.is(finished | deaf) {
		s.sendControl(lp, ws.Close, ws.AppendClose(nil, why.code, why.reason))
		s.writeOut(lp)
	}
	s.set(sentClose)
	s.cutAt = lp.now + farewellTimeout
	lp.timers.schedule(f, s.cutAt)
	lp.enqueue(&s.line)
}

// finish ends the session when its sockets are closed, and takes the fan off
// the loop when its sid is forgotten.
func (f *fan) finish() {
	lp := f.loop
	if len(f.strands) > 0 {
		return
	}
	if !f.end.told {
		f.end.told = true
		lp.load.Add(-1)
		f.session.End(session.End{
			Cause: f.end.cause, Code: uint16(f.end.code), Err: f.end.err,
			Time: lp.epoch.Add(lp.now), Namespaces: f.demux.Namespaces(nil),
		})
		f.entry.Release()
	}
	if f.end.gone {
		delete(lp.fans, f.session)
		lp.timers.drop(f)
		lp.vacate()
	}
}

// closedBy acts on a Close frame from s.
func (f *fan) closedBy(s *strand, code ws.Code) {
	heard := f.listens(s) && !f.closing()
	role := s.number
	f.dismiss(s, farewell{code: code})
	switch {
	case !heard:
	case s == f.client:
		f.close(session.Cause{Side: session.Client, Event: session.Closed}, farewell{code: code}, nil)
	case s == f.probing:
		f.probing = nil
		f.unprobe()
	case role >= 0:
		f.loseLeg(s, &legClosedError{code})
	}
}

// lost acts on the end of what s sends: err is io.EOF or what broke it.
func (f *fan) lost(s *strand, err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	f.gone(s, session.Lost, farewell{ws.CodeGoingAway, "client: connection lost"}, err)
}

// gone ends what s stands for, without a word to s.
func (f *fan) gone(s *strand, event session.Event, why farewell, err error) {
	switch {
	case f.closing() || !f.listens(s):
	case s == f.client:
		f.close(session.Cause{Side: session.Client, Event: event}, why, err)
	case s == f.probing:
		f.probing = nil
		f.unprobe()
	default:
		f.loseLeg(s, err)
	}
}

// broke acts on what s sent against the rules of RFC 6455.
func (f *fan) broke(s *strand, err error) {
	code, rule := ws.Blame(err)
	f.reject(s, session.Violation(uint16(code)), farewell{code, rule}, err)
}

// unreadable acts on a message from s that is no Engine.IO packet.
func (f *fan) unreadable(s *strand, err error) {
	f.reject(s, session.Protocol, farewell{ws.CodeProtocolError, err.Error()}, err)
}

// reject tells s which rule it broke, and ends what it stands for.
func (f *fan) reject(s *strand, event session.Event, why farewell, err error) {
	s.set(ignored | broken)
	heard := f.listens(s)
	f.dismiss(s, why)
	f.loop.shutWhenTold(s)
	if heard {
		f.gone(s, event, why, err)
	}
}

// shutWhenTold ends what is sent to a strand that broke a rule. Closing it
// with input unread would reset the connection and take the Close frame with
// it.
func (lp *loop) shutWhenTold(s *strand) {
	if !s.is(shut | closed) {
		lp.shutLine(&s.line)
	}
}

// breakOff ends the session because its client broke a rule of polling.
func (f *fan) breakOff(_ *loop, err error) {
	f.close(session.Cause{Side: session.Client, Event: session.Protocol}, farewell{ws.CodeProtocolError, ""}, err)
	if !f.end.gone {
		f.forget()
	}
	f.settle()
}

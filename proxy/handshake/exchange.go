package handshake

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/tracing"
	"usher/proxy/upstream"
)

// Exchange is the handshake of a claim with one of the upstream's endpoints: a
// machine without I/O. Whoever drives it, a goroutine (see drive) or an event
// loop, does what it says, tells it what came of that, and passes the time in.
//
// An endpoint that cannot be reached is passed over for the next. A connection
// that ends without one byte of an answer, as those do that wait to be accepted
// when a process ends, is made up for at another endpoint, or the same one if there is no
// other and its upstream holds: once, as the request may be what ended the process,
// and it must not go on to end all of them. A
// handshake is a GET without a body, which is safe to repeat (RFC 9110, 9.2.1).
// One that continues an Engine.IO session is not repeated: only one process
// knows its sid.
type Exchange struct {
	// static after construction
	handler *Handler
	request *http.Request
	claim   Claim
	began   time.Time
	buffers *buffers // given back by close

	tries *upstream.Tries
	again bool // what got no answer may be made up for

	// of the connection to an endpoint
	endpoint *upstream.Endpoint // that is used; nil for none
	at       netip.Addr         // of its addresses; invalid for any
	peer     net.Addr           // that was reached
	dialling time.Time          // since when
	dialled  time.Duration      // what it took to be connected
	waits    bool               // Direct does not say all that there is to it
	dialogue dialogue
	silence  error // why there was no answer to the upgrade, while that is inquired about; nil if it is not

	err    error // why there is no reply, once it is over
	opened bool  // there is a session
}

// Effect is what an Exchange wants to be done next.
type Effect uint8

// The effects. What was connected before one is closed, unless it is to be read.
const (
	Dial Effect = iota // connect to the endpoint, by DialAddress or to where Direct says; then Reached or Missed
	Ask                // write Question and read; then Take, Lost or, at Due, Expire
	Read               // read on; likewise
	Wait               // call Await, and then Waited with its error
	Over               // there is an outcome
)

// exchange begins to serve a claim at now.
func (h *Handler) exchange(r *http.Request, c Claim, now time.Time) *Exchange {
	x := &Exchange{handler: h, request: r, claim: c, began: now, buffers: h.buffers.get(), again: !continues(c.Query)}
	x.tries = c.lead.Tries()
	x.tries.Trace = c.Sender.Trace.Attempts()
	return x
}

// Close ends what x has used. Its endpoint, and its seat, is the session's, if
// there is one.
func (x *Exchange) Close() {
	if !x.opened {
		x.claim.seat.leave()
	}
	x.handler.buffers.put(x.buffers)
	x.buffers = nil
}

// Asked returns the request, who has sent it, and when.
func (x *Exchange) Asked() (*http.Request, headers.Sender, time.Time) {
	return x.request, x.claim.Sender, x.began
}

// Claimed names the route that has taken the request, and its upstream.
func (x *Exchange) Claimed() (route, upstream string) {
	return x.claim.Route.String(), x.claim.Upstream.Name
}

func (x *Exchange) context() context.Context { return x.request.Context() }

// Start says what comes first.
func (x *Exchange) Start(now time.Time) Effect {
	e, err := x.claim.Upstream.Next(x.context(), x.tries)
	if errors.Is(err, upstream.ErrHeld) {
		return Wait
	}
	if err != nil {
		return x.fail(x.cause(err))
	}
	x.endpoint, x.at, x.dialling, x.waits = e, x.tries.Address(e), now, false
	return Dial
}

// Await waits for an endpoint. It may take long.
func (x *Exchange) Await() error { return x.claim.Upstream.Await(x.context(), x.tries) }

// Waited says that Await has returned err.
func (x *Exchange) Waited(now time.Time, err error) Effect {
	if err != nil {
		return x.fail(x.cause(err))
	}
	return x.Start(now)
}

// Direct returns where to connect to, and within what time, 0 for any, if that
// is all there is to Dial.
func (x *Exchange) Direct() (to netip.AddrPort, within time.Duration, ok bool) {
	if x.waits || x.silence != nil {
		return to, 0, false
	}
	return x.endpoint.Direct(x.at)
}

// Missed says that where Direct has said was not reached, and why.
func (x *Exchange) Missed(now time.Time, to netip.AddrPort, err error) Effect {
	if x.context().Err() == nil && x.endpoint.Missed(to.Addr(), now.Sub(x.dialling)) && !x.at.IsValid() {
		x.waits = true
		return Dial
	}
	return x.connected(now, nil, x.endpoint.Connected(x.context(), now, now.Sub(x.dialling), err))
}

// Reached says that where Direct has said was reached.
func (x *Exchange) Reached(now time.Time, peer net.Addr) Effect {
	return x.connected(now, peer, x.endpoint.Connected(x.context(), now, now.Sub(x.dialling), nil))
}

// connected goes on with a connection to peer, or without one: err is the
// endpoint's, which has taken note of it.
func (x *Exchange) connected(now time.Time, peer net.Addr, err error) Effect {
	if x.silence != nil {
		if err != nil {
			return x.answered(now, true, x.silence)
		}
		x.dialogue.begin(now, question{half: x.half(), plain: true, timeout: x.claim.Route.Limits.HandshakeTimeout}, x.buffers)
		return Ask
	}
	e := x.endpoint
	if err != nil {
		x.endpoint = nil
		if x.tries.Dialled(x.context(), e, err) {
			return x.Start(now)
		}
		return x.fail(x.cause(err))
	}
	x.tries.Dialled(x.context(), e, nil)
	x.peer, x.dialled = peer, now.Sub(x.dialling)
	q := question{half: x.half(), timeout: x.claim.Route.Limits.HandshakeTimeout}
	if x.claim.opens() && engineio.ParseRequest(x.claim.Query).Version == engineio.V3 {
		q.opening = openingBrief // its server speaks first
	}
	x.dialogue.begin(now, q, x.buffers)
	return Ask
}

// half returns what an endpoint is asked. It stands in buffers.out, and holds for
// one attempt, of which it tells.
func (x *Exchange) half() half {
	c := &x.claim
	head := make(http.Header, len(x.request.Header)+headers.MostAdded) // a refusal still looks at what the client sent
	maps.Copy(head, x.request.Header)
	x.handler.Headers.Apply(head, c.Sender, c.Route.Headers)
	q := appendHalf(x.buffers.out[:0], c.Path, c.Query, headers.TakeHost(head, x.request.Host), head, c.offer)
	x.buffers.out = q.head
	return q
}

// Question is what is to be written to the endpoint.
func (x *Exchange) Question() []byte { return x.buffers.out }

// Due is when Expire is to be called, if there is no other effect before; zero
// for never.
func (x *Exchange) Due() time.Time { return x.dialogue.due }

// Take goes on with what the endpoint has sent.
func (x *Exchange) Take(now time.Time, p []byte) Effect {
	if !x.dialogue.take(now, p) {
		return Read
	}
	return x.concluded(now)
}

// Lost says that nothing more comes from the endpoint, and why.
func (x *Exchange) Lost(now time.Time, err error) Effect {
	if x.dialogue.lost(err); x.dialogue.err == nil && x.context().Err() != nil {
		x.dialogue.err = err // nobody wants what there is without the rest
	}
	return x.concluded(now)
}

// Expire says that it is Due.
func (x *Exchange) Expire(now time.Time) Effect {
	x.dialogue.expire()
	return x.concluded(now)
}

// concluded goes on where a dialogue is over.
func (x *Exchange) concluded(now time.Time) Effect {
	d := &x.dialogue
	err := x.cause(d.err)
	switch silent := !d.reply.heard; {
	case x.silence != nil && err != nil:
		return x.answered(now, true, x.silence)
	case x.silence != nil:
		return x.answered(now, false, nil)
	case silent && x.again && x.claim.opens() && BrokeOff(err) && x.context().Err() == nil:
		x.silence, x.at, x.dialling = err, x.endpoint.Reached(x.peer), now
		return Dial
	default:
		return x.answered(now, silent, err)
	}
}

// answered goes on with what came of an endpoint that was connected. A client
// that goes away does not let it answer.
func (x *Exchange) answered(now time.Time, silent bool, err error) Effect {
	e := x.endpoint
	switch {
	case !silent:
		e.Answered()
	case x.context().Err() == nil:
		e.Unanswered(err)
	}
	if err == nil {
		return Over
	}
	failed(x.tries.Trace, x.request, err)
	x.leave()
	if !x.again || !silent || isTimeout(err) || x.context().Err() != nil {
		return x.fail(err)
	}
	x.tries.Break(now, e, err)
	x.again, x.silence = false, nil
	return x.Start(now)
}

// Abort says that the endpoint's connection cannot be used, and why. What there
// was of a reply is given up.
func (x *Exchange) Abort(err error) {
	x.leave()
	x.fail(badAnswer(err))
}

// leave gives the endpoint back. It does so before its connection is closed: who
// sees that sees the other too.
func (x *Exchange) leave() {
	if x.endpoint != nil {
		x.endpoint.Release()
		x.endpoint = nil
	}
}

func (x *Exchange) fail(err error) Effect {
	x.err = err
	return Over
}

// cause returns why an error came about: where the waiting was ended, who has
// done so knows more than who has waited.
func (x *Exchange) cause(err error) error {
	if err != nil && x.context().Err() != nil {
		return context.Cause(x.context())
	}
	return err
}

// failed ends the attempt under way, if it has not ended.
func failed(trace *tracing.Attempts, r *http.Request, err error) {
	if trace != nil && err != nil {
		trace.Failed(refusal.Of(r.Context(), err).Reason.String())
	}
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

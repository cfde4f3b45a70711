package relay

import (
	"time"

	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

const (
	// gathering is how long an answer waits for more packets: what upstreams
	// send in one go comes as separate frames.
	gathering = 2 * time.Millisecond
	// idleProbing is how long a GET waits beside a probe. Answered at once, a
	// client that has not read the probe's answer yet would send the next.
	idleProbing = 100 * time.Millisecond
)

// answers is what the polling requests of a fan's client wait for.
type answers struct {
	get      *Poll         // waits; nil if none does
	answerAt time.Duration // when it is answered with what is there, 0 for not yet
	noopAt   time.Duration // when it is answered with nothing, because of a probe; 0 for never
	post     func(Status)  // answers the POST that waits for room; nil if none does
	filledAt time.Duration // when the last packet came
	out      outbox
}

// poll takes a GET.
func (f *fan) poll(lp *loop, p *Poll) {
	a := &f.answers
	switch {
	case f.closing() && f.end.moved:
		p.Answer(ComeAgain(f.entry.Version))
	case f.closing() && !a.out.empty():
		a.get = p
		f.answerGet()
	case f.closing() && !f.end.gone:
		p.Answer(f.farewell())
		f.forget()
	case f.closing():
		p.Answer(Answer{Status: UnknownSID})
	case Transport(f.handle.state.Load()) == WebSocket:
		p.Answer(Answer{Status: BadRequest})
	case a.get != nil: // the one that waits is told the end
		p.Answer(Answer{Status: Broken})
		f.breakOff(lp, errTwoGETs)
	default:
		a.get = p
		if !a.out.empty() {
			f.answerSoon()
		} else if f.probing != nil && f.probing.probed {
			a.noopAt = lp.now + idleProbing
			lp.timers.schedule(f, a.noopAt)
		}
	}
	f.settle()
}

// abort acts on a GET whose client is gone.
func (f *fan) abort(p *Poll) {
	if f.closing() || f.answers.get != p {
		return
	}
	f.answers.get = nil
	f.close(session.Cause{Side: session.Client, Event: session.Lost}, farewell{ws.CodeGoingAway, "client: connection lost"}, nil)
	f.forget()
	f.settle()
}

// answerSoon answers the GET that waits at once, or after gathering if packets
// have just begun to come. No handshake waits for more.
func (f *fan) answerSoon() {
	a := &f.answers
	if due := a.filledAt + gathering; f.loop.now < due && a.out.packets[0].kind != engineio.Open {
		a.answerAt = due
		f.loop.timers.schedule(f, due)
		return
	}
	f.answerGet()
}

// schedule sees to it that what is in the outbox leaves soon.
func (a *answers) schedule(f *fan) {
	a.filledAt = f.loop.now
	if a.get != nil && a.answerAt == 0 {
		a.answerAt = f.loop.now + gathering
		f.loop.timers.schedule(f, a.answerAt)
	}
}

// answerGet answers the GET that waits with what there is, and has the legs
// read again that had to wait for it.
func (f *fan) answerGet() {
	a := &f.answers
	body, octets := a.out.payload(f.entry.Version, f.entry.Base64 || a.get.Text)
	a.out.clear(&f.loop.outputs)
	a.doneGet(Answer{Body: body, Octets: octets})
	f.resume()
}

// resume has all legs read again.
func (f *fan) resume() {
	for _, s := range f.strands {
		if s.is(readable) {
			f.loop.enqueue(&s.line)
		}
	}
}

// doneGet answers the GET that waits.
func (a *answers) doneGet(with Answer) {
	p := a.get
	a.get, a.answerAt, a.noopAt = nil, 0, 0
	p.Answer(with)
}

// donePost answers the POST that waits, if one does.
func (a *answers) donePost(s Status) {
	if answer := a.post; answer != nil {
		a.post = nil
		answer(s)
	}
}

// drop forgets what nobody will be told any more.
func (a *answers) drop(lp *loop) { a.out.clear(&lp.outputs) }

// noop answers a GET with a packet that says nothing, so that the client goes
// on with its probe.
func (f *fan) noop() {
	if f.answers.get == nil {
		return
	}
	f.answers.out.add(&f.loop.outputs, engineio.Noop, false, nil)
	f.showPacketTo(client, "", engineio.Noop, nil, true)
	f.answerGet()
}

// tickPolls answers what is due and returns when the next is.
func (f *fan) tickPolls() time.Duration {
	a, now, due := &f.answers, f.loop.now, never
	if a.get == nil {
		return due
	}
	if a.answerAt > 0 && now >= a.answerAt && !a.out.empty() {
		f.answerGet()
	} else if a.noopAt > 0 && now >= a.noopAt {
		f.noop()
	}
	for _, at := range []time.Duration{a.answerAt, a.noopAt} {
		if at > 0 {
			due = min(due, at)
		}
	}
	return due
}

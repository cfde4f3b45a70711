package relay

import (
	"errors"
	"io"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// closeTimeout is how long a peer may take to answer a Close frame.
const closeTimeout = 5 * time.Second

// partTimeout is how long an upstream may take to close its connection once
// Close frames have passed both ways.
const partTimeout = time.Second

// begin makes cause the one that p ends for, unless it has one already.
func (lp *loop) begin(p *pair, cause session.Cause, code ws.Code, err error) {
	if p.closing() {
		if p.end.code == 0 {
			p.end.code = code
		}
		return
	}
	p.end = &end{cause: cause, code: code, err: err}
	lp.cutBy(p, lp.now+closeTimeout)
}

// cutBy sets when what is left of p is closed without more ado.
func (lp *loop) cutBy(p *pair, at time.Duration) {
	p.end.cutAt = at
	lp.timers.schedule(p, at)
}

// quit ends p in good order: both legs are told why.
func (lp *loop) quit(p *pair, cause session.Cause, why farewell) {
	if p.closing() {
		return
	}
	lp.begin(p, cause, why.code, nil)
	lp.tell(&p.legs[client], why)
	lp.tell(&p.legs[upstream], why)
}

// broke ends l's pair because l broke a rule of the protocol.
func (lp *loop) broke(l *leg, err error) {
	code, rule := ws.Blame(err)
	lp.refuse(l, session.Violation(uint16(code)), farewell{code, rule}, err)
}

// overRate ends l's pair because l sent more than it may.
func (lp *loop) overRate(l *leg) {
	lp.refuse(l, session.Rate, farewell{ws.CodePolicy, "more than max_rate was sent"}, nil)
}

// refuse ends l's pair because of what l sent. l is told the code that says so
// and the upstream likewise; a client is not blamed for what its upstream did.
func (lp *loop) refuse(l *leg, event session.Event, why farewell, err error) {
	lp.begin(l.pair, session.Cause{Side: l.side.of(), Event: event}, why.code, err)
	l.set(ignored | broken)
	lp.tell(l, why)
	why.reason = string(l.side.of()) + ": " + why.reason
	if l.side == upstream {
		why.code = ws.CodeInternal
	}
	lp.tell(l.peer(), why)
}

// abandon ends l's pair because l does not react. It is not worth a Close
// frame; its peer is told.
func (lp *loop) abandon(l *leg, event session.Event, what string) {
	why := lp.goneWords(l, what)
	lp.begin(l.pair, session.Cause{Side: l.side.of(), Event: event}, why.code, nil)
	lp.closeLeg(l)
	lp.tell(l.peer(), why)
}

// lost ends p, of whose leg nothing more comes.
func (p *pair) lost(lp *loop, from *line, err error) {
	l := &p.legs[from.side]
	if l.parted() {
		return // as it should
	}
	why := lp.goneWords(l, "connection lost")
	if p.closing() && p.end.code != 0 {
		why.code = p.end.code // l went without answering what its peer said
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	lp.begin(p, session.Cause{Side: l.side.of(), Event: session.Lost}, why.code, err)
	lp.tell(l.peer(), why)
}

// goneWords is what the peer of l is told when l is gone.
func (lp *loop) goneWords(l *leg, what string) farewell {
	code := ws.CodeGoingAway
	if l.side == upstream {
		code = ws.CodeInternal
	}
	return farewell{code, string(l.side.of()) + ": " + what}
}

// tell sends l a Close frame, now or as soon as the frame on its way is
// complete. If that can never be, l is closed when it has taken what waits.
func (lp *loop) tell(l *leg, why farewell) {
	if l.is(sentClose | finished | closed) {
		return
	}
	if !l.is(dueClose) {
		l.set(dueClose)
		l.words = &why
	}
	switch {
	case l.atBoundary():
		lp.sendClose(l)
	case l.peer().is(ignored | finished | closed):
		l.set(cutting)
	}
}

// sendClose sends the Close frame that l is due.
func (lp *loop) sendClose(l *leg) {
	l.unset(dueClose)
	payload := ws.AppendClose(lp.scratch[:0], l.words.code, l.words.reason)
	lp.sendFrame(l, ws.Close, payload)
	l.set(sentClose)
}

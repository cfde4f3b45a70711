package messages

import (
	"errors"
	"fmt"
	"io"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// partTimeout is how long an upstream may take to close its connection once
// Close frames have passed both ways.
const partTimeout = time.Second

// farewell is the content of a Close frame of usher's own.
type farewell struct {
	code   ws.Code
	reason string
}

// closed passes on the Close frame of l, unless it answers one of usher's own:
// then the other leg has been told by usher too, or is about to be.
func (p *pair) closed(l *leg, payload []byte) {
	code, _, _ := ws.ParseClose(payload) // was checked
	p.begin(session.Cause{Side: l.side, Event: session.Closed}, code, nil)
	l.gotClose.Store(true)
	p.mu.Lock()
	theirs := p.cause.Event == session.Closed
	p.mu.Unlock()
	if theirs {
		l.peer.sendClose(payload)
	}
	p.settle()
}

// lost notes that nothing more comes from l: err is io.EOF or what broke it.
func (p *pair) lost(l *leg, err error) {
	l.finished.Store(true)
	why := l.goneWords("connection lost")
	p.mu.Lock()
	if p.code != 0 {
		why.code = p.code // l went without answering what its peer said
	}
	p.mu.Unlock()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	p.begin(session.Cause{Side: l.side, Event: session.Lost}, why.code, err)
	l.peer.tell(why)
}

// goneWords is what the peer of l is told when l is gone.
func (l *leg) goneWords(what string) farewell {
	code := ws.CodeGoingAway
	if l.side == session.Upstream {
		code = ws.CodeInternal
	}
	return farewell{code, fmt.Sprintf("%s: %s", l.side, what)}
}

// broke ends the session because l broke a rule of the protocol.
func (p *pair) broke(l *leg, err error) {
	code, rule := ws.Blame(err)
	p.refuse(l, session.Violation(uint16(code)), farewell{code, rule}, err)
}

// overRate ends the session because l sent more than it may.
func (p *pair) overRate(l *leg) {
	p.refuse(l, session.Rate, farewell{ws.CodePolicy, "more than max_rate was sent"}, nil)
}

// refuse ends the session because of what l sent. l is told the code that says
// so and the upstream likewise; a client is not blamed for what its upstream
// did.
func (p *pair) refuse(l *leg, event session.Event, why farewell, err error) {
	p.begin(session.Cause{Side: l.side, Event: event}, why.code, err)
	l.ignored.Store(true)
	peer := farewell{why.code, string(l.side) + ": " + why.reason}
	if l.side == session.Upstream {
		peer.code = ws.CodeInternal
	}
	l.peer.tell(peer)
	l.tell(why)
	// What it sends is read until it ends: it should know that nothing comes.
	if half, ok := l.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() //nolint:errcheck // the session is over in any case
	}
}

// stalled ends the session because l takes nothing.
func (p *pair) stalled(l *leg) {
	p.abandon(l, session.Stalled, fmt.Sprintf("took nothing for %v", p.route.Limits.WriteTimeout))
}

// abandon ends the session because l does not react. It is not worth a Close
// frame; its peer is told.
func (p *pair) abandon(l *leg, event session.Event, what string) {
	why := l.goneWords(what)
	p.begin(session.Cause{Side: l.side, Event: event}, why.code, nil)
	l.deaf.Store(true)
	l.peer.tell(why)
	l.conn.Close()
}

// quit ends the session in good order: both legs are told why, and have time
// to answer.
func (p *pair) quit(event session.Event, why farewell, until time.Time) {
	if p.begin(session.Cause{Side: session.Usher, Event: event}, why.code, nil) {
		p.cutAt(until)
		p.client.tell(why)
		p.upstream.tell(why)
	}
}

// cut ends the session because usher does not wait any longer.
func (p *pair) cut() {
	p.begin(session.Cause{Side: session.Usher, Event: session.Shutdown}, 0, nil)
	p.finish()
}

// broken ends the session because the library wrote what is no frame.
func (p *pair) broken(err error) {
	p.begin(session.Cause{Side: session.Usher, Event: session.Failed}, ws.CodeInternal, err)
	p.finish()
}

// fail ends a session that the library has left.
func (p *pair) fail() {
	if !p.ended.Load() {
		p.broken(errLeft)
	}
}

var errLeft = errors.New("websocketproxy left the session")

// tell sends l a Close frame, unless it has had one.
func (l *leg) tell(why farewell) {
	payload := ws.AppendClose(nil, why.code, why.reason)
	if !l.sentClose.Load() {
		l.showControl(session.Usher, l.side, ws.Close, payload)
	}
	l.sendClose(payload)
}

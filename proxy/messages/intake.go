package messages

import (
	"io"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/ws"
)

// intakeSize holds any header or control frame, and a few small messages.
const intakeSize = 4 << 10

// intake is what was read from a leg and has not been given to the library.
type intake struct {
	check   ws.Checker
	counted uint32 // messages of check that the session's counter has
	store   []byte // for bytes to stand in, once the early ones are gone
	bytes   []byte // begins with ready checked ones
	ready   int
	short   bool            // the bytes behind the ready ones are too few to go on
	failed  error           // of the check, to be acted on behind the ready bytes
	spent   *session.Bucket // of the client's rate
	read    time.Duration   // since the start, when bytes were last read
	stream  tap.Stream
}

// Read gives the library the payload and headers of checked data frames. When
// it asks for more it has passed on every message that it was given whole:
// that keeps control frames, and the end, in their place.
func (l *leg) Read(p []byte) (int, error) {
	in := &l.intake
	for {
		switch {
		case len(l.answer) > 0:
			n := copy(p, l.answer)
			l.answer = l.answer[n:]
			return n, nil
		case in.ready > 0:
			n := copy(p, in.bytes[:in.ready])
			in.bytes = in.bytes[n:]
			in.ready -= n
			return n, nil
		case l.gotClose.Load() && !l.finished.Load() && l.side == session.Upstream:
			l.part()
			continue
		case l.gotClose.Load() || l.finished.Load():
			// An end that the library does not log: for it there is always a
			// close code. What it then sends goes nowhere.
			<-l.pair.over
			return 0, &websocket.CloseError{Code: websocket.CloseNormalClosure}
		}
		if n := l.advance(p); n > 0 {
			return n, nil
		}
	}
}

// advance takes one step with what l has sent, or waits for more of it. Where
// the library asks for payload it is read into p, and its size returned.
func (l *leg) advance(p []byte) int {
	in := &l.intake
	switch {
	case l.ignored.Load():
		in.bytes = nil
		l.discard()
	case in.failed != nil:
		l.pair.broke(l, in.failed)
	case len(in.bytes) == 0 && in.check.Remaining() > 0:
		n := l.fill(p[:min(int64(len(p)), in.check.Remaining())])
		n, _ = l.judge(p[:n])
		return n
	case len(in.bytes) == 0 || in.short:
		l.refill()
	default:
		n, kind := l.judge(in.bytes)
		in.ready, in.short = n, kind == ws.Short
		if n == 0 && kind == ws.Control {
			l.control()
		}
	}
	return 0
}

// judge checks p, counts what it completes, and returns how much may pass.
func (l *leg) judge(p []byte) (int, ws.Kind) {
	in := &l.intake
	left := in.check.Remaining()
	n, kind, err := in.check.Next(&l.rules, p)
	l.show(p[:n], left)
	in.failed = err
	if err != nil {
		kind = ws.Data
	}
	if n > 0 {
		now := time.Now()
		l.pair.passed.set(now)
		l.counters.Last.Store(now.UnixNano())
	}
	messages := in.check.Messages() - in.counted
	in.counted += messages
	l.counters.Messages.Add(uint64(messages))
	l.clockMessage(messages > 0)
	l.spend(int(messages), 0)
	return n, kind
}

// spend takes from the rate of l, and ends the session where that is over.
func (l *leg) spend(messages, bytes int) {
	if !l.intake.spent.Spend(time.Since(l.pair.started), messages, bytes) {
		l.pair.overRate(l)
	}
}

// refill reads behind what is held.
func (l *leg) refill() {
	in := &l.intake
	if in.store == nil {
		in.store = make([]byte, intakeSize)
	}
	held := copy(in.store, in.bytes)
	n := l.fill(in.store[held:])
	in.bytes, in.short = in.store[:held+n], false
}

// fill reads from the socket. It returns 0 if nothing more comes.
func (l *leg) fill(p []byte) int {
	in := &l.intake
	in.spent.Unread(in.read, time.Since(l.pair.started))
	n, err := l.conn.Read(p)
	if n > 0 {
		in.read = time.Since(l.pair.started)
		l.heard.set(time.Now())
		l.counters.Bytes.Add(uint64(n))
		l.spend(0, n)
		return n
	}
	if err != nil {
		l.intake.stream.End(l.pair.taps.Taps())
		l.pair.lost(l, err)
	}
	return 0
}

// discard reads what l sends after it broke a rule: a socket that is closed
// with unread input is reset, and its Close frame may be lost.
func (l *leg) discard() {
	_, err := io.Copy(io.Discard, l.conn)
	if err == nil {
		err = io.EOF
	}
	l.pair.lost(l, err)
}

// control acts on the control frame that the intake begins with. Pings and
// pongs pass, so that both peers hear each other and not usher.
func (l *leg) control() {
	in := &l.intake
	var scratch [ws.MaxControlPayload]byte
	f := in.check.Control(in.bytes, &scratch)
	in.bytes = in.bytes[f.Size:]
	l.showControl(l.side, l.peer.side, f.Header.Opcode, f.Payload)
	switch {
	case f.Header.Opcode == ws.Close:
		l.pair.closed(l, f.Payload)
		return
	case f.Header.Opcode == ws.Pong && string(f.Payload) == string(l.pair.pingID[:]):
		return // to a ping of usher's own
	}
	l.spend(1, 0)
	l.pair.passed.set(time.Now())
	l.peer.sendControl(f.Header.Opcode, f.Payload)
}

// clockMessage starts the time of a message that is open, or stops it.
func (l *leg) clockMessage(ended bool) {
	if !l.intake.check.Open() {
		l.began.clear()
		return
	}
	if _, running := l.began.get(); running && !ended {
		return
	}
	now := time.Now()
	l.began.set(now)
	if t := l.pair.route.Limits.MessageTimeout; t > 0 {
		l.pair.wake(now.Add(t))
	}
}

package relay

import (
	"errors"

	"usher/proxy/ws"
)

// send passes p on to l, unless its end has been announced to it.
func (lp *loop) send(l *leg, p []byte) {
	if len(p) == 0 || l.is(sentClose|closed) {
		return
	}
	l.pair.passed = lp.now
	lp.write(l, p)
}

// sendFrame sends a control frame of usher's own. It must stand between two
// frames.
func (lp *loop) sendFrame(l *leg, op ws.Opcode, payload []byte) {
	var key *[4]byte
	if l.side == upstream { // there usher is the client
		key = newKey()
	}
	lp.frame = ws.AppendFrame(lp.frame[:0], op, payload, key)
	lp.write(l, lp.frame)
}

// write writes p to l, encrypted if l is a TLS leg.
func (lp *loop) write(l *leg, p []byte) {
	if l.tls != nil {
		lp.writeTLS(l, p)
		return
	}
	lp.put(l, p)
}

// put writes p to l's socket and queues what that does not take.
func (lp *loop) put(l *leg, p []byte) {
	if l.is(deaf | closed) {
		return
	}
	if !l.backlogged() {
		n, err := l.socket.write(p)
		if p = p[n:]; len(p) == 0 {
			return
		}
		if !errors.Is(err, errNothing) {
			lp.fail(l)
			return
		}
		l.moved = lp.now
		l.backlog = &backlog{since: lp.now}
		lp.awaitBacklog(l)
	}
	lp.outputs.append(l.backlog, p)
}

// awaitBacklog has l flushed when it takes something again, and looked at when
// it does not.
func (lp *loop) awaitBacklog(l *leg) {
	lp.poller.awaitWritable(l)
	if t := l.pair.options.WriteTimeout; t > 0 {
		lp.timers.schedule(l.pair, l.moved+t)
	}
}

// flush writes what waits for l. When it is all gone, the peer is read again.
func (lp *loop) flush(l *leg) {
	b := l.backlog
	err := lp.flushPipe(l)
	if err == nil && b.sent < len(b.bytes) {
		var n int
		n, err = l.socket.write(b.bytes[b.sent:])
		if b.sent += n; n > 0 {
			l.moved, l.pair.passed = lp.now, lp.now
		}
	}
	switch {
	case err == nil:
		lp.drop(l)
		lp.enqueue(l.peer)
	case errors.Is(err, errNothing):
		lp.poller.awaitWritable(l)
	default:
		lp.fail(l)
	}
}

// fail notes that nothing can be written to l any more. What it sent before it
// went may still be read, so reading tells how it ended.
func (lp *loop) fail(l *leg) {
	l.set(deaf | readable | ending)
	lp.drop(l)
	lp.enqueue(l)
	lp.enqueue(l.peer)
}

// drop forgets what waits for l.
func (lp *loop) drop(l *leg) {
	b := l.backlog
	if b == nil {
		return
	}
	l.backlog = nil
	if spent := l.pair.spent; spent != nil && l.side == upstream {
		spent.unread += lp.now - b.since
	}
	lp.outputs.give(b.bytes)
	if b.pipe != nil {
		lp.pipes.discard(b.pipe)
	}
}

package relay

import (
	"errors"

	"usher/proxy/socket"
)

// write writes p to l, encrypted if l is a TLS line.
func (lp *loop) write(l *line, p []byte) {
	if l.tls != nil {
		lp.writeTLS(l, p)
		return
	}
	lp.put(l, p)
}

// put writes p to l's socket and queues what that does not take.
func (lp *loop) put(l *line, p []byte) {
	if l.is(deaf | closed) {
		return
	}
	if !l.backlogged() {
		n, err := l.socket.write(p)
		if p = p[n:]; len(p) == 0 {
			return
		}
		if !errors.Is(err, socket.ErrNothing) {
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
func (lp *loop) awaitBacklog(l *line) {
	lp.poller.awaitWritable(l)
	l.user.stuck(lp, l)
}

// flush writes what waits for l.
func (lp *loop) flush(l *line) {
	b := l.backlog
	err := lp.flushPipe(l)
	if err == nil && b.sent < len(b.bytes) {
		var n int
		n, err = l.socket.write(b.bytes[b.sent:])
		if b.sent += n; n > 0 {
			l.moved = lp.now
		}
	}
	switch {
	case err == nil:
		lp.drop(l)
	case errors.Is(err, socket.ErrNothing):
		lp.poller.awaitWritable(l)
	default:
		lp.fail(l)
	}
}

// fail notes that nothing can be written to l any more. What it sent before it
// went may still be read, so reading tells how it ended.
func (lp *loop) fail(l *line) {
	l.set(deaf | readable | ending)
	lp.drop(l)
	lp.enqueue(l)
}

// drop forgets what waits for l.
func (lp *loop) drop(l *line) {
	b := l.backlog
	if b == nil {
		return
	}
	l.backlog = nil
	lp.outputs.give(b.bytes)
	if b.pipe != nil {
		lp.pipes.discard(b.pipe)
	}
	l.user.freed(lp, l, b)
}

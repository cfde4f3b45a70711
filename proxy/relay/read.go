package relay

import (
	"errors"
	"io"

	"usher/proxy/socket"
)

// read reads once from l's socket and gives its user what came.
func (lp *loop) read(l *line) {
	held := copy(lp.buffer, l.held)
	into, kept := lp.buffer[held:held+bufferSize], 0
	if l.tls != nil {
		kept = l.tls.kept(lp.cipher)
		into = lp.cipher[kept : kept+bufferSize]
	}
	n, err := l.socket.read(into)
	if n < len(into) && !l.is(ending) {
		// A short read of a stream has emptied it (epoll(7)): its next byte
		// is another event.
		l.unset(readable)
		lp.poller.awaitReadable(l)
	}
	if errors.Is(err, socket.ErrNothing) {
		l.unset(readable)
		if l.is(deaf) { // nor may it take anything: it is gone
			lp.finishReading(l, io.EOF)
			return
		}
		lp.poller.awaitReadable(l)
		return
	}
	if n > 0 {
		l.heard = lp.now
	}
	if l.tls != nil {
		err = lp.decrypt(l, lp.cipher[:kept+n], err)
	} else if n > 0 {
		l.user.take(lp, l, lp.buffer[:held+n], n)
	}
	if err != nil {
		lp.finishReading(l, err)
	}
}

// finishReading notes that nothing more comes from l.
func (lp *loop) finishReading(l *line, err error) {
	l.set(finished)
	l.unset(readable)
	l.user.lost(lp, l, err)
}

// feed gives l's user what was read from l before its loop had it.
func (lp *loop) feed(l *line, early []byte) {
	for len(early) > 0 {
		held := copy(lp.buffer, l.held)
		n := copy(lp.buffer[held:], early)
		early = early[n:]
		l.user.take(lp, l, lp.buffer[:held+n], n)
	}
	if l.tls != nil { // records that came with the last one of the handshake
		if err := lp.unseal(l); err != nil {
			lp.finishReading(l, err)
		}
	}
}

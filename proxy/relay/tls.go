package relay

import (
	"errors"

	"usher/proxy/socket"
)

// decrypt gives l's user what raw, ciphertext from l that ends with end, holds. It
// returns the end of l's input, or nil if there may be more.
func (lp *loop) decrypt(l *line, raw []byte, end error) error {
	if errors.Is(end, socket.ErrNothing) {
		end = nil
	}
	l.under().Feed(raw, end)
	return lp.unseal(l)
}

// unseal gives l's user what there is and was not read.
func (lp *loop) unseal(l *line) error {
	under := l.under()
	for {
		held := copy(lp.buffer, l.held)
		n, err := lp.readTLS(l, lp.buffer[held:held+bufferSize])
		if n > 0 {
			l.user.take(lp, l, lp.buffer[:held+n], n)
		}
		if l.is(vacated) { // what is left is its successor's
			return nil
		}
		if err != nil {
			under.Feed(nil, nil) // of the loop's buffer: not to be kept
			if errors.Is(err, socket.ErrNothing) {
				return nil
			}
			return err
		}
	}
}

// readTLS reads plaintext until p is full or there is an error, socket.ErrNothing if
// a record is incomplete.
func (lp *loop) readTLS(l *line, p []byte) (n int, err error) {
	lp.sealed = lp.sealed[:0]
	l.under().SendTo(&lp.sealed)
	for n < len(p) && err == nil {
		var k int
		k, err = l.tls.Read(p[n:])
		n += k
	}
	lp.sendSealed(l) // what crypto/tls answers by itself, such as a key update
	return n, err
}

// writeTLS writes p to the TLS line l.
func (lp *loop) writeTLS(l *line, p []byte) {
	lp.sealed = lp.sealed[:0]
	l.under().SendTo(&lp.sealed)
	if _, err := l.tls.Write(p); err != nil {
		lp.fail(l) // of crypto/tls itself: what is under it takes everything
	}
	lp.sendSealed(l)
}

// sayGoodbye writes the alert that ends a TLS stream (RFC 8446, 6.1).
func (lp *loop) sayGoodbye(l *line) {
	lp.sealed = lp.sealed[:0]
	l.under().SendTo(&lp.sealed)
	if err := l.tls.CloseWrite(); err != nil {
		lp.fail(l)
	}
	lp.sendSealed(l)
}

func (lp *loop) sendSealed(l *line) {
	l.under().SendTo(nil)
	if len(lp.sealed) > 0 {
		lp.put(l, lp.sealed)
	}
}

package relay

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

// control looks at a control frame from l and tells whether it passes on.
func (lp *loop) control(l *leg, f ws.ControlFrame) bool {
	switch f.Header.Opcode {
	case ws.Close:
		l.set(ignored)
		l.peer().unset(dueClose)
		code, _, _ := ws.ParseClose(f.Payload) // was checked
		lp.begin(l.pair, session.Cause{Side: l.side.of(), Event: session.Closed}, code, nil)
	case ws.Pong:
		return l.pair.pingID == 0 || len(f.Payload) != 8 || binary.BigEndian.Uint64(f.Payload) != l.pair.pingID
	default: // a ping is the peer's to answer
	}
	return true
}

// ping pings l and returns when an answer is due. Where a frame is on its way
// to l it tries again a little later.
func (lp *loop) ping(l *leg) time.Duration {
	if !l.atBoundary() || l.backlogged() {
		return lp.now + time.Second
	}
	if l.pair.pingID == 0 {
		l.pair.pingID = rand.Uint64() | 1
	}
	var payload [8]byte
	binary.BigEndian.PutUint64(payload[:], l.pair.pingID)
	l.pinged = lp.now
	lp.sendFrame(l, ws.Ping, payload[:])
	return lp.now + l.pair.options.PingTimeout
}

// newKey returns a masking key that nobody can foresee (RFC 6455, 10.3):
// math/rand/v2 without a seed is ChaCha8 seeded by the system.
func newKey() *[4]byte {
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], rand.Uint32())
	return &key
}

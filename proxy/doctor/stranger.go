package doctor

import (
	"context"
	"fmt"
	"time"
)

// taker is the ws server that answers upgrades of a path that nobody can have
// claimed, if there is one.
type taker int

const (
	noTaker     taker = iota
	withPath          // it has a path, and answers 400 to every other
	anyPath           // it has none, and takes every upgrade
	eitherTaker       // one of the two: it is too old to tell without a handshake
)

// stranger is what happens to an upgrade of a path that nobody can have claimed.
type stranger struct {
	path  string
	taker taker
	ended time.Duration // when it was ended without a word; 0 if it was not
	line  string        // the answer to the request that told
}

// meetStranger makes upgrades that no handler may accept, on a path that no
// handler was given. The error says that the server speaks no HTTP.
func (e *examination) meetStranger(ctx context.Context, path string) (stranger, error) {
	s := stranger{path: path}
	a := e.upgrade(ctx, upgrade{path: path, version: versionNone})
	if a.status == 0 && !a.silentEnd() {
		// Nobody answers upgrades here. Does anybody answer anything?
		if plain := e.request(ctx, "GET", "/", "", ""); plain.status == 0 {
			return s, fmt.Errorf("%s takes connections, but answers no HTTP request within %v", e.target.address, e.timeout)
		}
	}
	s.ended, s.line = a.ended, a.line()
	if a.status > 0 {
		s.ended = 0
	}
	if !a.fromWS() {
		return s, nil
	}
	s.taker = eitherTaker
	if a.namesRule() {
		b := e.upgrade(ctx, upgrade{path: path, protocol: protocolNone})
		s.taker = withPath
		if b.namesRule() {
			s.taker = anyPath
		}
		s.line = b.line()
	}
	return s, nil
}

// reaped reports whether an upgrade that ended without a word after d was
// ended by Socket.IO because it belonged to somebody else. A busy server's
// timers are late, never early.
func (s *stranger) reaped(d time.Duration) bool {
	const usual, least = time.Second, 300 * time.Millisecond
	if s.ended == 0 { // somebody else answered first
		return d > usual*4/5 && d < 3*usual
	}
	return s.ended > least && d > min(s.ended, usual)*4/5
}

package relay

import (
	"net"
	"slices"
	"time"
)

// line is a socket on a loop: what the loop, the poller and TLS need to know
// of it. What comes and goes over it is its user's business.
type line struct {
	// static after adoption
	user   user
	socket rawSocket
	tls    *guard // nil if plain

	// owned by the loop
	backlog *backlog      // what the socket has not taken yet; nil if nothing
	held    []byte        // what was read last and could not be passed yet: its user's
	heard   time.Duration // when the last byte came
	began   time.Duration // when the message, header or control frame began that is not whole; 0 if none is
	moved   time.Duration // when it last took something of what waited for it
	waiting [2]uint32     // the poller's: slot and generation
	state   lineState
	side    side // whose socket it is; with it a pair finds its leg
	tied    bool // it cannot move to another process
	refused bool // another process could not take it, and is not asked again
}

// user is who has lines on a loop, such as a pair. The loop calls it in its
// turn.
type user interface {
	// serve is called when something became ready at l, or l was enqueued.
	serve(lp *loop, l *line)
	// take is given what was read from l: what l held back, and behind it as
	// many fresh bytes. p is the loop's, valid during the call.
	take(lp *loop, l *line, p []byte, fresh int)
	// lost says that nothing more comes from l: err is io.EOF or what broke it.
	lost(lp *loop, l *line, err error)
	// stuck says that l has not taken all, and that something waits now.
	stuck(lp *loop, l *line)
	// freed says that what waited for l, since when b says, is written or
	// given up.
	freed(lp *loop, l *line, b *backlog)
}

// clock starts the time of what has begun to come and is not whole, or stops it:
// of a message, if one is open, or of what is held back. If ended, that began
// after another that was whole. It tells whether a time was started.
func (l *line) clock(now time.Duration, open, ended bool) (started bool) {
	switch {
	case !open && len(l.held) == 0:
		l.began = 0
	case ended || l.began == 0:
		l.began = max(now, 1)
		return true
	}
	return false
}

// lineState is a set of facts about a line.
type lineState uint16

const (
	readable   lineState = 1 << iota // there may be something to read
	ending                           // its end is in sight: read until it comes, short reads or not
	queued                           // will be served in the next turn
	ignored                          // its Close frame has come, or it broke a rule: what follows is not looked at
	broken                           // it broke a rule: its socket is closed after it, so that it can read why
	finished                         // nothing more comes from it: end of file or reset
	sentClose                        // a Close frame was written to it: nothing may follow
	dueClose                         // gets a Close frame when the frame on its way is complete
	deaf                             // writing to it has failed: nothing more is written, reading will tell why
	cutting                          // to be closed as soon as its backlog is gone
	shut                             // its socket was shut down for writing
	closed                           // its socket is closed
	connecting                       // a seat's: it is not connected yet
	paused                           // a seat's: it is not read
	vacated                          // its user has it no more: its socket is closed, somebody else's, or packed for another process
	counted                          // a seat's: it is one of those that tell how busy the loop is
)

func (l *line) is(s lineState) bool { return l.state&s != 0 }
func (l *line) set(s lineState)     { l.state |= s }
func (l *line) unset(s lineState)   { l.state &^= s }

// parted tells whether Close frames have passed both ways. It is then the
// server's to close the connection (RFC 6455, 7.1.1): usher closes its clients',
// and waits for its upstreams to close theirs, as the one that closes first
// cannot use the port again for a minute. The ports of usher's own address
// would be what its next sockets lack.
func (l *line) parted() bool { return l.is(sentClose) && l.is(ignored) && !l.is(broken) }

// backlogged tells whether something waits for l to take it.
func (l *line) backlogged() bool { return l.backlog != nil }

// init takes l's socket from c and closes c, whatever comes of it. early is what
// was read from c, to which it returns what TLS has read beyond that.
func (l *line) init(c net.Conn, early []byte) (_ []byte, err error) {
	g, below, plain, err := secure(c)
	if err != nil {
		return nil, err
	}
	if len(plain) > 0 {
		early = slices.Concat(early, plain)
	}
	l.tls = g
	l.socket, err = takeSocket(below)
	return early, err
}

// abandon closes l's socket, of which the poller does not know.
func (l *line) abandon() {
	l.socket.close()
	if l.tls != nil {
		l.tls.over()
	}
}

// shutLine ends what is sent to l, which may still send.
func (lp *loop) shutLine(l *line) {
	if l.tls != nil && !l.is(deaf) {
		lp.sayGoodbye(l) // once: TLS keeps count
	}
	if !l.backlogged() {
		l.set(shut)
		l.socket.shutdown()
	}
}

// closeLine closes l's socket, which is not closed yet.
func (lp *loop) closeLine(l *line) {
	if l.tls != nil && !l.is(deaf) && !l.backlogged() {
		lp.sayGoodbye(l)
	}
	lp.drop(l)
	lp.tapping.forget(l)
	lp.poller.remove(l)
	lp.warmth.forget(l)
	l.abandon()
	l.set(closed)
	l.held = nil
}

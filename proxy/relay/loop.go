package relay

import (
	"sync/atomic"
	"time"

	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/tls13"
	"usher/proxy/ws"
)

// loop owns the pairs that were given to it. Everything but the mailbox
// belongs to its goroutine.
type loop struct {
	// static after construction
	poller *poller
	epoch  time.Time // times of the loop count from here
	noted  func(*line, events)

	mail  mailbox      // shared
	load  atomic.Int64 // sessions that were given to the loop and are not over; read by anybody
	seats atomic.Int64 // the same of clients that have none yet

	// owned by the loop
	now      time.Duration // when the turn began
	began    int64         // epoch by the machine's clock, which may be set meanwhile: in nanoseconds since 1970
	timers   timers
	judges   time.Duration // when peers are judged again, 0 if they are; see catchUp
	ready    []*line       // to serve in the next turn
	serving  []*line       // those of this turn
	greedy   queue         // had more to read than their share: some in each turn
	reads    int           // how often the line that is being served is read at most
	posts    []post        // the mailbox's other slice
	pairs    map[*session.Session]*pair
	fans     map[*session.Session]*fan
	away     int             // sessions that were put aside for another process
	passed   legTraffics     // on the legs of fans
	dirty    []*strand       // what goes out to them is written at the end of the turn
	stopping bool            // sessions are told to end, and new ones at once
	last     *session.Drain  // how that is, once it is stopping
	empty    []chan struct{} // closed when there are no sessions
	closing  bool            // the loop ends when there are none
	ended    bool            // it has ended: only posts are left

	buffer  []byte // what a line sent, plain, behind room for what was held
	cipher  []byte // what a TLS line sent, behind what was kept of it
	sealed  []byte // what is to be written to a TLS line
	warmth  warmth
	frame   []byte // a control frame of usher's own
	scratch [ws.MaxControlPayload]byte
	outputs freelist
	tapping tapping

	// of fans
	in    incoming
	span  span
	whole []byte // a message's content, while it is framed
	pipes pipes

	flater flater
}

// bufferSize is how much is read from a leg at once, and thereby how much may
// wait for its peer.
const bufferSize = 64 << 10

// past is how long ago the times of a loop begin, so that what has been in another
// process, before the loop was, has times here, too.
const past = 365 * 24 * time.Hour

// leastTicks are looked at in each turn whose time has come, and in one that serves
// many lines, one for each ticksShare of them: a session that ends makes three or
// so ready, which would otherwise crowd the others out.
const leastTicks, ticksShare = 4, 4

// maxHeld is more than a leg ever holds back.
const maxHeld = 256

func newLoop() (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	lp := &loop{
		poller: p,
		epoch:  time.Now().Add(-past),
		pairs:  make(map[*session.Session]*pair),
		fans:   make(map[*session.Session]*fan),
		buffer: make([]byte, maxHeld+bufferSize+openRoom),
		cipher: make([]byte, tls13.MaxRest),
	}
	lp.tapping.hub = new(tap.Hub)
	lp.began = lp.epoch.UnixNano()
	lp.noted = lp.note
	return lp, nil
}

// run turns until the loop is to end and has no sessions left.
//
// It never yields by itself: each time it would, the runtime wakes a thread to
// look for work, and often moves the loop to it. It is made to, by a signal,
// every 10 ms at most.
func (lp *loop) run() {
	for !lp.closing || lp.occupied() {
		woken := lp.poller.wait(lp.patience(), lp.noted)
		wall := time.Now()
		now := wall.Sub(lp.epoch)
		lp.began = wall.UnixNano() - int64(now)
		lp.catchUp(now)
		lp.turn(now, woken)
	}
	lp.finishUp()
}

// post has p run by the loop in one of its next turns; false if the loop has
// ended. It may be called by anybody.
func (lp *loop) post(p post) bool {
	return lp.mail.put(p, lp.poller.wake)
}

// patience is how long the next turn may wait for an event; negative is for
// ever.
func (lp *loop) patience() time.Duration {
	if lp.busy() {
		return 0
	}
	due, ok := lp.timers.next()
	if !ok {
		return -1
	}
	return due - lp.now
}

// catchUp puts off what is judged about peers where the first timer is late
// because the loop was held up. What peers sent meanwhile is there, but more
// than a turn takes, or in the hands of goroutines: it is heard before anybody
// is called silent. A loop that is held up again does not wait again.
func (lp *loop) catchUp(now time.Duration) {
	due, ok := lp.timers.next()
	switch {
	case lp.judges > 0:
		if now >= lp.judges {
			lp.judges = 0
		}
	case ok && now-due > session.HeldUp:
		lp.judges = now + session.CatchUpTime
	}
}

// judgedAt returns when a peer is judged that owes something at due.
func (lp *loop) judgedAt(due time.Duration) time.Duration { return max(due, lp.judges) }

// busy tells whether lines wait for the next turn, or timers that this one has
// left.
func (lp *loop) busy() bool {
	due, ok := lp.timers.next()
	return len(lp.ready) > 0 || lp.greedy.len() > 0 || ok && due <= lp.now
}

// note takes an event down for the turn.
func (lp *loop) note(l *line, e events) {
	if e&canRead != 0 {
		l.set(readable)
	}
	if e&willEnd != 0 {
		l.set(ending)
	}
	lp.enqueue(l)
}

// enqueue has l served in the next turn.
func (lp *loop) enqueue(l *line) {
	if !l.is(queued) {
		l.set(queued)
		lp.ready = append(lp.ready, l)
	}
}

// postpone has l, which had its share of this turn, served in one of the next.
func (lp *loop) postpone(l *line) {
	if !l.is(queued) {
		l.set(queued)
		lp.greedy.put(l)
	}
}

// turn does all that is to do at now: what was posted, what became ready, what
// is due.
//
// A line that becomes ready is read once, which is all there is to most, and
// one of the greedy has the longer share of a turn. So the time that a turn
// takes, and with it what others have to wait, does not follow from how many
// never stop sending, nor from how many are to end at the same time.
func (lp *loop) turn(now time.Duration, woken bool) {
	lp.now = now
	lp.tapping.look()
	if woken {
		lp.posts = lp.mail.take(lp.posts[:0])
		for i, p := range lp.posts {
			p(lp)
			lp.posts[i] = nil
		}
	}
	lp.serving, lp.ready = lp.ready, lp.serving[:0]
	if l := lp.greedy.take(); l != nil {
		lp.serve(l, greedyReads)
	}
	for i, l := range lp.serving {
		lp.serve(l, 1)
		lp.serving[i] = nil
	}
	lp.tick(max(leastTicks, len(lp.serving)/ticksShare))
	lp.writeDirty()
}

// tick looks at n at most whose time has come.
func (lp *loop) tick(n int) {
	for range n {
		t := lp.timers.expired(lp.now)
		if t == nil {
			return
		}
		t.tick(lp)
	}
}

func (lp *loop) serve(l *line, reads int) {
	lp.reads = reads
	l.unset(queued)
	l.user.serve(lp, l)
}

package messages

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"usher/proxy/handshake"
	"usher/proxy/route"
	"usher/proxy/session"
	"usher/proxy/tap"
	"usher/proxy/ws"
)

// closeTimeout is how long a peer may take to answer a Close frame.
const closeTimeout = 5 * time.Second

// pair is a session and its two legs. It relays until it has a cause; then
// Close frames are on their way, and what is left after closeTimeout is cut.
type pair struct {
	// static after construction
	session  *session.Session
	route    *route.Route
	release  func()
	taps     *tap.Hub
	started  time.Time
	client   leg
	upstream leg
	pingID   [8]byte       // payload of usher's own pings
	over     chan struct{} // closed when both sockets are

	passed instant // when a frame last passed, either way
	ended  atomic.Bool

	mu    sync.Mutex
	cause session.Cause // guarded by mu, as what follows
	code  ws.Code       // the first close code either way
	err   error
	leave *leave      // nil unless usher is to end it
	due   time.Time   // when the clocks are looked at next, zero while they are
	judge time.Time   // when peers are judged again, zero if they are; see catchUp
	timer *time.Timer // nil until start and after the end
}

func newPair(made handshake.Pair) *pair {
	p := &pair{session: made.Session, route: made.Route, release: made.Release, started: time.Now(), over: make(chan struct{})}
	binary.BigEndian.PutUint64(p.pingID[:], rand.Uint64())
	p.client.init(p, session.Client, made.Client, made.FromClient)
	p.upstream.init(p, session.Upstream, made.Upstream, made.FromUpstream)
	p.client.peer, p.client.counters = &p.upstream, &made.Session.FromClient
	p.upstream.peer, p.upstream.counters = &p.client, &made.Session.FromUpstream
	limits := &made.Route.Limits
	p.client.intake.spent = session.NewBucket(session.MaxRate(limits.MaxRate))
	p.upstream.ping = limits.PingInterval
	if !made.EngineIO { // which has pings of its own
		p.client.ping = limits.PingInterval
	}
	return p
}

// start sets the clocks.
func (p *pair) start() {
	now := time.Now()
	p.passed.set(now)
	for _, l := range []*leg{&p.client, &p.upstream} {
		l.heard.set(now)
		l.counters.Bytes.Add(uint64(len(l.intake.bytes)))
	}
	p.mu.Lock()
	p.due, p.timer = now, time.AfterFunc(0, p.tick)
	p.mu.Unlock()
}

// closing tells whether the session has a cause to end for.
func (p *pair) closing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cause != session.Cause{}
}

// begin makes cause the one that the session ends for, unless it has one
// already, and tells whether it had none.
func (p *pair) begin(cause session.Cause, code ws.Code, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.code == 0 {
		p.code = code
	}
	if p.cause != (session.Cause{}) {
		return false
	}
	p.cause, p.err = cause, err
	if p.timer != nil {
		p.timer.Stop()
		p.timer = time.AfterFunc(closeTimeout, p.finish)
	}
	return true
}

// cutAt sets when what is left is cut.
func (p *pair) cutAt(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = time.AfterFunc(time.Until(t), p.finish)
	}
}

// settle closes the sockets that have nothing more to do, and ends the session
// when that is both.
func (p *pair) settle() {
	if p.client.settled() && p.upstream.settled() {
		p.finish()
	}
}

// finish cuts what is left and ends the session, once.
func (p *pair) finish() {
	if !p.ended.CompareAndSwap(false, true) {
		return
	}
	p.client.conn.Close()
	p.upstream.conn.Close()
	p.mu.Lock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	end := session.End{Cause: p.cause, Code: uint16(p.code), Time: time.Now(), Err: p.err}
	p.mu.Unlock()
	p.session.End(end)
	p.release()
	close(p.over)
}

// instant is a time that is written by one goroutine and read by others; the
// zero value is none.
type instant struct{ nanos atomic.Int64 }

func (i *instant) set(t time.Time) { i.nanos.Store(t.UnixNano()) }
func (i *instant) clear()          { i.nanos.Store(0) }

// get returns the time, and whether there is one.
func (i *instant) get() (time.Time, bool) {
	n := i.nanos.Load()
	return time.Unix(0, n), n != 0
}

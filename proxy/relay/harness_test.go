package relay

import (
	"crypto/tls"
	"io"
	"iter"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/socket"
)

// harness is one loop that is turned by hand, with the time passed in.
type harness struct {
	t        *testing.T
	loop     *loop
	now      time.Duration
	registry *session.Registry
	ends     []session.End
	info     session.Info // of what is opened next
	released int
	clinging bool   // upstreams do not close when Close frames have passed, as servers do
	between  func() // is called behind each step; nil for nothing
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	lp, err := newLoop()
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, loop: lp, now: time.Second, info: session.Info{ID: "test"}}
	h.registry = session.NewRegistry(func(_ *session.Session, e session.End) { h.ends = append(h.ends, e) })
	t.Cleanup(func() {
		h.shutdown(0)
		h.between = nil
		h.step()
		h.loop.finishUp()
	})
	return h
}

// shutdown has the loop end everything at once, and cut what is left then.
func (h *harness) shutdown(cutAt time.Duration) {
	d := goingAway
	d.Until = h.loop.epoch.Add(cutAt)
	h.loop.now = h.now
	h.loop.shutdown(&d, share{0, 1})
}

var goingAway = session.Drain{
	Cause: session.Cause{Side: session.Usher, Event: session.Shutdown}, Code: 1001, Reason: "usher is shutting down",
}

// step turns the loop until nothing happens any more.
func (h *harness) step() {
	h.t.Helper()
	for quiet := 0; quiet < 2; {
		woken := h.gather()
		quiet++
		if woken || h.loop.busy() {
			quiet = 0
		}
		h.loop.turn(h.now, woken)
		if h.hangUp() {
			quiet = 0
		}
	}
	if h.between != nil {
		h.between()
	}
}

// hangUp ends what upstreams send, as servers do when Close frames have passed
// both ways, and tells whether one did.
func (h *harness) hangUp() (any bool) {
	for l := range h.lines() {
		if !h.clinging && l.side == upstream && l.parted() && !l.is(finished|closed) {
			l.set(ending)
			h.loop.finishReading(l, io.EOF)
			h.loop.enqueue(l)
			any = true
		}
	}
	return any
}

// lines are those of all pairs, fans and seats.
func (h *harness) lines() iter.Seq[*line] {
	return func(yield func(*line) bool) {
		for _, p := range h.loop.pairs {
			if !yield(&p.legs[client].line) || !yield(&p.legs[upstream].line) {
				return
			}
		}
		for _, f := range h.loop.fans {
			for _, s := range f.strands {
				if !yield(&s.line) {
					return
				}
			}
		}
		for _, e := range h.loop.poller.slots.entries {
			if s := e.seat(); s != nil && !s.is(connecting) && !yield(&s.line) {
				return
			}
		}
	}
}

// gather takes down every event that there is and tells whether the loop was
// woken.
func (h *harness) gather() (woken bool) {
	h.t.Helper()
	late := time.Now().Add(10 * time.Second)
	for timeout := time.Duration(0); ; timeout = time.Millisecond {
		before := len(h.loop.ready)
		woken = h.loop.poller.wait(timeout, h.loop.noted) || woken
		if len(h.loop.ready) == before && !h.expectsEvent() {
			return woken
		}
		if time.Now().After(late) {
			h.t.Fatal("got no event of a leg that could go on for 10 s")
		}
	}
}

func (h *harness) expectsEvent() bool {
	for l := range h.lines() {
		if expectsEvent(l) {
			return true
		}
	}
	return false
}

// move turns the loop once, with what is ready or becomes so shortly.
func (h *harness) move() {
	timeout := time.Millisecond
	if h.loop.busy() {
		timeout = 0
	}
	h.loop.turn(h.now, h.loop.poller.wait(timeout, h.loop.noted))
}

// turn turns the loop once, with all that is ready.
func (h *harness) turn() {
	h.t.Helper()
	woken := h.gather()
	h.loop.turn(h.now, woken)
}

// advance lets d pass.
func (h *harness) advance(d time.Duration) {
	h.now += d
	h.step()
}

// advanceToTimer lets pass what is left until the next timer, and returns it.
func (h *harness) advanceToTimer() time.Duration {
	h.t.Helper()
	due, ok := h.loop.timers.next()
	if !ok {
		h.t.Fatal("no timer is set")
	}
	d := due - h.now
	h.advance(d)
	return d
}

// wantEnd fails unless exactly one session has ended since, for cause.
func (h *harness) wantEnd(cause string, code uint16) {
	h.t.Helper()
	if len(h.ends) != 1 {
		h.t.Fatalf("got %d ended sessions, want 1", len(h.ends))
	}
	if got := h.ends[0]; got.Cause.String() != cause || got.Code != code {
		h.t.Errorf("got end %v with code %d, want %s with %d", got.Cause, got.Code, cause, code)
	}
	if h.released != 1 {
		h.t.Errorf("got %d releases, want 1", h.released)
	}
	if n := len(h.loop.pairs); n != 0 {
		h.t.Errorf("got %d pairs left in the loop, want 0", n)
	}
	h.ends, h.released = nil, 0
}

func (h *harness) wantOpen() {
	h.t.Helper()
	if len(h.ends) != 0 {
		h.t.Fatalf("got a session ended by %v, want it open", h.ends[0].Cause)
	}
}

// adopt gives the loop a new session between two peers.
func (h *harness) adopt(o *Options) (c, u *peer) {
	h.t.Helper()
	c, cl := h.newPeer(client)
	u, ul := h.newPeer(upstream)
	h.adoptLegs(o, cl, ul)
	return c, u
}

func (h *harness) adoptLegs(o *Options, c, u Leg) {
	h.t.Helper()
	h.postSession(h.open(), o, c, u)
	h.step()
}

func (h *harness) open() *session.Session { return h.registry.Open(h.info) }

// postSession has the loop adopt s without turning it.
func (h *harness) postSession(s *session.Session, o *Options, c, u Leg) {
	h.t.Helper()
	p := newPair(s, o, func() { h.released++ })
	var early [2][]byte
	for i, l := range []Leg{c, u} {
		var err error
		if early[i], err = p.legs[i].init(l.Conn, l.Early); err != nil {
			h.t.Fatal(err)
		}
	}
	h.loop.now = h.now
	h.loop.adopt(p, early[:]...)
}

func (h *harness) newPeer(s side) (*peer, Leg) {
	h.t.Helper()
	ours, theirs := socketpair(h.t)
	return &peer{t: h.t, side: s, conn: theirs, raw: theirs}, Leg{Conn: ours}
}

func socketpair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c.(*net.UnixConn)
		t.Cleanup(func() { c.Close() })
	}
	return conns[0], conns[1]
}

// ownRecords stands for TLS 1.3 with records of usher's own where a version does.
const ownRecords = 1

// tlsVersions are all ways in which a line has TLS.
func tlsVersions() []uint16 { return []uint16{tls.VersionTLS12, tls.VersionTLS13, ownRecords} }

// bothTLS13 runs f for TLS 1.3 of either kind.
func bothTLS13(t *testing.T, f func(t *testing.T, version uint16)) {
	t.Helper()
	for _, version := range []uint16{tls.VersionTLS13, ownRecords} {
		t.Run(versionName(version), func(t *testing.T) { f(t, version) })
	}
}

func versionName(v uint16) string {
	if v == ownRecords {
		return "own records"
	}
	return tls.VersionName(v)
}

// newTLSPeer is newPeer with TLS between, after the handshake.
func (h *harness) newTLSPeer(s side, version uint16) (*peer, Leg) {
	h.t.Helper()
	return h.newTLSPeerOver(s, func(server, _ *tls.Config) { server.MaxVersion = version }, nil)
}

// newTLSPeerOver is newTLSPeer with configurations that set up may change, and
// with what wrap makes of the peer's connection under TLS.
func (h *harness) newTLSPeerOver(s side, setUp func(server, cl *tls.Config), wrap func(net.Conn) net.Conn) (*peer, Leg) {
	h.t.Helper()
	ours, theirs := socketpair(h.t)
	var under net.Conn = theirs
	if wrap != nil {
		under = wrap(theirs)
	}
	server, cl := testTLS(h.t)
	server.DynamicRecordSizingDisabled, cl.DynamicRecordSizingDisabled = true, true
	setUp(server, cl)
	over := socket.NewDetachable(ours)
	if server.MaxVersion == ownRecords {
		server.MaxVersion = tls.VersionTLS13
		if log := over.Watch(s == upstream); s == upstream {
			cl.KeyLogWriter = log
		} else {
			server = socket.Watched(server)
		}
	}
	var a, b *tls.Conn
	if s == client {
		a, b = tls.Server(over, server), tls.Client(under, cl)
	} else {
		a, b = tls.Client(over, cl), tls.Server(under, server)
	}
	soon := time.Now().Add(5 * time.Second)
	ours.SetDeadline(soon)
	theirs.SetDeadline(soon)
	done := make(chan error, 1)
	go func() { done <- b.Handshake() }()
	if err := a.Handshake(); err != nil {
		h.t.Fatal(err)
	}
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
	return &peer{t: h.t, side: s, conn: b, raw: theirs}, Leg{Conn: a}
}

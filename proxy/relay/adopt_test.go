package relay

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"usher/proxy/session"
	"usher/proxy/ws"
)

func TestAdoptWhileStopping(t *testing.T) {
	h := newHarness(t)
	h.shutdown(h.now + time.Hour)
	c, u := h.adopt(&Options{})
	c.wantClose("told", 1001, "usher is shutting down")
	u.wantClose("told", 1001, "usher is shutting down")
	c.sendClose(1001, "")
	u.sendClose(1001, "")
	h.step()
	h.wantEnd("usher.shutdown", 1001)
}

func TestAdoptAfterTheLoop(t *testing.T) {
	h := newHarness(t)
	h.loop.ended = true
	c, u := h.adopt(&Options{})
	c.wantEOF("the loop has ended")
	u.wantEOF("the loop has ended")
	if len(h.ends) == 1 && !errors.Is(h.ends[0].Err, ErrClosed) {
		t.Errorf("got %v, want %v", h.ends[0].Err, ErrClosed)
	}
	h.wantEnd("usher.failed", 0)
}

// What comes with the handshake passes first, at whatever byte it was cut.
func TestEarlyBytes(t *testing.T) {
	script := func(p *peer) (b []byte) {
		b = append(b, p.frame(ws.Text, "first")...)
		b = append(b, p.frame(ws.Ping, "ping")...)
		b = append(b, p.frame(ws.Binary, strings.Repeat("x", 200))...)
		return append(b, p.frame(ws.Text, "last")...)
	}
	const stride = 5
	for cut := 0; cut <= len(script(&peer{side: client})); cut += stride {
		h := newHarness(t)
		c, cl := h.newPeer(client)
		u, ul := h.newPeer(upstream)
		fromC, fromU := script(c), script(u)
		cut := [2]int{min(cut, len(fromC)), min(cut, len(fromU))}
		cl.Early, ul.Early = fromC[:cut[0]], fromU[:cut[1]]
		h.adoptLegs(&Options{}, cl, ul)
		c.write(fromC[cut[0]:])
		u.write(fromU[cut[1]:])
		h.step()
		u.wantNow("all of it", fromC)
		c.wantNow("all of it", fromU)
		h.wantOpen()
	}
}

func TestEarlyBytesMoreThanTheBuffer(t *testing.T) {
	h := newHarness(t)
	c, cl := h.newPeer(client)
	u, ul := h.newPeer(upstream)
	frame := c.frame(ws.Text, strings.Repeat("x", 2*bufferSize+100))
	cl.Early = frame
	h.adoptLegs(&Options{}, cl, ul)
	u.wantNow("all of it", frame)
}

func TestEarlyViolationAndClose(t *testing.T) {
	h := newHarness(t)
	c, cl := h.newPeer(client)
	u, ul := h.newPeer(upstream)
	cl.Early = []byte{0x81, 0x00} // not masked
	ul.Early = u.frame(ws.Close, "\x03\xe8")
	h.adoptLegs(&Options{}, cl, ul)
	c.wantClose("refused", 1002, "client frame is not masked (RFC 6455, 5.1)")
	u.wantClose("told", 1002, "client: client frame is not masked (RFC 6455, 5.1)")
	c.conn.Close()
	h.step()
	h.wantEnd("client.protocol", 1002)
}

// A connection that no loop could take ends its session and the other leg.
func TestAdoptWithoutSocket(t *testing.T) {
	g := newTestGroup(t)
	for _, broken := range []side{client, upstream} {
		var legs [2]Leg
		ours, theirs := socketpair(t)
		pipe, pipeEnd := net.Pipe()
		legs[broken], legs[1-broken] = Leg{Conn: pipe}, Leg{Conn: ours}
		ends := make(chan session.End, 2)
		releases := make(chan struct{}, 2)
		r := session.NewRegistry(func(_ *session.Session, e session.End) { ends <- e })
		g.Adopt(r.Open(session.Info{}), legs[client], legs[upstream], &Options{}, func() { releases <- struct{}{} })
		if e := <-ends; e.Cause.String() != "usher.failed" || e.Err == nil {
			t.Errorf("got end %v (%v), want usher.failed and why", e.Cause, e.Err)
		}
		<-releases
		for _, c := range []net.Conn{theirs, pipeEnd} {
			if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("got %d, %v from the other end of a %T, want it closed", n, err, c)
			}
		}
		if s := r.Stats(); s.Open != 0 || s.Duplicates != 0 || len(ends) != 0 || len(releases) != 0 {
			t.Errorf("got %+v and more ends or releases, want one of each", s)
		}
	}
}

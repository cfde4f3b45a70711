package relay

import (
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

func TestCloseOrders(t *testing.T) {
	for _, tc := range []struct {
		name  string
		play  func(h *harness, c, u *peer)
		cause string
		code  uint16
	}{
		{"upstream first", func(h *harness, c, u *peer) {
			u.sendClose(4002, "done")
			h.step()
			c.wantClose("passes", 4002, "done")
			c.sendClose(4002, "")
			h.step()
			u.wantClose("the answer passes", 4002, "")
			c.wantEOF("both have closed")
			u.wantEOF("both have closed")
		}, "upstream.closed", 4002},
		{"both at once", func(h *harness, c, u *peer) {
			c.sendClose(4001, "client")
			h.gather() // this one first
			u.sendClose(4002, "upstream")
			h.step()
			c.wantClose("crossed", 4002, "upstream")
			u.wantClose("crossed", 4001, "client")
			c.wantEOF("both have closed")
			u.wantEOF("both have closed")
		}, "client.closed", 4001},
		{"without a code", func(h *harness, c, u *peer) {
			c.sendClose(0, "")
			h.step()
			u.wantClose("passes as it is", 0, "")
			u.sendClose(0, "")
			h.step()
			c.wantClose("passes as it is", 0, "")
		}, "client.closed", 0},
		{"without an answer", func(h *harness, c, u *peer) {
			c.sendClose(1000, "")
			h.step()
			u.wantClose("passes", 1000, "")
			h.advance(closeTimeout - 1)
			h.wantOpen()
			c.wantIdle("there is time left")
			h.advance(1)
			c.wantEOF("time is over")
			u.wantEOF("time is over")
		}, "client.closed", 1000},
		{"data still comes the other way", func(h *harness, c, u *peer) {
			c.sendClose(1000, "")
			h.step()
			u.wantClose("passes", 1000, "")
			u.send(ws.Text, "one more")
			u.sendClose(1000, "")
			h.step()
			c.wantFrame("the upstream had not answered yet", ws.Text, "one more")
			c.wantClose("the answer passes", 1000, "")
		}, "client.closed", 1000},
		{"data behind the close", func(h *harness, c, u *peer) {
			c.write(append(c.frame(ws.Close, "\x03\xe8"), c.frame(ws.Text, "behind")...))
			h.step()
			c.send(ws.Text, "and further behind")
			h.step()
			u.wantClose("passes", 1000, "")
			u.wantIdle("nothing may follow a Close frame")
			u.sendClose(1000, "")
			h.step()
			c.wantClose("the answer passes", 1000, "")
		}, "client.closed", 1000},
		{"garbage behind the close", func(h *harness, c, u *peer) {
			c.write(append(c.frame(ws.Close, "\x03\xe8"), "\xff\xff\xff\xff"...))
			h.step()
			u.wantClose("passes", 1000, "")
			u.sendClose(1000, "")
			h.step()
			c.wantClose("the answer passes", 1000, "")
		}, "client.closed", 1000},
		{"close between fragments", func(h *harness, c, u *peer) {
			c.write(c.fragment(ws.Text, false, "half"))
			c.sendClose(1000, "")
			h.step()
			u.take(1 << 20)
			u.got = u.got[len(c.fragment(ws.Text, false, "half")):]
			u.wantClose("legal in an open message", 1000, "")
			u.sendClose(1000, "")
			h.step()
			c.wantClose("the answer passes", 1000, "")
		}, "client.closed", 1000},
		{"connection ends at once", func(h *harness, c, u *peer) {
			c.conn.Close()
			h.step()
			u.wantClose("told", 1001, "client: connection lost")
			u.sendClose(1001, "")
			h.step()
			u.wantEOF("it answered")
		}, "client.lost", 1001},
		{"connection ends, no answer", func(h *harness, c, u *peer) {
			c.conn.Close()
			h.step()
			u.wantClose("told", 1001, "client: connection lost")
			h.advance(closeTimeout)
			u.wantEOF("time is over")
		}, "client.lost", 1001},
		{"connection ends behind the close", func(h *harness, c, u *peer) {
			c.sendClose(4001, "")
			c.conn.Close()
			h.step()
			u.wantClose("passes", 4001, "")
			u.wantIdle("it may still answer")
			u.sendClose(4001, "")
			h.step()
			u.wantEOF("it answered")
		}, "client.closed", 4001},
		{"connection ends in place of an answer", func(h *harness, c, u *peer) {
			c.sendClose(4001, "")
			h.step()
			u.wantClose("passes", 4001, "")
			u.conn.Close()
			h.step()
			c.wantClose("its own code", 4001, "upstream: connection lost")
			c.wantEOF("both have closed")
		}, "client.closed", 4001},
		{"both connections end", func(h *harness, c, u *peer) {
			u.conn.Close()
			h.gather() // this one first
			c.conn.Close()
			h.step()
		}, "upstream.lost", 1011},
		{"half a frame, then gone", func(h *harness, c, u *peer) {
			c.write(c.frame(ws.Binary, "whole"))
			half := c.frame(ws.Binary, "half")
			c.write(half[:len(half)-1])
			c.conn.Close()
			h.step()
			u.wantFrame("was whole", ws.Binary, "whole")
			u.wantNow("no Close frame within a frame", half[:len(half)-1])
			u.wantEOF("a plain end")
		}, "client.lost", 1001},
		{"half a header, then gone", func(h *harness, c, u *peer) {
			c.write(c.frame(ws.Binary, "half")[:3])
			c.conn.Close()
			h.step()
			u.wantClose("nothing of the frame has passed", 1001, "client: connection lost")
			u.sendClose(1001, "")
			h.step()
		}, "client.lost", 1001},
		{"between fragments, then gone", func(h *harness, c, u *peer) {
			first := c.fragment(ws.Text, false, "half")
			c.write(first)
			c.conn.Close()
			h.step()
			u.take(len(first))
			u.got = nil
			u.wantClose("between two frames", 1001, "client: connection lost")
			u.conn.Close()
			h.step()
		}, "client.lost", 1001},
		{"reset between frames", func(h *harness, c, u *peer) {
			u.send(ws.Text, "not read")
			h.step()
			c.conn.Close() // with unread input: a reset
			h.step()
			u.wantClose("told", 1001, "client: connection lost")
			u.sendClose(1001, "")
			h.step()
			if h.ends[0].Err == nil {
				h.t.Error("got no detail of the reset")
			}
		}, "client.lost", 1001},
		{"reset in a frame", func(h *harness, c, u *peer) {
			u.send(ws.Text, "not read")
			h.step()
			half := c.header(ws.Binary, 10)
			c.write(half)
			c.conn.Close()
			h.step()
			u.wantNow("no Close frame within a frame", half)
			u.wantEOF("a plain end")
		}, "client.lost", 1001},
		{"last words of a client that is gone", func(h *harness, c, u *peer) {
			u.send(ws.Text, "in vain")
			h.gather() // first in line: writing it fails
			c.send(ws.Text, "last words")
			c.sendClose(4000, "gone")
			c.conn.Close()
			h.step()
			u.wantFrame("was sent before it went", ws.Text, "last words")
			u.wantClose("was sent before it went", 4000, "gone")
			u.sendClose(4000, "")
			h.step()
		}, "client.closed", 4000},
		{"client reads no more", func(h *harness, c, u *peer) {
			c.raw.CloseRead()
			u.send(ws.Text, "in vain")
			h.step()
			u.wantClose("told", 1001, "client: connection lost")
			u.sendClose(1001, "")
			h.step()
		}, "client.lost", 1001},
		{"client writes no more", func(h *harness, c, u *peer) {
			c.raw.CloseWrite()
			h.step()
			u.wantClose("told", 1001, "client: connection lost")
			u.sendClose(1001, "")
			h.step()
			c.wantEOF("a session has two directions")
		}, "client.lost", 1001},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			c, u := h.adopt(&Options{})
			tc.play(h, c, u)
			h.wantEnd(tc.cause, tc.code)
			h.advance(time.Hour)
			h.wantOpen() // nothing ends twice
		})
	}
}

// The server of a connection closes it first (RFC 6455, 7.1.1): usher its
// client's, the upstream usher's. One that does not has partTimeout.
func TestServerClosesFirst(t *testing.T) {
	for _, clings := range []bool{false, true} {
		h := newHarness(t)
		h.clinging = true
		c, u := h.adopt(&Options{})
		c.sendClose(1000, "")
		h.step()
		u.wantClose("passes", 1000, "")
		u.sendClose(1000, "")
		h.step()
		c.wantClose("the answer passes", 1000, "")
		c.wantEOF("Close frames have passed both ways")
		u.wantIdle("it is the upstream's to close")
		h.wantOpen()
		if clings {
			h.advance(partTimeout - 1)
			h.wantOpen()
			h.advance(1)
		} else if err := u.raw.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		h.step()
		u.wantEOF("both have closed")
		h.wantEnd("client.closed", 1000)
	}
}

// usher's own Close frame waits for the end of the frame on its way.
func TestOwnCloseWaitsForTheFrame(t *testing.T) {
	for _, size := range []int{10, 3 * bufferSize, 4 * spliceSize} {
		for side := range 2 {
			h := newHarness(t)
			c, u := h.adopt(&Options{IdleTimeout: time.Minute})
			from, to := c, u
			if side == 1 {
				from, to = u, c
			}
			frame := from.frame(ws.Binary, strings.Repeat("x", size))
			h.carry("the first half", from, to, frame[:len(frame)/2])
			h.advance(time.Minute)
			from.wantClose("nothing is on its way to it", 1001, "nothing passed for 1m0s")
			to.wantIdle("in a frame")
			h.carry("nearly the rest", from, to, frame[len(frame)/2:len(frame)-1])
			from.write(append(frame[len(frame)-1:len(frame):len(frame)], from.frame(ws.Text, "too late")...))
			h.step()
			to.take(1)
			to.got = nil
			to.wantClose("the frame is whole", 1001, "nothing passed for 1m0s")
			to.wantIdle("nothing may follow")
			from.sendClose(1001, "")
			to.sendClose(1001, "")
			h.step()
			h.wantEnd("usher.idle", 1001)
		}
	}
}

// spliceSize is a rest of a frame that is moved by splice(2) where there is one.
const spliceSize = 2 * bufferSize

func TestOwnCloseWaitsNoLongerThanCloseTimeout(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{IdleTimeout: time.Minute})
	half := c.header(ws.Binary, 10)
	c.write(half)
	h.step()
	h.advance(time.Minute)
	h.advance(closeTimeout)
	u.wantNow("no Close frame within a frame", half)
	u.wantEOF("a plain end")
	h.wantEnd("usher.idle", 1001)
}

func TestShutdownOfBusyPairs(t *testing.T) {
	h := newHarness(t)
	type session struct{ c, u *peer }
	var sessions []session
	half := (&peer{side: client}).frame(ws.Binary, "0123456789")
	for range 4 {
		c, u := h.adopt(&Options{})
		c.write(half[:9])
		u.send(ws.Text, "hello")
		h.step()
		c.wantFrame("passes", ws.Text, "hello")
		u.wantNow("passes", half[:9])
		sessions = append(sessions, session{c, u})
	}
	stalled, pushing := h.adopt(&Options{})
	h.stuff(pushing, pushing.frame(ws.Text, strings.Repeat("x", kernel)))

	h.shutdown(h.now + time.Minute)
	h.step()
	for _, s := range sessions {
		s.c.wantClose("told", 1001, "usher is shutting down")
		s.u.wantIdle("in a frame")
		s.c.write(half[9:])
		s.c.sendClose(1001, "")
		h.step()
		s.u.take(len(half) - 9)
		s.u.got = nil
		s.u.wantClose("the frame is whole", 1001, "usher is shutting down")
		s.u.sendClose(1001, "")
		h.step()
		s.c.wantEOF("both have closed")
		s.u.wantEOF("both have closed")
		h.wantShutdown()
	}
	pushing.wantClose("told", 1001, "usher is shutting down")
	h.advance(time.Minute - 1)
	h.wantOpen()
	h.advance(1)
	stalled.take(1 << 30)
	if stalled.end == nil {
		t.Error("got the stalled client open, want it cut")
	}
	h.wantEnd("usher.shutdown", 1001)
}

// wantShutdown fails unless one session has ended since, by shutdown.
func (h *harness) wantShutdown() {
	h.t.Helper()
	if len(h.ends) != 1 || h.ends[0].Cause.String() != "usher.shutdown" || h.ends[0].Code != 1001 || h.released != 1 {
		h.t.Fatalf("got ends %v and %d releases, want one usher.shutdown", h.ends, h.released)
	}
	h.ends, h.released = nil, 0
}

// A peer has until the deadline to answer: before its Close frame it may have
// to take what is on its way.
func TestShutdownWithoutAnswer(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	h.shutdown(h.now + time.Hour)
	h.step()
	c.wantClose("told", 1001, "usher is shutting down")
	u.wantClose("told", 1001, "usher is shutting down")
	h.advance(time.Hour - 1)
	h.wantOpen()
	h.advance(1)
	h.wantEnd("usher.shutdown", 1001)
}

func TestShutdownTwiceCutsAtOnce(t *testing.T) {
	h := newHarness(t)
	c, u := h.adopt(&Options{})
	h.shutdown(h.now + time.Hour)
	h.step()
	h.shutdown(h.now)
	h.step()
	c.wantClose("told first", 1001, "usher is shutting down")
	u.wantClose("told first", 1001, "usher is shutting down")
	c.wantEOF("cut")
	u.wantEOF("cut")
	h.wantEnd("usher.shutdown", 1001)
}

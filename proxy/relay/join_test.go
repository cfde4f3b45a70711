package relay

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"usher/proxy/ws"
)

// joint is a session to be of two seats.
type joint struct {
	h      *harness
	o      *Options
	c, u   *peer
	seats  [2]*Seat
	owners [2]*visitor
}

// newJoint returns two seats of the harness's loop. version is of TLS, by side;
// 0 is plain.
func (h *harness) newJoint(o *Options, version [2]uint16) *joint {
	h.t.Helper()
	j := &joint{h: h, o: o}
	for i := range j.seats {
		p, l := h.newPeer(side(i))
		if version[i] != 0 {
			p, l = h.newTLSPeer(side(i), version[i])
		}
		j.owners[i] = &visitor{}
		j.seats[i] = h.seated(l.Conn, "", j.owners[i])
		if side(i) == client {
			j.c = p
		} else {
			j.u = p
			j.seats[i].uncount() // as if it was dialled
		}
	}
	return j
}

// join makes the seats a session.
func (j *joint) join(earlyC, earlyU []byte) {
	j.h.loop.now = j.h.now
	new(Group).Join(j.h.open(), j.seats[client], j.seats[upstream], earlyC, earlyU, j.o, func() { j.h.released++ })
}

// wantWhole fails unless the session goes on as any, and ends.
func (j *joint) wantWhole() {
	h := j.h
	h.t.Helper()
	if n, seats := h.loop.load.Load(), h.loop.seats.Load(); n != 1 || seats != 0 {
		h.t.Errorf("got %d sessions and %d seats counted, want 1 and 0", n, seats)
	}
	for range 2 {
		j.c.send(ws.Text, "there")
		h.step()
		j.u.wantFrame("from the client", ws.Text, "there")
		j.u.send(ws.Binary, strings.Repeat("back", 1000))
		h.step()
		j.c.wantFrame("from the upstream", ws.Binary, strings.Repeat("back", 1000))
	}
	for i := range j.seats {
		j.seats[i].Write([]byte("not me"))
		j.seats[i].Wake(time.Second)
		j.seats[i].Resume()
		j.seats[i].Close()
		if _, err := j.seats[i].Leave(); err == nil {
			h.t.Error("got a leg left by its seat")
		}
	}
	h.advance(2 * time.Second)
	h.wantOpen()
	j.c.sendClose(1000, "bye")
	h.step()
	j.u.wantClose("of the client", 1000, "bye")
	j.u.sendClose(1000, "bye")
	h.step()
	j.c.wantClose("of the upstream", 1000, "bye")
	h.wantEnd("client.closed", 1000)
	if n := h.loop.load.Load(); n != 0 {
		h.t.Errorf("got %d sessions counted, want none", n)
	}
}

func TestJoin(t *testing.T) {
	for _, tc := range append(tlsCases(), tlsCase{}) {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			j := h.newJoint(&Options{}, tc.version)
			j.join(nil, nil)
			h.step()
			j.wantWhole()
		})
	}
}

// A joined pair is as one that was adopted.
func TestJoinIsAdopt(t *testing.T) {
	o := &Options{IdleTimeout: time.Minute, ClientPing: time.Second, PingTimeout: time.Second, WriteTimeout: time.Second}
	h := newHarness(t)
	h.adopt(o)
	adopted := h.pair()
	delete(h.loop.pairs, adopted.session)
	j := h.newJoint(o, [2]uint16{})
	j.seats[client].Wake(time.Millisecond)
	j.join(nil, nil)
	h.step()
	joined := h.pair()
	h.loop.pairs[adopted.session] = adopted
	if joined.passed != adopted.passed || joined.due != adopted.due {
		t.Errorf("got a pair of %v, due %v, want %v, %v", joined.passed, joined.due, adopted.passed, adopted.due)
	}
	for i := range joined.legs {
		a, b := joined.legs[i].line, adopted.legs[i].line
		a.user, a.socket, a.waiting, b.user, b.socket, b.waiting = nil, noSocket, [2]uint32{}, nil, noSocket, [2]uint32{}
		if a.state != b.state || a.heard != b.heard || a.side != b.side || a.began != b.began || a.moved != b.moved {
			t.Errorf("side %d: got %+v, want %+v", i, a, b)
		}
	}
}

// What comes behind the handshakes passes, whichever owner joins in which call,
// and wherever it is cut: with the bytes of the handshake, in the same read, or
// later.
func TestJoinInATake(t *testing.T) {
	for _, tc := range append(tlsCases(), tlsCase{}) {
		for _, caller := range []side{client, upstream} {
			t.Run(tc.name+" "+string(caller.of()), func(t *testing.T) {
				h := newHarness(t)
				j := h.newJoint(&Options{}, tc.version)
				peers := [2]*peer{j.c, j.u}
				first := peers[caller].frame(ws.Text, "in the same record")
				j.owners[caller].on = func(call string, _ *Seat, p []byte) {
					if call == "take" {
						early := [2][]byte{}
						early[caller] = p[4:]
						early[1-caller] = peers[1-caller].frame(ws.Text, "read before")
						j.join(early[client], early[upstream])
					}
				}
				second := peers[caller].frame(ws.Binary, strings.Repeat("x", 20<<10))
				third := peers[caller].frame(ws.Text, "in the next read")
				peers[caller].write(append([]byte("101\n"), first...))
				peers[caller].write(second)
				peers[caller].write(third)
				h.step()
				got := []byte{}
				for until := time.Now().Add(10 * time.Second); len(got) < len(first)+len(second)+len(third) && time.Now().Before(until); h.step() {
					peers[1-caller].fill()
					got = append(got, peers[1-caller].got...)
					peers[1-caller].got = nil
				}
				if !bytes.Equal(got, bytes.Join([][]byte{first, second, third}, nil)) {
					t.Errorf("got %d bytes, want the %d behind the handshake", len(got), len(first)+len(second)+len(third))
				}
				peers[caller].wantFrame("what the other owner had", ws.Text, "read before")
				if j.owners[caller].takes != 1 {
					t.Errorf("got %d takes, want 1", j.owners[caller].takes)
				}
				j.wantWhole()
			})
		}
	}
}

// Early bytes of both sides that lie in the loop's own buffer.
func TestJoinWithBothEarly(t *testing.T) {
	h := newHarness(t)
	j := h.newJoint(&Options{}, [2]uint16{})
	there, back := j.c.frame(ws.Text, strings.Repeat("there", 100)), j.u.frame(ws.Text, strings.Repeat("back", 10))
	copy(h.loop.buffer, back)
	j.join(there, h.loop.buffer[:len(back)])
	h.step()
	j.u.wantFrame("of the client", ws.Text, strings.Repeat("there", 100))
	j.c.wantFrame("of the upstream", ws.Text, strings.Repeat("back", 10))
	j.wantWhole()
}

// What waits to be written comes before what is relayed.
func TestJoinWithBacklog(t *testing.T) {
	for _, tc := range append(tlsCases(), tlsCase{}) {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			j := h.newJoint(&Options{WriteTimeout: time.Minute}, tc.version)
			head := bytes.Repeat([]byte("101\n"), 1<<20)
			j.seats[client].Write(head)
			if !j.seats[client].Backlogged() {
				t.Fatal("got all taken at once")
			}
			message := j.u.frame(ws.Text, "behind it")
			j.join(nil, message)
			j.c.conn.SetDeadline(time.Now().Add(20 * time.Second))
			got := make([]byte, len(head)+len(message))
			done := make(chan error, 1)
			go func() { _, err := io.ReadFull(j.c.conn, got); done <- err }()
			for until := time.Now().Add(20 * time.Second); len(done) == 0 && time.Now().Before(until); {
				h.move()
			}
			if err := <-done; err != nil || !bytes.Equal(got, append(head, message...)) {
				t.Errorf("got other bytes than were written, or %v", err)
			}
			j.wantWhole()
		})
	}
}

// Whoever has gone ends the session at once.
func TestJoinOfPeerThatIsGone(t *testing.T) {
	for _, tc := range append(tlsCases(), tlsCase{}) {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			j := h.newJoint(&Options{}, tc.version)
			j.c.conn.Close()
			h.step()
			if len(j.owners[client].lost) != 1 {
				t.Fatalf("got losses %v, want one", j.owners[client].lost)
			}
			j.join(nil, nil)
			h.step()
			j.u.wantClose("told", 1001, "client: connection lost")
			j.u.sendClose(1001, "")
			h.step()
			h.wantEnd("client.lost", 1001)
		})
	}
}

func TestJoinWhileStopping(t *testing.T) {
	h := newHarness(t)
	j := h.newJoint(&Options{}, [2]uint16{})
	h.shutdown(h.now + time.Hour)
	j.join(nil, nil)
	h.step()
	j.c.wantClose("told", 1001, "usher is shutting down")
	j.u.wantClose("told", 1001, "usher is shutting down")
	j.c.sendClose(1001, "")
	j.u.sendClose(1001, "")
	h.step()
	h.wantEnd("usher.shutdown", 1001)
}

// Seats that make no session are closed, and it ends.
func TestJoinOfSeatsThatAreOver(t *testing.T) {
	for _, over := range []side{client, upstream} {
		h := newHarness(t)
		j := h.newJoint(&Options{}, [2]uint16{})
		j.seats[over].Close()
		j.join([]byte("early"), []byte("early"))
		h.step()
		j.c.wantEOF("no session")
		j.u.wantEOF("no session")
		h.wantEnd("usher.failed", 0)
		if n, seats := h.loop.load.Load(), h.loop.seats.Load(); n != 0 || seats != 0 {
			t.Errorf("got %d sessions and %d seats counted, want none", n, seats)
		}
	}
}

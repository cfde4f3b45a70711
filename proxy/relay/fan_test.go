package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

func TestFanRelays(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	admin := h.join(c, "/admin", 1)

	c.send(ws.Text, `42["hello"]`)
	c.send(ws.Text, `42/admin,["hello","admin"]`)
	h.step()
	main.wantFrame("an event of /", ws.Text, `42["hello"]`)
	admin.wantFrame("an event of /admin", ws.Text, `42/admin,["hello","admin"]`)

	main.send(ws.Text, `42["from main"]`)
	admin.send(ws.Text, `42/admin,["from admin"]`)
	h.step()
	got := map[string]bool{}
	for range 2 {
		_, p := c.next("events of both")
		got[string(p)] = true
	}
	if !got[`42["from main"]`] || !got[`42/admin,["from admin"]`] {
		t.Errorf("got %v, want the events of both upstreams", got)
	}

	c.sendClose(1000, "")
	h.step()
	c.wantClose("the close is answered", 1000, "")
	main.answerClose("the leg is closed", 1001)
	admin.answerClose("the leg is closed", 1001)
	h.step()
	c.wantEOF("closed")
	main.wantEOF("closed")
	h.wantFanEnd("client.closed", 1000, "/", "/admin")
	if h.freed != 2 {
		t.Errorf("got %d legs released, want 2", h.freed)
	}
}

// A leg is its server's to close first, as a plain session's.
func TestFanServerClosesFirst(t *testing.T) {
	for _, clings := range []bool{false, true} {
		h := newFanHarness(t, engineio.V4, false)
		h.clinging = true
		c := h.connect()
		main := h.join(c, "/", 0)
		c.sendClose(1000, "")
		h.step()
		c.wantClose("the close is answered", 1000, "")
		c.wantEOF("usher is the client's server")
		main.answerClose("the leg is closed", 1001)
		h.step()
		main.wantIdle("it is the upstream's to close")
		if clings {
			h.advance(farewellTimeout - 1)
			main.wantIdle("it has some time for it")
			h.advance(1)
		} else if err := main.raw.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		h.step()
		main.wantEOF("both have closed")
		h.wantFanEnd("client.closed", 1000, "/")
	}
}

func TestFanSplitFrames(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	big := `42["` + strings.Repeat("x", 3000) + `"]`
	for _, from := range []*peer{c, main} {
		to := main
		if from == main {
			to = c
		}
		frame := from.frame(ws.Text, big)
		for _, at := range []int{1, 3, 7, 9, 700, len(frame) - 1} {
			from.write(frame[:at])
			h.step()
			to.wantIdle("the message is not whole")
			from.write(frame[at:])
			h.step()
			to.wantFrame("the message is whole", ws.Text, big)
		}
		from.write(from.fragment(ws.Text, false, big[:1000]))
		from.send(ws.Ping, "in between")
		from.write(from.fragment(ws.Continuation, true, big[1000:]))
		h.step()
		from.wantFrame("a ping is answered", ws.Pong, "in between")
		to.wantFrame("the fragments are one", ws.Text, big)
	}
	h.wantOpen()
}

func TestFanUpstreamLost(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	admin := h.join(c, "/admin", 1)
	main.conn.Close()
	h.step()
	c.answerClose("as a server that dies", 1011)
	admin.answerClose("its client is gone", 1001)
	h.step()
	if got, want := fmt.Sprint(h.ends[0].Err), "main: connection lost"; got != want {
		t.Errorf("error of the end: got %q, want %q", got, want)
	}
	h.wantFanEnd("upstream.lost", 1011, "/", "/admin")
}

// TestFanUpstreamFails wants the error of the end to be that of the upstream
// that ended the session, whatever another one has had before.
func TestFanUpstreamFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		play func(h *fanHarness, c, main *peer)
		want string
	}{
		{"stray attachment", func(h *fanHarness, _, main *peer) {
			main.send(ws.Binary, "of nothing")
		}, "main: socket.io attachment without a packet that announces it"},
		{"engine.io close", func(h *fanHarness, _, main *peer) {
			main.send(ws.Text, "1")
		}, "main: engine.io close"},
		{"silence", func(h *fanHarness, c, _ *peer) {
			for range 2 {
				h.advance(20 * time.Second)
				c.send(ws.Text, "3")
				h.step()
			}
			h.advance(10 * time.Second)
		}, "main: engine.io heartbeat did not come in time"},
		{"gone", func(h *fanHarness, _, main *peer) {
			main.conn.Close()
		}, "main: connection lost"},
	} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, another is down %t", tc.name, waits), func(t *testing.T) {
				h := newFanHarness(t, engineio.V4, false)
				c := h.connect()
				main := h.join(c, "/", 0)
				if waits {
					c.send(ws.Text, "40/admin,")
					h.step()
					h.refuseDial(demux.Refusal{})
				}
				tc.play(h, c, main)
				h.step()
				h.advance(farewellTimeout)
				cause := "upstream.lost"
				if tc.name == "engine.io close" {
					cause = "upstream.closed"
				}
				if len(h.ends) != 1 || h.ends[0].Cause.String() != cause {
					t.Fatalf("got ends %v, want %s", h.ends, cause)
				}
				if got := fmt.Sprint(h.ends[0].Err); got != tc.want {
					t.Errorf("error of the end: got %q, want %q", got, tc.want)
				}
			})
		}
	}
}

func TestFanClientGone(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	c.conn.Close()
	h.step()
	main.wantClose("the client is gone", 1001, "")
	h.advance(farewellTimeout)
	main.wantEOF("it did not answer")
	h.wantFanEnd("client.lost", 1001, "/")
}

func TestFanHeartbeat(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	main.send(ws.Text, "2")
	h.step()
	main.wantFrame("the upstream's ping is answered", ws.Text, "3")
	h.advance(25 * time.Second)
	c.wantFrame("a ping", ws.Text, "2")
	main.send(ws.Text, "2")
	h.advance(20 * time.Second)
	c.wantClose("no pong", 1001, "client: silent")
	h.advance(farewellTimeout)
	h.wantFanEnd("client.silent", 1001, "/")
}

func TestFanShutdown(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	h.shutdown(h.now + time.Minute)
	h.step()
	c.wantClose("usher stops", 1001, "usher is shutting down")
	c.sendClose(1001, "")
	main.answerClose("usher stops", 1001)
	h.step()
	h.wantFanEnd("usher.shutdown", 1001, "/")
}

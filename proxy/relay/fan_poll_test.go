package relay

import (
	"fmt"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/ws"
)

const openPacket = `0{"sid":"sid-of-the-session","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

// newPollingFan returns a fan whose client polls and has the open packet.
func newPollingFan(t *testing.T) *fanHarness {
	t.Helper()
	h := newFanHarness(t, engineio.V4, true)
	h.get().wantAnswer("the handshake", Done, openPacket)
	return h
}

// joinPolling is join of a client that polls.
func (h *fanHarness) joinPolling(service int) *peer {
	h.t.Helper()
	h.postBody("40").wantPosted("a CONNECT", Done)
	u := h.answerDial(service)
	h.openLeg(u)
	u.wantFrame("the CONNECT", ws.Text, "40")
	g := h.get()
	u.send(ws.Text, `40{"sid":"x"}`)
	h.step()
	h.advance(gathering)
	g.wantAnswer("the answer", Done, `40{"sid":"x"}`)
	return u
}

func TestFanPolls(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)

	h.postBody("42[1]\x1e42[2]\x1e451-[{\"_placeholder\":true,\"num\":0}]\x1ebAQID").wantPosted("a payload", Done)
	main.wantFrame("in order", ws.Text, "42[1]")
	main.wantFrame("in order", ws.Text, "42[2]")
	main.wantFrame("a group", ws.Text, `451-[{"_placeholder":true,"num":0}]`)
	main.wantFrame("its attachment", ws.Binary, "\x01\x02\x03")

	g := h.get()
	g.wantWaiting("there is nothing")
	main.send(ws.Text, "42[3]")
	h.step()
	g.wantWaiting("more may come at once")
	main.send(ws.Text, "42[4]")
	h.step()
	if d := h.advanceToTimer(); d != gathering {
		t.Errorf("got the answer after %v, want %v", d, gathering)
	}
	g.wantAnswer("both in one", Done, "42[3]\x1e42[4]")

	main.send(ws.Text, `451-[{"_placeholder":true,"num":0}]`)
	main.send(ws.Binary, "\xff\x00")
	h.step()
	h.advance(gathering)
	h.get().wantAnswer("at once", Done, `451-[{"_placeholder":true,"num":0}]`+"\x1eb/wA=")

	g = h.get()
	h.postBody("1").wantPosted("a close", Done)
	g.wantAnswer("the client closed", Done, "6")
	main.answerClose("the leg is closed", 1001)
	h.step()
	h.wantFanEnd("client.closed", 1000, "/")
	h.get().wantAnswer("later", UnknownSID, "")
	h.postBody("42[1]").wantPosted("later", UnknownSID)
}

// TestFanPollsInTheMidst asks while packets come: one answer takes all.
func TestFanPollsInTheMidst(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	h.advance(time.Second)
	main.send(ws.Text, "42[1]")
	h.step()
	g := h.get()
	g.wantWaiting("more may come")
	main.send(ws.Text, "42[2]")
	h.step()
	if d := h.advanceToTimer(); d > gathering {
		t.Errorf("got the answer after %v, want it after %v at most", d, gathering)
	}
	g.wantAnswer("both in one", Done, "42[1]\x1e42[2]")
}

func TestFanPollHeartbeat(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	g := h.get()
	h.advance(25 * time.Second)
	h.advance(gathering)
	g.wantAnswer("a ping", Done, "2")
	h.postBody("3").wantPosted("a pong", Done)
	main.send(ws.Text, "2") // the upstream's own
	h.step()
	main.wantFrame("its pong", ws.Text, "3")
	h.advance(25 * time.Second)
	h.advance(19 * time.Second)
	h.wantOpen()
	h.advance(time.Second)
	main.answerClose("the client is silent", 1001)
	h.step()
	if len(h.ends) != 1 {
		t.Fatal("got the session open, want it ended")
	}
	h.get().wantAnswer("the next GET", UnknownSID, "")
	h.wantFanEnd("client.silent", 1001, "/")
}

func TestFanPollsWhenAnUpstreamCrashes(t *testing.T) {
	for _, waits := range []bool{true, false} {
		h := newPollingFan(t)
		u := h.joinPolling(0)
		var g *getting
		if waits {
			g = h.get()
		}
		u.conn.Close()
		h.step()
		if waits {
			g.wantAnswer("the GET that waits", Broken, "")
		}
		if h.gone != 1 {
			t.Error("got the sid kept, want it forgotten")
		}
		h.get().wantAnswer("the next GET", UnknownSID, "")
		h.wantFanEnd("upstream.lost", 1011, "/")
	}
}

// TestFanPollsBehindAnOldLoss has a leg close in good order and come back before
// another upstream breaks off: that is a crash.
func TestFanPollsBehindAnOldLoss(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	h.postBody("40/chat,").wantPosted("a CONNECT", Done)
	for i := range 2 {
		chat := h.answerDial(2)
		h.openLeg(chat)
		chat.wantFrame("the CONNECT", ws.Text, "40/chat,")
		chat.send(ws.Text, `40/chat,{"sid":"x"}`)
		h.step()
		if i == 0 {
			h.advance(gathering)
			h.get().wantAnswer("the answer", Done, `40/chat,{"sid":"x"}`)
			chat.sendClose(1001, "restart")
			h.step()
		}
	}
	g := h.get()
	g.wantWaiting("the client knows nothing of it")
	main.send(ws.Binary, "attachment of nothing")
	h.step()
	g.wantAnswer("a crash", Broken, "")
}

func TestFanTombstone(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(h *fanHarness, u *peer)
		body string
		kept time.Duration
		want string
		code uint16
	}{
		{"upstream closed", func(h *fanHarness, u *peer) {
			u.send(ws.Close, string(ws.AppendClose(nil, ws.CodeNormal, "")))
			h.step()
			u.conn.Close()
			h.step()
		}, "1", tombstoneTime, "upstream.closed", 1011},
		{"upstream closed Engine.IO", func(h *fanHarness, u *peer) {
			u.send(ws.Text, "1")
			h.step()
			u.answerClose("closed", 1000)
			h.step()
		}, "1", tombstoneTime, "upstream.closed", 1011},
		{"client closed", func(h *fanHarness, u *peer) {
			h.postBody("1").wantPosted("a close", Done)
			u.answerClose("closed", 1001)
			h.step()
		}, "6", crossing, "client.closed", 1000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, asked := range []bool{true, false} {
				h := newPollingFan(t)
				u := h.joinPolling(0)
				tc.end(h, u)
				if len(h.ends) != 1 || h.released != 1 {
					t.Fatalf("got %d ends, want the session ended at once", len(h.ends))
				}
				if tr := h.fan.Transport(); tr != Over {
					t.Errorf("got transport %v, want it over", tr)
				}
				h.advance(tc.kept - 1)
				if h.gone != 0 {
					t.Error("got the sid forgotten early")
				}
				if asked {
					h.get().wantAnswer("the next GET", Done, tc.body)
				} else {
					h.advance(1)
				}
				h.get().wantAnswer("later", UnknownSID, "")
				h.wantFanEnd(tc.want, tc.code, "/")
			}
		})
	}
}

func TestFanPollRules(t *testing.T) {
	for _, tc := range []struct {
		name  string
		play  func(h *fanHarness)
		cause string
		code  uint16
	}{
		{"two GETs", func(h *fanHarness) {
			first := h.get()
			h.get().wantAnswer("the second", Broken, "")
			first.wantAnswer("the first", Done, "1")
		}, "client.protocol", 1002},
		{"aborted", func(h *fanHarness) {
			g := h.get()
			h.fan.Abort(&Poll{})
			h.step()
			h.wantOpen()
			h.fan.Abort(g.poll)
			h.step()
			g.wantWaiting("nobody is there")
		}, "client.lost", 1001},
		{"undecodable", func(h *fanHarness) {
			g := h.get()
			h.postBody("x").wantPosted("as the reference", Done)
			g.wantAnswer("the GET", Done, "1")
		}, "client.protocol", 1002},
		{"octets", func(h *fanHarness) {
			answered := Status(99)
			h.fan.Post([]byte("42"), true, func(s Status) { answered = s })
			h.step()
			if answered != Broken {
				h.t.Errorf("got %v, want %v", answered, Broken)
			}
		}, "client.protocol", 1002},
		{"ping in the wrong direction", func(h *fanHarness) {
			g := h.get()
			h.postBody("2").wantPosted("taken", Done)
			g.wantAnswer("the GET", Done, "1")
		}, "client.protocol", 1002},
		{"told by the caller", func(h *fanHarness) {
			h.fan.Break(errTwoPOSTs)
			h.step()
		}, "client.protocol", 1002},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newPollingFan(t)
			u := h.joinPolling(0)
			tc.play(h)
			u.answerClose("the leg is closed", 1001)
			h.step()
			h.get().wantAnswer("later", UnknownSID, "")
			h.wantFanEnd(tc.cause, tc.code, "/")
		})
	}
}

func TestFanPollShutdown(t *testing.T) {
	for _, waiting := range []bool{true, false} {
		h := newPollingFan(t)
		u := h.joinPolling(0)
		var g *getting
		if waiting {
			g = h.get()
		}
		h.shutdown(h.now + time.Minute)
		h.step()
		u.answerClose("usher stops", 1001)
		h.step()
		if !waiting {
			g = h.get()
		}
		g.wantAnswer("the next GET", Done, "1")
		h.wantFanEnd("usher.shutdown", 1001, "/")
	}
}

// Before its first request a client may be slow, but not for ever.
func TestFanNeverFollowed(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	h.fan.Break(nil)
	h.step()
	h.wantFanEnd("client.protocol", 1002)
}

func TestFanEager(t *testing.T) {
	cfg := chatty
	cfg.Services = append(cfg.Services[:0:0], cfg.Services...)
	cfg.Services[0].Eager = true
	for _, tc := range []struct {
		name   string
		play   func(h *fanHarness)
		status int
		ended  bool
		err    string
	}{
		{"opens", func(h *fanHarness) { h.openLeg(h.answerDial(0)) }, 0, false, ""},
		{"refuses", func(h *fanHarness) { h.refuseDial(demux.Refusal{Status: 401, Text: "no token"}) }, 401, true, "connection refused"},
		{"is down", func(h *fanHarness) { h.refuseDial(demux.Refusal{}) }, 503, true, "connection refused"},
		{"does not open", func(h *fanHarness) {
			h.answerDial(0)
			h.advance(5 * time.Second)
		}, 503, true, "main: engine.io open packet did not come in time"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newFanHarnessOf(t, engineio.V4, true, &FanOptions{Demux: demux.NewConfig(cfg), Client: &Options{}, Upstream: &Options{}})
			if len(h.refused) != 0 {
				t.Fatal("got the handshake answered, want it to wait for the leg")
			}
			tc.play(h)
			if len(h.refused) != 1 || h.refused[0].Status != tc.status {
				t.Fatalf("got the handshake answered %v, want %d once", h.refused, tc.status)
			}
			if !tc.ended {
				return
			}
			h.advance(farewellTimeout)
			if got := fmt.Sprint(h.ends[0].Err); got != tc.err {
				t.Errorf("error of the end: got %q, want %q", got, tc.err)
			}
			h.wantFanEndAfterTombstone("upstream.refused", 1011)
		})
	}
}

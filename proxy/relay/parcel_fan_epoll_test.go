//go:build linux && !portable

package relay

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"usher/proxy/demux"
	"usher/proxy/engineio"
	"usher/proxy/session"
	"usher/proxy/ws"
)

// However streams are cut, what arrives is what was sent, also if the session
// moves wherever they are cut, pieces of both ways under way.
func TestFanParcelAtEveryByte(t *testing.T) {
	for _, taken := range []bool{true, false} {
		h := newFanHarness(t, engineio.V4, false)
		c := h.connect()
		main := h.join(c, "/", 0)
		for _, d := range dirs(c, main) {
			stream := bytes.Join([][]byte{
				d.from.fragment(ws.Text, false, `42["caf`+"\xc3"), d.from.frame(ws.Ping, "one"), d.from.fragment(ws.Continuation, false, ""),
				d.from.fragment(ws.Continuation, true, "\xa9\"]"), d.from.frame(ws.Pong, "two"),
				d.from.frame(ws.Text, `452-["group",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`),
				d.from.frame(ws.Binary, strings.Repeat("\xff", 130)), d.from.frame(ws.Ping, ""), d.from.frame(ws.Binary, "last"),
				d.from.frame(ws.Text, `42["end"]`),
			}, nil)
			for i, b := range stream {
				d.from.write([]byte{b})
				if i%2 == 0 { // else it comes while the session is away
					h.step()
				}
				h.wantFanMoved(taken)
				h.settled()
			}
			d.from.wantFrame("a ping is answered", ws.Pong, "one")
			d.from.wantFrame("an empty one too", ws.Pong, "")
			d.to.wantFrame("fragments", ws.Text, "42[\"caf\xc3\xa9\"]")
			d.to.wantFrame("a group", ws.Text, `452-["group",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
			d.to.wantFrame("an attachment", ws.Binary, strings.Repeat("\xff", 130))
			d.to.wantFrame("another one", ws.Binary, "last")
			d.to.wantFrame("the last", ws.Text, `42["end"]`)
		}
		h.wantOpen()
	}
}

// What a peer has not taken comes in its order.
func TestFanParcelOfBacklog(t *testing.T) {
	for _, taken := range []bool{true, false} {
		h := newFanHarness(t, engineio.V4, false)
		c := h.connect()
		main := h.join(c, "/", 0)
		for _, d := range dirs(c, main) {
			event := `42["` + strings.Repeat("0123456789", 1000) + `"]`
			n := 0
			for ; h.waiting() == 0 && n < 1000; n++ {
				d.from.send(ws.Text, event)
				h.step()
			}
			if h.waiting() == 0 {
				t.Fatal("got all taken")
			}
			for range n {
				h.wantFanMoved(taken)
				h.settled()
				d.to.wantFrame("an event", ws.Text, event)
			}
		}
		h.wantOpen()
	}
}

// waiting is how much sockets have not taken.
func (h *fanHarness) waiting() (n int) {
	for _, s := range h.fan.fan.strands {
		n += s.waits()
	}
	return n
}

// A GET that waits is told to ask again when its session has moved, and not
// before; then it goes on waiting.
func TestFanParcelOfPoll(t *testing.T) {
	for _, tc := range []struct {
		version engineio.Version
		want    string
	}{{engineio.V4, "6"}, {engineio.V3, "1:6"}} {
		h := newFanHarness(t, tc.version, true)
		if tc.version == engineio.V3 {
			h.openLeg(h.answerDial(0))
		}
		h.get().wantGot("the handshake")
		g := h.get()
		h.wantFanMoved(false)
		h.step()
		g.wantWaiting("not taken")
		h.loop.now = h.now
		parcels := h.loop.pack(100, true)
		late := h.get()
		late.wantWaiting("put aside")
		h.loop.unpacked(parcels, true)
		g.wantAnswer("taken", Done, tc.want)
		late.wantAnswer("taken", Done, tc.want)
		h.get().wantAnswer("one that comes late", Done, tc.want)
		if h.gone != 0 || len(h.ends) != 0 {
			t.Errorf("got the sid forgotten %d times and %d ends, want none", h.gone, len(h.ends))
		}
	}
}

func (g *getting) wantGot(why string) {
	g.t.Helper()
	if len(g.got) != 1 || g.got[0].Status != Done {
		g.t.Fatalf("%s: got answers %v, want one", why, g.got)
	}
}

// What comes for a session while it is put aside is done when it is back.
func TestFanParcelCalls(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	h.loop.now = h.now
	parcels := h.loop.pack(100, true)
	p := h.postBody(`42["x"]`)
	if len(p.posted) != 0 {
		t.Fatalf("got the POST answered %v, want it waiting", p.posted)
	}
	main.wantIdle("put aside")
	h.loop.unpacked(parcels, false)
	h.step()
	p.wantPosted("back", Done)
	main.wantFrame("the event", ws.Text, `42["x"]`)
}

// A session whose endpoint goes while it is put aside hears it when it is back.
func TestFanParcelEndpointGone(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	gone := false
	h.fan.fan.legs[0].strand.gone = func() bool { return gone }
	h.wantFanMoved(false)
	h.step()
	h.wantOpen()
	h.loop.now = h.now
	parcels := h.loop.pack(100, true)
	gone = true
	h.loop.unpacked(parcels, false)
	h.step()
	main.answerClose("its endpoint is gone", ws.CodeGoingAway)
	c.answerClose("its upstream is gone", ws.CodeInternal)
}

// What cannot move now stays, and goes on.
func TestFanParcelStays(t *testing.T) {
	for name, do := range map[string]func(h *fanHarness, c *peer){
		"a dial under way": func(_ *fanHarness, c *peer) { c.send(ws.Text, "40/admin,") },
		"closing":          func(_ *fanHarness, c *peer) { c.send(ws.Text, "41"); c.sendClose(ws.CodeNormal, "") },
		"leaving": func(h *fanHarness, _ *peer) {
			h.fan.fan.leaveAt(h.now+time.Hour, &session.Drain{Until: h.loop.epoch.Add(h.now + 2*time.Hour)})
		},
		"a request is under way": func(h *fanHarness, _ *peer) { h.fan.fan.entry.Hold = func() bool { return false } },
	} {
		h := newFanHarness(t, engineio.V4, false)
		c := h.connect()
		h.join(c, "/", 0)
		do(h, c)
		h.settled()
		if h.handOnFan(); h.moves > 0 {
			t.Errorf("%s: got it moved, want it here", name)
		}
	}
	h := newFanHarness(t, engineio.V4, false)
	if h.handOnFan(); h.moves > 0 {
		t.Error("before its socket: got it moved, want it here")
	}
}

// A leg that is to be dialled again, one whose open packet has not come, and a
// question keep what they know.
func TestFanParcelOfDemux(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	chat := h.join(c, "/chat", 2)
	chat.send(ws.Text, `42/chat,1["question"]`)
	h.step()
	c.wantFrame("a question", ws.Text, `42/chat,1["question"]`)
	chat.conn.Close()
	h.settled()
	h.refuseDial(demux.Refusal{})
	h.wantFanMoved(true)
	h.advance(2 * time.Second)
	chat = h.answerDial(2)
	h.wantFanMoved(true)
	h.openLeg(chat)
	chat.wantFrame("the CONNECT, again", ws.Text, "40/chat,")
	h.wantFanMoved(true)
	chat.send(ws.Text, `40/chat,{"sid":"y"}`)
	chat.send(ws.Text, `42/chat,1["anew"]`)
	h.settled()
	c.wantFrame("connected again", ws.Text, `40/chat,{"sid":"y"}`)
	c.wantFrame("another question", ws.Text, `42/chat,3["anew"]`)
	h.wantFanMoved(true)
	c.send(ws.Text, `43/chat,1["late"]`)
	c.send(ws.Text, `43/chat,3["answer"]`)
	h.settled()
	chat.wantFrame("the answer", ws.Text, `43/chat,1["answer"]`)
}

// A state that no fan can have is an error, and the descriptors are not touched.
func TestFanUnpackRefuses(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	h.join(h.connect(), "/", 0)
	h.loop.now = h.now
	parcels := h.loop.pack(100, true)
	for name, spoil := range map[string]func(st *FanState){
		"no client":           func(st *FanState) { st.Strands = st.Strands[1:] },
		"two clients":         func(st *FanState) { st.Strands[1].Role = roleClient },
		"no leg":              func(st *FanState) { st.Strands = st.Strands[:1] },
		"another leg":         func(st *FanState) { st.Strands[1].Number = 1 },
		"a role":              func(st *FanState) { st.Strands[1].Role = "x" },
		"a checker":           func(st *FanState) { st.Strands[1].Check.Left = -1 },
		"inside of a message": func(st *FanState) { st.Strands[1].Check = ws.CheckerState{Left: 1, Size: 1, Flags: 1} },
		"parts of nothing":    func(st *FanState) { st.Strands[1].Parts = &PartsState{} },
		"held":                func(st *FanState) { st.Strands[1].Line.Held = make([]byte, maxHeld+1) },
		"packets":             func(st *FanState) { st.Packets = []PacketState{{Kind: engineio.Message}} },
		"demux":               func(st *FanState) { st.Demux.Mode = "x" },
		"dialling":            func(st *FanState) { st.Demux.Legs[0].State = "dialling" },
	} {
		var st FanState
		reread(t, parcels[0].Fan, &st)
		spoil(&st)
		descriptors := make([]int, len(st.Strands))
		for i := range descriptors {
			descriptors[i] = -1
		}
		if _, _, err := st.Unpack(h.options, h.entry(), h.regain, descriptors); err == nil {
			t.Errorf("%s: got nil, want an error", name)
		}
	}
	h.loop.unpacked(parcels, false)
}

// Whose clients poll stay as long as requests may come here, and each takes its
// share of a batch, though it has no socket.
func TestFanParcelOfPollsLast(t *testing.T) {
	h := newPollingFan(t)
	more := newFan(h.open(), h.options, h.entry(), h.loop)
	h.loop.load.Add(1)
	h.loop.post(func(lp *loop) { lp.open(more.fan) })
	h.step()
	more.Poll(&Poll{Answer: func(Answer) {}})
	h.step()
	h.loop.now = h.now
	if n := len(h.loop.pack(100, false)); n != 0 {
		t.Errorf("got %d parcels of clients that poll, want none", n)
	}
	parcels := h.loop.pack(1, true)
	if len(parcels) != 1 {
		t.Errorf("got %d parcels at once, want 1", len(parcels))
	}
	h.loop.unpacked(parcels, false)
	h.fan.fan.entry.Stays = func() string { return "its reason" }
	all := make(map[string]int)
	if h.loop.staying(all); all["its reason"] != 1 || all[staysLeft] != 1 {
		t.Errorf("got %v staying, want one for its reason, and one that nobody has asked for", all)
	}
	more.Break(errStop)
	h.step()
}

// A fan that comes when its loop has ended ends, and everybody is told once.
func TestFanParcelToEndedLoop(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main := h.join(c, "/", 0)
	h.loop.now = h.now
	parcels := h.loop.pack(100, true)
	var st FanState
	reread(t, parcels[0].Fan, &st)
	var s session.State
	reread(t, parcels[0].Session.State(), &s)
	f, a, err := st.Unpack(h.options, h.entry(), h.regain, duplicates(t, parcels[0].Descriptors))
	if err != nil {
		t.Fatal(err)
	}
	h.moving = true
	h.loop.unpacked(parcels, true)
	h.moving = false
	ended := h.nextLoop()
	ended.finishUp()
	a.settle(h.registry.Restore(s), ended, func() { h.released++ })
	c.wantEOF("its loop has ended")
	main.wantEOF("its loop has ended")
	if f.Transport() != Over || h.freed != 1 {
		t.Errorf("got transport %v and %d legs released, want it over and 1", f.Transport(), h.freed)
	}
	h.wantFanEnd("usher.failed", 0)
}

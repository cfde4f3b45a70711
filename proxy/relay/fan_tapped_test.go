package relay

import (
	"testing"
	"time"

	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// TestFanTapped wants each packet shown once, whoever made it and however it
// reaches a client that polls, and then upgrades.
func TestFanTapped(t *testing.T) {
	h := newPollingFan(t)
	main := h.joinPolling(0)
	tp := h.mustTap(100)

	main.send(ws.Text, "42[1]") // before there is a GET to carry it
	h.step()
	h.wantTapped("an event waits", tp, `upstream>client text 5 "42[1]"`)
	h.advance(time.Second)
	h.get().wantAnswer("it", Done, "42[1]")
	h.wantTapped("it was shown", tp)

	g := h.get()
	h.advance(25 * time.Second)
	h.advance(gathering)
	g.wantAnswer("a ping", Done, "2")
	h.postBody("3").wantPosted("the pong", Done)
	h.wantTapped("a heartbeat", tp, `usher>client text 1 "2"`, `client>upstream text 1 "3"`)

	g = h.get()
	c, l := h.newPeer(client)
	h.fan.Probe(l, false)
	c.send(ws.Text, "2probe")
	h.step()
	c.wantFrame("the probe's answer", ws.Text, "3probe")
	g.wantAnswer("go on", Done, "6")
	c.send(ws.Text, "5")
	h.step()
	h.wantTapped("the upgrade", tp, `client>upstream text 6 "2probe"`, `usher>client text 6 "3probe"`,
		`usher>client text 1 "6"`, `client>upstream text 1 "5"`)
	c.sendClose(1000, "")
	h.step()
}

// TestFanTappedFarewell wants the last packet shown, too.
func TestFanTappedFarewell(t *testing.T) {
	h := newFanHarness(t, engineio.V4, true)
	tp := h.mustTap(8)
	h.get().wantAnswer("the handshake", Done, openPacket)
	g := h.get()
	h.postBody("1").wantPosted("a close", Done)
	g.wantAnswer("the client closed", Done, "6")
	h.wantTapped("the end", tp, `client>upstream text 1 "1"`, `usher>client text 1 "6"`)
}

// TestFanTappedAnswers wants shown what usher says in the place of a client or
// of an upstream.
func TestFanTappedAnswers(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	c.send(ws.Text, `40/chat,{"token":"hush"}`)
	h.step()
	chat := h.answerDial(2)
	h.openLeg(chat)
	chat.send(ws.Text, `40/chat,{"sid":"x"}`)
	h.step()
	tp := h.mustTap(100)

	chat.send(ws.Text, "2")
	h.step()
	h.wantTapped("a heartbeat of the upstream's", tp, `upstream>client text 1 "2"`, `usher>upstream text 1 "3"`)
	c.send(ws.Text, "40/nowhere,")
	h.step()
	h.wantTapped("a namespace that there is not", tp, `client>upstream text 11 "40/nowhere,"`,
		`usher>client text 42 "44/nowhere,{\"message\":\"Invalid namespace\"}"`)

	chat.conn.Close()
	h.step()
	h.advance(time.Second)
	chat = h.answerDial(2)
	tapped(tp)
	h.openLeg(chat)
	h.wantTapped("a leg that is there again", tp, `upstream>client text 90 "0{\"sid\":\"leg\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"`,
		`usher>upstream text 24 "40/chat,{\"token\":\"hush\"}"`) // masked where it is told
}

package relay

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"usher/proxy/engineio"
	"usher/proxy/ws"
)

// connectTLS is connect over TLS.
func (h *fanHarness) connectTLS(version uint16) *peer {
	h.t.Helper()
	c, l := h.newTLSPeer(client, version)
	h.fan.Socket(l, false)
	h.step()
	if _, open := c.next("the open packet"); !bytes.HasPrefix(open, []byte("0{")) {
		h.t.Fatalf("got %q, want an open packet", open)
	}
	return c
}

func TestFanTLSClient(t *testing.T) {
	for _, version := range tlsVersions() {
		t.Run(versionName(version), func(t *testing.T) {
			h := newFanHarness(t, engineio.V4, false)
			c := h.connectTLS(version)
			main := h.join(c, "/", 0)
			for _, size := range []int{10, 1000, 100_000} {
				event := fmt.Sprintf(`42["%s"]`, strings.Repeat("x", size))
				h.carryEvent(c, main, event)
				h.carryEvent(main, c, event)
			}
			c.sendClose(1000, "")
			h.step()
			c.wantClose("answered", 1000, "")
			main.answerClose("its client is gone", 1001)
			h.step()
			c.wantEOF("with TLS's own farewell")
			h.wantFanEnd("client.closed", 1000, "/")
		})
	}
}

// carryEvent has from send an event of any size, and wants it at to.
func (h *fanHarness) carryEvent(from, to *peer, event string) {
	h.t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); from.send(ws.Text, event) }()
	for size := len(event); len(to.got) < size; {
		h.move()
		to.fill()
	}
	<-done
	to.wantFrame("passes", ws.Text, event)
}

// Attachments of several legs never mix, whatever the order they come in.
func TestFanGroupsNeverMix(t *testing.T) {
	h := newFanHarness(t, engineio.V4, false)
	c := h.connect()
	main, admin := h.join(c, "/", 0), h.join(c, "/admin", 1)
	half := func(u *peer, at string) {
		u.send(ws.Text, `452-`+at+`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		u.send(ws.Binary, "one of "+at)
		h.step()
	}
	half(main, "")
	half(admin, "/admin,")
	c.wantIdle("neither group is whole")
	main.send(ws.Text, "2")
	h.step()
	main.wantFrame("heartbeats pass between", ws.Text, "3")
	admin.send(ws.Binary, "two of /admin,")
	h.step()
	main.send(ws.Binary, "two of ")
	h.step()
	for _, at := range []string{"/admin,", ""} {
		c.wantFrame("whole", ws.Text, `452-`+at+`[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		c.wantFrame("whole", ws.Binary, "one of "+at)
		c.wantFrame("whole", ws.Binary, "two of "+at)
	}
	half(main, "")
	main.conn.Close() // F-17
	h.step()
	c.answerClose("nothing of the half one", 1011)
}

// A client that asked for base64 gets no binary message; what it sends may be
// base64 in any case.
func TestFanBase64(t *testing.T) {
	for _, v := range []engineio.Version{engineio.V3, engineio.V4} {
		t.Run(fmt.Sprint("EIO", v), func(t *testing.T) {
			h := newFanHarness(t, v, false)
			if v == engineio.V3 { // waits for the root
				main := h.answerDial(0)
				h.openLeg(main)
				h.base64(h.connect64(), main, "b4AQID", "\x04\x01\x02\x03")
				return
			}
			c := h.connect64()
			h.base64(c, h.join(c, "/", 0), "bAQID", "\x01\x02\x03")
		})
	}
}

func (h *fanHarness) connect64() *peer {
	c, l := h.newPeer(client)
	h.fan.Socket(l, true)
	h.step()
	c.next("the open packet")
	return c
}

func (h *fanHarness) base64(c, main *peer, text, binary string) {
	h.t.Helper()
	header := `451-[{"_placeholder":true,"num":0}]`
	if h.version == engineio.V3 {
		main.send(ws.Text, "40")
		h.step()
		c.wantFrame("the root is joined", ws.Text, "40")
	}
	c.send(ws.Text, header)
	c.send(ws.Text, text)
	c.send(ws.Text, header)
	c.send(ws.Binary, binary)
	h.step()
	for range 2 {
		main.wantFrame("passes", ws.Text, header)
		main.wantFrame("as bytes", ws.Binary, binary)
	}
	main.send(ws.Text, header)
	main.send(ws.Binary, binary)
	h.step()
	c.wantFrame("passes", ws.Text, header)
	c.wantFrame("as text", ws.Text, text)
}

// EIO3: heartbeats go the other way round, and the root's sid is adopted.
func TestFanEIO3(t *testing.T) {
	h := newFanHarness(t, engineio.V3, true)
	if len(h.refused) != 0 {
		t.Fatal("got the handshake answered before the root's leg is open")
	}
	main := h.answerDial(0)
	h.openLeg(main)
	if h.sid != "leg" {
		t.Errorf("got sid %q, want the root's", h.sid)
	}
	main.send(ws.Text, "40")
	h.step()
	g := h.get()
	if len(g.got) != 1 || !strings.HasPrefix(string(g.got[0].Body), `101:0{"sid":"leg"`) || !strings.HasSuffix(string(g.got[0].Body), "2:40") {
		t.Errorf("got %+v, want the open packet and the root joined", g.got)
	}
	h.postBody("2:2x").wantPosted("a ping", Done)
	h.advance(gathering)
	g = h.get()
	g.wantAnswer("a pong", Done, "2:3x")
	main.send(ws.Text, `451-[{"_placeholder":true,"num":0}]`)
	main.send(ws.Binary, "\x04\x01\x02")
	h.step()
	h.advance(gathering)
	g = h.get()
	if len(g.got) != 1 || !g.got[0].Octets {
		t.Fatalf("got %v, want an answer of octets", g.got)
	}
	text := &getting{t: t}
	text.poll = &Poll{Text: true, Answer: func(a Answer) { text.got = append(text.got, a) }}
	h.fan.Poll(text.poll)
	main.send(ws.Text, `451-[{"_placeholder":true,"num":0}]`)
	main.send(ws.Binary, "\x04\x01\x02")
	h.step()
	h.advance(gathering)
	text.wantAnswer("JSONP has no octets", Done, `35:451-[{"_placeholder":true,"num":0}]6:b4AQI=`)
	g = h.get()
	h.postBody("1:1").wantPosted("a close", Done)
	g.wantAnswer("the client closed", Done, "1:6")
	main.answerClose("the leg is closed", 1001)
	h.step()
	h.wantFanEnd("client.closed", 1000, "/")
}

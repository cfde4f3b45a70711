package proxy_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// oneRoute is a routes file that sends everything to one upstream.
func oneRoute(upstream string) string {
	return fmt.Sprintf("upstreams: {main: %q}\nroutes: [{path: /, upstream: main}]\n", upstream)
}

// relays are the routes files of the two relays.
func relays(upstream string) map[string]string {
	return map[string]string{
		"frames":   oneRoute(upstream),
		"messages": fmt.Sprintf("upstreams: {main: %q}\nroutes: [{path: /, upstream: main, relay: messages}]\n", upstream),
	}
}

func TestEcho(t *testing.T) {
	up := newTestBackend(t, echo)
	for name, text := range relays(up.URL) {
		t.Run(name, func(t *testing.T) {
			b := newTestBroker(t, text)
			c, _ := b.dial(t, "/ws", nil)
			for _, size := range []int{0, 1, 125, 126, 4096, 65535, 65536, 1 << 20, 5 << 20} {
				payload := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
				wantEcho(t, c, websocket.TextMessage, payload)
				wantEcho(t, c, websocket.BinaryMessage, payload)
			}
		})
	}
}

func TestSubprotocolAndSetCookie(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	_, resp := b.dial(t, "/ws", http.Header{"Sec-Websocket-Protocol": {"v1.chat, v2.chat"}})
	if got, want := resp.Header.Get("Sec-WebSocket-Protocol"), "v2.chat"; got != want {
		t.Errorf("subprotocol: got %q, want the upstream's choice %q", got, want)
	}
	if got, want := fmt.Sprint(resp.Header["Set-Cookie"]), "[a=1; HttpOnly b=2]"; got != want {
		t.Errorf("Set-Cookie: got %s, want %s", got, want)
	}
}

func TestDeflateIsNegotiatedEndToEnd(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	d := websocket.Dialer{EnableCompression: true}
	c, resp := dialWith(t, &d, "ws://"+b.address+"/ws", nil)
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
		t.Fatalf("extensions: got %q, want permessage-deflate", got)
	}
	payload := bytes.Repeat([]byte("compress me "), 10000)
	wantEcho(t, c, websocket.TextMessage, payload)
	c.Close()
	b.wantSessions(t, 0)
	wantSoon(t, "session lines", 1, func() int { return len(b.log.lines(t, "session ended")) })
	if n := b.log.lines(t, "session ended")[0]["bytes_in"].(float64); n > float64(len(payload)/10) {
		t.Errorf("bytes from the client: got %v for a message of %d that was compressed", n, len(payload))
	}
}

func TestCloseCodesPassBothWays(t *testing.T) {
	codes := []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 4000, 4999}
	got := make(chan string, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		u := websocket.Upgrader{}
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		var code int
		if _, err := fmt.Sscanf(r.URL.Path, "/close/%d", &code); err == nil {
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "from upstream"), time.Now().Add(patience))
		}
		_, _, err = c.ReadMessage()
		if code == 0 {
			got <- fmt.Sprint(err)
		}
	})
	b := newTestBroker(t, oneRoute(up.URL))
	for _, code := range codes {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			c, _ := b.dial(t, fmt.Sprintf("/close/%d", code), nil)
			if reason := wantClosed(t, c, code); reason != "from upstream" {
				t.Errorf("reason: got %q, want %q", reason, "from upstream")
			}
			c, _ = b.dial(t, "/read", nil)
			sent := websocket.CloseError{Code: code, Text: "from client"}
			if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "from client"), time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			wantClosed(t, c, code) // the answer of the other end
			if at := <-got; at != sent.Error() {
				t.Errorf("upstream: got %q, want %q", at, sent.Error())
			}
		})
	}
	b.wantSessions(t, 0)
}

func TestUpstreamThatVanishes(t *testing.T) {
	up := newTestScript(t, func(c net.Conn, r *http.Request) { io.WriteString(c, accepted(r)) })
	for name, text := range relays(up.url) {
		t.Run(name, func(t *testing.T) {
			b := newTestBroker(t, text)
			c, _ := b.dial(t, "/ws", nil)
			reason := wantClosed(t, c, websocket.CloseInternalServerErr)
			if reason == "" || strings.Contains(reason, "127.0.0.1") {
				t.Errorf("reason: got %q, want plain words without an address", reason)
			}
		})
	}
}

func TestClientThatVanishes(t *testing.T) {
	gone := make(chan struct{}, 1)
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, accepted(r))
		untilClosed(c)
		gone <- struct{}{}
	})
	for name, text := range relays(up.url) {
		t.Run(name, func(t *testing.T) {
			b := newTestBroker(t, text)
			c, _ := b.dial(t, "/ws", nil)
			c.UnderlyingConn().Close()
			select {
			case <-gone:
			case <-time.After(patience):
				t.Fatal("upstream: the connection stays open, want it closed")
			}
			b.wantSessions(t, 0)
		})
	}
}

// TestFramesBehindTheHandshake sends a frame in the same segment as the
// request, and has the upstream answer likewise (attack 5): both must arrive.
func TestFramesBehindTheHandshake(t *testing.T) {
	early := []byte{0x81, 0x85, 1, 2, 3, 4, 'h' ^ 1, 'e' ^ 2, 'l' ^ 3, 'l' ^ 4, 'o' ^ 1}
	received := make(chan []byte, 1)
	up := newTestScript(t, func(c net.Conn, r *http.Request) {
		io.WriteString(c, accepted(r)+"\x81\x02hi")
		p := make([]byte, len(early))
		io.ReadFull(c, p)
		received <- p
		untilClosed(c)
	})
	b := newTestBroker(t, oneRoute(up.url))
	c := dialRaw(t, b.address)
	if _, err := c.Write(append([]byte(upgradeHead), early...)); err != nil {
		t.Fatal(err)
	}
	if got := <-received; !bytes.Equal(got[6:], masked(got[2:6], "hello")) {
		t.Errorf("upstream: got % x, want the frame % x", got, early)
	}
	resp, behind := readHead(t, c)
	if resp.StatusCode != 101 {
		t.Fatalf("status: got %s, want 101", resp.Status)
	}
	p := make([]byte, 4)
	if _, err := io.ReadFull(behind, p); err != nil || string(p) != "\x81\x02hi" {
		t.Errorf("client: got %q, %v; want the upstream's frame", p, err)
	}
}

// masked returns text, masked with key.
func masked(key []byte, text string) []byte {
	p := []byte(text)
	for i := range p {
		p[i] ^= key[i%4]
	}
	return p
}

func TestBytesBehindARefusedHandshake(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	got := exchange(t, b.address, changed(t, "Version: 13", "Version: 12")+"\x81\x85\x01\x02\x03\x04hello")
	got.wantStatus(t, 426)
	got.wantEnd(t)
}

func TestBrokenFrameEndsTheSession(t *testing.T) {
	t.Parallel() // a peer that does not answer a Close is waited for
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	c := dialRaw(t, b.address)
	io.WriteString(c, upgradeHead)
	_, behind := readHead(t, c)
	c.Write([]byte("\x81\x05hello")) // not masked
	p := make([]byte, 4)
	if _, err := io.ReadFull(behind, p); err != nil || p[0] != 0x88 || int(p[2])<<8|int(p[3]) != 1002 {
		t.Errorf("client: got % x, %v; want a Close frame with 1002", p, err)
	}
	wantSoon(t, "session lines", 1, func() int { return len(b.log.lines(t, "session ended")) })
	if got := b.log.lines(t, "session ended")[0]["cause"]; got != "client.protocol" {
		t.Errorf("cause: got %v, want client.protocol", got)
	}
}

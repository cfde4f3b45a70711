package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

const unsupported = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\nUnsupported protocol version"

// TestAnswerBehindThe101 has an upstream take its 101 back at once, which is the
// answer, or when the session has begun, whose end then says what it was.
func TestAnswerBehindThe101(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		if r.URL.Path == "/late" {
			c.ReadMessage()
		}
		io.WriteString(c.NetConn(), unsupported)
	})
	for relay, routes := range relays(up.URL) {
		t.Run(relay, func(t *testing.T) {
			b := newTestBroker(t, routes)
			for range 6 {
				resp := exchange(t, b.address, changed(t, "/ws", "/ws?EIO=3&transport=websocket"))
				resp.wantStatus(t, 400)
				if resp.body != "Unsupported protocol version" {
					t.Errorf("body: got %q, want the upstream's", resp.body)
				}
			}
			if line := b.log.lines(t, "upgrade declined by upstream")[0]; !strings.Contains(fmt.Sprint(line["hint"]), "allowEIO3") {
				t.Errorf("got the line %v, want a hint", line)
			}
			odd := exchange(t, b.address, changed(t, "/ws", "/ws?EIO=9&transport=websocket"))
			odd.wantStatus(t, 400)
			if line := b.log.lines(t, "upgrade declined by upstream"); line[len(line)-1]["hint"] != nil {
				t.Errorf("got the line %v, want no hint: no option helps a client of version 9", line)
			}
			c, _ := b.dial(t, "/late", nil)
			c.WriteMessage(websocket.TextMessage, []byte("x"))
			if got, want := wantClosed(t, c, websocket.CloseInternalServerErr), "upstream: HTTP answer in place of a frame"; got != want {
				t.Errorf("close: got %q, want %q", got, want)
			}
			wantSoon(t, "session lines", 1, func() int { return len(b.log.lines(t, "session ended")) })
			line := b.log.lines(t, "session ended")[0]
			if line["cause"] != "upstream.protocol" || line["error"] != "HTTP answer in place of a frame" || !strings.Contains(fmt.Sprint(line["hint"]), "allowEIO3") {
				t.Errorf("got the line %v, want the answer named, and a hint", line)
			}
			wantNoCircuit(t, b)
		})
	}
}

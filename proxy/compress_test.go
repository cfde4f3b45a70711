package proxy_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// newTestCompressing runs a broker whose route compresses, or not.
func newTestCompressing(t *testing.T, compress string) (*broker, *service) {
	t.Helper()
	main := newTestService(t, "main")
	return newTestBroker(t, strings.Replace(split(main, main, ""), "    socketio:", "    compress: "+compress+"\n    socketio:", 1)), main
}

const longEvent = 3000

func TestCompressedSockets(t *testing.T) {
	event := `42["` + strings.Repeat("event ", longEvent) + `"]`
	for _, tt := range []struct {
		name, compress string
		offer          bool
		agreed         string
	}{
		{"agreed", "true", true, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"not offered", "true", false, ""},
		{"not configured", "false", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, main := newTestCompressing(t, tt.compress)
			d := websocket.Dialer{HandshakeTimeout: patience, EnableCompression: tt.offer}
			c, res, err := d.Dial("ws://"+b.address+"/socket.io/?EIO=4&transport=websocket", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := res.Header.Get("Sec-WebSocket-Extensions"); got != tt.agreed {
				t.Errorf("got extensions %q, want %q", got, tt.agreed)
			}
			c.SetReadDeadline(time.Now().Add(patience))
			if _, p, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(p), "0{") {
				t.Fatalf("got %q, %v, want the open packet", p, err)
			}
			send(t, c, "40")
			wantText(t, c, `40{"sid":"main"}`)
			wantText(t, c, `42["hello","main"]`)
			send(t, c, event)
			wantText(t, c, event)
			if !strings.Contains(main.got(), event) {
				t.Error("the upstream has not got the event as it was sent")
			}
			if got := main.first(t).Header["Sec-Websocket-Extensions"]; got != nil {
				t.Errorf("got %q offered to the upstream, want nothing", got)
			}
		})
	}
}

func TestCompressedPolling(t *testing.T) {
	event := `42["` + strings.Repeat("event ", longEvent) + `"]`
	for _, tt := range []struct {
		name, compress, accept, event string
		parks                         bool // before there is an answer
		zipped                        bool
	}{
		{"accepted", "true", "gzip, deflate, br", event, false, true},
		{"accepted by a GET that waits long", "true", "gzip", event, true, true},
		{"not accepted", "true", "identity", event, false, false},
		{"short", "true", "gzip", `42["short"]`, false, false},
		{"not configured", "false", "gzip", event, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _ := newTestCompressing(t, tt.compress)
			p := b.newPoller(t, polling4)
			p.open()
			p.want("POST", "40", 200, "ok")
			p.until("hello")
			got := make(chan struct {
				body string
				head http.Header
			}, 1)
			go func() {
				_, body, head := p.ask(t.Context(), "GET", "", "Accept-Encoding", tt.accept, "Origin", "https://app.example.com")
				got <- struct {
					body string
					head http.Header
				}{body, head}
			}()
			if tt.parks {
				wantSoon(t, "parked GETs", 1, func() int { return b.Stats().Namespaces.Parked })
			}
			p.want("POST", tt.event, 200, "ok")
			a := <-got
			if zipped := a.head.Get("Content-Encoding") == "gzip"; zipped != tt.zipped {
				t.Errorf("got Content-Encoding %q, want gzip %t", a.head.Get("Content-Encoding"), tt.zipped)
			}
			if tt.zipped {
				if vary := strings.Join(a.head.Values("Vary"), ", "); vary != "Origin, Accept-Encoding" {
					t.Errorf("got Vary %q, want both", vary)
				}
				if len(a.body) > len(tt.event)/10 {
					t.Errorf("got %d bytes of %d", len(a.body), len(tt.event))
				}
				a.body = unzip(t, a.body)
			}
			if a.body != tt.event {
				t.Errorf("got %.80q, want %.80q", a.body, tt.event)
			}
		})
	}
}

func unzip(t *testing.T, s string) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader([]byte(s)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

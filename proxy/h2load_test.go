package proxy_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/net/http2"

	"usher/proxy/config"
	"usher/proxy/leaktest"
)

// TestConnectIsReloaded switches WebSocket by HTTP/2 on and off while a socket
// is open: it counts from the next connection on.
func TestConnectIsReloaded(t *testing.T) {
	up := newTestBackend(t, echo)
	b, client := newTestStreams(t, oneRoute(up.URL))
	c, _ := client.dial(t, "/ws", nil)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	for _, on := range []string{"false", "true"} {
		text := "listen: {address: 127.0.0.1:0, tls: true}\ntls: {internal: true, h2_websocket: " + on + "}\n" + oneRoute(up.URL)
		cfg, err := config.Parse(file, []byte(text), os.LookupEnv)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(cfg); err != nil {
			t.Fatalf("reload: %v", err)
		}
		trust := client.trust.Clone()
		trust.RootCAs = mustTrust(t, filepath.Join(filepath.Dir(file), "certs", "internal", "root.crt"))
		value := dialH2(t, b.address, trust).settings[http2.SettingEnableConnectProtocol]
		if (value == 1) != (on == "true") {
			t.Errorf("h2_websocket: %s: got the setting %d", on, value)
		}
		wantEcho(t, c, websocket.TextMessage, []byte("still here"))
	}
}

// wantOpen opens a WebSocket on a stream.
func (h *h2Conn) wantOpen(authority string) uint32 {
	h.t.Helper()
	id := h.ask(false, connect(authority)...)
	if got := h.outcome(id); got != "200" {
		h.t.Fatalf("open: got %s, want 200", got)
	}
	return id
}

// TestStreamThatIsNotRead has a client that opens its window no further: the
// upstream is held back, and the session ends when that took too long.
func TestStreamThatIsNotRead(t *testing.T) {
	for name := range relays("") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
				c, err := new(websocket.Upgrader).Upgrade(w, r, nil)
				if err != nil {
					return
				}
				defer c.Close()
				for p := make([]byte, 32<<10); c.WriteMessage(websocket.BinaryMessage, p) == nil; {
					sent.Add(int64(len(p)))
				}
			})
			b, client := newTestStreams(t, "write_timeout: 2s\n"+relays(up.URL)[name])
			h := dialH2(t, b.address, client.trust)
			id := h.wantOpen(b.address)
			h.WriteWindowUpdate(0, 1<<30) // only the stream's own window stays as it is
			data, end := h.rest(id)       // which comes by write_timeout
			if got := sent.Load(); got == 0 || got > 32<<20 {
				t.Errorf("sent by the upstream: got %d bytes, want what the buffers on the way hold", got)
			}
			if len(data) > 65535 || end == "end" {
				t.Errorf("stream: got %d bytes and %s, want its window and a reset", len(data), end)
			}
			b.wantSessions(t, 0)
		})
	}
}

// TestStreamsThatStall has upstreams that do not read: other streams of the
// same connection go on.
func TestStreamsThatStall(t *testing.T) {
	release := make(chan struct{})
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/echo" {
			echo(w, r)
			return
		}
		if c, err := new(websocket.Upgrader).Upgrade(w, r, nil); err == nil {
			defer c.Close()
			<-release
		}
	})
	t.Cleanup(func() { close(release) })
	_, client := newTestStreams(t, "drain: {deadline: 1s, over: 0s}\n"+oneRoute(up.URL))
	for range 5 {
		c, _ := client.dial(t, "/stall", nil)
		stuck := make(chan struct{})
		go func() {
			defer close(stuck)
			c.SetWriteDeadline(time.Now().Add(time.Second))
			for p := make([]byte, 256<<10); c.WriteMessage(websocket.BinaryMessage, p) == nil; {
			}
		}()
		<-stuck
	}
	c, _ := client.dial(t, "/echo", nil)
	wantEcho(t, c, websocket.BinaryMessage, bytes.Repeat([]byte("a"), 1<<20))
}

// TestStreamsDrain stops a broker with sockets on streams: each gets its Close
// frame, and their connection is told that it ends.
func TestStreamsDrain(t *testing.T) {
	up := newTestBackend(t, echo)
	for name, text := range relays(up.URL) {
		t.Run(name, func(t *testing.T) {
			b, client := newTestStreams(t, text)
			c, _ := client.dial(t, "/ws", nil)
			h := dialH2(t, b.address, client.trust)
			id := h.wantOpen(b.address)
			b.stop()
			wantClosed(t, c, 1012)
			goaway := false
			for closed := false; !closed || !goaway; {
				f, err := h.ReadFrame()
				if err != nil {
					t.Fatalf("read: %v (GOAWAY: %v, Close frame: %v)", err, goaway, closed)
				}
				switch f := f.(type) {
				case *http2.GoAwayFrame:
					goaway = true
				case *http2.DataFrame:
					if p := f.Data(); len(p) > 4 && p[0] == 0x88 {
						closed = true
						h.data(id, false, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf4)
					}
				}
			}
			b.wantStop(t, patience)
		})
	}
}

// TestStreamResets opens WebSockets and resets them at once (attack 25): what
// is left of them is nothing.
func TestStreamResets(t *testing.T) {
	up := newTestBackend(t, echo)
	b, client := newTestStreams(t, oneRoute(up.URL))
	for range 5 {
		h := dialH2(t, b.address, client.trust)
		go func() {
			for _, err := h.ReadFrame(); err == nil; _, err = h.ReadFrame() {
			}
		}()
		for range 400 {
			id := h.ask(false, connect(b.address)...)
			if h.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
				break // the server has had enough
			}
		}
		h.Close()
	}
	b.wantSessions(t, 0)
	c, _ := client.dial(t, "/ws", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	if s := b.Stats(); s.Handshake.DuplicateClaims != 0 || s.Sessions.Duplicates != 0 {
		t.Errorf("duplicates: got %+v", s)
	}
}

// TestStreamsLeakNothing opens and ends sockets on streams in turn by a Close
// frame and by a cut.
func TestStreamsLeakNothing(t *testing.T) {
	up := newTestBackend(t, echo)
	for name, text := range relays(up.URL) {
		b, client := newTestStreams(t, text)
		round := func(i int) {
			c, _, err := client.dialer(websocket.Dialer{}).Dial("ws://"+b.address+"/ws", nil)
			if err != nil {
				t.Errorf("dial: %v", err)
				return
			}
			defer c.Close()
			if i%2 == 0 {
				c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
				c.SetReadDeadline(time.Now().Add(patience))
				c.ReadMessage()
			}
		}
		batches(t, 100, round)
		b.wantSessions(t, 0)
		client.closeIdle(t)
		before := leaktest.Take()
		batches(t, 400, round)
		b.wantSessions(t, 0)
		client.closeIdle(t)
		if leak := before.Leak(patience); leak != "" {
			t.Errorf("%s: %s", name, leak)
		}
	}
}

// closeIdle closes the client's connections, which are idle only when it has
// noticed the end of their last stream.
func (c *streamClient) closeIdle(t *testing.T) {
	t.Helper()
	wantSoon(t, "connections of the client", 0, func() int64 {
		c.transport.CloseIdleConnections()
		return c.open.Load()
	})
}

// TestStreamOfNamespaces has a route that usher itself serves: a client that
// begins with a WebSocket, by HTTP/2, is greeted as by HTTP/1.1.
func TestStreamOfNamespaces(t *testing.T) {
	up := newTestBackend(t, http.NotFound)
	b, client := newTestStreams(t, "upstreams: {main: '"+up.URL+"'}\nroutes: [{path: /socket.io, namespaces: {/: main}}]\n")
	c, _ := client.dial(t, "/socket.io/?EIO=4&transport=websocket", nil)
	kind, p, err := c.ReadMessage()
	if err != nil || kind != websocket.TextMessage || !bytes.HasPrefix(p, []byte(`0{"sid":`)) {
		t.Errorf("first message: got %q, %v, want Engine.IO's open", p, err)
	}
	if n := b.Stats().Handshake.DuplicateClaims; n != 0 {
		t.Errorf("duplicate claims: got %d, want 0", n)
	}
}

package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/net/http2"

	"usher/proxy/ws"
)

// newTestStreams runs a broker that takes WebSocket by HTTP/2, and returns a
// client that opens it on streams of one connection.
func newTestStreams(t *testing.T, text string) (*broker, *streamClient) {
	t.Helper()
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, "listen: {address: 127.0.0.1:0, tls: true}\ntls: {internal: true, h2_websocket: true}\n"+text)
	trust := &tls.Config{RootCAs: mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))}
	c := &streamClient{address: b.address, trust: trust}
	c.transport = newTestTransport(trust, &c.open)
	t.Cleanup(c.transport.CloseIdleConnections)
	return b, c
}

// streamClient has WebSockets on streams, for a library that has no idea of
// them: between the two it translates the handshake.
type streamClient struct {
	address   string
	trust     *tls.Config
	transport transport
	open      atomic.Int64 // connections
}

type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

func newTestTransport(trust *tls.Config, open *atomic.Int64) transport {
	dial := func(ctx context.Context, network, address string, cfg *tls.Config) (net.Conn, error) {
		c, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &counted{Conn: c.(*tls.Conn), open: open}, nil
	}
	return &http2.Transport{TLSClientConfig: trust, DialTLSContext: dial} //nolint:staticcheck // the one of net/http takes no header with a colon
}

// counted is a connection that is counted while it is open.
type counted struct {
	*tls.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func (c *streamClient) dialer(d websocket.Dialer) *websocket.Dialer {
	d.NetDialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go c.bridge(theirs)
		return ours, nil
	}
	return &d
}

// bridge makes an extended CONNECT of the handshake that comes on conn.
func (c *streamClient) bridge(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	asked, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	key := asked.Header.Get("Sec-WebSocket-Key")
	for _, name := range []string{"Upgrade", "Connection", "Sec-Websocket-Key"} {
		delete(asked.Header, name)
	}
	asked.Header[":protocol"] = []string{"websocket"}
	body, out := io.Pipe()
	r := &http.Request{Method: "CONNECT", URL: asked.URL, Header: asked.Header, Body: body}
	r.URL.Scheme, r.URL.Host = "https", c.address
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resp, err := c.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		resp.Write(conn)
		return
	}
	conn.Write(ws.AppendSwitch(nil, key))
	resp.Header.Write(conn)
	io.WriteString(conn, "\r\n")
	go func() {
		io.Copy(out, br)
		out.CloseWithError(io.ErrClosedPipe) // a connection that is cut is a stream that is reset
	}()
	io.Copy(conn, resp.Body)
}

func (c *streamClient) dial(t *testing.T, path string, head http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	return dialWith(t, c.dialer(websocket.Dialer{HandshakeTimeout: patience, Subprotocols: []string{"v1.chat"}, EnableCompression: true}), "ws://"+c.address+path, head)
}

// TestStreams has WebSockets on streams, by both relays: the upstream sees an
// ordinary handshake, and all goes as by HTTP/1.1.
func TestStreams(t *testing.T) {
	seen := make(chan *http.Request, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		echo(w, r)
	})
	for name, text := range relays(up.URL) {
		t.Run(name, func(t *testing.T) {
			b, client := newTestStreams(t, text)
			c, resp := client.dial(t, "/ws?a=b", http.Header{"Origin": {"https://" + b.address}, "Cookie": {"c=1"}})
			r := <-seen
			if r.Method != "GET" || r.Proto != "HTTP/1.1" || r.Host != b.address || r.RequestURI != "/ws?a=b" || len(r.Header.Get("Sec-WebSocket-Key")) != 24 {
				t.Errorf("the upstream saw %s %s %s %v, want an ordinary handshake", r.Method, r.RequestURI, r.Proto, r.Header)
			}
			if got := r.Header.Get("X-Forwarded-Proto") + r.Header.Get("X-Forwarded-For") + r.Header.Get("Cookie"); got != "https127.0.0.1c=1" {
				t.Errorf("the upstream's headers: got %v", r.Header)
			}
			if got := resp.Header; got.Get("Sec-Websocket-Protocol") != "v1.chat" || len(got["Set-Cookie"]) != 2 || got.Get("X-Path") != "/ws" {
				t.Errorf("answer: got %v, want the upstream's headers", got)
			}
			for _, size := range []int{0, 1, 125, 16 << 10, 1 << 20} {
				c.SetReadDeadline(time.Now().Add(patience))
				c.SetWriteDeadline(time.Now().Add(patience))
				wantEcho(t, c, websocket.BinaryMessage, bytes.Repeat([]byte("ab"), size/2))
			}
			b.wantSessions(t, 1)
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "enough"))
			wantClosed(t, c, 4001)
			b.wantSessions(t, 0)
			if got := b.Stats().Handshake; got.Claims != 1 || got.DuplicateClaims != 0 {
				t.Errorf("claims: got %+v, want one", got)
			}
			wantSoon(t, "line in the log", 1, func() int { return len(b.log.lines(t, "session ended")) })
			line := b.log.lines(t, "session ended")[0]
			if line["client"] != "127.0.0.1" || line["cause"] != "client.closed" || fmt.Sprint(line["code"]) != "4001" {
				t.Errorf("session: got %v", line)
			}
		})
	}
}

// TestStreamsShareAConnection has many sockets on one connection, and requests
// between them.
func TestStreamsShareAConnection(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
			return
		}
		io.WriteString(w, "page")
	})
	b, client := newTestStreams(t, oneRoute(up.URL))
	var all sync.WaitGroup
	for i := range 30 {
		c, _ := client.dial(t, "/ws", nil)
		all.Go(func() {
			for range 10 {
				wantEcho(t, c, websocket.TextMessage, bytes.Repeat([]byte("x"), 500*i))
			}
		})
	}
	wantH2(t, &http.Client{Transport: client.transport}, mustRequest(t, "GET", "https://"+b.address+"/", nil), 200)
	all.Wait()
	b.wantSessions(t, 30)
	if s := b.Stats(); s.Handshake.Claims != 30 || s.Handshake.DuplicateClaims != 0 || s.Sessions.Duplicates != 0 {
		t.Errorf("claims: got %+v, want 30", s.Handshake)
	}
}

// connect are the fields of an extended CONNECT.
func connect(authority string, more ...string) []string {
	return append([]string{
		":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", authority, ":path", "/ws",
		"sec-websocket-version", "13",
	}, more...)
}

// without leaves out the field with this name, or gives it another value.
func without(fields []string, name string, value ...string) []string {
	var kept []string
	for i := 0; i+1 < len(fields); i += 2 {
		switch {
		case fields[i] != name:
			kept = append(kept, fields[i], fields[i+1])
		case len(value) > 0:
			kept = append(kept, name, value[0])
		}
	}
	return kept
}

// TestStreamRefusals has handshakes that break a rule: the connection stays,
// and no upstream hears of any.
func TestStreamRefusals(t *testing.T) {
	up := newTestBackend(t, echo)
	b, client := newTestStreams(t, "upstreams: {main: '"+up.URL+"'}\nroutes: [{path: /ws, upstream: main}, {path: /gone, upstream: main, relay: messages, origins: ['https://a.example']}]\n")
	h := dialH2(t, b.address, client.trust)
	good := connect(b.address)
	for _, tt := range []struct {
		name   string
		end    bool
		fields []string
		want   string
	}{
		{"no route", false, without(good, ":path", "/none"), "404"},
		{"foreign Origin", false, append(good, "origin", "https://evil.example"), "403"},
		{"foreign Origin on the other relay", false, append(without(good, ":path", "/gone"), "origin", "https://evil.example"), "403"},
		{"two Origins", false, append(good, "origin", "https://"+b.address, "origin", "https://"+b.address), "400"},
		{"no version", false, without(good, "sec-websocket-version"), "426"},
		{"old version", false, without(good, "sec-websocket-version", "8"), "426"},
		{"another protocol", false, without(good, ":protocol", "connect-udp"), "501"},
		{"with a length", false, append(good, "content-length", "5"), "400"},
		{"that ends at once", true, good, "400"},
		{"malformed subprotocols", false, append(good, "sec-websocket-protocol", "a,,b"), "400"},
		{"malformed extensions", false, append(good, "sec-websocket-extensions", ";"), "400"},
		{"no safe path", false, without(good, ":path", "/ws/%2e%2e/x%00"), "400"},
		{"two hosts", false, append(good, "host", "other.example"), "400"},
		{"no path", false, without(good, ":path"), "PROTOCOL_ERROR"},
		{"ordinary CONNECT", false, []string{":method", "CONNECT", ":authority", "127.0.0.1:22"}, "405"},
		{"GET with a protocol", true, without(good, ":method", "GET"), "400"},
		{"connection header", false, append(good, "connection", "upgrade"), "400"},
	} {
		if got := h.outcome(h.ask(tt.end, tt.fields...)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if n := up.connections.Load(); n != 0 {
		t.Errorf("connections to the upstream: got %d, want 0", n)
	}
	if got := h.outcome(h.ask(false, good...)); got != "200" {
		t.Errorf("a good one on the same connection: got %s, want 200", got)
	}
	wantSoon(t, "claims", 1, func() uint64 { return b.Stats().Handshake.Claims })
}

// TestStreamAnswers has upstreams that do not agree. What they say reaches the
// client, but for a success that is none: by HTTP/2 it would open the socket
// (attack 1).
func TestStreamAnswers(t *testing.T) {
	status := make(chan int, 1)
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Why", "because")
		w.WriteHeader(<-status)
	})
	b, client := newTestStreams(t, oneRoute(up.URL))
	h := dialH2(t, b.address, client.trust)
	for said, want := range map[int]string{200: "502", 201: "502", 204: "502", 302: "302", 401: "401", 404: "404", 503: "503"} {
		status <- said
		if got := h.outcome(h.ask(false, connect(b.address)...)); got != want {
			t.Errorf("upstream says %d: got %s, want %s", said, got, want)
		}
	}
	gone, client := newTestStreams(t, oneRoute("http://127.0.0.1:1"))
	h = dialH2(t, gone.address, client.trust)
	if got := h.outcome(h.ask(false, connect(gone.address)...)); got != "502" {
		t.Errorf("upstream that is not there: got %s, want 502", got)
	}
}

// TestConnectIsAnnounced reads from the wire that the setting is there where
// the routes file says so, after a reload too, and nowhere else.
func TestConnectIsAnnounced(t *testing.T) {
	up := newTestBackend(t, echo)
	announced := func(address string, trust *tls.Config) bool {
		value, ok := dialH2(t, address, trust).settings[http2.SettingEnableConnectProtocol]
		return ok && value == 1
	}
	b, client := newTestStreams(t, oneRoute(up.URL))
	if !announced(b.address, client.trust) {
		t.Error("extended CONNECT with h2_websocket: got not announced")
	}
	plain, trust := newTestTLSBroker(t, up.URL)
	if announced(plain.address, trust) {
		t.Error("extended CONNECT without h2_websocket: got announced")
	}
	h := dialH2(t, plain.address, trust)
	if got := h.outcome(h.ask(false, connect(plain.address)...)); got != "405" {
		t.Errorf("extended CONNECT that was not announced: got %s, want 405", got)
	}
	if n := up.connections.Load(); n != 0 {
		t.Errorf("connections to the upstream: got %d, want 0", n)
	}
}

// data sends WebSocket frames on a stream.
func (h *h2Conn) data(id uint32, end bool, p ...byte) {
	h.t.Helper()
	if err := h.WriteData(id, end, p); err != nil {
		h.t.Fatalf("write: %v", err)
	}
}

// rest is what becomes of a stream after its head: its data, and its end.
func (h *h2Conn) rest(id uint32) (data []byte, end string) {
	h.t.Helper()
	for {
		f, err := h.ReadFrame()
		if err != nil {
			return data, err.Error()
		}
		switch f := f.(type) {
		case *http2.DataFrame:
			if f.StreamID == id {
				data = append(data, f.Data()...)
				if f.StreamEnded() {
					return data, "end"
				}
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				return data, f.ErrCode.String()
			}
		}
	}
}

// TestStreamEnds ends sockets in each way that HTTP/2 has.
func TestStreamEnds(t *testing.T) {
	up := newTestBackend(t, echo)
	for name, text := range relays(up.URL) {
		b, client := newTestStreams(t, text)
		for _, tt := range []struct {
			name  string
			ends  func(h *h2Conn, id uint32)
			cause string
			data  string // that the client gets, in hex
			end   string
		}{
			{"Close frame", func(h *h2Conn, id uint32) {
				h.data(id, false, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8)
			}, "client.closed", "880203e8", "end"},
			{"Close frame, and the end with it, as Chromium has it", func(h *h2Conn, id uint32) {
				h.data(id, true, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8)
			}, "client.closed", "880203e8", "end"},
			{"the end without a Close frame", func(h *h2Conn, id uint32) { h.data(id, true) }, "client.lost", "", ""},
			{"reset", func(h *h2Conn, id uint32) { h.WriteRSTStream(id, http2.ErrCodeCancel) }, "client.lost", "", ""},
			{"connection lost", func(h *h2Conn, _ uint32) { h.Close() }, "client.lost", "", ""},
			{"broken rule", func(h *h2Conn, id uint32) { h.data(id, false, 0x81, 0x00) }, "client.protocol", "882c03ea", "end"},
			{"data behind the end", func(h *h2Conn, id uint32) {
				h.data(id, true)
				h.data(id, false, 0x81, 0x80, 0, 0, 0, 0)
			}, "client.lost", "", "STREAM_CLOSED"},
		} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				before := len(b.log.lines(t, "session ended"))
				h := dialH2(t, b.address, client.trust)
				id := h.ask(false, connect(b.address)...)
				if got := h.outcome(id); got != "200" {
					t.Fatalf("open: got %s, want 200", got)
				}
				tt.ends(h, id)
				if tt.end != "" {
					data, end := h.rest(id)
					if got := fmt.Sprintf("%x", data); end != tt.end || !strings.HasPrefix(got, tt.data) {
						t.Errorf("end: got %s after %s, want %s after %s", end, got, tt.end, tt.data)
					}
				}
				wantSoon(t, "line in the log", before+1, func() int { return len(b.log.lines(t, "session ended")) })
				line := b.log.lines(t, "session ended")[before]
				if got := fmt.Sprint(line["cause"]); !strings.HasPrefix(got, tt.cause) {
					t.Errorf("cause: got %s, want %s", got, tt.cause)
				}
			})
		}
	}
}

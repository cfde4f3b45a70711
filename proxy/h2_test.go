package proxy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// newTestH2Client returns a client that speaks HTTP/2 on one connection.
func newTestH2Client(t *testing.T, trust *tls.Config) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true, MaxConnsPerHost: 1}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}
}

// wantH2 makes a request and returns its answer's body.
func wantH2(t *testing.T, c *http.Client, r *http.Request, status int) string {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != status {
		t.Fatalf("%s %s: got %s %s (%v), want %d by HTTP/2", r.Method, r.URL, resp.Proto, resp.Status, err, status)
	}
	return string(body)
}

func mustRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestH2 has pages by HTTP/2 and a WebSocket by HTTP/1.1 on one listener.
func TestH2(t *testing.T) {
	var clients sync.Map
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
			return
		}
		clients.Store(r.Header.Get("X-Forwarded-For"), true)
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Proto, r.Host, r.Header.Get("X-Forwarded-Proto"), r.Method, body)
	})
	b, trust := newTestTLSBroker(t, up.URL)
	client := newTestH2Client(t, trust)
	url := "https://" + b.address + "/page"
	want := "HTTP/1.1 " + b.address + " https GET "
	if got := wantH2(t, client, mustRequest(t, "GET", url, nil), 200); got != want {
		t.Errorf("what the upstream saw: got %q, want %q", got, want)
	}
	// handshake_timeout is over for a connection that began later: it must not
	// count for this one any more.
	io.Copy(io.Discard, dialRaw(t, b.address))
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			body := strings.Repeat(fmt.Sprint(i%10), 100_000)
			resp, err := client.Post(url, "text/plain", strings.NewReader(body))
			if err != nil {
				t.Errorf("POST: %v", err)
				return
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || !strings.HasSuffix(string(got), " POST "+body) {
				t.Errorf("POST: got %d bytes, %v, want the body back", len(got), err)
			}
		})
	}
	d := &websocket.Dialer{TLSClientConfig: trust.Clone()}
	c, _ := dialWith(t, d, "wss://"+b.address+"/ws", nil)
	wantEcho(t, c, websocket.BinaryMessage, bytes.Repeat([]byte("a"), 1<<20))
	all.Wait()
	if _, ok := clients.Load("127.0.0.1"); !ok {
		t.Error("X-Forwarded-For: got another, want 127.0.0.1")
	}
	r := mustRequest(t, "GET", "https://"+b.address+"/../%2e%2e/x", nil)
	r.URL.Opaque = "//" + b.address + "/a%00b"
	wantH2(t, client, r, 400)
}

// TestH2StopWaits stops the broker while a request of HTTP/2 is under way.
func TestH2StopWaits(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-end
		io.WriteString(w, "done")
	})
	b, trust := newTestTLSBroker(t, up.URL)
	client := newTestH2Client(t, trust)
	got := make(chan string, 1)
	go func() { got <- wantH2(t, client, mustRequest(t, "GET", "https://"+b.address+"/", nil), 200) }()
	<-begun
	b.stop()
	wantSoon(t, "stops begun", 1, func() int { return len(b.log.lines(t, "stopping")) })
	close(end)
	if body := <-got; body != "done" {
		t.Errorf("answer: got %q, want done", body)
	}
	b.wantStop(t, patience)
}

// h2Conn speaks HTTP/2 frame by frame.
type h2Conn struct {
	net.Conn
	*http2.Framer
	t        *testing.T
	next     uint32
	settings map[http2.SettingID]uint32 // the server's
}

func dialH2(t *testing.T, address string, trust *tls.Config) *h2Conn {
	t.Helper()
	cfg := trust.Clone()
	cfg.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, http2.ClientPreface)
	h := &h2Conn{Conn: c, Framer: http2.NewFramer(c, c), t: t, next: 1, settings: make(map[http2.SettingID]uint32)}
	h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.WriteSettings()
	f, err := h.ReadFrame()
	s, ok := f.(*http2.SettingsFrame)
	if err != nil || !ok {
		t.Fatalf("first frame: got %v, %v, want settings", f, err)
	}
	s.ForeachSetting(func(s http2.Setting) error { h.settings[s.ID] = s.Val; return nil })
	h.WriteSettingsAck()
	return h
}

// ask begins a stream and returns its number.
func (h *h2Conn) ask(end bool, fields ...string) uint32 {
	h.t.Helper()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	id := h.next
	h.next += 2
	if err := h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end}); err != nil {
		h.t.Fatalf("write: %v", err)
	}
	return id
}

// outcome is what becomes of a stream: a status, or the code of a reset or of
// the end of the connection.
func (h *h2Conn) outcome(id uint32) string {
	h.t.Helper()
	for {
		f, err := h.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if f.StreamID == id {
				return f.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				return f.ErrCode.String()
			}
		case *http2.GoAwayFrame:
			return "goaway " + f.ErrCode.String()
		}
	}
}

// TestH2Attacks is attack 25, and what else HTTP/2 could bring past the checks
// of HTTP/1.1: nothing of it reaches the upstream.
func TestH2Attacks(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	b, trust := newTestTLSBroker(t, up.URL)
	request := func(more ...string) []string {
		return append([]string{":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/"}, more...)
	}
	for name, tt := range map[string]struct {
		fields []string
		want   string
	}{
		"CONNECT":                     {[]string{":method", "CONNECT", ":authority", "127.0.0.1:22"}, "405"},
		"CONNECT with a protocol":     {[]string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "a", ":path", "/"}, "405"},
		"TRACE":                       {[]string{":method", "TRACE", ":scheme", "https", ":authority", "a", ":path", "/"}, "405"},
		"host of no name":             {[]string{":method", "GET", ":scheme", "https", ":authority", "a\xff", ":path", "/"}, "400"},
		"host of no port":             {[]string{":method", "GET", ":scheme", "https", ":authority", "a:99999", ":path", "/"}, "400"},
		"two hosts":                   {request("host", "b"), "400"},
		"host twice":                  {request("host", "a", "host", "a"), "400"},
		"upgrade":                     {request("upgrade", "websocket"), "400"},
		"connection":                  {request("connection", "upgrade"), "400"},
		"transfer-encoding":           {request("transfer-encoding", "chunked"), "400"},
		"path without a slash":        {[]string{":method", "GET", ":scheme", "https", ":authority", "a", ":path", "http://b/"}, "400"},
		"star":                        {[]string{":method", "OPTIONS", ":scheme", "https", ":authority", "a", ":path", "*"}, "200"},
		"line break in a value":       {request("x", "a\r\nX-Evil: 1"), "PROTOCOL_ERROR"},
		"length that is not the data": {request("content-length", "5"), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			h := dialH2(t, b.address, trust)
			if got := h.outcome(h.ask(true, tt.fields...)); !strings.Contains(got, tt.want) {
				t.Errorf("outcome: got %s, want %s", got, tt.want)
			}
		})
	}
	if n := up.requests.Load(); n != 0 {
		t.Errorf("requests to the upstream: got %d, want 0", n)
	}
	h := dialH2(t, b.address, trust)
	if got := h.outcome(h.ask(true, request("host", "a")...)); got != "200" {
		t.Errorf("a Host that is the :authority: got %s, want 200", got)
	}
	if got := h.settings[http2.SettingMaxConcurrentStreams]; got != 100 {
		t.Errorf("streams at a time: got %d, want 100", got)
	}
	if got, ok := h.settings[http2.SettingEnableConnectProtocol]; ok && got != 0 {
		t.Errorf("extended CONNECT: got announced, want not")
	}
}

// A body that ends before its length is the client's fault, not the upstream's.
func TestH2BodyTooShort(t *testing.T) {
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	b, trust := newTestTLSBroker(t, up.URL)
	h := dialH2(t, b.address, trust)
	id := h.ask(false, ":method", "POST", ":scheme", "https", ":authority", "a", ":path", "/", "content-length", "10")
	h.data(id, true, 'a', 'b', 'c')
	if got := h.outcome(id); got != "400" {
		t.Errorf("outcome: got %s, want 400", got)
	}
	if lines := b.log.lines(t, "request refused"); len(lines) != 1 || lines[0]["reason"] != "body" || lines[0]["level"] != "INFO" {
		t.Errorf("log: got %v, want one line that says body", lines)
	}
}

// TestH2Resets has a client that resets each stream as soon as it has begun:
// what the upstream has to do at a time stays bounded.
func TestH2Resets(t *testing.T) {
	var now, most atomic.Int64
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		select {
		case <-r.Context().Done():
		case <-time.After(time.Second):
		}
	})
	b, trust := newTestTLSBroker(t, up.URL)
	h := dialH2(t, b.address, trust)
	for range 2000 {
		id := h.next
		h.next += 2
		var block bytes.Buffer
		e := hpack.NewEncoder(&block)
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}} {
			e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		if h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}) != nil ||
			h.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // the server has had enough
		}
	}
	if got := most.Load(); got > 200 {
		t.Errorf("requests at a time: got %d, want about 100 at most", got)
	}
	client := newTestH2Client(t, trust)
	client.Timeout = 5 * time.Second
	wantH2(t, client, mustRequest(t, "GET", "https://"+b.address+"/", nil), 200)
}

// TestH2Curl has a client that shares no code with us.
func TestH2Curl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatalf("curl: %v", err)
	}
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	dir := t.TempDir()
	b := newTestBrokerIn(t, dir, "listen: {address: 127.0.0.1:0, tls: true}\ntls: {internal: true}\n"+oneRoute(up.URL))
	out, err := exec.Command(curl, "--silent", "--show-error", "--http2", "--cacert", filepath.Join(dir, "certs", "internal", "root.crt"),
		"--write-out", " %{http_version} %{ssl_verify_result}", "https://"+b.address+"/a", "https://"+b.address+"/b").CombinedOutput()
	if got, want := string(out), "/a 2 0/b 2 0"; err != nil || got != want {
		t.Errorf("curl: got %q, %v, want %q", got, err, want)
	}
}

package proxy_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// newTestCrowded returns a server whose upstream holds each request until its
// client is gone, but those of /other, and counts how many it has at a time.
func newTestCrowded(t *testing.T) (b *broker, c *streamClient, most *atomic.Int64) {
	t.Helper()
	var now atomic.Int64
	most = new(atomic.Int64)
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/other":
			io.WriteString(w, "served")
			return
		case websocket.IsWebSocketUpgrade(r):
			echo(w, r)
			return
		}
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-r.Context().Done()
	})
	b, c = newTestStreams(t, oneRoute(up.URL))
	return b, c, most
}

// begin begins a stream, if the server still takes one.
func (h *h2Conn) begin(end bool, block []byte) (id uint32, err error) {
	id = h.next
	h.next += 2
	return id, h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: end})
}

// fields encodes a head.
func fields(pairs ...string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(pairs); i += 2 {
		e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return block.Bytes()
}

var (
	page = fields(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/")
	// bomb names one long header some ten thousand times.
	bomb = append(fields(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/", "bomb", strings.Repeat("a", 3000)), bytes.Repeat([]byte{0x80 | 62}, 10_000)...)
)

// repeat does what it is given, until the server takes no more.
func repeat(times int, do func() error) {
	for range times {
		if do() != nil {
			return
		}
	}
}

// onStreams begins that many streams, and does the same on each.
func (h *h2Conn) onStreams(times int, block []byte, do func(id uint32) error) {
	repeat(times, func() error {
		id, err := h.begin(true, block)
		if err == nil {
			err = do(id)
		}
		return err
	})
}

// h2Floods are what a client does on a connection as fast as it can.
var h2Floods = map[string]func(h *h2Conn){
	"CONTINUATION": func(h *h2Conn) {
		h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: page})
		more := fields("a", strings.Repeat("a", 10_000))
		repeat(5_000, func() error { return h.WriteContinuation(1, false, more) })
	},
	"SETTINGS": func(h *h2Conn) {
		repeat(20_000, func() error { return h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}) })
	},
	"PING":  func(h *h2Conn) { repeat(20_000, func() error { return h.WritePing(false, [8]byte{}) }) },
	"HPACK": func(h *h2Conn) { h.onStreams(200, bomb, func(uint32) error { return nil }) },
	"rapid reset": func(h *h2Conn) {
		h.onStreams(2_000, page, func(id uint32) error { return h.WriteRSTStream(id, http2.ErrCodeCancel) })
	},
	"resets by the server, for a window": func(h *h2Conn) {
		h.onStreams(2_000, page, func(id uint32) error { return h.WriteRawFrame(http2.FrameWindowUpdate, 0, id, make([]byte, 4)) })
	},
	"resets by the server, for data": func(h *h2Conn) {
		h.onStreams(2_000, page, func(id uint32) error { return h.WriteData(id, true, []byte("behind the end")) })
	},
}

// Row 35 of the attacks: whatever floods a connection of HTTP/2, its upstream has
// no more to do at a time than for a client that behaves, nothing of what breaks
// a rule comes there, and each request of somebody else is served meanwhile. How
// soon is the machine's business, and measured elsewhere.
func TestAttack35Floods(t *testing.T) {
	const streams = 100 // at a time, on one connection
	for name, flood := range h2Floods {
		t.Run(name, func(t *testing.T) {
			b, client, most := newTestCrowded(t)
			var served atomic.Int64
			var other sync.WaitGroup
			stop := make(chan struct{})
			other.Go(func() { askOn(t, newTestH2Client(t, client.trust), "https://"+b.address+"/other", stop, &served) })
			wantSoon(t, "others served", true, func() bool { return served.Load() > 0 })
			// Again, until somebody else was served for sure while it went on.
			rounds := 0
			for before := served.Load(); rounds < 2 || served.Load() < before+10 && !t.Failed(); rounds++ {
				h := dialH2(t, b.address, client.trust)
				end := h.drain()
				flood(h)
				h.CloseWrite()
				<-end
			}
			close(stop)
			other.Wait()
			if got := most.Load(); got > int64(rounds*streams) {
				t.Errorf("requests at the upstream at a time: got %d, want what so many connections may have", got)
			}
		})
	}
}

// CloseWrite tells the server that nothing comes any more.
func (h *h2Conn) CloseWrite() {
	if c, ok := h.Conn.(*tls.Conn); ok {
		c.CloseWrite()
	}
}

// drain reads what the server says, until it closes.
func (h *h2Conn) drain() (end <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, h.Conn)
	}()
	return done
}

// Row 35: what a bomb of HPACK names is too much, and data behind a stream's end
// are no part of it. Neither is heard of at the upstream.
func TestAttack35BrokenStreams(t *testing.T) {
	var bodies atomic.Int64
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		bodies.Add(n)
	})
	b, client := newTestStreams(t, oneRoute(up.URL))
	h := dialH2(t, b.address, client.trust)
	id, err := h.begin(true, bomb)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.outcome(id); got != "431" && !strings.HasPrefix(got, "goaway") && got != "PROTOCOL_ERROR" {
		t.Errorf("bomb: got %s, want 431 or an end", got)
	}
	if n := up.requests.Load(); n != 0 {
		t.Errorf("bombs at the upstream: got %d, want none", n)
	}
	h = dialH2(t, b.address, client.trust)
	if id, err = h.begin(true, page); err != nil {
		t.Fatal(err)
	}
	h.data(id, true, []byte("behind the end")...)
	for got := h.outcome(id); got != "STREAM_CLOSED" && got != "goaway STREAM_CLOSED"; got = h.outcome(id) {
		if got != "200" { // its answer may come first
			t.Fatalf("data behind the end: got %s, want STREAM_CLOSED", got)
		}
	}
	if n := bodies.Load(); n != 0 {
		t.Errorf("bytes behind the end at the upstream: got %d, want none", n)
	}
}

// askOn makes one request after the other until stop is closed.
func askOn(t *testing.T, c *http.Client, url string, stop <-chan struct{}, served *atomic.Int64) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		resp, err := c.Get(url)
		if err != nil {
			t.Errorf("somebody else: %v", err)
			return
		}
		body, _ := io.ReadAll(resp.Body)
		if resp.Body.Close(); string(body) != "served" {
			t.Errorf("somebody else: got %s %q", resp.Status, body)
			return
		}
		served.Add(1)
	}
}

// Row 35: a thousand extended CONNECTs on one connection are as many sockets as a
// connection may have streams; the others are refused, and those go on.
func TestAttack35Connects(t *testing.T) {
	const streams, all = 100, 1000
	b, client, _ := newTestCrowded(t)
	h := dialH2(t, b.address, client.trust)
	for range all {
		h.ask(false, connect(b.address)...)
	}
	opened, refused := 0, 0
	var last uint32
	for opened+refused < all {
		f, err := h.ReadFrame()
		if err != nil {
			t.Fatalf("after %d opened and %d refused: %v", opened, refused, err)
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			if got := f.PseudoValue("status"); got != "200" {
				t.Fatalf("stream %d: got %s", f.StreamID, got)
			}
			opened++
			last = f.StreamID
		case *http2.RSTStreamFrame:
			refused++
		case *http2.GoAwayFrame:
			t.Fatalf("after %d opened and %d refused: got %v", opened, refused, f)
		}
	}
	if opened != streams {
		t.Errorf("sockets of one connection: got %d, want %d", opened, streams)
	}
	b.wantSessions(t, streams)
	h.data(last, false, 0x81, 0x82, 0, 0, 0, 0, 'h', 'i')
	if f, err := h.ReadFrame(); err != nil || !strings.Contains(fmt.Sprint(f), "DATA") {
		t.Errorf("an open socket: got %v, %v, want its echo", f, err)
	}
}

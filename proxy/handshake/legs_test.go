package handshake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"usher/proxy/tracing"
	"usher/proxy/ws"
)

// answerLeg has the other end of a pipe read usher's half and answer.
func answerLeg(t *testing.T, answer func(key string) string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r, err := http.ReadRequest(bufio.NewReader(far))
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(far, answer(r.Header.Get("Sec-WebSocket-Key")))
		far.Close()
	}()
	t.Cleanup(func() { near.Close(); far.Close(); <-done })
	return near
}

func legRequest(protocols ...string) *LegRequest {
	return &LegRequest{half: appendHalf(nil, "/socket.io/", "EIO=4&transport=websocket", "a", nil, offer{protocols: protocols})}
}

// movedRequest is one as another process has it.
func movedRequest(t *testing.T, q *LegRequest) *LegRequest {
	t.Helper()
	var st LegRequestState
	text, err := json.Marshal(q.State())
	if err == nil {
		err = json.Unmarshal(text, &st)
	}
	if err == nil {
		q, err = st.LegRequest()
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// A request that has moved is the same; what cannot be one is an error.
func TestLegRequestState(t *testing.T) {
	q := legRequest("a", "b")
	q.Trace = tracing.ParentState{Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Tracestate: "a=b"}.Parent()
	q.told = true
	if got := movedRequest(t, q); !reflect.DeepEqual(got.half, q.half) || got.Trace.State() != q.Trace.State() || !got.told {
		t.Errorf("got %+v, want %+v", got, q)
	}
	if got := movedRequest(t, legRequest()); got.Trace != nil || got.told {
		t.Errorf("got %+v of a request without a trace", got)
	}
	for _, st := range []LegRequestState{
		{}, {Head: []byte("GET /"), Plain: 6}, {Head: []byte("GET /"), Plain: -1}, {Head: []byte("POST /")},
		{Head: append([]byte("GET /"), make([]byte, maxLegHead)...)},
	} {
		if _, err := st.LegRequest(); err == nil {
			t.Errorf("%.20q: got nil, want an error", st.Head)
		}
	}
}

// Rows 1 and 2 of the attacks, for legs.
func TestAsk(t *testing.T) {
	good := func(key, more string) string {
		return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + ws.AcceptKey(key) + "\r\n" + more + "\r\n"
	}
	plain := func(status int, body string) string {
		return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	for _, tt := range []struct {
		name   string
		answer func(key string) string
		early  string
		err    string // "" for none
	}{
		{"verified", func(k string) string { return good(k, "") + "\x81\x01x" }, "\x81\x01x", ""},
		{"offered subprotocol", func(k string) string { return good(k, "Sec-WebSocket-Protocol: b\r\n") + "\x81" }, "\x81", ""},
		{"nothing behind it", func(k string) string { return good(k, "") }, "", "no valid answer to the upgrade: nothing behind the 101"},
		{"taken back", func(k string) string { return good(k, "") + plain(400, "Unsupported protocol version") }, "", "400 Unsupported protocol version"},
		{"taken back, cut off", func(k string) string { return good(k, "") + "HTTP/1.1 400" }, "", "HTTP answer in place of a frame"},
		{"taken back by another 101", func(k string) string { return good(k, "") + good(k, "") }, "", "101 "},
		{"other subprotocol", func(k string) string { return good(k, "Sec-WebSocket-Protocol: c\r\n") }, "", "no valid answer"},
		{"an extension", func(k string) string { return good(k, "Sec-WebSocket-Extensions: permessage-deflate\r\n") }, "", "no valid answer"},
		{"another key", func(string) string { return good("x", "") }, "", "no valid answer"},
		{"forbidden", func(string) string { return plain(403, "go away\n") }, "", "403 go away"},
		{"a page", func(string) string { return plain(502, "<html><body>") }, "", "502 "},
		{"two lines", func(string) string { return plain(400, "a\r\nSet-Cookie: x") }, "", "400 "},
		{"a long one", func(string) string { return plain(400, strings.Repeat("x", 10000)) }, "", "400 "},
		{"200 with Upgrade", func(string) string { return "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n" }, "", "200 "},
		{"no HTTP", func(string) string { return "SSH-2.0-x\r\n\r\n" }, "", "no valid answer"},
		{"nothing", func(string) string { return "" }, "", "no valid answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var legs Legs
			early, heard, err := legs.Ask(t.Context(), answerLeg(t, tt.answer), movedRequest(t, legRequest("a", "b")), nil, 10*time.Second)
			got := ""
			if d, ok := errors.AsType[*DeclinedError](err); ok {
				got = fmt.Sprint(d.Status, " ", d.Text)
			} else if err != nil {
				got = err.Error()
			}
			if string(early) != tt.early || !strings.Contains(got, tt.err) || (err != nil) != (tt.err != "") || strings.Contains(tt.err, " ") && tt.err[0] <= '5' && got != tt.err {
				t.Errorf("got %q, %q, want %q, %q", early, got, tt.early, tt.err)
			}
			if heard != (tt.name != "nothing") {
				t.Errorf("got heard %t", heard)
			}
		})
	}
}

func TestAskEnds(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("not wanted any more")
	go func() {
		far.Read(make([]byte, 10))
		cancel(why)
	}()
	var legs Legs
	if _, _, err := legs.Ask(ctx, near, legRequest(), nil, 10*time.Second); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

func TestWithoutCookie(t *testing.T) {
	for line, want := range map[string]string{
		"io=1": "", "a=1; io=2;b=3": "a=1; b=3", "io=1; io=2": "", "radio=1; x=io": "radio=1; x=io", "a": "a", "io": "", "a=1;": "a=1;",
	} {
		if got := withoutCookie(line, "io"); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestForLegs(t *testing.T) {
	own := http.Header{"Cookie": {"io=1; a=2", "io=3"}, "Content-Type": {"x"}, "X-Empty": {""}, "X-Some": {"", "1"}, "X-All": {"1", "2"}}
	h := maps.Clone(own)
	forLegs(h, "io")
	for name, want := range map[string]string{"Cookie": "[a=2]", "Content-Type": "[]", "X-Empty": "[]", "X-Some": "[1]", "X-All": "[1 2]"} {
		if got := fmt.Sprint(h[name]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if fmt.Sprint(own["Cookie"], own["X-Some"]) != "[io=1; a=2 io=3] [ 1]" {
		t.Errorf("the request's own headers: got %q, want them untouched", own)
	}
}

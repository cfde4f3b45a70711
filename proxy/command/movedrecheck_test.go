//go:build linux && !portable

package command_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/waittest"
)

// TestUpgradeMovesQuestions has a socket and an Engine.IO session move whose login ends
// then: the next process asks what the first has asked, and nobody else does.
func TestUpgradeMovesQuestions(t *testing.T) {
	var asked atomic.Int64
	var out atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); out.Load() || r.Header.Get("Cookie") != "user=ann" || !strings.HasPrefix(r.Header.Get("X-Forwarded-Uri"), "/socket.io") {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(service.Close)
	up := newEchoUpstream(t)
	g := newTestGenerations(t, fmt.Sprintf(`listen: 127.0.0.1:0
auth: {forward: {url: %q, recheck: 1s}}
upstreams: {main: %q}
routes:
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /socket.io/plain, upstream: main}
`, service.URL, up.URL))
	address := g.wantLines(t, "listening", 1)["address"].(string)
	var sockets []*websocket.Conn
	for _, path := range []string{"/socket.io/?EIO=4&transport=websocket", "/socket.io/plain"} {
		c, _, err := websocket.DefaultDialer.Dial("ws://"+address+path, http.Header{"Cookie": {"user=ann"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		sockets = append(sockets, c)
	}
	g.upgrade(t, 1)
	if line := g.wantLines(t, "sessions taken over", 1); line["sessions"] != float64(len(sockets)) {
		t.Fatalf("got %v, want %d sessions", line, len(sockets))
	}
	g.wantLines(t, "stopped", 1)
	until := asked.Load() + 4
	if !waittest.Soon(func() bool { return asked.Load() >= until }) || len(g.linesOf("session ended")) > 0 {
		t.Fatalf("got %d questions, want %d of them answered with yes", asked.Load(), until)
	}
	out.Store(true)
	for i, c := range sockets {
		_, _, err := c.ReadMessage()
		for err == nil {
			_, _, err = c.ReadMessage()
		}
		if !websocket.IsCloseError(err, 3000) {
			t.Errorf("socket %d: got %v, want 3000", i, err)
		}
	}
	if line := g.wantLines(t, "session ended", len(sockets)); line["cause"] != "usher.revoked" {
		t.Errorf("got %v, want it revoked", line)
	}
}

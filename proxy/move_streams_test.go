//go:build linux && !portable

package proxy_test

import (
	"testing"
	"time"
)

// A session with namespaces whose WebSocket is a stream of HTTP/2 stays: the rest
// of the stream is this process's.
func TestMoveSplitStreams(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	text := split(main, admin, "")
	b, streams := newTestStreams(t, text)
	c, _ := streams.dial(t, "/socket.io/?EIO=4&transport=websocket", nil)
	c.SetReadDeadline(time.Now().Add(patience))
	if _, _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	send(t, c, "40/admin,")
	wantText(t, c, `40/admin,{"sid":"admin"}`)
	wantText(t, c, `42/admin,["hello","admin"]`)
	if n := b.PackSplit(func() {}); n != 0 {
		t.Errorf("got %d sessions put aside, want none", n)
	}
	wantAlive(t, c, "/admin,")
}

package proxy_test

import (
	"strings"
	"testing"
	"time"
)

// A client whose WebSocket is a stream of HTTP/2 has namespaces as any other,
// from the start and by an upgrade of its transport.
func TestNamespacesByStreams(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	b, streams := newTestStreams(t, split(main, admin, ""))
	c, _ := streams.dial(t, "/socket.io/?EIO=4&transport=websocket", nil)
	c.SetReadDeadline(time.Now().Add(patience))
	if _, p, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(p), `0{"sid":`) {
		t.Fatalf("got %q, %v, want an open packet", p, err)
	}
	send(t, c, "40/admin,")
	wantText(t, c, `40/admin,{"sid":"admin"}`)
	wantText(t, c, `42/admin,["hello","admin"]`)
	wantAlive(t, c, "/admin,")
	if r := admin.first(t); r.Method != "GET" || r.ProtoMajor != 1 || r.Header.Get("Sec-WebSocket-Protocol") != "v1.chat" {
		t.Errorf("got %s %s %v, want an ordinary handshake", r.Method, r.Proto, r.Header)
	}

	p := b.newPollerOver(t, streams.trust, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	_, sid, _ := strings.Cut(p.query, "&sid=")
	second, _ := streams.dial(t, "/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	send(t, second, "2probe")
	wantText(t, second, "3probe")
	send(t, second, "5")
	wantAlive(t, second, "")
	c.Close()
	second.Close()
	b.wantSessions(t, 0)
	wantSoon(t, "legs", 0, func() int64 { return main.legs.Load() + admin.legs.Load() })
}

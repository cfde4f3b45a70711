package proxy_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// joined opens a session by WebSocket that has joined namespaces, such as ""
// for "/" or "/admin,".
func (b *broker) joined(t *testing.T, namespaces ...string) *websocket.Conn {
	t.Helper()
	c := b.openSocket(t, "", nil)
	for _, n := range namespaces {
		send(t, c, "40"+n)
		if _, p, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(p), "40"+n+"{") {
			t.Fatalf("join %q: got %q, %v", n, p, err)
		}
		if _, p, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(p), "42"+n) {
			t.Fatalf("join %q: got %q, %v", n, p, err)
		}
	}
	return c
}

func wantAlive(t *testing.T, c *websocket.Conn, namespace string) {
	t.Helper()
	send(t, c, "42"+namespace+`["alive"]`)
	wantText(t, c, "42"+namespace+`["alive"]`)
}

func wantCode(t *testing.T, c *websocket.Conn, code int) {
	t.Helper()
	for {
		_, p, err := c.ReadMessage()
		if err == nil {
			t.Logf("before the end: %q", p)
			continue
		}
		if !websocket.IsCloseError(err, code) {
			t.Errorf("got %v, want a Close frame with %d", err, code)
		}
		return
	}
}

// A session stays if its route does the same; what is new is for new sessions.
func TestReloadOfNamespaces(t *testing.T) {
	b, main, admin := newTestSplit(t, "")
	root, both := b.joined(t, ""), b.joined(t, "", "/admin,")
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")

	b.reload(t, split(main, admin, "max_payload: 5")+"  - {path: /new, upstream: admin}\n")
	wantAlive(t, root, "")
	wantAlive(t, both, "/admin,")
	p.want("POST", `42["longer than 5"]`, 200, "ok")
	p.until("longer")
	late := b.newPoller(t, polling4)
	late.open()
	late.want("POST", `42["longer than 5"]`, 413, "")
	late.want("POST", "1", 200, "ok")

	other := newTestService(t, "other")
	b.reload(t, split(main, other, ""))
	wantCode(t, both, 1012) // its leg to admin is lost, and on_loss is transport
	wantAlive(t, root, "")
	wantSoon(t, "legs to admin", 0, admin.legs.Load)
	c := b.joined(t, "/admin,")
	if other.legs.Load() != 1 {
		t.Errorf("got %d legs to the new endpoint, want 1", other.legs.Load())
	}

	waits := p.begin(t.Context(), "GET", "")
	b.reload(t, strings.Replace(split(main, other, ""), "/admin: admin", "/admin: main", 1))
	wantCode(t, root, 1012)
	wantCode(t, c, 1012)
	if got := <-waits; got != "200 1" {
		t.Errorf("waiting GET: got %q, want a close", got)
	}
	b.wantSessions(t, 0)
}

func TestStopWithNamespaces(t *testing.T) {
	main := newTestService(t, "main")
	b := newTestBroker(t, "drain: {over: 0s}\n"+split(main, main, ""))
	c := b.joined(t, "")
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	raw := dialRaw(t, b.address)
	fmt.Fprintf(raw, "GET /socket.io/?%s HTTP/1.1\r\nHost: a\r\n\r\n", p.query)
	wantSoon(t, "waiting GETs", 1, func() int { return b.Stats().Namespaces.Waiting })
	b.stop()
	wantCode(t, c, 1012)
	res, body := readHead(t, raw)
	if got, err := io.ReadAll(io.LimitReader(body, 1)); err != nil || res.StatusCode != 200 || string(got) != "1" {
		t.Errorf("waiting GET: got %d %q, %v, want a close", res.StatusCode, got, err)
	}
	b.wantStop(t, patience)
	if n := main.legs.Load(); n != 0 {
		t.Errorf("got %d legs, want none", n)
	}
	if st := b.Stats(); st.Sessions.Duplicates != 0 || st.Namespaces.SIDs != 0 || st.Handshake.DuplicateClaims != 0 {
		t.Errorf("got %+v, want no session and no sid", st)
	}
}

// An upstream goes, and what its policy says comes.
func TestLossOfAnUpstream(t *testing.T) {
	for policy, want := range map[string]string{"transport": "", "disconnect": "41/admin,", "reconnect": ""} {
		t.Run(policy, func(t *testing.T) {
			b, _, admin := newTestSplit(t, "on_loss: {admin: "+policy+"}")
			c := b.joined(t, "", "/admin,")
			admin.vanish()
			switch policy {
			case "transport":
				if _, p, err := c.ReadMessage(); err == nil {
					t.Errorf("got %q, want the end", p)
				}
				b.wantSessions(t, 0)
				return
			case "disconnect":
				wantText(t, c, want)
			}
			wantAlive(t, c, "")
		})
	}
}

// Sids that come and go leave nothing.
func TestSIDsAreForgotten(t *testing.T) {
	b, main, _ := newTestSplit(t, "")
	for i := range 50 {
		if i%2 == 0 {
			b.joined(t, "").Close()
			continue
		}
		p := b.newPoller(t, polling4)
		p.open()
		p.want("POST", "40", 200, "ok")
		p.want("POST", "1", 200, "ok")
	}
	b.wantSessions(t, 0)
	wantSoon(t, "sids", 0, func() int { return b.Stats().Namespaces.SIDs })
	wantSoon(t, "legs", 0, main.legs.Load)
	opened := uint64(0)
	for _, n := range b.Stats().Namespaces.Opened {
		opened += n
	}
	if opened != 50 {
		t.Errorf("got %d sessions, want 50", opened)
	}
}

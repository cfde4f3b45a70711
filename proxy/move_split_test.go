//go:build linux && !portable

package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// newTestHeirs are two brokers with the same services, as an usher and the one
// that takes its place.
func newTestHeirs(t *testing.T, extra string) (old, next *broker, main, admin *service) {
	t.Helper()
	main, admin = newTestService(t, "main"), newTestService(t, "admin")
	text := "affinity_secret: 0123456789abcdef\n" + split(main, admin, extra)
	return newTestBroker(t, text), newTestBroker(t, text), main, admin
}

// A session by WebSocket goes on in another process: no leg is dialled again, and
// neither its client nor its upstreams hear of it.
func TestMoveSplitSocket(t *testing.T) {
	old, next, main, admin := newTestHeirs(t, "")
	c := old.joined(t, "", "/admin,")
	for range 3 {
		if n := old.MoveSplit(t, next.Server, func() { send(t, c, `42/admin,["on its way"]`) }); n != 1 {
			t.Fatalf("got %d sessions moved, want 1", n)
		}
		wantText(t, c, `42/admin,["on its way"]`)
		wantAlive(t, c, "")
		wantAlive(t, c, "/admin,")
		old.wantSessions(t, 0)
		next.wantSessions(t, 1)
		if before, now := old.InUse("admin"), next.InUse("admin"); before != 0 || now != 1 {
			t.Errorf("got %d and %d sessions on the endpoint, want none before and one now", before, now)
		}
		old, next = next, old
	}
	if main.legs.Load() != 1 || admin.legs.Load() != 1 || len(admin.heads()) != 1 {
		t.Errorf("got %d and %d legs, %d dials, want one each", main.legs.Load(), admin.legs.Load(), len(admin.heads()))
	}
	c.Close()
	wantSoon(t, "legs", 0, func() int64 { return main.legs.Load() + admin.legs.Load() })
	old.wantSessions(t, 0)
	wantSoon(t, "sessions on the endpoint", 0, func() int { return old.InUse("admin") })
}

// A leg that is dialled after the move has what the client's first request had.
func TestMoveSplitDialsLater(t *testing.T) {
	old, next, main, admin := newTestHeirs(t, "")
	c := old.openSocket(t, "&token=x", http.Header{"Cookie": {"a=1"}})
	send(t, c, "40")
	if _, _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	wantText(t, c, `42["hello","main"]`)
	if n := old.MoveSplit(t, next.Server, func() {}); n != 1 {
		t.Fatalf("got %d sessions moved, want 1", n)
	}
	send(t, c, "40/admin,")
	wantText(t, c, `40/admin,{"sid":"admin"}`)
	was, is := main.first(t), admin.first(t)
	for _, r := range []*http.Request{was, is} {
		for name := range r.Header {
			if strings.HasPrefix(name, "Sec-Websocket-Key") || name == "Usher-Via" || name == "X-Request-Id" {
				r.Header.Del(name)
			}
		}
	}
	if got, want := fmt.Sprint(is.URL, is.Host, is.Header), fmt.Sprint(was.URL, was.Host, was.Header); got != want {
		t.Errorf("got leg %s, want as before: %s", got, want)
	}
}

// at has p poll another broker.
func (p *poller) at(b *broker) { p.url = "http://" + b.address + "/socket.io/" }

// A client that polls is told to ask again, and then finds its session where it
// is now: also with a request that is there before its session.
func TestMoveSplitPolling(t *testing.T) {
	for _, query := range []string{polling4, polling3} {
		old, next, main, _ := newTestHeirs(t, "")
		p := old.newPoller(t, query)
		event, want := `42["x"]`, "200 6"
		if body, _ := p.open(); query == polling3 {
			event, want = `7:42["x"]`, "200 1:6"
			if !strings.HasSuffix(body, "2:40") {
				p.until("2:40")
			}
		} else {
			p.want("POST", "40", 200, "ok")
			p.until("hello")
		}
		waits := p.begin(t.Context(), "GET", "")
		wantSoon(t, "waiting", 1, func() int { return old.NamespaceStats().Waiting })
		early := old.newPoller(t, p.query)
		early.at(next)
		var first <-chan string
		n := old.MoveSplit(t, next.Server, func() { first = early.begin(t.Context(), "POST", event) })
		if n != 1 {
			t.Fatalf("got %d sessions moved, want 1", n)
		}
		if got := <-waits; got != want {
			t.Errorf("waiting GET: got %q, want %q", got, want)
		}
		status, body, head := p.ask(t.Context(), "GET", "")
		if got := fmt.Sprint(status, " ", body); got != want || head.Get("Connection") != "" && head.Get("Connection") != "close" {
			t.Errorf("GET that is late: got %q, want %q", got, want)
		}
		if got := <-first; got != "200 ok" {
			t.Errorf("POST that is early: got %q, want it taken", got)
		}
		p.at(next)
		p.until(`["x"]`)
		if main.legs.Load() != 1 {
			t.Errorf("got %d legs, want one", main.legs.Load())
		}
		p.want("POST", map[string]string{polling4: "1", polling3: "1:1"}[query], 200, "ok")
		next.wantSessions(t, 0)
	}
}

// A client in the midst of its upgrade goes on with it, wherever it stands.
func TestMoveSplitUpgrade(t *testing.T) {
	for stage := range 3 {
		old, next, _, _ := newTestHeirs(t, "")
		p := old.newPoller(t, polling4)
		p.open()
		p.want("POST", "40", 200, "ok")
		p.until("hello")
		_, sid, _ := strings.Cut(p.query, "&sid=")
		move := func(at int) {
			if at == stage {
				if n := old.MoveSplit(t, next.Server, func() {}); n != 1 {
					t.Fatalf("stage %d: got %d sessions moved, want 1", stage, n)
				}
				p.at(next)
				old = next
			}
		}
		move(0)
		c, _ := old.dial(t, "/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
		wantSoon(t, "probes", 1, func() uint64 { return old.NamespaceStats().Probes })
		move(1)
		send(t, c, "2probe")
		wantText(t, c, "3probe")
		move(2)
		send(t, c, "5", `42["one"]`)
		wantText(t, c, `42["one"]`)
		if got := old.NamespaceStats().Upgraded; got != 1 {
			t.Errorf("stage %d: got %d upgrades, want 1", stage, got)
		}
	}
}

// A POST whose body is on its way keeps its session, which moves behind it.
func TestMoveSplitSlowPost(t *testing.T) {
	old, next, main, _ := newTestHeirs(t, "")
	p := old.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	c, err := net.Dial("tcp", old.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /socket.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n", p.query)
	if r, _ := readHead(t, c); r.StatusCode != 100 {
		t.Fatalf("got %s, want that the body is read", r.Status)
	}
	if n := old.MoveSplit(t, next.Server, func() {}); n != 0 {
		t.Fatalf("got %d sessions moved, want none", n)
	}
	if got := old.Staying(); got["busy"] != 1 {
		t.Errorf("got %v that keeps sessions, want it for a moment", got)
	}
	io.WriteString(c, `42["xy"]`)
	if r, _ := readHead(t, c); r.StatusCode != 200 {
		t.Errorf("got %s, want the POST taken", r.Status)
	}
	if n := old.MoveSplit(t, next.Server, func() {}); n != 1 {
		t.Fatalf("got %d sessions moved, want 1", n)
	}
	p.at(next)
	p.until(`42["xy"]`)
	if got := main.got(); got != `40 42["xy"]` {
		t.Errorf("main: got %q", got)
	}
}

// What the next process does not take goes on here, also what was asked for it
// meanwhile.
func TestMoveSplitNotTaken(t *testing.T) {
	b, main, _ := newTestSplit(t, "")
	p := b.newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	waits := p.begin(t.Context(), "GET", "")
	wantSoon(t, "waiting", 1, func() int { return b.NamespaceStats().Waiting })
	var posts <-chan string
	if n := b.PackSplit(func() { posts = p.begin(t.Context(), "POST", `42["x"]`) }); n != 1 {
		t.Fatalf("got %d sessions put aside, want 1", n)
	}
	if got := <-posts; got != "200 ok" {
		t.Errorf("POST meanwhile: got %q, want it taken", got)
	}
	if got := <-waits; got != `200 42["x"]` {
		t.Errorf("waiting GET: got %q, want the event", got)
	}
	c := b.joined(t, "", "/admin,")
	late := main.legs.Load()
	if n := b.PackSplit(func() { send(t, c, `42/admin,["meanwhile"]`) }); n < 1 { // those of one loop
		t.Fatalf("got %d sessions put aside, want some", n)
	}
	wantText(t, c, `42/admin,["meanwhile"]`)
	wantAlive(t, c, "")
	if got := main.legs.Load(); got != late {
		t.Errorf("got %d legs, want %d as before", got, late)
	}
	b.wantSessions(t, 2)
}

// A session whose route is not what it was drains, as by a reload; one that has
// lost an endpoint loses its legs there.
func TestMoveSplitRouteGone(t *testing.T) {
	for name, tc := range map[string]struct {
		change [2]string
		want   int // Close frame's code; 0 for none
	}{
		"the same":        {[2]string{"", ""}, 0},
		"another limit":   {[2]string{"socketio: {", "socketio: {max_payload: 5000, "}, 0},
		"another path":    {[2]string{"path: /socket.io", "path: /io"}, 1012},
		"without a space": {[2]string{"/admin: admin", "/other: admin"}, 1012},
	} {
		main, admin := newTestService(t, "main"), newTestService(t, "admin")
		text := "drain: {over: 0s}\naffinity_secret: 0123456789abcdef\n" + split(main, admin, "")
		old, next := newTestBroker(t, text), newTestBroker(t, strings.ReplaceAll(text, tc.change[0], tc.change[1]))
		c := old.joined(t, "", "/admin,")
		if n := old.MoveSplit(t, next.Server, func() {}); n != 1 {
			t.Fatalf("%s: got %d sessions moved, want 1", name, n)
		}
		if tc.want != 0 {
			wantCode(t, c, tc.want)
			next.wantSessions(t, 0)
			continue
		}
		wantAlive(t, c, "/admin,")
		send(t, c, "42"+strings.Repeat("x", 20_000)) // of the options that it began with
		wantText(t, c, "42"+strings.Repeat("x", 20_000))
	}
}

func TestMoveSplitEndpointGone(t *testing.T) {
	main, admin, spare := newTestService(t, "main"), newTestService(t, "admin"), newTestService(t, "spare")
	text := "drain: {over: 0s}\naffinity_secret: 0123456789abcdef\n" + split(main, admin, "on_loss: {admin: reconnect}")
	old := newTestBroker(t, text)
	next := newTestBroker(t, strings.Replace(text, admin.URL, spare.URL, 1))
	c := old.joined(t, "", "/admin,")
	if n := old.MoveSplit(t, next.Server, func() {}); n != 1 {
		t.Fatalf("got %d sessions moved, want 1", n)
	}
	wantText(t, c, `40/admin,{"sid":"spare"}`)
	wantText(t, c, `42/admin,["hello","spare"]`)
	wantAlive(t, c, "")
	wantSoon(t, "legs", 0, admin.legs.Load)
}

// A sid that is nobody's is not known as soon as all sessions have come.
func TestMoveSplitUnknownSID(t *testing.T) {
	old, next, _, _ := newTestHeirs(t, "")
	old.joined(t, "")
	p := next.newPoller(t, polling4+"&sid=nobodys-sid-at-all-xx")
	var asked <-chan string
	old.MoveSplit(t, next.Server, func() { asked = p.begin(t.Context(), "GET", "") })
	select {
	case got := <-asked:
		if got != `400 {"code":1,"message":"Session ID unknown"}` {
			t.Errorf("got %q, want the sid unknown", got)
		}
	case <-time.After(patience):
		t.Error("got no answer")
	}
}

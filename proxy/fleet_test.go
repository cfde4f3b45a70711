package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/fleet/keys"
	"usher/proxy/fleet/link"
	"usher/proxy/fleet/owner"
)

// newTestFleet runs so many brokers of one fleet with the routes file text. All
// have met.
func newTestFleet(t *testing.T, n int, text string) []*broker {
	t.Helper()
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = freeAddress(t)
	}
	list := make([]*broker, n)
	for i := range list {
		list[i] = newTestBroker(t, fmt.Sprintf("fleet: {secret: 0123456789abcdef0123456789abcdef, node: {id: n%d, address: %q}, nodes: [%s]}\ndrain: {over: 0s}\n",
			i, addresses[i], strings.Join(quoted(addresses), ", "))+text)
	}
	for _, b := range list {
		wantSoon(t, "nodes that are up, and others", fmt.Sprint(n-1, " of ", n-1), func() string {
			up, all := 0, b.Stats().Nodes
			for _, one := range all {
				if one.Up {
					up++
				}
			}
			return fmt.Sprint(up, " of ", len(all))
		})
	}
	return list
}

func quoted(list []string) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = fmt.Sprintf("%q", s)
	}
	return all
}

// freeAddress is one where nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newTestBalancer gives each connection to the next of these, and returns its
// address.
func newTestBalancer(t *testing.T, list ...*broker) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", list[i%len(list)].address)
			if err != nil {
				c.Close()
				continue
			}
			all.Go(func() { io.Copy(far, c); far.Close() })
			all.Go(func() { io.Copy(c, far); c.Close() })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// newRoamer returns a client each request of which comes to the next node.
func newRoamer(t *testing.T, query string, list ...*broker) *poller {
	t.Helper()
	p := list[0].newPoller(t, query)
	p.http.Transport.(*http.Transport).DisableKeepAlives = true
	p.url = "http://" + newTestBalancer(t, list...) + "/socket.io/"
	return p
}

// Requests of a session that polls come to any node, and it goes on as if there
// were one: by either revision, where the sid has a tag or a server has made it.
func TestFleetPolls(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	nodes := newTestFleet(t, 3, split(main, admin, ""))
	for _, query := range []string{polling4, polling3} {
		t.Run(query, func(t *testing.T) {
			for range 3 {
				p := newRoamer(t, query, nodes...)
				p.open()
				if query == polling4 {
					p.want("POST", "40", 200, "ok")
					p.until("hello")
				}
				for i := range 10 {
					packet := fmt.Sprintf(`42["n",%d]`, i)
					if query == polling3 {
						packet = fmt.Sprint(len(packet), ":", packet)
					}
					p.want("POST", packet, 200, "ok")
					p.until(packet)
				}
				wait := p.begin(t.Context(), "GET", "")
				wantSoon(t, "GETs that wait", 1, func() (n int) {
					for _, b := range nodes {
						n += b.Stats().Namespaces.Waiting
					}
					return n
				})
				if query == polling4 {
					p.want("POST", "1", 200, "ok")
				} else {
					p.want("POST", "1:1", 200, "ok")
				}
				if got := <-wait; !strings.HasPrefix(got, "200 ") {
					t.Errorf("GET that waits at the end: got %q", got)
				}
				if status, body, _ := p.ask(t.Context(), "GET", ""); status != 400 || body != `{"code":1,"message":"Session ID unknown"}` {
					t.Errorf("behind the end: got %d %q, want code 1", status, body)
				}
			}
		})
	}
	for _, b := range nodes {
		b.wantSessions(t, 0)
	}
}

// Many clients whose sids say nothing may come to the wrong node at once.
func TestFleetManyQuestions(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	nodes := newTestFleet(t, 2, split(main, admin, ""))
	const n = 400
	all := make(chan *poller, n)
	for range n {
		p := nodes[0].newPoller(t, polling3)
		p.open()
		p.url = "http://" + nodes[1].address + "/socket.io/"
		all <- p
	}
	close(all)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for p := range all {
				if status, body, _ := p.ask(t.Context(), "POST", "1:2"); status != 200 {
					t.Errorf("got %d %q", status, body)
				}
			}
		})
	}
	asking.Wait()
}

// A WebSocket at the wrong node takes over from polling, and ends with its
// session, from either end.
func TestFleetUpgrade(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	nodes := newTestFleet(t, 2, strings.Replace(split(main, admin, ""), "origins:", "compress: true\n    origins:", 1))
	for _, who := range []string{"client", "usher"} {
		p := nodes[0].newPoller(t, polling4)
		p.open()
		p.want("POST", "40", 200, "ok")
		p.until("hello")
		d := websocket.Dialer{HandshakeTimeout: patience, EnableCompression: true}
		c, res := dialWith(t, &d, "ws://"+nodes[1].address+"/socket.io/?"+strings.Replace(p.query, "polling", "websocket", 1), nil)
		if got := res.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(got, "permessage-deflate") {
			t.Errorf("got extensions %q, want what the owner has agreed to", got)
		}
		wait := p.begin(t.Context(), "GET", "")
		wantSoon(t, "GETs that wait", 1, func() int { return nodes[0].Stats().Namespaces.Waiting })
		send(t, c, "2probe")
		wantText(t, c, "3probe")
		if got := <-wait; got != "200 6" {
			t.Errorf("GET beside the probe: got %q, want a noop", got)
		}
		send(t, c, "5")
		for i := range 50 {
			packet := fmt.Sprintf(`42["n",%d,"%s"]`, i, strings.Repeat("x", 100*i))
			send(t, c, packet)
			wantText(t, c, packet)
		}
		nodes[1].wantSessions(t, 1)
		nodes[0].wantSessions(t, 1)
		if who == "client" {
			c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		} else {
			nodes[0].Drop(t)
		}
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				if !websocket.IsCloseError(err, 1000, 1012) {
					t.Errorf("got %v, want a Close frame", err)
				}
				break
			}
		}
		nodes[1].wantSessions(t, 0)
		nodes[0].wantSessions(t, 0)
	}
}

// Drop has the broker stop.
func (b *broker) Drop(t *testing.T) {
	t.Helper()
	b.stop()
	b.wantStop(t, patience)
}

// Who comes with the sid of a node that is gone, or with one that nobody has made,
// hears code 1 at once.
func TestFleetOwnerGone(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	nodes := newTestFleet(t, 2, split(main, admin, ""))
	gone, waits := nodes[0].newPoller(t, polling4), nodes[0].newPoller(t, polling4)
	gone.open()
	waits.open()
	waits.want("POST", "40", 200, "ok")
	waits.until("hello")
	for _, p := range []*poller{gone, waits} {
		p.url = "http://" + nodes[1].address + "/socket.io/"
	}
	waiting := waits.begin(t.Context(), "GET", "")
	wantSoon(t, "GETs that wait", 1, func() int { return nodes[0].Stats().Namespaces.Waiting })
	nodes[0].Drop(t)
	if got := <-waiting; got != "200 1" {
		t.Errorf("GET that waits for a node that stops: got %q, want the end of its session", got)
	}
	began := time.Now()
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	gone.want("GET", "", 400, unknown)
	gone.want("POST", "40", 400, unknown)
	_, sid, _ := strings.Cut(gone.query, "sid=")
	for _, made := range []string{"x", "lv_VI97HAXpY6yYWAAAC", sid[1:], sid + "x", strings.Replace(sid, "n.n0", "n.n1", 1)} {
		for _, query := range []string{polling4, polling3} {
			p := nodes[1].newPoller(t, query+"&sid="+made)
			p.want("GET", "", 400, unknown)
		}
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("got all that after %v, want it at once", took)
	}
	raw := dialRaw(t, nodes[1].address)
	fmt.Fprintf(raw, "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n", sid)
	res, body := readHead(t, raw)
	if text, _ := io.ReadAll(body); res.StatusCode != 400 || string(text) != "Session ID unknown" {
		t.Errorf("upgrade: got %d %q", res.StatusCode, text)
	}
}

// The node where a client comes judges it; the owner serves it as its own.
func TestFleetChecksAtTheIngress(t *testing.T) {
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	nodes := newTestFleet(t, 2, split(main, admin, "max_payload: 100"))
	p := nodes[0].newPoller(t, polling4)
	p.open()
	p.want("POST", "40", 200, "ok")
	p.until("hello")
	p.url = "http://" + nodes[1].address + "/socket.io/"
	if status, body, _ := p.ask(t.Context(), "POST", `42["x"]`, "Origin", "https://evil.example"); status != 403 || !strings.Contains(body, `"code":4`) {
		t.Errorf("foreign Origin: got %d %q, want 403", status, body)
	}
	status, body, head := p.ask(t.Context(), "POST", `42["x"]`, "Origin", "https://app.example.com", "Cookie", "secret=1")
	if got := head.Get("Access-Control-Allow-Origin"); status != 200 || body != "ok" || got != "https://app.example.com" || len(head["Vary"]) != 1 {
		t.Errorf("known Origin: got %d %q, allowed %q, Vary %q", status, body, got, head["Vary"])
	}
	p.until(`42["x"]`)
	p.want("PUT", "x", 500, "")
	// Whoever says that he is a node is not asked.
	if status, _, _ := p.ask(t.Context(), "POST", `42["y"]`, "Usher-Link", "pass", "Usher-Link-Client", "6.6.6.6"); status != 200 {
		t.Errorf("headers of a node's: got %d", status)
	}
	p.until(`42["y"]`)
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, "GET", p.url+"?"+p.query, nil)
	go p.http.Do(request) //nolint:bodyclose // there is none
	wantSoon(t, "GETs that wait", 1, func() int { return nodes[0].Stats().Namespaces.Waiting })
	cancel() // its client goes, and with it the session
	nodes[0].wantSessions(t, 0)
	q := nodes[0].newPoller(t, polling4)
	q.open()
	q.url = p.url
	q.want("POST", strings.Repeat("x", 101), 413, "")
}

// Tags of a route with one upstream lead to the same endpoint from all nodes.
func TestFleetAffinity(t *testing.T) {
	var list []string
	for range 3 {
		list = append(list, newTestService(t, "main").URL)
	}
	nodes := newTestFleet(t, 2, fmt.Sprintf("upstreams: {main: {endpoints: [%s], affinity: cookie}}\nroutes: [{upstream: main}]\n", strings.Join(quoted(list), ", ")))
	res, err := http.Get("http://" + nodes[0].address + "/x")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	cookie := res.Cookies()[0]
	for range 6 {
		r, _ := http.NewRequest("GET", "http://"+nodes[1].address+"/x", nil)
		r.AddCookie(cookie)
		again, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		again.Body.Close()
		if got := again.Cookies(); len(got) > 0 && got[0].Value != cookie.Value {
			t.Errorf("got cookie %v at another node, want it as it was: %v", got, cookie)
		}
	}
}

// A request is passed on once: a node that believes another one to be the owner of
// its own sid hears 508, and one that asks for no session that is there code 1.
func TestFleetPassesOnce(t *testing.T) {
	main := newTestService(t, "main")
	nodes := newTestFleet(t, 2, split(main, main, ""))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.New([]string{"0123456789abcdef0123456789abcdef"})
	third, err := link.New(link.Config{
		ID: "n2", Listener: l, Keys: ring.All(keys.Link), Nodes: []link.Node{{ID: "n0", Address: nodes[1].Stats().Nodes[0].Address}},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	third.Start()
	t.Cleanup(func() { third.Stop(t.Context()) })
	owners := owner.New(third, ring.All(keys.Affinity))
	at := nodes[1].newPoller(t, polling4)
	at.open()
	_, sid, _ := strings.Cut(at.query, "sid=")
	for _, tt := range []struct {
		sid, path string
		status    int
		body      string
	}{
		{sid, "/socket.io/", 508, "508 loop detected: "},
		{strings.Replace(sid, "n.n1", "n.n0", 1), "/socket.io/", 400, `{"code":1,`},
		{"made-up", "/socket.io/", 400, `{"code":1,`},
		{sid, "/elsewhere", 400, `{"code":1,`}, // the nodes have other files
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		res, err := owners.Pass("n0", owner.Passage{Request: r, Path: tt.path, Query: polling4 + "&sid=" + tt.sid})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		if res.Body.Close(); res.StatusCode != tt.status || !strings.HasPrefix(string(text), tt.body) {
			t.Errorf("%s at %s: got %d %q, want %d %q", tt.sid, tt.path, res.StatusCode, text, tt.status, tt.body)
		}
	}
}

// Metrics tell who is there.
func TestFleetMetrics(t *testing.T) {
	main := newTestService(t, "main")
	nodes := newTestFleet(t, 2, "admin: 127.0.0.1:0\n"+split(main, main, ""))
	name := fmt.Sprintf("usher_fleet_peer_up{address=%q,node=\"n1\"}", nodes[0].Stats().Nodes[0].Address)
	if got := scrape(t, nodes[0].operator(t)); got[name] != 1 {
		t.Errorf("%s: got %v, want 1", name, got[name])
	}
	nodes[1].Drop(t)
	wantSoon(t, name, 0, func() float64 { return scrape(t, nodes[0].operator(t))[name] })
}

// A usher that is alone has nothing of a fleet: neither goroutine nor listener.
func TestNoFleet(t *testing.T) {
	main := newTestService(t, "main")
	newTestBroker(t, split(main, main, ""))
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if strings.Contains(string(stacks), "usher/proxy/fleet/") {
		t.Errorf("got a goroutine of a fleet:\n%s", stacks)
	}
	newTestFleet(t, 2, split(main, main, ""))
	stacks = stacks[:runtime.Stack(stacks[:cap(stacks)], true)]
	if !strings.Contains(string(stacks), "usher/proxy/fleet/") {
		t.Error("got no goroutine of a fleet where there is one")
	}
}

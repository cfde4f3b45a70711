package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

const (
	theirTrace  = "0af7651916cd43dd8448eb211c80319c"
	theirSpan   = "b7ad6b7169203331"
	theirParent = "00-" + theirTrace + "-" + theirSpan + "-01"
)

// heads are those of the requests that an upstream got.
type heads struct {
	mu   sync.Mutex
	list []http.Header // guarded by mu
}

// keeping returns h, which notes each request's head.
func (k *heads) keeping(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.list = append(k.list, r.Header.Clone())
		k.mu.Unlock()
		h(w, r)
	}
}

func (k *heads) all() []http.Header {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.list
}

// address returns the attributes by which a span names an address.
func address(t *testing.T, url string) map[string]string {
	t.Helper()
	host, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"server.address": host, "server.port": port}
}

// asked are the attributes of a handshake by HTTP/1.1, and what else it has.
func asked(more ...string) map[string]string {
	return with(map[string]string{
		"http.request.method": "GET", "url.scheme": "http", "network.protocol.version": "1.1", "client.address": "127.0.0.1",
	}, more...)
}

// tried are those of an attempt at the endpoint url.
func tried(t *testing.T, url string, more ...string) map[string]string {
	t.Helper()
	return with(address(t, url), append([]string{"http.request.method", "GET", "network.protocol.version", "1.1"}, more...)...)
}

func with(m map[string]string, more ...string) map[string]string {
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// pairs is what with takes.
func pairs(m map[string]string) []string {
	var list []string
	for k, v := range m {
		list = append(list, k, v)
	}
	return list
}

func TestTraceOfAHandshake(t *testing.T) {
	for _, relay := range []string{"frames", "messages"} {
		t.Run(relay, func(t *testing.T) {
			to, seen := newTestCollector(t), new(heads)
			up := newTestBackend(t, seen.keeping(echo))
			b := newTestBroker(t, to.tracing(", service_name: edge")+fmt.Sprintf("upstreams: {main: %s}\nroutes: [{path: /ws, upstream: main, relay: %s}]\n", up.URL, relay))
			c, _ := b.dial(t, "/ws/some/where?token=1", nil)
			wantEcho(t, c, 1, []byte("hello"))
			c.Close()
			hs, as := to.wantSpans(t, b, 1, 1)
			id := b.log.lines(t, "session ended")[0]["id"].(string)
			hs[0].want(t, "GET /ws", "UNSET", with(asked("http.route", "/ws", "http.response.status_code", "101", "usher.upstream", "main", "usher.session.id", id),
				"server.address", "127.0.0.1", "server.port", address(t, b.address)["server.port"]))
			as[0].want(t, "GET", "UNSET", tried(t, up.URL, "usher.upstream", "main", "http.response.status_code", "101"), "usher.dial.duration")
			as[0].wantParent(t, hs[0])
			as[0].wantTold(t, seen.all()[0])
			if hs[0].service != "edge" || hs[0].parent != "" || hs[0].link != "" || as[0].kind != "CLIENT" {
				t.Errorf("got %+v and %+v, want a root of the service edge with an attempt of a client", hs[0], as[0])
			}
		})
	}
}

// An endpoint that cannot be had, or says nothing, has a span of its own.
func TestTraceOfARetry(t *testing.T) {
	silent := newTestScript(t, func(net.Conn, *http.Request) {}).url
	for name, tt := range map[string]struct{ first, failure, dialled string }{
		"refused": {"http://" + closedAddress(t), "refused", ""},
		"silent":  {silent, "answer", "usher.dial.duration"},
	} {
		t.Run(name, func(t *testing.T) {
			to, seen := newTestCollector(t), new(heads)
			up := newTestBackend(t, seen.keeping(echo))
			b := newTestBroker(t, to.tracing("")+fmt.Sprintf("upstreams: {main: [%s, %s]}\nroutes: [{upstream: main}]\n", tt.first, up.URL))
			c, _ := b.dial(t, "/", nil)
			wantEcho(t, c, 1, []byte("hello"))
			c.Close()
			hs, as := to.wantSpans(t, b, 1, 2)
			var some []string
			if tt.dialled != "" {
				some = []string{tt.dialled}
			}
			as[0].want(t, "GET", "ERROR", tried(t, tt.first, "usher.upstream", "main", "error.type", tt.failure), some...)
			as[1].want(t, "GET", "UNSET", tried(t, up.URL, "usher.upstream", "main", "http.response.status_code", "101", "http.request.resend_count", "1"), "usher.dial.duration")
			as[0].wantParent(t, hs[0])
			as[1].wantParent(t, hs[0])
			as[1].wantTold(t, seen.all()[0])
		})
	}
}

// What is refused has a span too, whether an upstream was asked or not.
func TestTraceOfARefusal(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "log in first", http.StatusUnauthorized) })
	bad := newTestScript(t, func(c net.Conn, _ *http.Request) {
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
	}).url
	gone := "http://" + closedAddress(t)
	for name, tt := range map[string]struct {
		request   string
		name      string
		status    int
		span      string // the status of the handshake's
		upstream  string
		failure   string
		attempt   string // the error of it, "" if there is none
		heard     string // what status the upstream said
		reachable bool
	}{
		"origin":   {changed(t, "Host:", "Origin: https://evil.example\r\nHost:"), "GET /ws", 403, "UNSET", "main", "origin", "", "", false},
		"no route": {changed(t, "/ws", "/nowhere?token=hunter2"), "GET", 404, "UNSET", "", "no_route", "", "", false},
		"method":   {changed(t, "GET", "BREW"), "HTTP", 400, "UNSET", "", "method", "", "", false},
		"version":  {changed(t, "Version: 13", "Version: 8"), "GET", 426, "UNSET", "", "version", "", "", false},
		"own 401":  {upgradeHead, "GET /ws", 401, "UNSET", "main", "", "401", "401", true},
		"bad 101":  {changed(t, "/ws", "/bad"), "GET /bad", 502, "ERROR", "bad", "answer", "answer", "", true},
		"gone":     {changed(t, "/ws", "/gone"), "GET /gone", 502, "ERROR", "gone", "dial", "refused", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			to := newTestCollector(t)
			b := newTestBroker(t, to.tracing("")+fmt.Sprintf(
				"upstreams: {main: %s, bad: %s, gone: %s}\nroutes: [{path: /ws, upstream: main}, {path: /bad, upstream: bad}, {path: /gone, upstream: gone}]\n", up.URL, bad, gone))
			exchange(t, b.address, tt.request).wantStatus(t, tt.status)
			n := 0
			if tt.attempt != "" {
				n = 1
			}
			hs, as := to.wantSpans(t, b, 1, n)
			want := asked("server.address", "app.example.com", "http.response.status_code", strconv.Itoa(tt.status), "http.request.method", strings.Fields(tt.name)[0])
			if tt.name == "HTTP" {
				want["http.request.method"] = "_OTHER"
			}
			if route, ok := strings.CutPrefix(tt.name, "GET "); ok {
				with(want, "http.route", route, "usher.upstream", tt.upstream)
			}
			if tt.failure != "" {
				want["error.type"] = tt.failure
			}
			hs[0].want(t, tt.name, tt.span, want, "usher.session.id")
			if n == 0 {
				return
			}
			url := map[string]string{"main": up.URL, "bad": bad, "gone": gone}[tt.upstream]
			one := tried(t, url, "usher.upstream", tt.upstream, "error.type", tt.attempt)
			if tt.heard != "" {
				one["http.response.status_code"] = tt.heard
			}
			var some []string
			if tt.reachable {
				some = []string{"usher.dial.duration"}
			}
			as[0].want(t, "GET", "ERROR", one, some...)
			as[0].wantParent(t, hs[0])
		})
	}
}

func TestTraceByHTTP2(t *testing.T) {
	to, seen := newTestCollector(t), new(heads)
	up := newTestBackend(t, seen.keeping(echo))
	b, client := newTestStreams(t, to.tracing("")+oneRoute(up.URL))
	c, _ := dialWith(t, client.dialer(websocket.Dialer{HandshakeTimeout: patience}), "ws://"+b.address+"/ws", nil)
	wantEcho(t, c, 1, []byte("hello"))
	c.Close()
	b.wantSessions(t, 0)
	hs, as := to.wantSpans(t, b, 1, 1)
	hs[0].want(t, "CONNECT /", "UNSET", with(asked("http.route", "/", "http.response.status_code", "200", "usher.upstream", "main",
		"http.request.method", "CONNECT", "url.scheme", "https", "network.protocol.version", "2"), pairs(address(t, b.address))...), "usher.session.id")
	as[0].wantParent(t, hs[0])
	as[0].wantTold(t, seen.all()[0])
}

// Both ways into a session with namespaces are handshakes; its legs belong to
// them, also those that come later.
func TestTraceOfNamespaces(t *testing.T) {
	to := newTestCollector(t)
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	b := newTestBroker(t, to.tracing("")+split(main, admin, ""))
	p := b.newPoller(t, polling4+"&token=hunter2")
	p.open()
	p.want("POST", "40\x1e40/admin,", 200, "ok")
	p.until(`"hello","admin"`)
	c := b.joined(t, "", "/admin,")
	wantAlive(t, c, "")
	legs := append(main.heads(), admin.heads()...)
	hs, as := to.wantSpans(t, b, 2, 4)
	hs[0].want(t, "GET /socket.io", "UNSET", with(asked("http.route", "/socket.io", "http.response.status_code", "200"), pairs(address(t, b.address))...), "usher.session.id")
	hs[1].want(t, "GET /socket.io", "UNSET", with(asked("http.route", "/socket.io", "http.response.status_code", "101"), pairs(address(t, b.address))...), "usher.session.id")
	if len(legs) != 4 {
		t.Fatalf("got %d legs, want 4", len(legs))
	}
	told := make(map[string]bool)
	for _, h := range legs {
		told[h.Get("Traceparent")] = len(h["Traceparent"]) == 1
	}
	below := make(map[string]int)
	for _, a := range as {
		below[a.parent]++
		url, name := main.URL, "main"
		if a.attributes["usher.upstream"] == "admin" {
			url, name = admin.URL, "admin"
		}
		a.want(t, "GET", "UNSET", tried(t, url, "usher.upstream", name, "http.response.status_code", "101"), "usher.dial.duration")
		if want := "00-" + a.trace + "-" + a.id + "-01"; !told[want] {
			t.Errorf("%s: got %v, want %s among them", name, told, want)
		}
	}
	for _, h := range hs {
		if below[h.id] != 2 {
			t.Errorf("legs of %s: got %d, want 2", h.id, below[h.id])
		}
	}
}

// Who refuses a session's beginning is told apart, and so is who refuses a leg.
func TestTraceOfRefusedNamespaces(t *testing.T) {
	to := newTestCollector(t)
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	main.refuse(403)
	b := newTestBroker(t, to.tracing("")+split(main, admin, "eager: main"))
	for _, request := range []string{
		"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n", // the route's
		"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",                        // the upstream's
		strings.Replace(upgradeHead, "/ws", "/socket.io/?EIO=4&transport=websocket&sid=gone", 1),                          // of no session
		"GET /socket.io/?EIO=4&transport=polling&sid=gone HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",               // no handshake
		"GET /socket.io/socket.io.js HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",                                    // likewise
	} {
		exchange(t, b.address, request)
	}
	hs, as := to.wantSpans(t, b, 3, 1)
	for i, want := range []string{"403 origin", "403 answer", "400 engine_io"} {
		if got := hs[i].attributes["http.response.status_code"] + " " + hs[i].attributes["error.type"]; got != want {
			t.Errorf("handshake %d: got %s, want %s", i, got, want)
		}
	}
	as[0].want(t, "GET", "ERROR", tried(t, main.URL, "usher.upstream", "main", "http.response.status_code", "403", "error.type", "403"), "usher.dial.duration")
	as[0].wantParent(t, hs[1])
}

// A collector that is gone or silent delays nobody, and the stop not beyond
// what it may take.
func TestTraceWithoutCollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	up := newTestBackend(t, echo)
	for name, address := range map[string]string{"gone": closedAddress(t), "silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			b := newTestBroker(t, fmt.Sprintf("drain: {deadline: 1s, over: 0s}\ntracing: {endpoint: http://%s, headers: {X-Key: hunter2}}\n", address)+oneRoute(up.URL))
			for range 20 {
				c, _ := b.dial(t, "/", nil)
				wantEcho(t, c, 1, []byte("hello"))
				c.Close()
			}
			b.wantSessions(t, 0)
			began := time.Now()
			b.wantStop(t, 5*time.Second)
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("stop: took %v, want no more than the deadline", took)
			}
			lost := b.log.lines(t, "traces lost: the collector does not take them")
			if len(lost) != 1 || lost[0]["spans"] != 40.0 || strings.Contains(b.log.String(), "hunter2") {
				t.Errorf("got %v, want one line about 40 spans and no secret", lost)
			}
		})
	}
}

// TestTraceReloadAndStop stops usher while what a reload has replaced still has
// spans for a collector that is silent.
func TestTraceReloadAndStop(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	up := newTestBackend(t, echo)
	text := "drain: {deadline: 1s, over: 0s}\n" + oneRoute(up.URL)
	b := newTestBroker(t, fmt.Sprintf("tracing: {endpoint: 'http://%s'}\n", silent.Addr())+text)
	c, _ := b.dial(t, "/", nil)
	c.Close()
	b.wantSessions(t, 0)
	b.reload(t, text)
	began := time.Now()
	b.wantStop(t, patience)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("stop: took %v, want no more than the deadline", took)
	}
}

// A reload turns tracing on, leads it elsewhere, and turns it off; sockets stay.
func TestTraceReload(t *testing.T) {
	one, two, seen := newTestCollector(t), newTestCollector(t), new(heads)
	up := newTestBackend(t, seen.keeping(echo))
	b := newTestBroker(t, oneRoute(up.URL))
	socket, _ := b.dial(t, "/", nil)
	for i, text := range []string{one.tracing(""), one.tracing("") + "idle_timeout: 1h\n", two.tracing(""), ""} {
		b.reload(t, text+oneRoute(up.URL))
		b.dial(t, "/", nil)
		if told := seen.all()[i+1]["Traceparent"]; (told != nil) != (text != "") {
			t.Errorf("reload %d: got traceparent %q", i, told)
		}
		wantEcho(t, socket, 1, []byte("still here"))
	}
	count := func(c *collector) func() int {
		return func() int {
			hs, as := c.got()
			return 10*len(hs) + len(as)
		}
	}
	wantSoon(t, "spans at the first", 22, count(one)) // without a stop of usher: the old ones are flushed
	wantSoon(t, "spans at the second", 11, count(two))
	wantEcho(t, socket, 1, []byte("still here"))
}

// Nothing that is secret is in what is sent, nor in what is logged.
func TestTraceTellsNoSecrets(t *testing.T) {
	to := newTestCollector(t)
	main, admin := newTestService(t, "main"), newTestService(t, "admin")
	text := to.tracing(`, headers: {Authorization: "${OTLP_TOKEN}"}`) + split(main, admin, "") + "  - {path: /ws, upstream: main}\n"
	cfg, err := config.Parse("routes.yaml", []byte("listen: 127.0.0.1:0\n"+text), func(string) (string, bool) { return "Bearer hunter2-exporter", true })
	if err != nil {
		t.Fatal(err)
	}
	b := runTestBroker(t, cfg)
	head := http.Header{
		"Cookie": {"sid=hunter2"}, "Authorization": {"Bearer hunter2"}, "Sec-Websocket-Protocol": {"hunter2"}, "User-Agent": {"hunter2"},
		"X-Token": {"hunter2"}, "Tracestate": {"a=hunter2"}, "Traceparent": {theirParent}, "Baggage": {"a=hunter2"},
	}
	b.dial(t, "/ws/hunter2?token=hunter2", head)
	b.openSocket(t, "&token=hunter2", head)
	main.refuse(401)
	_, res, _ := websocket.DefaultDialer.Dial("ws://"+b.address+"/ws?token=hunter2", head)
	if res == nil || res.StatusCode != 401 {
		t.Errorf("got %v, want 401", res)
	}
	to.wantSpans(t, b, 3, 2)
	to.mu.Lock()
	defer to.mu.Unlock()
	if len(to.keys) == 0 || to.keys[0] != "Bearer hunter2-exporter" {
		t.Errorf("Authorization: got %q", to.keys)
	}
	for _, body := range to.bodies {
		if strings.Contains(string(body), "hunter2") {
			t.Errorf("sent: %q", body)
		}
	}
	if log := b.log.String(); strings.Contains(log, "hunter2") {
		t.Errorf("logged: %s", log)
	}
}

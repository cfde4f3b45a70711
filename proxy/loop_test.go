package proxy_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
	"usher/proxy/upstream"
)

// newTestLoop returns an usher whose upstream main is itself. What goes round is
// refused after some passes.
func newTestLoop(t *testing.T, options string) *broker {
	t.Helper()
	b := newTestBroker(t, oneRoute("http://127.0.0.1:1"))
	b.reload(t, "listen: 127.0.0.1:0\n"+loopRoutes("http://"+b.address, options))
	return b
}

func loopRoutes(url, options string) string {
	return "upstreams: {main: {endpoints: '" + url + "'" + options + "}}\nroutes:\n" +
		"  - {path: /messages, upstream: main, relay: messages}\n" +
		"  - {path: /socket.io, namespaces: {/: main}}\n" +
		"  - {path: /eager, namespaces: {/: main}, socketio: {eager: [main]}}\n" +
		"  - {path: /, upstream: main}\n"
}

func (b *broker) loops() uint64 { return b.Stats().Refusals["loop"] }

// wantLoop wants one more loop to be broken, with a line that names the route.
func (b *broker) wantLoop(t *testing.T, what, route string, before uint64) {
	t.Helper()
	if got := b.loops(); got != before+1 {
		t.Errorf("%s: got %d requests refused, want 1", what, got-before)
	}
	named := func() bool { // the line comes behind the count
		return slices.ContainsFunc(b.log.lines(t, "request refused"), func(line map[string]any) bool {
			return line["reason"] == "loop" && strings.Contains(fmt.Sprint(line["err"]), "route "+route+" ")
		})
	}
	wantSoon(t, what+": a line that names the route "+route, true, named)
}

func TestLoop(t *testing.T) {
	b := newTestLoop(t, "")
	for _, tt := range []struct{ name, route, request string }{
		{"plain", "/", "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
		{"with a body", "/", "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"},
		{"upgrade", "/", upgradeHead},
		{"upgrade, messages", "/messages", strings.Replace(upgradeHead, "GET /", "GET /messages/", 1)},
		{"hides the marker", "/", "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close, usher-via\r\nUsher-Via: 0123456789abcdef\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := b.loops()
			got := exchange(t, b.address, tt.request)
			if got.StatusCode != http.StatusLoopDetected {
				t.Errorf("got %s %q, want 508", got.Status, got.body)
			}
			b.wantLoop(t, tt.name, tt.route, before)
		})
	}
}

// A server may copy its client's headers, Usher-Via with them, to requests of
// its own, by way of the same usher: that is no loop, whether they go to another
// route, to the same, or are an upgrade.
func TestCopiedHeadersAreNoLoop(t *testing.T) {
	var address string
	copying := func(w http.ResponseWriter, r *http.Request) {
		next, ok := map[string]string{"/page": "/again", "/again": "/api/data", "/api/socket": "/ws"}[r.URL.Path]
		if !ok {
			io.WriteString(w, "data of "+r.URL.Path)
			return
		}
		out := "GET " + next + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		if next == "/ws" {
			out = strings.TrimSuffix(upgradeHead, "\r\n")
		}
		for _, line := range r.Header["Usher-Via"] {
			out += "Usher-Via: " + line + "\r\n"
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer c.Close()
		io.WriteString(c, out+"\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer resp.Body.Close()
		fmt.Fprintln(w, r.URL.Path, resp.StatusCode)
		if resp.StatusCode != http.StatusSwitchingProtocols {
			io.Copy(w, resp.Body)
		}
	}
	pages, api, sockets := newTestBackend(t, copying), newTestBackend(t, copying), newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {pages: '%s', api: '%s', sockets: '%s'}\nroutes:\n"+
		"  - {path: /, upstream: pages}\n  - {path: /api, upstream: api}\n  - {path: /ws, upstream: sockets}\n", pages.URL, api.URL, sockets.URL))
	address = b.address
	for path, want := range map[string]string{
		"/page":       "/page 200\n/again 200\ndata of /api/data",
		"/api/socket": "/api/socket 101\n",
	} {
		got := exchange(t, b.address, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if got.StatusCode != http.StatusOK || got.body != want {
			t.Errorf("%s: got %s %q, want %q", path, got.Status, got.body, want)
		}
	}
	if n := b.loops(); n != 0 {
		t.Errorf("got %d requests refused as loops, want none", n)
	}
}

// A session with namespaces is told, and its legs do not go round either.
func TestLoopOfALeg(t *testing.T) {
	b := newTestLoop(t, "")
	c := b.openSocket(t, "", nil)
	before := b.loops()
	send(t, c, "40")
	wantSoon(t, "a loop", true, func() bool { return b.loops() > before })
	b.wantLoop(t, "leg", "/socket.io", before)
	c.Close()
	b.wantSessions(t, 0)
}

// Where the session waits for its legs, its client is told.
func TestLoopOfAnEagerLeg(t *testing.T) {
	b := newTestLoop(t, "")
	got := exchange(t, b.address, "GET /eager/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if got.StatusCode != http.StatusLoopDetected {
		t.Errorf("got %s %q, want 508", got.Status, got.body)
	}
	b.wantSessions(t, 0)
}

// A check that comes back is no sign of health.
func TestLoopOfACheck(t *testing.T) {
	for _, check := range []string{"{path: /healthz, every: 20ms}", "{websocket: /ws, every: 20ms}"} {
		b := newTestLoop(t, ", check: "+check)
		wantSoon(t, check, upstream.Unhealthy, b.endpointState(0))
		if b.loops() == 0 {
			t.Errorf("%s: got no request refused, want some", check)
		}
	}
}

func TestLoopByHTTP2(t *testing.T) {
	dir := t.TempDir()
	text := func(url string) string {
		return "listen: {address: '127.0.0.1:0', tls: true}\ntls: {internal: true, h2_websocket: true}\nupstreams: {main: {endpoints: '" + url + "', insecure_skip_verify: true}}\nroutes: [{upstream: main}]\n"
	}
	b := newTestBrokerIn(t, dir, text("https://127.0.0.1:1"))
	cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(text("https://"+b.address)), nil)
	if err == nil {
		err = b.Reload(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: mustTrust(t, filepath.Join(dir, "certs", "internal", "root.crt"))}, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("https://" + b.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusLoopDetected || resp.ProtoMajor != 2 {
		t.Errorf("got %s by %s, want 508 by HTTP/2", resp.Status, resp.Proto)
	}
	b.wantLoop(t, "by HTTP/2", "/", 0)
}

// Ushers in a row are no loop, unless the last leads back to the first. What a
// client makes up refuses nobody.
func TestChain(t *testing.T) {
	up := newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			echo(w, r)
			return
		}
		io.WriteString(w, r.Header.Get("Usher-Via"))
	})
	last := newTestBroker(t, oneRoute(up.URL))
	first := newTestBroker(t, oneRoute("http://"+last.address))
	c, _ := first.dial(t, "/ws", http.Header{"Usher-Via": {"0123456789abcdef, rubbish"}})
	wantEcho(t, c, websocket.TextMessage, []byte("through both"))
	got := exchange(t, first.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUsher-Via: 0123456789abcdef, rubbish\r\n\r\n")
	ids := strings.Split(got.body, ", ")
	if got.StatusCode != 200 || len(ids) != 3 || ids[0] != "0123456789abcdef" || ids[1] == ids[2] {
		t.Errorf("through both: got %s with %q, want three ids", got.Status, got.body)
	}

	last.reload(t, "listen: 127.0.0.1:0\n"+oneRoute("http://"+first.address))
	for name, request := range map[string]string{"plain": "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "upgrade": upgradeHead} {
		before := first.loops()
		if got := exchange(t, first.address, request); got.StatusCode != http.StatusLoopDetected {
			t.Errorf("%s, A to B to A: got %s, want 508", name, got.Status)
		}
		first.wantLoop(t, name+", A to B to A", "/", before)
		if n := last.loops(); n != 0 {
			t.Errorf("%s: got %d refused by B, want none", name, n)
		}
	}
}

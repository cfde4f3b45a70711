package proxy_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/admin"
	"usher/proxy/config"
	"usher/proxy/leaktest"
)

// mustParse checks a routes file as newTestBroker does.
func mustParse(t *testing.T, text string) *config.Config {
	t.Helper()
	if !strings.Contains(text, "listen:") {
		text = "listen: 127.0.0.1:0\n" + text
	}
	cfg, err := config.Parse("routes.yaml", []byte(text), nil)
	if err != nil {
		t.Fatalf("routes file: %v\n%s", err, text)
	}
	return cfg
}

// reload serves the routes file text from now on.
func (b *broker) reload(t *testing.T, text string) {
	t.Helper()
	if err := b.Reload(mustParse(t, text)); err != nil {
		t.Fatalf("Reload: got %v, want nil", err)
	}
}

// TestReloadUnderTraffic reloads over and over, each time with another route
// changed, while messages pass: no socket closes, none is lost, and nothing
// grows.
func TestReloadUnderTraffic(t *testing.T) {
	sockets, reloads := 1000, 1000
	switch {
	case os.Getenv("USHER_FULL_TESTS") != "":
		sockets, reloads = 4500, 1000 // 18,000 descriptors
	case testing.Short():
		sockets, reloads = 200, 100
	}
	up, other := newTestBackend(t, echo), newTestBackend(t, echo)
	text := func(n int) string {
		return fmt.Sprintf(`
upstreams: {main: %s, other-%d: %s}
routes:
  - {path: /, upstream: main, max_message: %dKiB}
  - {path: /messages, upstream: main, relay: messages}
  - {path: /other-%d, upstream: other-%d}
`, up.URL, n%3, other.URL, 100+n, n%7, n%3)
	}
	b := newTestBroker(t, text(0))
	clients := make([]*websocket.Conn, sockets)
	batches(t, sockets, func(i int) {
		path := []string{"/ws", "/messages"}[i%10/9]
		c, _, err := websocket.DefaultDialer.Dial("ws://"+b.address+path, nil)
		if err != nil {
			t.Errorf("client %d: %v", i, err)
			return
		}
		clients[i] = c
	})
	if t.Failed() {
		return
	}
	stop := make(chan struct{})
	var passed atomic.Int64
	var traffic sync.WaitGroup
	const workers = 8
	for w := range workers {
		traffic.Go(func() { chat(t, clients, w, workers, stop, &passed) })
	}
	b.reload(t, text(1)) // what is made once is made now
	b.reload(t, text(2))
	before, heap := leaktest.Take(), heapInUse()
	passed.Store(0)
	for n := range reloads {
		b.reload(t, text(n))
		wantSoon(t, "messages behind a reload", true, func() bool { return passed.Load() > int64(10*n) })
	}
	if leak := before.Leak(patience); leak != "" {
		t.Errorf("after %d reloads: %s", reloads, leak)
	}
	if now := heapInUse(); now > heap+4<<20 {
		t.Errorf("heap: got %d KiB after %d reloads, had %d before", now>>10, reloads, heap>>10)
	}
	t.Logf("%d sockets, %d reloads, %d messages meanwhile", sockets, reloads, passed.Load())
	close(stop)
	traffic.Wait()
	b.wantSessions(t, sockets)
	if n := len(b.log.lines(t, "session ended")); n != 0 {
		t.Errorf("sessions ended: got %d, want none", n)
	}
	for _, c := range clients {
		c.Close()
	}
	b.wantSessions(t, 0)
}

// chat sends a message on one of its sockets after the other and wants each
// back, until stop is closed.
func chat(t *testing.T, clients []*websocket.Conn, at, step int, stop <-chan struct{}, passed *atomic.Int64) {
	for n := 0; ; n++ {
		for i := at; i < len(clients); i += step {
			select {
			case <-stop:
				return
			default:
			}
			want := fmt.Sprintf("message %d of client %d", n, i)
			clients[i].SetReadDeadline(time.Now().Add(patience))
			if err := clients[i].WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
				t.Errorf("client %d: send: %v", i, err)
				return
			}
			if _, got, err := clients[i].ReadMessage(); err != nil || string(got) != want {
				t.Errorf("client %d: got %q, %v; want %q", i, got, err, want)
				return
			}
			passed.Add(1)
		}
	}
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// TestReloadDrains removes a route and an endpoint: their sockets get a Close
// frame, those beside them do not.
func TestReloadDrains(t *testing.T) {
	a, c := newTestBackend(t, echo), newTestBackend(t, echo)
	for _, relay := range []string{"frames", "messages"} {
		t.Run(relay, func(t *testing.T) {
			b := newTestBroker(t, fmt.Sprintf(`
upstreams: {stays: %[1]s, two: [%[1]s, %[2]s]}
routes:
  - {path: /, upstream: stays, relay: %[3]s}
  - {path: /gone, upstream: stays, relay: %[3]s}
  - {path: /moves, upstream: stays, relay: %[3]s}
  - {path: /two, upstream: two, relay: %[3]s}
`, a.URL, c.URL, relay))
			stays, _ := b.dial(t, "/ws", nil)
			gone, _ := b.dial(t, "/gone", nil)
			moves, _ := b.dial(t, "/moves", nil)
			kept, _ := b.dial(t, "/two", nil)
			cut, _ := b.dial(t, "/two", nil)
			b.reload(t, fmt.Sprintf(`
max_message: 2KiB
upstreams:
  other: %[2]s
  two: [%[1]s]
  stays: %[1]s
routes:
  - {path: /two, upstream: two, relay: %[3]s, origins: '*'}
  - {path: /moves, upstream: other, relay: %[3]s}
  - {path: /, upstream: stays, relay: %[3]s, headers: {set: {X-A: b}}}
`, a.URL, c.URL, relay))
			for _, closed := range []*websocket.Conn{gone, moves, cut} {
				if reason := wantClosed(t, closed, websocket.CloseServiceRestart); reason == "" {
					t.Error("reason: got none, want words")
				}
			}
			b.wantSessions(t, 2)
			large := []byte(strings.Repeat("x", 4<<10))
			for _, open := range []*websocket.Conn{stays, kept} {
				wantEcho(t, open, websocket.TextMessage, large) // the limit is for new ones
			}
			fresh, _ := b.dial(t, "/ws", nil)
			fresh.WriteMessage(websocket.TextMessage, large)
			wantClosed(t, fresh, websocket.CloseMessageTooBig)
			for _, line := range b.log.lines(t, "session ended") {
				if cause := line["cause"]; cause != "usher.drained" && cause != "client.too_big" {
					t.Errorf("cause: got %v, want usher.drained", cause)
				}
			}
			line := b.log.lines(t, "reloaded")[0]
			if got := fmt.Sprint(line["routes_removed"], line["routes_added"]); got != "[/moves /gone] [/moves]" {
				t.Errorf("log: got routes %s, want [/moves /gone] [/moves]", got)
			}
		})
	}
}

// TestReloadOfPagesBesideSockets has a route take sockets only, and both again:
// its sockets stay, also under the name that it has by then, until there are to
// be none.
func TestReloadOfPagesBesideSockets(t *testing.T) {
	up := newTestBackend(t, echo)
	for _, relay := range []string{"frames", "messages"} {
		t.Run(relay, func(t *testing.T) {
			text := func(upgrade string) string {
				return fmt.Sprintf("upstreams: {main: %s}\nroutes:\n  - {path: /h, upstream: main, relay: %s%s}\n", up.URL, relay, upgrade)
			}
			b := newTestBroker(t, text(""))
			both, _ := b.dial(t, "/h", nil)
			b.reload(t, text(", upgrade: websocket"))
			alone, _ := b.dial(t, "/h", nil)
			b.reload(t, text(""))
			for _, open := range []*websocket.Conn{both, alone} {
				wantEcho(t, open, websocket.TextMessage, []byte("hello"))
			}
			b.reload(t, text(", upgrade: none"))
			for _, closed := range []*websocket.Conn{both, alone} {
				wantClosed(t, closed, websocket.CloseServiceRestart)
			}
			wantSoon(t, "session lines", 2, func() int { return len(b.log.lines(t, "session ended")) })
			routes := make(map[string]bool)
			for _, line := range b.log.lines(t, "session ended") {
				routes[fmt.Sprint(line["route"])] = true
			}
			if !routes["/h"] || !routes["/h (websocket)"] {
				t.Errorf("got lines of routes %v, want each session's as it began", routes)
			}
		})
	}
}

// A drain by the name that a route has now ends what began under another.
func TestDrainByTheNewNameOfARoute(t *testing.T) {
	up := newTestBackend(t, echo)
	text := "admin: 127.0.0.1:0\nupstreams: {main: " + up.URL + "}\nroutes:\n  - {path: /h, upstream: main%s}\n"
	b := newTestBroker(t, fmt.Sprintf(text, ""))
	o := b.operator(t)
	c, _ := b.dial(t, "/h", nil)
	wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	b.wantSessions(t, 1)
	b.reload(t, fmt.Sprintf(text, ", upgrade: websocket"))
	var answer admin.DrainAnswer
	if o.ask(t, http.MethodPost, "/v1/drain", admin.Target{Route: "/h (websocket)"}, &answer); answer.Sessions != 1 {
		t.Errorf("drained: got %d sessions, want 1", answer.Sessions)
	}
	wantClosed(t, c, websocket.CloseServiceRestart)
}

// TestReloadDuringHandshake removes a route whose upstream has not answered
// yet: the session that comes of it drains too.
func TestReloadDuringHandshake(t *testing.T) {
	for _, relay := range []string{"frames", "messages"} {
		t.Run(relay, func(t *testing.T) {
			asked, answer := make(chan struct{}), make(chan struct{})
			up := newTestScript(t, func(c net.Conn, r *http.Request) {
				close(asked)
				<-answer
				io.WriteString(c, accepted(r))
				untilClosed(c)
			})
			text := "drain: {deadline: 1s}\nupstreams: {main: %s}\nroutes: [{path: %s, upstream: main, relay: %s}]\n"
			b := newTestBroker(t, fmt.Sprintf(text, up.url, "/ws", relay))
			c := dialRaw(t, b.address)
			io.WriteString(c, upgradeHead)
			<-asked
			b.reload(t, fmt.Sprintf(text, up.url, "/other", relay))
			close(answer)
			resp, br := readHead(t, c)
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("upgrade under way: got %s, want 101", resp.Status)
			}
			closing := make([]byte, 4)
			if _, err := io.ReadFull(br, closing); err != nil || closing[0] != 0x88 || closing[2] != 1012>>8 || closing[3] != 1012&0xff {
				t.Errorf("behind the 101: got %x, %v; want a Close frame with 1012", closing, err)
			}
			c.Close()
			b.wantSessions(t, 0)
		})
	}
}

// TestReloadIsRefused has files that cannot be served: all stays as it was.
func TestReloadIsRefused(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	c, _ := b.dial(t, "/ws", nil)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for i, tt := range []struct{ text, want string }{
		{fmt.Sprintf("listen: [127.0.0.1:0, 127.0.0.1:0, %s]\n", taken.Addr()) + oneRoute("http://127.0.0.1:1"), "address already in use"},
		{"listen: {address: 127.0.0.1:0, tls: true}\ntls: {certificates: [{cert: no.pem, key: no.key}]}\n" + oneRoute("http://127.0.0.1:1"), "no.pem"},
	} {
		before := leaktest.Take()
		if err := b.Reload(mustParse(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Reload: got %v, want an error with %q", err, tt.want)
		}
		if leak := before.Leak(patience); leak != "" {
			t.Error(leak)
		}
		wantEcho(t, c, websocket.TextMessage, []byte("still here"))
		again, _ := b.dial(t, "/ws", nil)
		wantEcho(t, again, websocket.TextMessage, []byte("and served as before"))
		if s := b.Stats().Reloads; s.Refused != uint64(i+1) || s.Done != 0 {
			t.Errorf("reloads: got %+v, want %d refused", s, i+1)
		}
		if lines := b.log.lines(t, "reload refused, nothing has changed"); len(lines) != i+1 || !strings.Contains(fmt.Sprint(lines[i]["errors"]), tt.want) {
			t.Errorf("log: got %v, want a line with %q", lines, tt.want)
		}
	}
	if err := b.ReloadFile(); err == nil {
		t.Error("ReloadFile without a file: got no error")
	}
}

func TestReloadWhileStopping(t *testing.T) {
	up := newTestBackend(t, echo)
	b := newTestBroker(t, oneRoute(up.URL))
	b.wantStop(t, patience)
	if err := b.Reload(mustParse(t, oneRoute(up.URL))); err == nil {
		t.Error("Reload after the stop: got no error")
	}
}

// TestReloadListeners adds one, takes one away, and leaves one alone. A socket
// does not depend on the listener that it came through.
func TestReloadListeners(t *testing.T) {
	up := newTestBackend(t, echo)
	added := closedAddress(t)
	b := newTestBroker(t, "listen: ['127.0.0.1:0', 'localhost:0']\n"+oneRoute(up.URL))
	kept, removed := b.Addresses()[0].String(), b.Addresses()[1].String()
	through, _ := dialWith(t, websocket.DefaultDialer, "ws://"+removed+"/ws", nil)
	b.reload(t, fmt.Sprintf("listen: [%s, '127.0.0.1:0']\n", added)+oneRoute(up.URL))
	if got := fmt.Sprint(b.Addresses()); got != fmt.Sprintf("[%s %s]", added, kept) {
		t.Errorf("addresses: got %s, want %s and the old %s", got, added, kept)
	}
	for _, address := range []string{added, kept} {
		c, _ := dialWith(t, websocket.DefaultDialer, "ws://"+address+"/ws", nil)
		wantEcho(t, c, websocket.TextMessage, []byte("hello"))
	}
	if c, err := net.Dial("tcp", removed); err == nil {
		c.Close()
		t.Error("removed listener: got a connection")
	}
	wantEcho(t, through, websocket.TextMessage, []byte("still here"))
}

// TestReloadRest changes what is no route: who is trusted, and what takes a
// restart.
func TestReloadRest(t *testing.T) {
	seen := make(chan string, 1)
	up := newTestBackend(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("X-Request-Id") })
	b := newTestBroker(t, oneRoute(up.URL))
	ask := func() string {
		c := dialRaw(t, b.address)
		io.WriteString(c, "GET /x HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n")
		io.Copy(io.Discard, c)
		return <-seen
	}
	if got := ask(); got == "mine" {
		t.Error("request id of a peer that is not trusted: got it passed on")
	}
	b.reload(t, "trusted_proxies: 127.0.0.1\nhandshake_timeout: 7s\n"+oneRoute(up.URL))
	if got := ask(); got != "mine" {
		t.Errorf("request id of a trusted peer: got %q, want mine", got)
	}
	if lines := b.log.lines(t, "not reloaded: it takes a restart"); len(lines) != 1 || lines[0]["key"] != "handshake_timeout" {
		t.Errorf("log: got %v, want a line that names handshake_timeout", lines)
	}
}

// TestReloadOfFleet changes what takes a restart, and then only where it stands.
func TestReloadOfFleet(t *testing.T) {
	fleet := func(secret string) string {
		return "fleet: {nodes: '127.0.0.1:1', secret: " + secret + "-secret-of-thirty-two-bytes-or-more}\n" + oneRoute("http://127.0.0.1:1")
	}
	b := newTestBroker(t, fleet("first"))
	b.reload(t, fleet("second"))
	b.reload(t, "watch: false\n"+fleet("second"))
	if lines := b.log.lines(t, "not reloaded: it takes a restart"); len(lines) != 1 || lines[0]["key"] != "fleet" {
		t.Errorf("log: got %v, want a line that names fleet", lines)
	}
	if strings.Contains(b.log.String(), "-secret-of-") {
		t.Errorf("log tells a secret:\n%s", b.log)
	}
}

// TestReloadOfCertificates turns TLS on at a listener that was plain.
func TestReloadOfCertificates(t *testing.T) {
	up := newTestBackend(t, echo)
	dir := t.TempDir()
	trust := newTestCertificate(t, dir)
	parse := func(head string) *config.Config {
		cfg, err := config.Parse(filepath.Join(dir, "routes.yaml"), []byte(head+oneRoute(up.URL)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	b := runTestBroker(t, parse("listen: 127.0.0.1:0\n"))
	plain, _ := b.dial(t, "/ws", nil)
	encrypted := "listen: {address: '127.0.0.1:0', tls: true}\ntls: {certificates: [{cert: cert.pem, key: key.pem}]}\n"
	for _, head := range []string{encrypted, "# moved\n" + encrypted} {
		if err := b.Reload(parse(head)); err != nil {
			t.Fatalf("Reload: %v", err)
		}
		c, _ := dialWith(t, &websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trust}}, "wss://"+b.address+"/ws", nil)
		wantEcho(t, c, websocket.TextMessage, []byte("encrypted"))
	}
	if err := b.Reload(parse("listen: 127.0.0.1:0\n")); err != nil {
		t.Fatalf("Reload: %v", err)
	}
	again, _ := b.dial(t, "/ws", nil)
	for _, c := range []*websocket.Conn{plain, again} {
		wantEcho(t, c, websocket.TextMessage, []byte("plain"))
	}
}

// TestWatch writes the file, wrong at first.
func TestWatch(t *testing.T) {
	up := newTestBackend(t, echo)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	text := "listen: 127.0.0.1:0\nwatch: true\n" + oneRoute(up.URL)
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b := runWatchingBroker(t, cfg)
	c, _ := b.dial(t, "/ws", nil)
	write(text + "nonsense: 1\nmore: 2\n")
	wantSoon(t, "refused reloads", 1, func() uint64 { return b.Stats().Reloads.Refused })
	if got := fmt.Sprint(b.log.lines(t, "reload refused, nothing has changed")[0]["errors"]); !strings.Contains(got, `unknown key "nonsense"`) || !strings.Contains(got, `unknown key "more"`) {
		t.Errorf("log: got %s, want both errors", got)
	}
	write(strings.Replace(text, "routes:", "max_fragments: 5\nroutes:", 1))
	wantSoon(t, "reloads", 1, func() uint64 { return b.Stats().Reloads.Done })
	write(strings.Replace(text, "watch: true", "watch: false", 1))
	wantSoon(t, "reloads", 2, func() uint64 { return b.Stats().Reloads.Done })
	wantEcho(t, c, websocket.TextMessage, []byte("still here"))
	if s := b.Stats().Reloads; s.Refused != 1 {
		t.Errorf("refused reloads: got %d, want 1", s.Refused)
	}
}

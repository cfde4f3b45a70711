package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// serveAt has somebody answer at an address where nobody was.
func serveAt(t *testing.T, address string, h http.Handler) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("the address is taken: ", err)
	}
	s := &http.Server{Handler: h}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
}

// greets answers pages and sockets.
func greets(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		echo(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s", r.Method, body)
}

func (b *broker) held() int { return b.Stats().Upstreams[0].Held }

// ask makes a plain request and tells what came of it.
func (b *broker) ask(c *http.Client, method, url, body string) string {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	res, err := c.Do(r)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", string(text), " ", err)
}

// All that can find no endpoint waits for one, and no endpoint hears of it twice.
func TestHold(t *testing.T) {
	address := closedAddress(t)
	b, streams := newTestStreams(t, "upstreams: {main: {endpoints: \"http://"+address+"\", hold: 1m}}\n"+
		"routes: [{upstream: main}, {path: /messages, upstream: main, relay: messages}]\n")
	h2, url := newTestH2Client(t, streams.trust), "https://"+b.address
	h1 := &http.Client{Transport: &http.Transport{TLSClientConfig: streams.trust}}
	t.Cleanup(h1.CloseIdleConnections)
	socket := websocket.Dialer{HandshakeTimeout: patience, TLSClientConfig: streams.trust}
	kinds := map[string]func() string{
		"GET":      func() string { return b.ask(h1, "GET", url, "") },
		"POST":     func() string { return b.ask(h1, "POST", url, "twice is once too often") },
		"HTTP/2":   func() string { return b.ask(h2, "POST", url, "x") },
		"socket":   func() string { return opens(&socket, "wss://"+b.address+"/") },
		"messages": func() string { return opens(&socket, "wss://"+b.address+"/messages") },
		"HTTP/2socket": func() string {
			return opens(streams.dialer(websocket.Dialer{HandshakeTimeout: patience}), "ws://"+b.address+"/")
		},
	}
	want := map[string]string{
		"GET": "200 GET  <nil>", "POST": "200 POST twice is once too often <nil>", "HTTP/2": "200 POST x <nil>",
		"socket": "open", "messages": "open", "HTTP/2socket": "open",
	}
	type outcome struct{ kind, got string }
	all := make(chan outcome)
	for kind, ask := range kinds {
		go func() { all <- outcome{kind, ask()} }()
	}
	wantSoon(t, "held", len(kinds), b.held)
	var asked atomic.Int64
	serveAt(t, address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		greets(w, r)
	}))
	for range kinds {
		if o := <-all; o.got != want[o.kind] {
			t.Errorf("%s: got %q, want %q", o.kind, o.got, want[o.kind])
		}
	}
	if n := asked.Load(); n != int64(len(kinds)) {
		t.Errorf("requests at the endpoint: got %d, want %d", n, len(kinds))
	}
	if s := b.Stats().Upstreams[0]; s.Held != 0 || s.HeldTime.Count != uint64(len(kinds)) {
		t.Errorf("got %d held and %d that were, want none and all", s.Held, s.HeldTime.Count)
	}
}

func opens(d *websocket.Dialer, url string) string {
	c, res, err := patient(d).Dial(url, nil)
	if err != nil {
		return fmt.Sprint(err, res)
	}
	c.Close()
	return "open"
}

// A namespace, and an Engine.IO handshake that begins with its leg, wait too.
func TestHoldOfNamespaces(t *testing.T) {
	main, address := newTestService(t, "main"), closedAddress(t)
	b := newTestBroker(t, "upstreams: {main: {endpoints: \"http://"+address+"\", hold: 1m}}\n"+
		"routes: [{path: /socket.io, namespaces: {/: main}, socketio: {eager: [main]}}]\n")
	opened := make(chan string)
	go func() {
		c, _, err := websocket.DefaultDialer.Dial("ws://"+b.address+"/socket.io/?EIO=4&transport=websocket", nil)
		if err != nil {
			opened <- err.Error()
			return
		}
		defer c.Close()
		_, p, err := c.ReadMessage()
		opened <- fmt.Sprintf("%.8s %v", p, err)
	}()
	wantSoon(t, "held", 1, b.held)
	serveAt(t, address, main.Config.Handler)
	if got := <-opened; got != `0{"sid":  <nil>` && got != `0{"sid": <nil>` {
		t.Errorf("got %q, want an open packet", got)
	}
}

// Who waits is let go as soon as there is no reason to.
func TestHoldEnds(t *testing.T) {
	down := "http://" + closedAddress(t)
	text := func(upstreams string) string {
		return "listen: 127.0.0.1:0\nupstreams: {" + upstreams + "}\nroutes: [{upstream: other, path: /other}, {upstream: main}]\n"
	}
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, b *broker)
		want string // the statuses of a page and of a handshake, any of them
	}{
		{"usher stops", func(_ *testing.T, b *broker) { b.stop() }, "502 503, 502 502"},
		{"the upstream is removed", func(t *testing.T, b *broker) {
			cfg, err := config.Parse("routes.yaml", []byte("listen: 127.0.0.1:0\nupstreams: {other: \""+down+"\"}\nroutes: [{upstream: other}]\n"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Reload(cfg); err != nil {
				t.Fatal(err)
			}
		}, "502 502"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newTestBroker(t, text("main: {endpoints: \""+down+"\", hold: 1h}, other: \""+down+"\""))
			page, shake := make(chan string, 1), make(chan string, 1)
			go func() { page <- b.ask(http.DefaultClient, "GET", "http://"+b.address+"/", "") }()
			go func() {
				_, res, err := websocket.DefaultDialer.Dial("ws://"+b.address+"/", nil)
				if res == nil {
					shake <- err.Error()
					return
				}
				shake <- fmt.Sprint(res.StatusCode)
			}()
			wantSoon(t, "held", 2, func() int { return b.Stats().Upstreams[0].Held })
			tt.do(t, b)
			if got := (<-page)[:4] + <-shake; !strings.Contains(tt.want, got) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("the clients go", func(t *testing.T) {
		b := newTestBroker(t, text("main: {endpoints: \""+down+"\", hold: 1h}, other: \""+down+"\""))
		c := mustSend(t, b.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		k := mustSend(t, b.address, upgradeHead)
		wantSoon(t, "held", 2, b.held)
		c.Close()
		k.Close()
		wantSoon(t, "held", 0, b.held)
	})
}

func mustSend(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// A request that broke off without a byte is repeated once, if it may be.
func TestBrokenRequests(t *testing.T) {
	for _, tt := range []struct {
		method, answer string // that the first connection ends behind
		hold           string
		asked          int64
		status         int
	}{
		{"GET", "", "5s", 2, 200},
		{"HEAD", "", "5s", 2, 200},
		{"OPTIONS", "", "5s", 2, 200},
		{"GET", "", "0", 1, 502},
		{"POST", "", "5s", 1, 502},
		{"DELETE", "", "5s", 1, 502},
		{"GET", "H", "5s", 1, 502},
	} {
		t.Run(fmt.Sprintf("%s %q hold %s", tt.method, tt.answer, tt.hold), func(t *testing.T) {
			var asked atomic.Int64
			s := newTestScript(t, func(c net.Conn, _ *http.Request) {
				if asked.Add(1) == 1 {
					io.WriteString(c, tt.answer)
					return
				}
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			})
			b := newTestBroker(t, "upstreams: {main: {endpoints: \""+s.url+"\", hold: "+tt.hold+"}}\nroutes: [{upstream: main}]\n")
			got := exchange(t, b.address, tt.method+" / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if got.StatusCode != tt.status || asked.Load() != tt.asked {
				t.Errorf("got %d after %d requests, want %d after %d", got.StatusCode, asked.Load(), tt.status, tt.asked)
			}
		})
	}
}

// A server that ends may take connections for a moment after it has broken the first
// ones off, and break those off too: who comes again does so behind that.
func TestBrokenByAServerThatEnds(t *testing.T) {
	for name, head := range map[string]string{"request": "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "upgrade": upgradeHead} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Int64
			ends := sync.OnceValue(func() time.Time { return time.Now().Add(20 * time.Millisecond) })
			s := newTestScript(t, func(c net.Conn, r *http.Request) {
				switch {
				case time.Now().Before(ends()):
					broken.Add(1)
				case name == "upgrade":
					io.WriteString(c, accepted(r))
				default:
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				}
			})
			b := newTestBroker(t, "upstreams: {main: {endpoints: \""+s.url+"\"}}\nroutes: [{upstream: main}]\n")
			got := exchange(t, b.address, head)
			if want := map[string]int{"request": 200, "upgrade": 101}[name]; got.StatusCode != want || broken.Load() != 1 {
				t.Errorf("got %d behind %d broken, want %d behind one", got.StatusCode, broken.Load(), want)
			}
		})
	}
}

// The wait is in the access log.
func TestHoldInTheAccessLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	b := newTestBroker(t, fmt.Sprintf("log: {access: {to: %q}}\nupstreams: {main: {endpoints: %q, hold: 200ms}}\nroutes: [{upstream: main}]\n", file, "http://"+closedAddress(t)))
	exchange(t, b.address, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").wantStatus(t, 502)
	exchange(t, b.address, upgradeHead).wantStatus(t, 502)
	var line struct {
		Held     float64 `json:"held_s"`
		Duration float64 `json:"duration_s"`
	}
	for i, text := range wantLines(t, file, 2) {
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if first := i == 0; first != (line.Held > 0.1) || line.Held > line.Duration {
			t.Errorf("line %d: got %f of %f s held, want the hold for the first alone", i, line.Held, line.Duration)
		}
		line.Held = 0
	}
}

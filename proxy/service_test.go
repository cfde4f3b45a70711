package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// service is an upstream that speaks as much of Socket.IO as a test needs, by
// WebSocket alone: it joins every client to every namespace, greets it there,
// and sends back what comes.
type service struct {
	*backend
	name string
	legs atomic.Int64 // that are open

	linger atomic.Int64 // nanoseconds from a Close frame to its answer

	mu      sync.Mutex
	asked   []*http.Request // upgrades; guarded by mu
	packets []string        // that have come, in text; guarded by mu
	refuses int             // status of the answer to upgrades, 0 for none; guarded by mu
}

func newTestService(t *testing.T, name string) *service {
	t.Helper()
	s := &service{name: name}
	s.backend = newTestBackend(t, s.serve)
	return s
}

func (s *service) refuse(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = status
}

// heads returns those of all upgrades that were asked for.
func (s *service) heads() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []http.Header
	for _, r := range s.asked {
		list = append(list, r.Header)
	}
	return list
}

// first returns the first upgrade that was asked for.
func (s *service) first(t *testing.T) *http.Request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 {
		t.Fatalf("%s: got no upgrade", s.name)
	}
	return s.asked[0]
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("ETag", `"v1"`)
		io.WriteString(w, s.name+" "+r.URL.Path)
		return
	}
	s.mu.Lock()
	status := s.refuses
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	if status != 0 {
		http.Error(w, "not "+s.name, status)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, Subprotocols: websocket.Subprotocols(r)}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	s.legs.Add(1)
	defer s.legs.Add(-1)
	s.speak(c, r.URL.Query().Get("EIO"))
}

func (s *service) speak(c *websocket.Conn, version string) {
	send := func(format string, args ...any) bool {
		return c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...)) == nil
	}
	reply := c.CloseHandler()
	c.SetCloseHandler(func(code int, text string) error {
		time.Sleep(time.Duration(s.linger.Load()))
		return reply(code, text)
	})
	send(`0{"sid":"%s-%p","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`, s.name, c)
	if version == "3" {
		send("40")
	}
	for {
		_, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		packet := string(p)
		s.mu.Lock()
		s.packets = append(s.packets, packet)
		s.mu.Unlock()
		switch {
		case strings.HasPrefix(packet, "2"):
			send("3%s", packet[1:])
		case strings.HasPrefix(packet, "40"):
			namespace, _, _ := strings.Cut(packet[2:], ",")
			namespace, _, _ = strings.Cut(namespace, "?")
			if !strings.HasPrefix(namespace, "/") {
				namespace = ""
			} else {
				namespace += ","
			}
			send(`40%s{"sid":"%s"}`, namespace, s.name)
			send(`42%s["hello","%s"]`, namespace, s.name)
		case strings.HasPrefix(packet, "42"):
			send("%s", packet)
		}
	}
}

// got returns what has come, but for pings and pongs.
func (s *service) got() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.packets, " ")
}

// split is a routes file in which main has "/" and admin "/admin"; extra is for
// the route's socketio.
func split(main, admin *service, extra string) string {
	return fmt.Sprintf(`
upstreams: {main: %q, admin: %q}
routes:
  - path: /socket.io
    namespaces: {/: main, /admin: admin}
    origins: [https://app.example.com]
    socketio: {%s}
  - path: /
    upstream: main
`, main.URL, admin.URL, extra)
}

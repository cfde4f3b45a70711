package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"usher/proxy/config"
)

// logins is a service of forward: who has a cookie "user=NAME" is in until out is
// called.
type logins struct {
	*backend
	mu      sync.Mutex
	out     map[string]bool  // guarded by mu
	expires map[string]int64 // likewise
	asked   map[string]int   // likewise
	gone    bool             // likewise; nobody answers
}

func newLogins(t *testing.T) *logins {
	l := &logins{out: make(map[string]bool), expires: make(map[string]int64), asked: make(map[string]int)}
	l.backend = newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		_, user, _ := strings.Cut(r.Header.Get("Cookie"), "user=")
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked[user+" "+r.Header.Get("X-Forwarded-Uri")]++
		switch at := l.expires[user]; {
		case l.gone:
			panic(http.ErrAbortHandler)
		case l.out[user]:
			w.WriteHeader(http.StatusUnauthorized)
		case at > 0:
			w.Header().Set("X-Auth-Expires", fmt.Sprint(at))
		}
	})
	return l
}

func (l *logins) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// wantAsked waits until the service was asked about a user's target so often since.
func (l *logins) wantAsked(t *testing.T, user, target string, more int) {
	t.Helper()
	n := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.asked[user+" "+target]
	}
	until := n() + more
	wantSoon(t, fmt.Sprintf("%s asked about at %s", user, target), true, func() bool { return n() >= until })
}

func as(user string) http.Header { return http.Header{"Cookie": {"user=" + user}} }

// Sockets and Engine.IO sessions that are open are asked about again with what their
// handshake has said, in both relays and split by namespace. They end with a no, stay
// if nobody answers, and expire when the service says.
func TestRecheck(t *testing.T) {
	up, main, service := newTold(t), newTestService(t, "main"), newLogins(t)
	b := newTestBroker(t, fmt.Sprintf(`auth: {forward: {url: %q, recheck: 1s}}
upstreams: {told: %q, main: %q}
routes:
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /messages, upstream: told, relay: messages}
  - {path: /, upstream: told}
`, service.URL, up.URL, main.URL))
	const socketIO = "/socket.io/?EIO=4&transport=websocket"
	paths := []string{"/a?b=c", "/messages", socketIO}
	sockets := make(map[string]map[string]*websocket.Conn)
	for _, user := range []string{"ann", "bob", "cid"} {
		sockets[user] = make(map[string]*websocket.Conn)
		for _, path := range paths {
			sockets[user][path] = wantOutcome(t, path, b.address, path, as(user), 101)
		}
	}
	p := b.newPoller(t, polling4)
	_, body, _ := p.ask(t.Context(), "GET", "", "Cookie", "user=ann")
	_, rest, _ := strings.Cut(body, `{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.query += "&sid=" + sid
	p.want("POST", "40", 200, "ok")

	service.change(func() { service.gone = true })
	for user := range sockets {
		for _, path := range paths {
			service.wantAsked(t, user, path, 2)
		}
	}
	service.change(func() { service.gone, service.out["ann"] = false, true })
	for path, c := range sockets["ann"] {
		_, _, err := c.ReadMessage()
		for err == nil {
			_, _, err = c.ReadMessage()
		}
		if !websocket.IsCloseError(err, 3000) || !strings.Contains(err.Error(), "no longer authorized") {
			t.Errorf("%s: got %v, want 3000", path, err)
		}
	}
	wantSoon(t, "the session that polls is unknown", 400, func() int {
		status, _, _ := p.ask(t.Context(), "GET", "")
		return status
	})
	end := time.Now().Add(3 * time.Second).Unix()
	service.change(func() { service.expires["bob"] = end })
	for path, c := range sockets["bob"] {
		_, _, err := c.ReadMessage()
		for err == nil {
			_, _, err = c.ReadMessage()
		}
		if !websocket.IsCloseError(err, 3000) || !strings.Contains(err.Error(), "token expired") || time.Now().Unix() < end {
			t.Errorf("%s: got %v, want 3000 at its end", path, err)
		}
	}
	for _, path := range paths {
		service.wantAsked(t, "cid", path, 1)
	}
	wantEcho(t, sockets["cid"]["/a?b=c"], websocket.TextMessage, []byte("still there"))
	wantEcho(t, sockets["cid"]["/messages"], websocket.TextMessage, []byte("still there"))
	causes := make(map[any]int)
	wantSoon(t, "sessions ended", 7, func() int { return len(b.log.lines(t, "session ended")) })
	for _, line := range b.log.lines(t, "session ended") {
		causes[line["cause"]]++
	}
	if causes["usher.revoked"] != 4 || causes["usher.expired"] != 3 {
		t.Errorf("log: got %v, want 4 revoked and 3 expired", causes)
	}
	if text := b.log.String(); strings.Contains(text, "user=") {
		t.Error("the log has a cookie")
	}
}

// Open sessions follow the routes file of now: asked about where nobody was, of another
// service, and not at all.
func TestRecheckReload(t *testing.T) {
	up, old, next := newTold(t), newLogins(t), newLogins(t)
	text := func(auth string) string {
		return fmt.Sprintf("listen: 127.0.0.1:0\n%supstreams: {main: %q}\nroutes: [{upstream: main}]\n", auth, up.URL)
	}
	forward := func(l *logins, more string) string {
		return text(fmt.Sprintf("auth: {forward: {url: %q%s}}\n", l.URL, more))
	}
	b := newTestBroker(t, forward(old, ""))
	c, _ := b.dial(t, "/x", as("ann"))
	follow := func(text string) {
		t.Helper()
		cfg, err := config.Parse("routes.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Reload(cfg); err != nil {
			t.Fatal(err)
		}
	}
	follow(forward(old, ", recheck: 1s"))
	old.wantAsked(t, "ann", "/x", 2)
	follow(forward(next, ", recheck: 1s"))
	next.wantAsked(t, "ann", "/x", 1)
	follow(text("")) // what is under way has no say any more
	next.change(func() { next.out["ann"] = true })
	wantEcho(t, c, websocket.TextMessage, []byte("still there"))
	follow(forward(next, ", recheck: 1s, close_code: 4401"))
	wantClosed(t, c, 4401)
}

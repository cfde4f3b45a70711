package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// keeper is an upstream that keeps Engine.IO sessions by itself.
type keeper struct {
	*backend
	begun atomic.Int64
	gone  chan string  // sids whose poll was broken off
	users atomic.Value // of the last request: a string
}

func newKeeper(t *testing.T) *keeper {
	k := &keeper{gone: make(chan string, 10)}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	k.backend = newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		k.users.Store(strings.Join(r.Header["X-User-Id"], "+"))
		switch {
		case q.Get("echo") != "":
			io.WriteString(w, q.Get("echo"))
		case q.Get("sid") == "":
			fmt.Fprintf(w, `0{"sid":"sid-%d","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}`, k.begun.Add(1))
		case q.Get("transport") == "websocket":
			if c, err := upgrader.Upgrade(w, r, nil); err == nil {
				defer c.Close()
				for err == nil {
					_, _, err = c.ReadMessage()
				}
			}
		case r.Method == http.MethodPost:
			io.WriteString(w, "ok")
		case q.Get("wait") != "":
			<-r.Context().Done()
			k.gone <- q.Get("sid")
		default:
			io.WriteString(w, "2")
		}
	})
	return k
}

// session begins one and returns a poller without a token.
func (b *broker) session(t *testing.T, head http.Header) *poller {
	t.Helper()
	p := b.newPoller(t, polling4)
	_, body, _ := p.ask(t.Context(), "GET", "", "Authorization", head.Get("Authorization"))
	_, rest, _ := strings.Cut(body, `{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if sid == "" {
		t.Fatalf("handshake: got %q", body)
	}
	p.query += "&sid=" + sid
	return p
}

const sidUnknown = `{"code":1,"message":"Session ID unknown"}`

// On a route without namespaces, with one endpoint and with two, the handshake shows
// who comes, and the sid stands for it: in polls and for the WebSocket. Another user's
// token ends nothing and opens nothing.
func TestSIDStandsForItsUser(t *testing.T) {
	up, other := newKeeper(t), newKeeper(t)
	one, another := bearer(newTestToken(t, "u1", time.Time{})), bearer(newTestToken(t, "u2", time.Time{}))
	for what, upstream := range map[string]string{"one endpoint": fmt.Sprintf("%q", up.URL), "two": fmt.Sprintf("[%q, %q]", up.URL, other.URL)} {
		b := newTestBroker(t, fmt.Sprintf("%s\nupstreams: {main: %s}\nroutes: [{path: /, upstream: main}, {path: /free, upstream: main, auth: none}]\n", jwtAuth, upstream))
		b.newPoller(t, polling4).want("GET", "", 401, "401 unauthorized: no token\n")
		p := b.session(t, one)
		user := func() any { // of whichever endpoint has it
			if what == "two" && other.users.Load() != nil {
				return other.users.Load()
			}
			return up.users.Load()
		}
		for i := range 3 {
			p.want("GET", "", 200, "2")
			p.want("POST", "40", 200, "ok")
			if got := user(); got != "u1" {
				t.Errorf("%s: got user %q, want the one who began", what, got)
			}
			for _, method := range []string{"GET", "POST"} {
				if status, body, _ := p.ask(t.Context(), method, "", "Authorization", another.Get("Authorization"), "X-User-Id", "u1"); status != 400 || body != sidUnknown {
					t.Errorf("%s: another's %s: got %d %q, want 400", what, method, status, body)
				}
				if status, body, _ := p.ask(t.Context(), method, "", "Authorization", one.Get("Authorization")); status != 200 {
					t.Errorf("%s: its own %s, %d: got %d %q", what, method, i, status, body)
				}
			}
		}
		for bad, status := range map[string]int{
			p.query + "&sid=sid-0": 400, "sid=sid-0&" + p.query: 400, strings.Replace(p.query, "sid=", "%73id=x&sid=", 1): 400,
			polling4 + "&sid=sid-999": 401,
		} {
			q := *p
			q.query = bad
			if got, body, _ := q.ask(t.Context(), "GET", ""); got != status {
				t.Errorf("%s: %s: got %d %q, want %d", what, bad, got, body, status)
			}
		}
		q := *p
		q.url = "http://" + b.address + "/elsewhere/"
		if got, _, _ := q.ask(t.Context(), "GET", ""); got != 401 {
			t.Errorf("%s: elsewhere: got %d, want 401", what, got)
		}
		if got, _, _ := q.ask(t.Context(), "GET", "", "Authorization", another.Get("Authorization")); got != 400 {
			t.Errorf("%s: another's, elsewhere: got %d, want 400", what, got)
		}
		if got, _, _ := p.ask(t.Context(), "DELETE", ""); got != 401 {
			t.Errorf("%s: DELETE: got %d, want 401", what, got)
		}
		socket := "/socket.io/?" + strings.Replace(p.query, "polling", "websocket", 1)
		wantOutcome(t, what+": another's socket", b.address, socket, another, 400)
		wantOutcome(t, what+": a socket", b.address, socket, nil, 101)
		stolen := "/socket.io/?" + strings.Replace(polling4, "polling", "websocket", 1) + "&sid=begun-by-websocket"
		wantOutcome(t, what+": another's socket, by the sid of a session that began by WebSocket", b.address, stolen, another, 400)
		if got := user(); got != "u1" {
			t.Errorf("%s: the socket: got user %q, want the one who began", what, got)
		}
		for _, line := range b.log.lines(t, "request refused") {
			if strings.Contains(fmt.Sprint(line), "sid-") {
				t.Errorf("log: got %v", line)
			}
		}
	}
}

// Who has a page say a sid has begun no session.
func TestSIDOfAPage(t *testing.T) {
	up := newKeeper(t)
	b := newTestBroker(t, jwtAuth+"\n"+oneRoute(up.URL))
	in := bearer(newTestToken(t, "u1", time.Time{}))
	for _, page := range []string{`{"q":"0{\"sid\":\"mine\"}"}`, ` 0{"sid":"mine"}`, `<p>0{"sid":"mine"}`} {
		p := b.newPoller(t, polling4+"&echo="+strings.NewReplacer(`"`, "%22", "{", "%7b", "}", "%7d", `\`, "%5c", " ", "%20", "<", "%3c", ">", "%3e").Replace(page))
		if status, body, _ := p.ask(t.Context(), "GET", "", "Authorization", in.Get("Authorization")); status != 200 || body != page {
			t.Errorf("got %d %q, want %q", status, body, page)
		}
		p.query = polling4 + "&sid=mine"
		if status, _, _ := p.ask(t.Context(), "GET", ""); status != 401 {
			t.Errorf("%q: got %d, want 401", page, status)
		}
	}
}

// The end of the token ends the session: a poll that waits is broken off, so that the
// upstream hears of it, and its client is to begin another.
func TestSIDEnds(t *testing.T) {
	up := newKeeper(t)
	b := newTestBroker(t, jwtAuth+"\n"+oneRoute(up.URL))
	end := time.Now().Truncate(time.Second).Add(3 * time.Second)
	token := newTestToken(t, "u1", end)
	p := b.session(t, bearer(token))
	p.want("GET", "", 200, "2")
	q := *p
	q.query += "&wait=1"
	waiting := q.begin(t.Context(), "GET", "")
	select {
	case got := <-waiting:
		if late := time.Since(end); got != "400 "+sidUnknown || late < 0 || late > time.Second+patience/10 {
			t.Errorf("the poll that waits: got %s, %v after the token's end", got, late)
		}
	case <-time.After(patience):
		t.Fatal("the poll that waits: got nothing")
	}
	if sid := <-up.gone; !strings.HasPrefix(sid, "sid-") {
		t.Errorf("the upstream lost %q", sid)
	}
	p.want("GET", "", 400, sidUnknown)
	p.want("POST", "40", 400, sidUnknown)
	for _, again := range []string{token, newTestToken(t, "u1", time.Time{})} {
		if status, body, _ := p.ask(t.Context(), "GET", "", "Authorization", "Bearer "+again); status != 400 || body != sidUnknown {
			t.Errorf("with a token: got %d %q, want 400", status, body)
		}
	}
	wantOutcome(t, "a socket", b.address, "/socket.io/?"+strings.Replace(p.query, "polling", "websocket", 1), nil, 400)
}

// A service of forward is asked about the handshake, and again when that is due: by
// the poll that comes then, with what the handshake has said.
func TestSIDRecheck(t *testing.T) {
	up, service := newKeeper(t), newLogins(t)
	b := newTestBroker(t, fmt.Sprintf("auth: {forward: {url: %q, recheck: 1s}}\n%s", service.URL, oneRoute(up.URL)))
	p := b.newPoller(t, polling4)
	_, body, _ := p.ask(t.Context(), "GET", "", "Cookie", "user=ann")
	_, rest, _ := strings.Cut(body, `{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.query += "&sid=" + sid
	handshake := "/socket.io/?" + polling4
	asked := func() (n int) {
		service.change(func() { n = service.asked["ann "+handshake] })
		return n
	}
	for range 20 {
		p.want("GET", "", 200, "2")
	}
	if n := asked(); n > 3 {
		t.Errorf("got %d questions, want few", n)
	}
	service.change(func() { service.gone = true })
	before := asked()
	wantSoon(t, "it is asked again", true, func() bool {
		p.want("GET", "", 200, "2") // nobody's answer changes nothing
		return asked() > before
	})
	service.change(func() { service.gone, service.out["ann"] = false, true })
	wantSoon(t, "the session is unknown", 400, func() int {
		status, _, _ := p.ask(t.Context(), "GET", "")
		return status
	})
	service.change(func() { service.out["ann"] = false })
	p.want("GET", "", 400, sidUnknown)
}

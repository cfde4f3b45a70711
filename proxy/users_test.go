package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A user has so many sessions, from wherever they come, in both relays and split by
// namespace: another is refused, or the oldest is closed for it. Who the user is auth
// alone says.
func TestSessionsOfUsers(t *testing.T) {
	up, main := newTold(t), newTestService(t, "main")
	file := func(over string) string {
		return fmt.Sprintf(`%s
limits: {sessions_per_user: {max: 2, by: X-User-Id, over: %s}}
upstreams: {told: %q, main: %q}
routes:
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /messages, upstream: told, relay: messages}
  - {path: /open, upstream: told, auth: none}
  - {path: /, upstream: told}
`, jwtAuth, over, up.URL, main.URL)
	}
	as := func(user string) http.Header { return bearer(newTestToken(t, user, time.Time{}), "X-User-Id", "u9") }
	paths := []string{"/", "/messages", "/socket.io/?EIO=4&transport=websocket"}

	refusing := newTestBroker(t, file("refuse"))
	for i, path := range paths {
		user := fmt.Sprint("u", i)
		first := wantOutcome(t, path, refusing.address, path, as(user), 101)
		wantOutcome(t, path, refusing.address, paths[(i+1)%len(paths)], as(user), 101)
		for _, other := range paths {
			wantOutcome(t, "third on "+other, refusing.address, other, as(user), 429)
		}
		first.Close()
		wantSoon(t, path+" when one has left", 101, func() int {
			c, resp, err := (&websocket.Dialer{}).Dial("ws://"+refusing.address+path, as(user))
			if err == nil {
				t.Cleanup(func() { c.Close() })
			}
			return resp.StatusCode
		})
	}
	for range 3 {
		wantOutcome(t, "nobody", refusing.address, "/open", http.Header{"X-User-Id": {"u0"}}, 101)
	}
	if got := refusing.Stats().Refusals["user_sessions"]; got < 9 {
		t.Errorf("refusals: got %d, want nine at least", got)
	}

	closing := newTestBroker(t, file("close_oldest"))
	for i, path := range paths {
		oldest := wantOutcome(t, path, closing.address, path, as("u1"), 101)
		others := []*websocket.Conn{
			wantOutcome(t, path, closing.address, paths[(i+1)%len(paths)], as("u1"), 101),
			wantOutcome(t, path, closing.address, "/", as("u1"), 101),
		}
		for {
			_, _, err := oldest.ReadMessage()
			if err == nil {
				continue
			}
			if !websocket.IsCloseError(err, 1008) || !strings.Contains(err.Error(), "too many sessions") {
				t.Errorf("%s: got %v, want 1008", path, err)
			}
			break
		}
		wantEcho(t, others[1], websocket.TextMessage, []byte("goes on"))
		for _, c := range others {
			c.Close()
		}
		wantSoon(t, path+" sessions left", 0, func() int { return closing.Stats().Sessions.Open })
	}
	for _, line := range closing.log.lines(t, "session ended") {
		if line["code"] == float64(1008) && line["cause"] != "usher.replaced" {
			t.Errorf("log: got %v", line)
		}
	}
}

// What auth has said stays what a session is closed by, and by nothing that its client
// claims: also where polls of it come with somebody else's token, as the sid stands for
// who began it.
func TestClosedByUser(t *testing.T) {
	up, main := newTold(t), newTestService(t, "main")
	b := newTestBroker(t, fmt.Sprintf(`%s
admin: {address: 127.0.0.1:0, close_by: X-User-Id}
upstreams: {told: %q, main: %q}
routes:
  - {path: /socket.io, namespaces: {/: main}}
  - {path: /messages, upstream: told, relay: messages}
  - {path: /open, upstream: told, auth: none}
  - {path: /, upstream: told}
`, jwtAuth, up.URL, main.URL))
	as := func(user string) http.Header { return bearer(newTestToken(t, user, time.Time{}), "X-User-Id", "u2") }
	for _, path := range []string{"/", "/messages", "/socket.io/?EIO=4&transport=websocket"} {
		wantOutcome(t, path, b.address, path, as("u1"), 101)
	}
	wantOutcome(t, "nobody", b.address, "/open", as("u1"), 101)
	p := b.newPoller(t, polling4)
	_, body, _ := p.ask(t.Context(), "GET", "", "Authorization", as("u1").Get("Authorization"))
	_, rest, _ := strings.Cut(body, `{"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	p.query += "&sid=" + sid
	if status, body, _ := p.ask(t.Context(), "POST", "40", "Authorization", as("u2").Get("Authorization")); status != 200 {
		t.Fatalf("a poll of another: got %d %q", status, body)
	}
	wantSoon(t, "sessions", 5, func() int { return b.Stats().Sessions.Open })
	for _, tt := range []struct {
		user string
		want int
	}{{"u2", 0}, {"u1", 4}} {
		body := fmt.Sprintf(`{"header": {"name": "x-user-id", "value": %q}}`, tt.user)
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+b.AdminAddress()+"/v1/sessions/close", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := fmt.Sprintf(`{"closed":%d}`, tt.want); strings.Join(strings.Fields(string(answer)), "") != want {
			t.Errorf("closing those of %s: got %s, want %s", tt.user, answer, want)
		}
		wantSoon(t, "sessions when those of "+tt.user+" are closed", 5-tt.want, func() int { return b.Stats().Sessions.Open })
	}
}

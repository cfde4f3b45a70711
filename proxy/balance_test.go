package proxy_test

import (
	"fmt"
	"net/http"
	"testing"
)

// max_sessions is about sessions: plain requests pass.
func TestMaxSessions(t *testing.T) {
	first, second := newTestBackend(t, echo), newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
		}
	})
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {main: {endpoints: [{url: %s, max_sessions: 1}, {url: %s, weight: 2, max_sessions: 2}]}}
routes: [{path: /, upstream: main}, {path: /messages, upstream: main, relay: messages}]
`, first.URL, second.URL))
	b.dial(t, "/", nil)
	c, _ := b.dial(t, "/", nil)
	b.dial(t, "/messages", nil)
	if s := b.Stats().Upstreams[0].Endpoints; s[0].Sessions != 1 || s[1].Sessions != 2 {
		t.Errorf("sessions: got %d and %d, want 1 and 2", s[0].Sessions, s[1].Sessions)
	}
	got := exchange(t, b.address, upgradeHead)
	got.wantStatus(t, http.StatusServiceUnavailable)
	if got.Header.Get("Retry-After") == "" {
		t.Error("503 of a full upstream: got no Retry-After")
	}
	if n := b.Stats().Refusals["full"]; n != 1 {
		t.Errorf("refusals for it: got %d, want 1", n)
	}
	if got := exchange(t, b.address, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.StatusCode == http.StatusServiceUnavailable {
		t.Errorf("plain request: got %d, want it to pass", got.StatusCode)
	}
	c.Close()
	b.wantSessions(t, 2)
	b.dial(t, "/", nil)
}

// One client's sessions and requests come to one endpoint.
func TestHashLeadsToOneEndpoint(t *testing.T) {
	var backends []*backend
	for range 4 {
		backends = append(backends, newTestBackend(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" {
				echo(w, r)
			}
		}))
	}
	b := newTestBroker(t, fmt.Sprintf(`
upstreams: {main: {endpoints: [%s, %s, %s, %s], balance: {hash: {query: user}}}}
routes: [{path: /, upstream: main}, {path: /messages, upstream: main, relay: messages}]
`, backends[0].URL, backends[1].URL, backends[2].URL, backends[3].URL))
	used := make(map[int]bool)
	for user := range 20 {
		path := fmt.Sprintf("/?user=%d", user)
		before := make([]int64, 4)
		for i, up := range backends {
			before[i] = up.requests.Load()
		}
		c, _ := b.dial(t, path, nil)
		m, _ := b.dial(t, "/messages"+path[1:], nil)
		if got := exchange(t, b.address, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); got.StatusCode != http.StatusOK {
			t.Errorf("plain request: got %s, want 200", got.Status)
		}
		c.Close()
		m.Close()
		for i, up := range backends {
			switch n := up.requests.Load() - before[i]; n {
			case 0:
			case 3:
				used[i] = true
			default:
				t.Errorf("user %d: got %d requests at endpoint %d, want all 3 or none", user, n, i)
			}
		}
	}
	if len(used) < 3 {
		t.Errorf("endpoints that 20 users come to: got %d of 4, want most", len(used))
	}
}

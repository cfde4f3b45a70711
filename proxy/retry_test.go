package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"usher/proxy/upstream"
)

// A handshake finds an endpoint that works, and the next do not try the other.
func TestRetryOfAnotherEndpoint(t *testing.T) {
	for _, tt := range []struct {
		name   string
		broken func(t *testing.T) string // returns its URL
		state  upstream.State
		kind   string // of what is counted
	}{
		{"refused", func(t *testing.T) string { return "http://" + closedAddress(t) }, upstream.CircuitOpen, "refused"},
		{"no socket", func(t *testing.T) string { return "unix:" + t.TempDir() + "/gone" }, upstream.CircuitOpen, "refused"},
		{"no TLS", func(t *testing.T) string {
			return strings.Replace(newTestBackend(t, echo).URL, "http:", "https:", 1)
		}, upstream.CircuitOpen, "tls"},
		{"closes without an answer", func(t *testing.T) string {
			return newTestScript(t, func(net.Conn, *http.Request) {}).url
		}, upstream.Healthy, ""},
	} {
		for _, relay := range []string{"frames", "messages"} {
			t.Run(tt.name+" "+relay, func(t *testing.T) {
				live := newTestBackend(t, echo)
				b := newTestBroker(t, fmt.Sprintf("upstreams: {main: [%s, %s]}\nroutes: [{upstream: main, relay: %s}]\n", tt.broken(t), live.URL, relay))
				for range 4 {
					c, _ := b.dial(t, "/", nil)
					wantEcho(t, c, 1, []byte("hello"))
				}
				s := b.Stats().Upstreams[0].Endpoints
				if s[0].State != tt.state || s[0].Sessions != 0 || s[1].Sessions != 4 {
					t.Errorf("got %s with %d sessions and %d on the other, want %s with 0 and 4", s[0].State, s[0].Sessions, s[1].Sessions, tt.state)
				}
				if tt.kind == "" && s[0].Unanswered == 0 || tt.kind != "" && s[0].DialFailures[tt.kind] == 0 {
					t.Errorf("broken endpoint: got %+v, want its failures counted", s[0])
				}
				if n := live.requests.Load(); n != 4 {
					t.Errorf("requests at the other: got %d, want 4", n)
				}
			})
		}
	}
}

// What the first endpoint says is the answer, even if it is an error.
func TestNoRetryOfAnAnswer(t *testing.T) {
	busy := newTestBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too busy for you", http.StatusServiceUnavailable)
	})
	live := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: [%s, %s]}\nroutes: [{upstream: main}]\n", busy.URL, live.URL))
	got := exchange(t, b.address, upgradeHead)
	if got.StatusCode != http.StatusServiceUnavailable || got.body != "too busy for you\n" {
		t.Errorf("got %s %q, want the upstream's own answer", got.Status, got.body)
	}
	if n := live.connections.Load(); n != 0 {
		t.Errorf("connections to another endpoint: got %d, want none", n)
	}
}

// A client that has its upgrades destroyed without a byte keeps nobody else from
// a server that answers.
func TestDestroyedUpgradesOpenNoCircuit(t *testing.T) {
	destroys := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/live" {
			echo(w, r)
			return
		}
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
	}
	one, other := newTestBackend(t, destroys), newTestBackend(t, destroys)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: [%s, %s]}\nroutes: [{upstream: main}]\n", one.URL, other.URL))
	for range 2 {
		c, _ := b.dial(t, "/live", nil)
		wantEcho(t, c, 1, []byte("hello"))
	}
	for range 20 {
		exchange(t, b.address, upgradeHead).wantStatus(t, http.StatusBadGateway)
	}
	for i, e := range b.Stats().Upstreams[0].Endpoints {
		if e.State != upstream.Healthy || e.Unanswered == 0 {
			t.Errorf("endpoint %d: got %s with %d handshakes unanswered, want it healthy with some", i, e.State, e.Unanswered)
		}
	}
	for _, line := range b.log.lines(t, "endpoint state") {
		if line["state"] == string(upstream.CircuitOpen) {
			t.Errorf("got %v, want no circuit to open", line)
		}
	}
}

// An endpoint that was gone gets sessions again when it is back.
func TestEndpointComesBack(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	live := newTestBackend(t, echo)
	b := newTestBroker(t, fmt.Sprintf("upstreams: {main: [http://%s, %s]}\nroutes: [{upstream: main}]\n", address, live.URL))
	b.dial(t, "/", nil)
	if got := b.endpointState(0)(); got != upstream.CircuitOpen {
		t.Errorf("endpoint that is gone: got %s, want %s", got, upstream.CircuitOpen)
	}
	back := &http.Server{Handler: http.HandlerFunc(echo)}
	if l, err = net.Listen("tcp", address); err != nil {
		t.Skip("its address is taken: ", err)
	}
	done := make(chan error)
	go func() { done <- back.Serve(l) }()
	t.Cleanup(func() {
		back.Close()
		<-done
	})
	wantSoon(t, "state", upstream.Healthy, func() upstream.State {
		c, _ := b.dial(t, "/", nil)
		wantEcho(t, c, 1, []byte("nobody sees it"))
		c.Close()
		return b.endpointState(0)()
	})
	var states []any
	for _, line := range b.log.lines(t, "endpoint state") {
		if line["endpoint"] == "http://"+address {
			states = append(states, line["state"])
		}
	}
	if want := []any{"circuit_open", "healthy"}; !slices.Equal(states, want) {
		t.Errorf("lines about the endpoint: got %v, want %v\n%s", states, want, b.log)
	}
}
